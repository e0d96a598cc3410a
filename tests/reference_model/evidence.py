"""Which events are evidence, which of them match and count for a metric, and what they add up to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from tests.reference_model.world import Condition, Event, Json, KeyResult, Metric, Playbook, World


@dataclass(frozen=True, slots=True)
class Fact:
    """An event that is evidence, and the day in the organization's zone on which it occurred."""

    event: Event
    day: date


def day_of(world: World, instant: datetime) -> date:
    """The date on the organization's wall when `instant` happened."""
    return instant.astimezone(ZoneInfo(world.zone)).date()


def scored_day(world: World) -> date:
    """The day the playbook is scored at: `as_of`, held inside the playbook's window."""
    return min(max(world.as_of, world.playbook.starts_on), world.playbook.ends_on)


def evidence(world: World) -> list[Fact]:
    """Every event by both clocks, up to the end of the playbook; a second delivery is not another event."""
    until = min(world.as_of, world.playbook.ends_on)
    retracted = {
        (r.source, r.id)
        for r in world.retractions
        if day_of(world, r.recorded_at) <= world.known_at
    }
    first: dict[tuple[str, str], Event] = {}
    for event in world.events:
        held = first.get((event.source, event.id))
        if held is None or event.recorded_at < held.recorded_at:
            first[event.source, event.id] = event
    facts = []
    for identity, event in first.items():
        day = day_of(world, event.time)
        if (
            day <= until
            and day_of(world, event.recorded_at) <= world.known_at
            and identity not in retracted
        ):
            facts.append(Fact(event, day))
    return facts


def is_number(value: object) -> bool:
    """Whether `value` is a number of JSON, which true is not."""
    return isinstance(value, int | float | Fraction) and not isinstance(value, bool)


def exact(value: object) -> Fraction:
    """The number that the JSON text of `value` names."""
    if isinstance(value, Fraction | int):
        return Fraction(value)
    assert isinstance(value, float)
    return Fraction(Decimal(repr(value)))


def within_limits(number: Fraction) -> bool:
    """Whether `number` has at most 4 decimals, 15 significant digits and a size of 1e12."""
    scaled = abs(number) * 10_000
    return (
        scaled <= 10**16
        and scaled.denominator == 1
        and len(str(scaled.numerator).rstrip("0")) <= 15
    )


def read(event: Event, path: str) -> "Json | Fraction":
    """What stands at a property of the event; None when it lacks it."""
    if not path.startswith("data."):
        plain: Mapping[str, Json | Fraction] = {
            "value": event.value,
            "unit": event.unit,
            "subject": event.subject,
            "team": event.team,
            "source": event.source,
            "kind": event.kind,
        }
        return plain[path]
    here: Json = event.data
    for step in path.split(".")[1:]:
        if not isinstance(here, Mapping) or step not in here:
            return None
        here = here[step]
    return here


def same(left: object, right: object) -> bool:
    """Equality of JSON: 1 is 1.0 and true is not 1."""
    if is_number(left) and is_number(right):
        return exact(left) == exact(right)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    return type(left) is type(right) and left == right


def holds(condition: Condition, event: Event) -> bool:
    """Whether one condition holds of the event."""
    found, wanted, op = read(event, condition.property), condition.value, condition.op
    if op == "exists":
        return (found is not None) == wanted
    if found is None:
        return op in ("ne", "not_in")
    if op in ("eq", "ne"):
        return same(found, wanted) == (op == "eq")
    if op in ("in", "not_in"):
        assert isinstance(wanted, Sequence)
        assert not isinstance(wanted, str)
        return any(same(found, each) for each in wanted) == (op == "in")
    if not is_number(found):
        return False
    a, b = exact(found), exact(wanted)
    return {"gt": a > b, "gte": a >= b, "lt": a < b, "lte": a <= b}[op]


def matches(metric: Metric, event: Event) -> bool:
    """Whether the event is work on, or a result for, the metric."""
    return event.type in metric.events + metric.activities and all(
        holds(c, event) for c in metric.where
    )


def counts(metric: Metric, event: Event) -> bool:
    """Whether the event moves the metric's number (whatever the source)."""
    if event.type not in metric.events or not matches(metric, event):
        return False
    if metric.aggregation == "count":
        return True
    found = read(event, metric.value)
    units_differ = event.unit is not None and metric.unit is not None and event.unit != metric.unit
    return is_number(found) and within_limits(exact(found)) and not units_differ


def aggregate(metric: Metric, events: Sequence[Event]) -> Fraction:
    """The metric's value over the events, of which there is at least one and each counts for it."""
    if metric.aggregation == "count":
        return Fraction(len(events))
    values = [exact(read(e, metric.value)) for e in events]
    if metric.aggregation == "last":
        latest = max(events, key=lambda e: (e.time, e.source, e.id))
        return exact(read(latest, metric.value))
    if metric.aggregation == "min":
        return min(values)
    if metric.aggregation == "max":
        return max(values)
    total = sum(values, Fraction(0))
    return total / len(values) if metric.aggregation == "mean" else total


def window(playbook: Playbook, key_result: KeyResult) -> tuple[date, date]:
    """The key result's first and last day."""
    return key_result.starts_on or playbook.starts_on, key_result.ends_on or playbook.ends_on


def counting(
    world: World, facts: Sequence[Fact], key_result: KeyResult, metric: Metric
) -> list[Event]:
    """The events, of every source, that count for the key result's metric inside its window."""
    first, last = window(world.playbook, key_result)
    return [f.event for f in facts if first <= f.day <= last and counts(metric, f.event)]
