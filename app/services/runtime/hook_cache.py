"""What hooks stand for, as this process read it lately, so that not every delivery asks the database for its hook."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.domain.sources.sources import Source

LASTS: Final = timedelta(
    seconds=5
)  # what a change takes at most to be seen by other processes, as with an API key
MOST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Hooked:
    """What a hook's id stands for, and the secrets that may have signed, as it was read.

    Shape: each secret with the instant until which it is taken, None for the current one.
    """

    organization: UUID
    source: Source
    secrets: tuple[tuple[str, datetime | None], ...]
    at: datetime

    def live(self, now: datetime) -> tuple[str, ...]:
        """The secrets that are taken at that instant."""
        return tuple(secret for secret, until in self.secrets if until is None or until > now)


class Hooks:
    """Hooks by their ids, for some seconds. What this process changed is never taken from here again."""

    def __init__(self) -> None:
        """Knows none."""
        self._kept: OrderedDict[str, Hooked] = OrderedDict()
        self.changes = 0

    def find(self, hook_id: str, now: datetime) -> Hooked | None:
        """What the hook stands for. None when it has to be read."""
        found = self._kept.get(hook_id)
        return found if found is not None and timedelta(0) <= now - found.at < LASTS else None

    def keep(self, hook_id: str, found: Hooked, changes: int) -> None:
        """It was just read. Shape: `changes` as it was before that; what changed meanwhile may have been missed."""
        if changes != self.changes:
            return
        self._kept[hook_id] = found
        self._kept.move_to_end(hook_id)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def drop(self, organization: UUID) -> None:
        """The organization's sources may have changed."""
        self.changes += 1
        for hook_id in [
            hook_id for hook_id, one in self._kept.items() if one.organization == organization
        ]:
            del self._kept[hook_id]
