"""All that is known of some records, and the events that it comes to."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.sources.crm import activities, deals, line_items
from app.domain.sources.crm.changes import ERASED, Change
from app.domain.sources.crm.reconciliation import Folded
from app.domain.sources.crm.record_links import Homes, associated
from app.domain.sources.crm.timeline import History
from app.domain.sources.mapping.mapping import DealMapping
from app.store.sources import changes as store
from app.store.sources.changes import Known, Told
from app.store.sql.database import Connection

DEAL = "deal:"
LINE_ITEM = f"{line_items.KIND}:"
MOVES = ("merged", "continued")


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that is known of some records. Shape: `changes` by entity, those of their deals and line items with them."""

    changes: Mapping[str, Sequence[Change]]
    homes: Homes
    items: Mapping[str, Sequence[History]]  # by deal, those that stand
    erased: frozenset[str] = frozenset()  # of these nothing is known any more


@dataclass(slots=True)
class World:
    """What is known, read when it is first asked for, as it was known after each step of what was told together.

    Shape: `since` has the step at which a change was told, by its key; those that are not in it were known before.
    """

    connection: Connection
    told: Told
    since: Mapping[str, int] = field(default_factory=dict)
    known: Known = field(default_factory=Known)
    unread: set[str] = field(default_factory=set)

    async def concerned(self, entities: Collection[str], step: int = 0) -> set[str]:
        """The records that these concern at that step."""
        return (await self._reached(entities, step))[0]

    async def gather(self, entities: Collection[str], step: int = 0) -> tuple[set[str], Gathered]:
        """Which records these concern, and all that is known of them, at that step."""
        touched, changes = await self._reached(entities, step)
        return touched, _gathered(changes)

    async def _reached(
        self, entities: Collection[str], step: int
    ) -> tuple[set[str], dict[str, Sequence[Change]]]:
        while True:
            self.unread.clear()
            touched, changes = self._reach(entities, step)
            if not self.unread:
                return touched, changes
            more_deals = {entity for entity in self.unread if entity.startswith(DEAL)}
            more = await store.known_of(self.connection, self.told, self.unread, more_deals)
            self.known.changes.update(more.changes)
            self.known.links.update(more.links)

    def _reach(
        self, entities: Collection[str], step: int
    ) -> tuple[set[str], dict[str, Sequence[Change]]]:
        """Which records these concern, and the changes of all that their events are made of, as far as it was read.

        Deals that went into one another, and what hangs on a deal, concern one another; so do a line item and its
        deals.
        """
        touched, new = set(entities), set(entities)
        changes: dict[str, Sequence[Change]] = {}
        while new:
            found = {entity: self._changes(entity, step) for entity in new}
            changes |= found
            reached = {other for entity in new for other in self._links(entity, step)}
            reached |= {
                one.other
                for said in found.values()
                for one in said
                if one.other is not None and (one.verb in MOVES or one.entity.startswith(LINE_ITEM))
            }
            new = reached - changes.keys()
            touched |= reached
        missing = {
            one.other for said in changes.values() for one in said if one.other is not None
        } - changes.keys()
        while (
            missing
        ):  # the deals of an activity: their fields are read, their events stay as they are
            found = {entity: self._changes(entity, step) for entity in missing}
            changes |= found
            near = {one.other for said in found.values() for one in said if one.other is not None}
            near |= {
                one
                for entity in missing
                for one in self._links(entity, step)
                if one.startswith(DEAL)
            }
            missing = near - changes.keys()
        return touched, changes

    def _changes(self, entity: str, step: int) -> Sequence[Change]:
        found = self.known.changes.get(entity)
        if found is None:
            self.unread.add(entity)
            return ()
        return [one for one in found if self.since.get(one.key, 0) <= step] if self.since else found

    def _links(self, entity: str, step: int) -> list[str]:
        """The records that were ever associated with a deal, and the deals that went into it."""
        return [
            other
            for other, key in self.known.links.get(entity, ())
            if self.since.get(key, 0) <= step
        ]


def gathered_of(changes: Iterable[Change]) -> Gathered:
    """These changes, as all that is known of their records and of those that they name."""
    found: dict[str, list[Change]] = {}
    for one in changes:
        found.setdefault(one.entity, []).append(one)
        if one.other is not None:
            found.setdefault(one.other, [])
    return _gathered(found)


def _gathered(changes: Mapping[str, Sequence[Change]]) -> Gathered:
    homes = Homes(one for told in changes.values() for one in told)
    items: dict[str, list[History]] = {}
    for entity in sorted(changes):
        if entity.startswith(LINE_ITEM):
            item = History(changes[entity])
            for deal in associated(item, homes) if item.alive else ():
                items.setdefault(deal, []).append(item)
    erased = frozenset(
        entity for entity, told in changes.items() if any(one.verb == ERASED for one in told)
    )
    return Gathered(changes, homes, items, erased)


async def kin(connection: Connection, told: Told, deal: str) -> set[str]:
    """The deal with those that went into one another with it, and what hangs on them and on no other deal."""
    touched, gathered = await World(connection, told).gather({deal})
    home = gathered.homes.home(deal)
    return {one for one in touched - gathered.erased if _homes(one, gathered) == {home}}


def _homes(entity: str, gathered: Gathered) -> set[str]:
    if entity.startswith(DEAL):
        return {gathered.homes.home(entity)}
    return set(associated(History(gathered.changes[entity]), gathered.homes))


def fold(entity: str, gathered: Gathered, read: DealMapping, default: str) -> Folded:
    """The events that one record should have. None at all for a deal that lives in another now."""
    changes, homes = gathered.changes, gathered.homes

    def past(deal: str) -> list[Change]:
        return [one for each in sorted(homes.pasts(deal)) for one in changes.get(each, ())]

    if entity.startswith(LINE_ITEM):
        return line_items.fold(History(changes[entity]), read)
    if entity.startswith(DEAL):
        if homes.home(entity) != entity:
            return Folded()
        return deals.fold(past(entity), read, default, entity, gathered.items.get(entity, ()))
    if entity.partition(":")[0] not in activities.RULES:
        return Folded()
    deal = activities.deal_of(changes[entity], homes)
    if deal in gathered.erased:
        return Folded()
    return activities.fold(
        changes[entity], deal, past(deal) if deal is not None else (), read, default
    )
