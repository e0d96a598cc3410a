"""From what a CRM said to the events that it should have: fold, compare, record and retract."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from app.domain.events.events import Event
from app.domain.sources.crm.reconciliation import (
    DesiredEvent,
    ReconciliationPlan,
    Slot,
    plan_reconciliation,
)
from app.domain.sources.mapping.mapping import DealMapping
from app.services.sources.event_writer import SourceTransaction, record_new_events, retract_events
from app.services.sources.record_graph import RecordGraph, RecordSet, project_events
from app.store.sources import event_slots as store
from app.store.sources import sources
from app.store.sources.source_health import WITHOUT_AMOUNT


@dataclass(frozen=True, slots=True)
class DeliveryChanges:
    """What one delivery told.

    Shape: `keys` are those of the changes that it was the first to tell; `reason` is that of what is retracted for it.
    """

    entities: Collection[str]
    reason: str
    new_keys: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Reconciliation:
    """What is to be written. Shape: events by id; `record` may hold some that `gone` retracts again."""

    transaction: SourceTransaction
    deal_mapping: DealMapping
    slots_by_entity: dict[str, dict[str, Slot]]
    events_to_record: dict[str, DesiredEvent] = field(default_factory=dict)
    retraction_reasons: dict[str, str] = field(default_factory=dict)
    unmapped_values: dict[str, Sequence[tuple[str, str]]] = field(default_factory=dict)

    def plan_step(
        self, entities: Collection[str], record_set: RecordSet, reason: str
    ) -> tuple[int, int]:
        """The events of these records are planned to be those they should have; how many come and go."""
        teams, default_team = (
            self.transaction.compiled.configuration.teams.keys(),
            self.transaction.source.team or "",
        )
        recorded_count = retracted_count = 0
        for entity in sorted(entities):
            projected = project_events(entity, record_set, self.deal_mapping, default_team)
            plan: ReconciliationPlan = plan_reconciliation(
                projected.events, self.slots_by_entity[entity], teams, default_team
            )
            self.unmapped_values[entity] = (
                *projected.unmapped_values,
                *((WITHOUT_AMOUNT,) if projected.has_unknown_amount else ()),
            )
            self._apply_plan(entity, plan)
            self.retraction_reasons |= dict.fromkeys(plan.to_retract, reason)
            recorded_count, retracted_count = (
                recorded_count + len(plan.to_record),
                retracted_count + len(plan.to_retract),
            )
        return recorded_count, retracted_count

    def _apply_plan(self, entity: str, plan: ReconciliationPlan) -> None:
        """The slots are as they will be."""
        slots = self.slots_by_entity[entity]
        for event_id in plan.to_retract:
            slot, _ = event_id.rsplit("/", 1)
            slots[slot] = Slot(slots[slot].recorded_count)
        for event_id, desired_event in plan.to_record:
            slot, revision = event_id.rsplit("/", 1)
            slots[slot] = Slot(int(revision), desired_event)
            self.events_to_record[event_id] = desired_event


async def reconcile(
    transaction: SourceTransaction,
    delivery_changes: Sequence[DeliveryChanges],
    deal_mapping: DealMapping,
    now: datetime,
) -> Sequence[tuple[int, int]]:
    """The events of what was told, and of what hangs on it, are those they should have.

    Returns how many came and went for each telling. It is as if each had been settled by itself, in the given order:
    each is compared with what was known after it and with what the one before left. An event that one brings and a
    later one takes away is recorded and retracted, once each; it is only read and written together.
    """
    changed_entities = {entity for delivery in delivery_changes for entity in delivery.entities}
    if not changed_entities:
        return [(0, 0)] * len(delivery_changes)
    first_seen_steps = (
        {
            change_key: step
            for step, delivery in enumerate(delivery_changes)
            for change_key in delivery.new_keys
        }
        if len(delivery_changes) > 1
        else {}
    )
    graph = RecordGraph(transaction.connection, transaction.source_generation, first_seen_steps)
    affected_entities = await graph.affected_records(changed_entities, len(delivery_changes))
    slots_by_entity, event_uids = await store.load_event_slots(
        transaction.connection, transaction.organization, transaction.source.key, affected_entities
    )
    reconciler = _Reconciliation(transaction, deal_mapping, slots_by_entity)
    event_counts = []
    for step, delivery in enumerate(delivery_changes):
        step_entities, record_set = (
            await graph.load(delivery.entities, step) if delivery.entities else (set[str](), None)
        )
        # The events of what was erased stand as they are: what they were made of is gone.
        event_counts.append(
            (0, 0)
            if record_set is None
            else reconciler.plan_step(
                step_entities - record_set.erased_entities, record_set, delivery.reason
            )
        )
    await _write_events(reconciler, event_uids, now)
    return event_counts


async def _write_events(
    reconciler: _Reconciliation, event_uids: dict[str, UUID], now: datetime
) -> None:
    transaction, retraction_reasons = reconciler.transaction, reconciler.retraction_reasons
    await sources.save_unmapped_values(
        transaction.connection,
        transaction.organization,
        transaction.source.key,
        reconciler.unmapped_values,
    )
    await retract_events(
        transaction,
        {
            event_uids[event_id]: reason
            for event_id, reason in retraction_reasons.items()
            if event_id in event_uids
        },
    )
    new_uids, seq = await record_new_events(
        transaction,
        [
            _to_event(transaction.source.key, *named_event)
            for named_event in reconciler.events_to_record.items()
        ],
        now,
    )
    transient_reasons = {
        new_uids[event_id]: reason
        for event_id, reason in retraction_reasons.items()
        if event_id not in event_uids
    }
    if transient_reasons:  # after they were recorded
        await retract_events(
            replace(transaction, position=replace(transaction.position, seq=seq)), transient_reasons
        )


def _to_event(source_key: str, event_id: str, desired_event: DesiredEvent) -> Event:
    return Event(
        id=event_id,
        source=source_key,
        type=desired_event.type,
        time=desired_event.time,
        team=desired_event.team,
        kind=desired_event.kind,
        value=desired_event.value,
        unit=desired_event.unit,
        subject=desired_event.subject,
        offerings=desired_event.offerings,
        data=desired_event.data,
    )
