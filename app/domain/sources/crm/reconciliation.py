"""The events that a record should have, and what it takes to get there from those it has."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DesiredEvent:
    """An event that the folded changes say should stand.

    Shape: `slot` names the place it takes (`deal/42/won`); at most one event of a slot is live.
    Units: `value` and the offerings' values in ten-thousandths.
    None when: `subject` is None for an activity of no deal.
    """

    slot: str
    type: str
    time: datetime
    team: str
    kind: str
    value: int | None = None
    unit: str | None = None
    subject: str | None = None
    offerings: tuple[tuple[str, int], ...] = ()
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProjectedEvents:
    """What a record's changes come to.

    Shape: `unmapped` are (property, value) pairs that were seen and that the mapping does not know or cannot read;
    `unknown_amount` says that a win stands without a value.
    """

    events: tuple[DesiredEvent, ...] = ()
    unmapped_values: tuple[tuple[str, str], ...] = ()
    has_unknown_amount: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """What the store holds of one slot. None when: `live` is None where all its events are retracted.

    Shape: `recorded` counts every event ever recorded in it; the live one, if any, is the newest.
    """

    recorded_count: int
    live: DesiredEvent | None = None


@dataclass(frozen=True, slots=True)
class ReconciliationPlan:
    """What to write. Shape: ids are `<slot>/<n>`."""

    to_record: tuple[tuple[str, DesiredEvent], ...] = ()
    to_retract: tuple[str, ...] = ()


def plan_reconciliation(
    desired: Iterable[DesiredEvent],
    slots: Mapping[str, Slot],
    teams: Collection[str] | None = None,
    default_team: str | None = None,
) -> ReconciliationPlan:
    """What to record and retract so that exactly the desired events are live. Nothing for one whose content stands.

    Shape: `recorded` holds every slot of the record, the empty ones too; `teams` are those that still take events
    (None: all): what is new for another team goes to `default_team`, what stands already keeps its team.
    """
    events_by_slot = {event.slot: event for event in desired}
    to_record: list[tuple[str, DesiredEvent]] = []
    to_retract: list[str] = []
    for name, event in sorted(events_by_slot.items()):
        slot = slots.get(name, Slot(0))
        if _is_same_content(slot.live, event):
            continue
        assigned_event = event
        if teams is not None and default_team is not None and event.team not in teams:
            assigned_event = replace(event, team=default_team)
            if _is_same_content(slot.live, assigned_event):
                continue
        if slot.live is not None:
            to_retract.append(f"{name}/{slot.recorded_count}")
        to_record.append((f"{name}/{slot.recorded_count + 1}", assigned_event))
    live_slots = [
        (name, slot.recorded_count) for name, slot in slots.items() if slot.live is not None
    ]
    to_retract += [
        f"{name}/{revision}" for name, revision in live_slots if name not in events_by_slot
    ]
    return ReconciliationPlan(tuple(to_record), tuple(sorted(to_retract)))


def _is_same_content(live: DesiredEvent | None, event: DesiredEvent) -> bool:
    """Whether the content is equal; `True` is not 1, though Python says so."""
    if live != event or live is None:
        return False
    boolean_flags = {name: isinstance(value, bool) for name, value in live.data.items()}
    return boolean_flags == {name: isinstance(value, bool) for name, value in event.data.items()}
