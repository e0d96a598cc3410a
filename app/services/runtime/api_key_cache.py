"""API keys that this process read lately, so that not every request asks the database for its key."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.store.access.api_keys import StoredApiKey

TTL: Final = timedelta(seconds=5)  # what a revocation takes at most to be seen by other processes
MAX_ENTRIES: Final = 10_000


@dataclass(frozen=True, slots=True)
class CachedApiKey:
    """A key as it was read."""

    organization: UUID
    key: StoredApiKey
    loaded_at: datetime


class ApiKeyCache:
    """Keys by their public id, for some seconds. One revoked by this process is never taken from here again."""

    def __init__(self) -> None:
        """Knows none."""
        self._cached_keys: OrderedDict[str, CachedApiKey | None] = OrderedDict()

    def get(self, key_id: str, now: datetime) -> CachedApiKey | None:
        """The key of that id. None when it has to be read."""
        cached_key = self._cached_keys.get(key_id)
        return (
            cached_key
            if cached_key is not None and timedelta(0) <= now - cached_key.loaded_at < TTL
            else None
        )

    def put(self, key_id: str, cached_key: CachedApiKey) -> None:
        """It was just read."""
        if key_id not in self._cached_keys or self._cached_keys[key_id] is not None:
            self._store(key_id, cached_key)

    def mark_revoked(self, key_id: str) -> None:
        """It was revoked."""
        self._store(key_id, None)

    def _store(self, key_id: str, cached_key: CachedApiKey | None) -> None:
        self._cached_keys[key_id] = cached_key
        self._cached_keys.move_to_end(key_id)
        if len(self._cached_keys) > MAX_ENTRIES:
            self._cached_keys.popitem(last=False)
