"""All that is known of some records, and the events that it comes to."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.sources.crm import activities, deals, line_items
from app.domain.sources.crm.changes import ERASED_VERB, Change
from app.domain.sources.crm.reconciliation import ProjectedEvents
from app.domain.sources.crm.record_links import MergeIndex, find_associated_deals
from app.domain.sources.crm.timeline import RecordTimeline
from app.domain.sources.mapping.mapping import DealMapping
from app.store.sources import changes as store
from app.store.sources.changes import RecordChanges, SourceGeneration
from app.store.sql.database import Connection

DEAL_PREFIX = "deal:"
LINE_ITEM_PREFIX = f"{line_items.LINE_ITEM_TYPE}:"
MERGE_VERBS = ("merged", "continued")


@dataclass(frozen=True, slots=True)
class RecordSet:
    """All that is known of some records. Shape: `changes` by entity, those of their deals and line items with them."""

    changes: Mapping[str, Sequence[Change]]
    merge_index: MergeIndex
    line_items_by_deal: Mapping[str, Sequence[RecordTimeline]]  # by deal, those that stand
    erased_entities: frozenset[str] = frozenset()  # of these nothing is known any more


@dataclass(slots=True)
class RecordGraph:
    """What is known, read when it is first asked for, as it was known after each step of what was told together.

    Shape: `since` has the step at which a change was told, by its key; those that are not in it were known before.
    """

    connection: Connection
    source_generation: SourceGeneration
    first_seen_steps: Mapping[str, int] = field(default_factory=dict)
    loaded: RecordChanges = field(default_factory=RecordChanges)
    missing_entities: set[str] = field(default_factory=set)

    async def affected_records(self, entities: Collection[str], step: int = 0) -> set[str]:
        """The records that these concern at that step."""
        return (await self._load_reachable(entities, step))[0]

    async def load(self, entities: Collection[str], step: int = 0) -> tuple[set[str], RecordSet]:
        """Which records these concern, and all that is known of them, at that step."""
        affected_entities, changes_by_entity = await self._load_reachable(entities, step)
        return affected_entities, _build_record_set(changes_by_entity)

    async def _load_reachable(
        self, entities: Collection[str], step: int
    ) -> tuple[set[str], dict[str, Sequence[Change]]]:
        while True:
            self.missing_entities.clear()
            affected_entities, changes_by_entity = self._expand(entities, step)
            if not self.missing_entities:
                return affected_entities, changes_by_entity
            missing_deals = {
                entity for entity in self.missing_entities if entity.startswith(DEAL_PREFIX)
            }
            fetched = await store.load_changes(
                self.connection, self.source_generation, self.missing_entities, missing_deals
            )
            self.loaded.changes.update(fetched.changes)
            self.loaded.links.update(fetched.links)

    def _expand(
        self, entities: Collection[str], step: int
    ) -> tuple[set[str], dict[str, Sequence[Change]]]:
        """Which records these concern, and the changes of all that their events are made of, as far as it was read.

        Deals that went into one another, and what hangs on a deal, concern one another; so do a line item and its
        deals.
        """
        affected_entities, frontier = set(entities), set(entities)
        changes_by_entity: dict[str, Sequence[Change]] = {}
        while frontier:
            visible_changes = {entity: self._visible_changes(entity, step) for entity in frontier}
            changes_by_entity |= visible_changes
            linked_entities = {
                linked_entity
                for entity in frontier
                for linked_entity in self._linked_records(entity, step)
            }
            linked_entities |= {
                change.other
                for entity_changes in visible_changes.values()
                for change in entity_changes
                if change.other is not None
                and (change.verb in MERGE_VERBS or change.entity.startswith(LINE_ITEM_PREFIX))
            }
            frontier = linked_entities - changes_by_entity.keys()
            affected_entities |= linked_entities
        unexpanded = {
            change.other
            for entity_changes in changes_by_entity.values()
            for change in entity_changes
            if change.other is not None
        } - changes_by_entity.keys()
        while (
            unexpanded
        ):  # the deals of an activity: their fields are read, their events stay as they are
            visible_changes = {entity: self._visible_changes(entity, step) for entity in unexpanded}
            changes_by_entity |= visible_changes
            neighbours = {
                change.other
                for entity_changes in visible_changes.values()
                for change in entity_changes
                if change.other is not None
            }
            neighbours |= {
                change
                for entity in unexpanded
                for change in self._linked_records(entity, step)
                if change.startswith(DEAL_PREFIX)
            }
            unexpanded = neighbours - changes_by_entity.keys()
        return affected_entities, changes_by_entity

    def _visible_changes(self, entity: str, step: int) -> Sequence[Change]:
        entity_changes = self.loaded.changes.get(entity)
        if entity_changes is None:
            self.missing_entities.add(entity)
            return ()
        return (
            [
                change
                for change in entity_changes
                if self.first_seen_steps.get(change.key, 0) <= step
            ]
            if self.first_seen_steps
            else entity_changes
        )

    def _linked_records(self, entity: str, step: int) -> list[str]:
        """The records that were ever associated with a deal, and the deals that went into it."""
        return [
            linked_entity
            for linked_entity, change_key in self.loaded.links.get(entity, ())
            if self.first_seen_steps.get(change_key, 0) <= step
        ]


def record_set_from(changes: Iterable[Change]) -> RecordSet:
    """These changes, as all that is known of their records and of those that they name."""
    changes_by_entity: dict[str, list[Change]] = {}
    for change in changes:
        changes_by_entity.setdefault(change.entity, []).append(change)
        if change.other is not None:
            changes_by_entity.setdefault(change.other, [])
    return _build_record_set(changes_by_entity)


def _build_record_set(changes_by_entity: Mapping[str, Sequence[Change]]) -> RecordSet:
    merge_index = MergeIndex(
        change for entity_changes in changes_by_entity.values() for change in entity_changes
    )
    line_items_by_deal: dict[str, list[RecordTimeline]] = {}
    for entity in sorted(changes_by_entity):
        if entity.startswith(LINE_ITEM_PREFIX):
            timeline = RecordTimeline(changes_by_entity[entity])
            for deal in find_associated_deals(timeline, merge_index) if timeline.is_alive else ():
                line_items_by_deal.setdefault(deal, []).append(timeline)
    erased_entities = frozenset(
        entity
        for entity, entity_changes in changes_by_entity.items()
        if any(change.verb == ERASED_VERB for change in entity_changes)
    )
    return RecordSet(changes_by_entity, merge_index, line_items_by_deal, erased_entities)


async def merged_records(
    connection: Connection, source_generation: SourceGeneration, deal: str
) -> set[str]:
    """The deal with those that went into one another with it, and what hangs on them and on no other deal."""
    affected_entities, record_set = await RecordGraph(connection, source_generation).load({deal})
    surviving_deal = record_set.merge_index.surviving_deal(deal)
    return {
        entity
        for entity in affected_entities - record_set.erased_entities
        if _surviving_deals(entity, record_set) == {surviving_deal}
    }


def _surviving_deals(entity: str, record_set: RecordSet) -> set[str]:
    if entity.startswith(DEAL_PREFIX):
        return {record_set.merge_index.surviving_deal(entity)}
    return set(
        find_associated_deals(RecordTimeline(record_set.changes[entity]), record_set.merge_index)
    )


def project_events(
    entity: str, record_set: RecordSet, deal_mapping: DealMapping, default_team: str
) -> ProjectedEvents:
    """The events that one record should have. None at all for a deal that lives in another now."""
    changes_by_entity, merge_index = record_set.changes, record_set.merge_index

    def collect_merged_changes(deal: str) -> list[Change]:
        return [
            change
            for merged_id in sorted(merge_index.merged_ids(deal))
            for change in changes_by_entity.get(merged_id, ())
        ]

    if entity.startswith(LINE_ITEM_PREFIX):
        return line_items.find_unmapped(RecordTimeline(changes_by_entity[entity]), deal_mapping)
    if entity.startswith(DEAL_PREFIX):
        if merge_index.surviving_deal(entity) != entity:
            return ProjectedEvents()
        return deals.project_events(
            collect_merged_changes(entity),
            deal_mapping,
            default_team,
            entity,
            record_set.line_items_by_deal.get(entity, ()),
        )
    if entity.partition(":")[0] not in activities.ACTIVITY_RULES:
        return ProjectedEvents()
    deal = activities.find_deal(changes_by_entity[entity], merge_index)
    if deal in record_set.erased_entities:
        return ProjectedEvents()
    return activities.project_events(
        changes_by_entity[entity],
        deal,
        collect_merged_changes(deal) if deal is not None else (),
        deal_mapping,
        default_team,
    )
