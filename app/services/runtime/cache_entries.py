"""The entries of the two TTL caches: API keys and hooks."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.domain.sources.sources import Source
from app.store.access.api_keys import StoredApiKey

# The longest time until another process sees a revoked key or a changed hook (docs/security.md).
CACHE_TTL: Final = timedelta(seconds=5)
MAX_CACHED_API_KEYS: Final = 10_000
MAX_CACHED_HOOKS: Final = 1_000


@dataclass(frozen=True, slots=True)
class CachedApiKey:
    """An API key as it was stored when it was loaded."""

    organization: UUID
    key: StoredApiKey


@dataclass(frozen=True, slots=True)
class CachedHook:
    """The source that a hook id belongs to, and the secrets that may sign its deliveries."""

    organization: UUID
    source: Source
    # Each secret with the instant until which it is valid; None for the current one.
    secrets: tuple[tuple[str, datetime | None], ...]

    def active_secrets(self, now: datetime) -> tuple[str, ...]:
        """Return the secrets that are valid at `now`."""
        return tuple(secret for secret, until in self.secrets if until is None or until > now)
