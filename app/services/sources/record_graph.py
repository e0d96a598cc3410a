"""The graph of linked CRM records: loaded from their changes, and projected to events."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.sources.crm import activities, deals, line_items
from app.domain.sources.crm.changes import ERASED_VERB, Change
from app.domain.sources.crm.reconciliation import ProjectedEvents
from app.domain.sources.crm.record_links import MergeIndex, find_associated_deals
from app.domain.sources.crm.timeline import RecordTimeline
from app.domain.sources.mapping.mapping import DealMapping
from app.store.sources import changes
from app.store.sources.changes import RecordChanges, SourceGeneration
from app.store.sql.database import Connection

DEAL_PREFIX = "deal:"
LINE_ITEM_PREFIX = f"{line_items.LINE_ITEM_TYPE}:"
MERGE_VERBS = ("merged", "continued")


@dataclass(frozen=True, slots=True)
class RecordSet:
    """Records with their deals and line items, as of one step."""

    # By entity.
    changes: Mapping[str, Sequence[Change]]
    merge_index: MergeIndex
    # The line items that are not deleted.
    line_items_by_deal: Mapping[str, Sequence[RecordTimeline]]
    # Records without changes, because these were erased.
    erased_entities: frozenset[str] = frozenset()


@dataclass(slots=True)
class RecordGraph:
    """Loads changes of linked records on demand, and answers as of each delivery of a batch.

    Step n is the n-th delivery of the batch, from 0. At step n, only changes known before the batch
    and those first reported by deliveries 0 to n are visible.
    """

    connection: Connection
    source_generation: SourceGeneration
    # By change key: the step that first reported the change. Changes known before the batch are
    # absent, and visible at every step. Empty for a single delivery: all changes are visible.
    first_seen_steps: Mapping[str, int] = field(default_factory=dict)
    loaded: RecordChanges = field(default_factory=RecordChanges)
    # The entities that the last expansion needed and that are not loaded yet.
    missing_entities: set[str] = field(default_factory=set)

    async def affected_records(self, entities: Collection[str], step: int = 0) -> set[str]:
        """Return the records whose events depend on these entities at a step."""
        affected_entities, _ = await self._load_reachable(entities, step)
        return affected_entities

    async def load(self, entities: Collection[str], step: int = 0) -> tuple[set[str], RecordSet]:
        """Return the records whose events depend on these entities at a step, and their changes."""
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
            fetched = await changes.load_changes(
                self.connection, self.source_generation, self.missing_entities, missing_deals
            )
            self.loaded.changes.update(fetched.changes)
            self.loaded.links.update(fetched.links)

    def _expand(
        self, entities: Collection[str], step: int
    ) -> tuple[set[str], dict[str, Sequence[Change]]]:
        """Follow links from the entities through all changes that are loaded.

        Return the affected records, and the changes that their events are made of. Merged deals
        affect each other and the records associated with them; so do a line item and its deals.
        """
        affected_entities = set(entities)
        frontier = set(entities)
        changes_by_entity: dict[str, Sequence[Change]] = {}
        while frontier:
            visible_changes = {entity: self._visible_changes(entity, step) for entity in frontier}
            changes_by_entity |= visible_changes
            linked_entities = {
                linked_entity
                for entity in frontier
                for linked_entity in self._linked_records(entity, step)
            }
            linked_entities |= _entities_affected_by(visible_changes)
            frontier = linked_entities - changes_by_entity.keys()
            affected_entities |= linked_entities
        # Also load what the affected records mention, and the deals linked to it. Events are
        # computed from these changes, but these records are not affected themselves.
        frontier = _mentioned_entities(changes_by_entity) - changes_by_entity.keys()
        while frontier:
            visible_changes = {entity: self._visible_changes(entity, step) for entity in frontier}
            changes_by_entity |= visible_changes
            neighbours = _mentioned_entities(visible_changes)
            neighbours |= {
                linked_entity
                for entity in frontier
                for linked_entity in self._linked_records(entity, step)
                if linked_entity.startswith(DEAL_PREFIX)
            }
            frontier = neighbours - changes_by_entity.keys()
        return affected_entities, changes_by_entity

    def _visible_changes(self, entity: str, step: int) -> Sequence[Change]:
        entity_changes = self.loaded.changes.get(entity)
        if entity_changes is None:
            self.missing_entities.add(entity)
            return ()
        if not self.first_seen_steps:
            return entity_changes
        return [
            change for change in entity_changes if self.first_seen_steps.get(change.key, 0) <= step
        ]

    def _linked_records(self, entity: str, step: int) -> list[str]:
        """Return the records ever associated with a deal, and the deals merged into it."""
        return [
            linked_entity
            for linked_entity, change_key in self.loaded.links.get(entity, ())
            if self.first_seen_steps.get(change_key, 0) <= step
        ]


def _mentioned_entities(changes_by_entity: Mapping[str, Sequence[Change]]) -> set[str]:
    return {
        change.other
        for entity_changes in changes_by_entity.values()
        for change in entity_changes
        if change.other is not None
    }


def _entities_affected_by(changes_by_entity: Mapping[str, Sequence[Change]]) -> set[str]:
    """Return the deals of line items, and the deals that others were merged into."""
    return {
        change.other
        for entity_changes in changes_by_entity.values()
        for change in entity_changes
        if change.other is not None
        and (change.verb in MERGE_VERBS or change.entity.startswith(LINE_ITEM_PREFIX))
    }


def record_set_from(record_changes: Iterable[Change]) -> RecordSet:
    """Build a record set of these changes alone, without the database."""
    changes_by_entity: dict[str, list[Change]] = {}
    for change in record_changes:
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
    """Return a deal, all deals merged with it, and the records linked to these deals only."""
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
    """Project the changes of a record to its events. A deal merged into another one has none."""
    changes_by_entity = record_set.changes
    merge_index = record_set.merge_index

    def collect_merged_changes(deal: str) -> list[Change]:
        return [
            change
            for merged_id in sorted(merge_index.ids_with_history(deal))
            for change in changes_by_entity.get(merged_id, ())
        ]

    if entity.startswith(LINE_ITEM_PREFIX):
        return line_items.project_line_item(RecordTimeline(changes_by_entity[entity]), deal_mapping)
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
