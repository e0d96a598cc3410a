"""Links between CRM records: merged deals, and records associated with a deal."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from app.domain.sources.crm.changes import Change
from app.domain.sources.crm.timeline import RecordTimeline


class MergeIndex:
    """The surviving deal of every deal.

    A deal that was neither merged nor continued survives itself.
    """

    def __init__(self, changes: Iterable[Change] = ()) -> None:
        """Index the merges and continuations; for each deal the latest one counts."""
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
        """Return the last deal that absorbed or continued a deal, or the deal itself.

        A cycle of merges ends at its first repeated deal.
        """
        visited = {deal}
        current = deal
        while current in self._successors:
            current = self._successors[current]
            if current in visited:
                return current
            visited.add(current)
        return current

    def ids_with_history(self, deal: str) -> frozenset[str]:
        """Return the deal and the deals whose history it continues."""
        deals = set()
        frontier = {deal}
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
    """Return the surviving deals that a record is associated with, and since when."""
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
