"""What was worked out before, for as long as nothing has changed since: answers, and the configurations they are of."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, TypeVar

T = TypeVar("T")
MOST: Final = 200_000


class Kept:
    """Things by what was asked, each with the version at which it was true. What nobody asked for longest goes first.

    The version is always read from the database, so that no other process has to say what it changed. Units: a thing
    weighs what it has: losses, things configured, points; all together at most `most`.
    """

    def __init__(self, most: int = MOST) -> None:
        """Nothing is kept yet."""
        self._most, self._weight = most, 0
        self._things: OrderedDict[Hashable, tuple[int, object, int]] = OrderedDict()

    def find(self, question: Hashable, version: int, kind: type[T]) -> T | None:
        """What was kept of that question at that version. None when nothing was."""
        found = self._things.get(question)
        if found is None or found[0] != version or not isinstance(found[1], kind):
            return None
        self._things.move_to_end(question)
        return found[1]

    def keep(self, question: Hashable, version: int, thing: object, weight: int) -> None:
        """It is kept in place of what was; what weighs more than all may weigh is not."""
        was = self._things.pop(question, None)
        self._weight -= 0 if was is None else was[2]
        if weight > self._most:
            return
        self._things[question] = version, thing, weight
        self._weight += weight
        while self._weight > self._most:
            _, (_, _, gone) = self._things.popitem(last=False)
            self._weight -= gone
