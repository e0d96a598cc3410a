"""A cache of computed values that are valid for one version of an organization."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, TypeVar

T = TypeVar("T")
DEFAULT_MAX_COST: Final = 200_000


class VersionedCache:
    """Values by owner and key, each valid for one version of the owner.

    The caller reads the version from the database, so no process has to announce what it changed.
    Storing a value of another version drops all values of that owner. When the total cost is too
    high, the least recently used value is dropped first.

    The cost of a value is the number of its parts: losses, configured resources, points.
    """

    def __init__(self, max_cost: int = DEFAULT_MAX_COST) -> None:
        """Start empty, with room for values whose costs add up to `max_cost`."""
        self.max_cost = max_cost
        self._total_cost = 0
        self._entries: OrderedDict[tuple[Hashable, Hashable], tuple[object, int]] = OrderedDict()
        # The version of an owner's values, and their keys.
        self._keys_by_owner: dict[Hashable, tuple[int, set[Hashable]]] = {}

    def get(self, owner: Hashable, key: Hashable, version: int, expected_type: type[T]) -> T | None:
        """Return the value at that version. Return None on a cache miss."""
        stored = self._keys_by_owner.get(owner)
        if stored is None or stored[0] != version:
            return None
        return self.get_latest(owner, key, expected_type)

    def get_latest(self, owner: Hashable, key: Hashable, expected_type: type[T]) -> T | None:
        """Return the value of whatever version was stored last. Return None on a cache miss."""
        cached = self._entries.get((owner, key))
        if cached is None or not isinstance(cached[0], expected_type):
            return None
        self._entries.move_to_end((owner, key))
        return cached[0]

    def put(self, owner: Hashable, key: Hashable, version: int, value: object, cost: int) -> None:
        """Store a value in place of an earlier one, unless it costs more than the whole cache."""
        stored_version, owner_keys = self._keys_by_owner.get(owner, (version, set()))
        for evicted_key in tuple(owner_keys) if stored_version != version else owner_keys & {key}:
            self._evict(owner, evicted_key)
        if cost > self.max_cost:
            return
        self._entries[owner, key] = value, cost
        self._keys_by_owner.setdefault(owner, (version, set()))[1].add(key)
        self._total_cost += cost
        while self._total_cost > self.max_cost:
            self._evict(*next(iter(self._entries)))

    def _evict(self, owner: Hashable, key: Hashable) -> None:
        _, cost = self._entries.pop((owner, key))
        self._total_cost -= cost
        owner_keys = self._keys_by_owner[owner][1]
        owner_keys.remove(key)
        if not owner_keys:
            del self._keys_by_owner[owner]
