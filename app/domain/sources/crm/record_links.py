"""Which records belong together: deals that went into others, and what is associated with a deal."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from app.domain.sources.crm.changes import Change
from app.domain.sources.crm.timeline import History


class Homes:
    """Where every deal lives now: those that were merged or continued live in another, all others in themselves."""

    def __init__(self, changes: Iterable[Change] = ()) -> None:
        """What these changes say; the newest word on a deal holds, whatever their order."""
        moves = [
            one for one in changes if one.verb in ("merged", "continued") and one.other is not None
        ]
        last = {
            one.entity: one
            for one in sorted(moves, key=lambda one: (one.at, one.sequence, one.key))
        }
        self._next = {entity: one.other or entity for entity, one in last.items()}
        self._continued = {
            entity: self._next[entity] for entity, one in last.items() if one.verb == "continued"
        }

    def home(self, deal: str) -> str:
        """The deal that a deal lives in now. Deals that went into one another in a circle stay where they are."""
        seen, here = {deal}, deal
        while here in self._next:
            here = self._next[here]
            if here in seen:
                return here
            seen.add(here)
        return here

    def pasts(self, deal: str) -> frozenset[str]:
        """The deal, and those of whose past it is the continuation."""
        found, before = set(), {deal}
        while before:
            found |= before
            before = {one for one, after in self._continued.items() if after in before} - found
        return frozenset(found)


def associated(history: History, homes: Homes) -> Mapping[str, datetime]:
    """The deals that an activity or a line item is associated with now, where they live now, and since when."""
    standing: dict[str, datetime] = {}
    for change in history.changes:
        if change.other is not None and change.verb == "associated":
            standing.setdefault(change.other, change.at)
        elif change.other is not None and change.verb == "dissociated":
            standing.pop(change.other, None)
    found: dict[str, datetime] = {}
    for deal, since in standing.items():
        home = homes.home(deal)
        found[home] = min(since, found.get(home, since))
    return found
