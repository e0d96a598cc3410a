"""The difference between the events that a record should have and the events it has."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DesiredEvent:
    """An event that a record's changes imply."""

    # The full id of the slot (`deal/42/won`); its last part is the slot suffix (`won`, `held`,
    # `moved/..`).
    slot: str
    type: str
    time: datetime
    team: str
    # `outcome` or `activity`.
    kind: str
    # `value` and the values of `offerings` are ten-thousandths.
    value: int | None = None
    unit: str | None = None
    # None for an activity without a deal.
    subject: str | None = None
    offerings: tuple[tuple[str, int], ...] = ()
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProjectedEvents:
    """The projection of a record's changes."""

    events: tuple[DesiredEvent, ...] = ()
    # (property, value) pairs that the mapping does not know or cannot read.
    unmapped_values: tuple[tuple[str, str], ...] = ()
    # True if a win has no value.
    has_unknown_amount: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """The recorded events of one slot.

    A slot identifies an event of a record across its revisions; at most one revision is live.
    """

    # All events ever recorded in the slot. The newest one is the live one, if any is.
    recorded_count: int
    # None if all events are retracted.
    live: DesiredEvent | None = None


@dataclass(frozen=True, slots=True)
class ReconciliationPlan:
    """The events to record and the ids of the events to retract. Ids are `<slot>/<revision>`."""

    to_record: tuple[tuple[str, DesiredEvent], ...] = ()
    to_retract: tuple[str, ...] = ()


def plan_reconciliation(
    desired: Iterable[DesiredEvent],
    slots: Mapping[str, Slot],
    teams: Collection[str] | None = None,
    default_team: str | None = None,
) -> ReconciliationPlan:
    """Return the writes after which exactly the desired events are live.

    `slots` holds every slot of the record, empty ones included. A new event of a team that is not
    in `teams` goes to `default_team`; None means that all teams accept events. Events that are live
    already keep their team.
    """
    events_by_slot = {event.slot: event for event in desired}
    to_record: list[tuple[str, DesiredEvent]] = []
    to_retract: list[str] = []
    for slot, event in sorted(events_by_slot.items()):
        recorded_slot = slots.get(slot, Slot(0))
        if _is_same_content(recorded_slot.live, event):
            continue
        assigned_event = event
        if teams is not None and default_team is not None and event.team not in teams:
            assigned_event = replace(event, team=default_team)
            if _is_same_content(recorded_slot.live, assigned_event):
                continue
        if recorded_slot.live is not None:
            to_retract.append(f"{slot}/{recorded_slot.recorded_count}")
        to_record.append((f"{slot}/{recorded_slot.recorded_count + 1}", assigned_event))
    live_revisions = [
        (slot, recorded_slot.recorded_count)
        for slot, recorded_slot in slots.items()
        if recorded_slot.live is not None
    ]
    to_retract += [
        f"{slot}/{revision}" for slot, revision in live_revisions if slot not in events_by_slot
    ]
    return ReconciliationPlan(tuple(to_record), tuple(sorted(to_retract)))


def _is_same_content(live: DesiredEvent | None, event: DesiredEvent) -> bool:
    """Return True if the content is equal. True and 1 are different, unlike in Python."""
    if live != event or live is None:
        return False
    boolean_flags = {data_field: isinstance(value, bool) for data_field, value in live.data.items()}
    return boolean_flags == {
        data_field: isinstance(value, bool) for data_field, value in event.data.items()
    }
