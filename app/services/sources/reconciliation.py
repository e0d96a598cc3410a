"""Reconciliation: record and retract events until each record has those that its changes imply."""

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
from app.services.sources.delivery_changes import DeliveryChanges
from app.services.sources.event_writer import record_new_events, retract_events
from app.services.sources.record_graph import RecordGraph, RecordSet, project_events
from app.services.sources.source_transaction import SourceTransaction
from app.store.sources import event_slots
from app.store.sources import sources as sources_store
from app.store.sources.source_health import WITHOUT_AMOUNT


@dataclass(slots=True)
class _Reconciliation:
    """The writes that are planned, and the slots as they will be after them."""

    transaction: SourceTransaction
    slots_by_entity: dict[str, dict[str, Slot]]
    # Both by event id. An id is in both when one delivery records the event and a later one
    # retracts it.
    events_to_record: dict[str, DesiredEvent] = field(default_factory=dict)
    retraction_reasons: dict[str, str] = field(default_factory=dict)
    # (property, value) pairs by entity.
    unmapped_values: dict[str, Sequence[tuple[str, str]]] = field(default_factory=dict)

    def plan_step(
        self, entities: Collection[str], record_set: RecordSet, reason: str
    ) -> tuple[int, int]:
        """Plan the events of records. Return how many are recorded and how many retracted."""
        teams = self.transaction.compiled.configuration.teams.keys()
        default_team = self.transaction.source.team or ""
        recorded_count = 0
        retracted_count = 0
        for entity in sorted(entities):
            projected = project_events(entity, record_set, self.transaction.mapping, default_team)
            plan = plan_reconciliation(
                projected.events, self.slots_by_entity[entity], teams, default_team
            )
            self.unmapped_values[entity] = (
                *projected.unmapped_values,
                *((WITHOUT_AMOUNT,) if projected.has_unknown_amount else ()),
            )
            self._apply_plan(entity, plan)
            self.retraction_reasons |= dict.fromkeys(plan.to_retract, reason)
            recorded_count += len(plan.to_record)
            retracted_count += len(plan.to_retract)
        return recorded_count, retracted_count

    def _apply_plan(self, entity: str, plan: ReconciliationPlan) -> None:
        # An event id is "<slot>/<revision>". A slot holds at most one event that is not retracted.
        slots = self.slots_by_entity[entity]
        for event_id in plan.to_retract:
            slot, _ = event_id.rsplit("/", 1)
            slots[slot] = Slot(slots[slot].recorded_count)
        for event_id, desired_event in plan.to_record:
            slot, revision = event_id.rsplit("/", 1)
            slots[slot] = Slot(int(revision), desired_event)
            self.events_to_record[event_id] = desired_event


async def reconcile(
    transaction: SourceTransaction, delivery_changes: Sequence[DeliveryChanges], now: datetime
) -> Sequence[tuple[int, int]]:
    """Record and retract events so that each affected record has the events its changes imply.

    Return the number of recorded and of retracted events per delivery, as if the deliveries were
    processed one by one. Each is compared with the changes known after it, and with the events
    that the previous one left. An event that one delivery records and a later one retracts is
    written and retracted once. Only reading and writing is shared.
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
    slots_by_entity, event_uids = await event_slots.load_event_slots(
        transaction.connection, transaction.organization, transaction.source.key, affected_entities
    )
    reconciliation = _Reconciliation(transaction, slots_by_entity)
    event_counts = []
    for step, delivery in enumerate(delivery_changes):
        if not delivery.entities:
            event_counts.append((0, 0))
            continue
        step_entities, record_set = await graph.load(delivery.entities, step)
        # The changes of erased records are deleted; their events stay as they are.
        live_entities = step_entities - record_set.erased_entities
        event_counts.append(reconciliation.plan_step(live_entities, record_set, delivery.reason))
    await _write_events(reconciliation, event_uids, now)
    return event_counts


async def _write_events(
    reconciliation: _Reconciliation, event_uids: dict[str, UUID], now: datetime
) -> None:
    """Write what is planned. `event_uids` has the uids of the recorded events by id."""
    transaction = reconciliation.transaction
    retraction_reasons = reconciliation.retraction_reasons
    await sources_store.save_unmapped_values(
        transaction.connection,
        transaction.organization,
        transaction.source.key,
        reconciliation.unmapped_values,
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
            _to_event(transaction.source.key, event_id, desired_event)
            for event_id, desired_event in reconciliation.events_to_record.items()
        ],
        now,
    )
    transient_reasons = {
        new_uids[event_id]: reason
        for event_id, reason in retraction_reasons.items()
        if event_id not in event_uids
    }
    if transient_reasons:
        # These events were recorded by the statement above; their retractions have its version.
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
