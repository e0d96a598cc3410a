"""What was worked out before, for as long as nothing has changed since: answers, and the configurations they are of."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, TypeVar

T = TypeVar("T")
DEFAULT_MAX_COST: Final = 200_000


class VersionedCache:
    """Things by what was asked of whom, all of one with the version at which they were true.

    The version is always read from the database, so that no other process has to say what it changed. What is kept at
    another version than the last one goes, with all that it holds; else what nobody asked for longest goes first.
    Units: a thing weighs what it has: losses, things configured, points; all together at most `most`.
    """

    def __init__(self, max_cost: int = DEFAULT_MAX_COST) -> None:
        """Nothing is kept yet."""
        self._max_cost, self._total_cost = max_cost, 0
        self._entries: OrderedDict[tuple[Hashable, Hashable], tuple[object, int]] = OrderedDict()
        self._keys_by_owner: dict[Hashable, tuple[int, set[Hashable]]] = {}

    def get(self, owner: Hashable, key: Hashable, version: int, expected_type: type[T]) -> T | None:
        """What was kept of that question at that version. None when nothing was."""
        cached = self._entries.get((owner, key))
        if (
            cached is None
            or self._keys_by_owner[owner][0] != version
            or not isinstance(cached[0], expected_type)
        ):
            return None
        self._entries.move_to_end((owner, key))
        return cached[0]

    def put(self, owner: Hashable, key: Hashable, version: int, value: object, cost: int) -> None:
        """It is kept in place of what was; what weighs more than all may weigh is not."""
        stored_version, owner_keys = self._keys_by_owner.get(owner, (version, set()))
        for evicted_key in tuple(owner_keys) if stored_version != version else owner_keys & {key}:
            self._evict(owner, evicted_key)
        if cost > self._max_cost:
            return
        self._entries[owner, key] = value, cost
        self._keys_by_owner.setdefault(owner, (version, set()))[1].add(key)
        self._total_cost += cost
        while self._total_cost > self._max_cost:
            self._evict(*next(iter(self._entries)))

    def _evict(self, owner: Hashable, key: Hashable) -> None:
        _, cost = self._entries.pop((owner, key))
        self._total_cost -= cost
        owner_keys = self._keys_by_owner[owner][1]
        owner_keys.remove(key)
        if not owner_keys:
            del self._keys_by_owner[owner]
