"""What was worked out before, for as long as nothing has changed since: answers, and the configurations they are of."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, TypeVar

T = TypeVar("T")
MOST: Final = 200_000


class Kept:
    """Things by what was asked of whom, all of one with the version at which they were true.

    The version is always read from the database, so that no other process has to say what it changed. What is kept at
    another version than the last one goes, with all that it holds; else what nobody asked for longest goes first.
    Units: a thing weighs what it has: losses, things configured, points; all together at most `most`.
    """

    def __init__(self, most: int = MOST) -> None:
        """Nothing is kept yet."""
        self._most, self._weight = most, 0
        self._things: OrderedDict[tuple[Hashable, Hashable], tuple[object, int]] = OrderedDict()
        self._asked: dict[Hashable, tuple[int, set[Hashable]]] = {}

    def find(self, of: Hashable, question: Hashable, version: int, kind: type[T]) -> T | None:
        """What was kept of that question at that version. None when nothing was."""
        found = self._things.get((of, question))
        if found is None or self._asked[of][0] != version or not isinstance(found[0], kind):
            return None
        self._things.move_to_end((of, question))
        return found[0]

    def keep(
        self, of: Hashable, question: Hashable, version: int, thing: object, weight: int
    ) -> None:
        """It is kept in place of what was; what weighs more than all may weigh is not."""
        at, asked = self._asked.get(of, (version, set()))
        for gone in tuple(asked) if at != version else asked & {question}:
            self._drop(of, gone)
        if weight > self._most:
            return
        self._things[of, question] = thing, weight
        self._asked.setdefault(of, (version, set()))[1].add(question)
        self._weight += weight
        while self._weight > self._most:
            self._drop(*next(iter(self._things)))

    def _drop(self, of: Hashable, question: Hashable) -> None:
        _, weight = self._things.pop((of, question))
        self._weight -= weight
        asked = self._asked[of][1]
        asked.remove(question)
        if not asked:
            del self._asked[of]
