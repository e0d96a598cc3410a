"""What hooks stand for, as this process read it lately, so that not every delivery asks the database for its hook."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.domain.sources.sources import Source

TTL: Final = timedelta(
    seconds=5
)  # what a change takes at most to be seen by other processes, as with an API key
MAX_ENTRIES: Final = 1_000


@dataclass(frozen=True, slots=True)
class CachedHook:
    """What a hook's id stands for, and the secrets that may have signed, as it was read.

    Shape: each secret with the instant until which it is taken, None for the current one.
    """

    organization: UUID
    source: Source
    secrets: tuple[tuple[str, datetime | None], ...]
    loaded_at: datetime

    def active_secrets(self, now: datetime) -> tuple[str, ...]:
        """The secrets that are taken at that instant."""
        return tuple(secret for secret, until in self.secrets if until is None or until > now)


class HookCache:
    """Hooks by their ids, for some seconds. What this process changed is never taken from here again."""

    def __init__(self) -> None:
        """Knows none."""
        self._hooks: OrderedDict[str, CachedHook] = OrderedDict()
        self.generation = 0

    def get(self, hook_id: str, now: datetime) -> CachedHook | None:
        """What the hook stands for. None when it has to be read."""
        hook = self._hooks.get(hook_id)
        return hook if hook is not None and timedelta(0) <= now - hook.loaded_at < TTL else None

    def put(self, hook_id: str, hook: CachedHook, generation: int) -> None:
        """It was just read. Shape: `changes` as it was before that; what changed meanwhile may have been missed."""
        if generation != self.generation:
            return
        self._hooks[hook_id] = hook
        self._hooks.move_to_end(hook_id)
        if len(self._hooks) > MAX_ENTRIES:
            self._hooks.popitem(last=False)

    def invalidate(self, organization: UUID) -> None:
        """The organization's sources may have changed."""
        self.generation += 1
        for hook_id in [
            hook_id for hook_id, hook in self._hooks.items() if hook.organization == organization
        ]:
            del self._hooks[hook_id]
