"""API keys that this process read lately, so that not every request asks the database for its key."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.store.access.api_keys import ApiKey

LASTS: Final = timedelta(seconds=5)  # what a revocation takes at most to be seen by other processes
MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """A key as it was read."""

    organization: UUID
    key: ApiKey
    at: datetime


class Keyring:
    """Keys by their public id, for some seconds. One revoked by this process is never taken from here again."""

    def __init__(self) -> None:
        """Knows none."""
        self._kept: OrderedDict[str, Known | None] = OrderedDict()

    def find(self, name: str, now: datetime) -> Known | None:
        """The key of that id. None when it has to be read."""
        found = self._kept.get(name)
        return found if found is not None and timedelta(0) <= now - found.at < LASTS else None

    def keep(self, name: str, found: Known) -> None:
        """It was just read."""
        if name not in self._kept or self._kept[name] is not None:
            self._put(name, found)

    def drop(self, name: str) -> None:
        """It was revoked."""
        self._put(name, None)

    def _put(self, name: str, found: Known | None) -> None:
        self._kept[name] = found
        self._kept.move_to_end(name)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
