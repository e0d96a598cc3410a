"""Which records belong together: deals that went into others, and what is associated with a deal."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from app.domain.sources.crm.changes import Change
from app.domain.sources.crm.timeline import RecordTimeline


class MergeIndex:
    """Where every deal lives now: those that were merged or continued live in another, all others in themselves."""

    def __init__(self, changes: Iterable[Change] = ()) -> None:
        """What these changes say; the newest word on a deal holds, whatever their order."""
        moves = [
            change
            for change in changes
            if change.verb in ("merged", "continued") and change.other is not None
        ]
        last_moves = {
            change.entity: change
            for change in sorted(moves, key=lambda change: (change.at, change.sequence, change.key))
        }
        self._successors = {entity: change.other or entity for entity, change in last_moves.items()}
        self._continued = {
            entity: self._successors[entity]
            for entity, change in last_moves.items()
            if change.verb == "continued"
        }

    def surviving_deal(self, deal: str) -> str:
        """The deal that a deal lives in now. Deals that went into one another in a circle stay where they are."""
        visited, current = {deal}, deal
        while current in self._successors:
            current = self._successors[current]
            if current in visited:
                return current
            visited.add(current)
        return current

    def merged_ids(self, deal: str) -> frozenset[str]:
        """The deal, and those of whose past it is the continuation."""
        deals, frontier = set(), {deal}
        while frontier:
            deals |= frontier
            frontier = {
                predecessor
                for predecessor, successor in self._continued.items()
                if successor in frontier
            } - deals
        return frozenset(deals)


def find_associated_deals(
    timeline: RecordTimeline, merge_index: MergeIndex
) -> Mapping[str, datetime]:
    """The deals that an activity or a line item is associated with now, where they live now, and since when."""
    associated_since: dict[str, datetime] = {}
    for change in timeline.changes:
        if change.other is not None and change.verb == "associated":
            associated_since.setdefault(change.other, change.at)
        elif change.other is not None and change.verb == "dissociated":
            associated_since.pop(change.other, None)
    surviving_deals: dict[str, datetime] = {}
    for deal, since in associated_since.items():
        survivor = merge_index.surviving_deal(deal)
        surviving_deals[survivor] = min(since, surviving_deals.get(survivor, since))
    return surviving_deals
