"""Evidence: which events count for a metric, and how they are aggregated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from tests.reference_model.world import Condition, Event, Json, KeyResult, Metric, Playbook, World


@dataclass(frozen=True, slots=True)
class DatedEvent:
    """An event that is evidence."""

    event: Event
    # The day of its occurrence in the organization's time zone.
    day: date


def get_local_day(world: World, instant: datetime) -> date:
    """Return the date in the organization's time zone."""
    return instant.astimezone(ZoneInfo(world.zone)).date()


def get_scored_day(world: World) -> date:
    """Return `as_of`, limited to the playbook's window."""
    return min(max(world.as_of, world.playbook.starts_on), world.playbook.ends_on)


def collect_evidence(world: World) -> list[DatedEvent]:
    """Return the events known at `known_at`, up to `as_of` or the end of the playbook.

    A second delivery of an event is not another event.
    """
    last_day = min(world.as_of, world.playbook.ends_on)
    retracted = {
        (r.source, r.id)
        for r in world.retractions
        if get_local_day(world, r.recorded_at) <= world.known_at
    }
    earliest_events: dict[tuple[str, str], Event] = {}
    for event in world.events:
        earlier = earliest_events.get((event.source, event.id))
        if earlier is None or event.recorded_at < earlier.recorded_at:
            earliest_events[event.source, event.id] = event
    dated_events = []
    for event_key, event in earliest_events.items():
        day = get_local_day(world, event.time)
        if (
            day <= last_day
            and get_local_day(world, event.recorded_at) <= world.known_at
            and event_key not in retracted
        ):
            dated_events.append(DatedEvent(event, day))
    return dated_events


def is_number(value: object) -> bool:
    """Return True for a JSON number, which true is not."""
    return isinstance(value, int | float | Fraction) and not isinstance(value, bool)


def to_fraction(value: object) -> Fraction:
    """Return the number that the JSON text of `value` states."""
    if isinstance(value, Fraction | int):
        return Fraction(value)
    assert isinstance(value, float)
    return Fraction(Decimal(repr(value)))


def is_within_limits(number: Fraction) -> bool:
    """Return True for at most 4 decimals, 15 significant digits and a size of 1e12."""
    scaled = abs(number) * 10_000
    return (
        scaled <= 10**16
        and scaled.denominator == 1
        and len(str(scaled.numerator).rstrip("0")) <= 15
    )


def read_property(event: Event, path: str) -> "Json | Fraction":
    """Return a property of the event, or None if the event lacks it."""
    if not path.startswith("data."):
        properties: Mapping[str, Json | Fraction] = {
            "value": event.value,
            "unit": event.unit,
            "subject": event.subject,
            "team": event.team,
            "source": event.source,
            "kind": event.kind,
        }
        return properties[path]
    node: Json = event.data
    for step in path.split(".")[1:]:
        if not isinstance(node, Mapping) or step not in node:
            return None
        node = node[step]
    return node


def is_json_equal(left: object, right: object) -> bool:
    """Compare by JSON equality: 1 is 1.0 and true is not 1."""
    if is_number(left) and is_number(right):
        return to_fraction(left) == to_fraction(right)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(
            is_json_equal(a, b) for a, b in zip(left, right, strict=True)
        )
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(is_json_equal(left[k], right[k]) for k in left)
    return type(left) is type(right) and left == right


def is_condition_met(condition: Condition, event: Event) -> bool:
    actual = read_property(event, condition.property)
    expected = condition.value
    op = condition.op
    if op == "exists":
        return (actual is not None) == expected
    if actual is None:
        return op in ("ne", "not_in")
    if op in ("eq", "ne"):
        return is_json_equal(actual, expected) == (op == "eq")
    if op in ("in", "not_in"):
        assert isinstance(expected, Sequence)
        assert not isinstance(expected, str)
        return any(is_json_equal(actual, option) for option in expected) == (op == "in")
    if not is_number(actual):
        return False
    left = to_fraction(actual)
    right = to_fraction(expected)
    return {"gt": left > right, "gte": left >= right, "lt": left < right, "lte": left <= right}[op]


def matches_metric(metric: Metric, event: Event) -> bool:
    """Return True if the event is work on the metric, or a result for it."""
    return event.type in metric.events + metric.activities and all(
        is_condition_met(c, event) for c in metric.where
    )


def counts_for_metric(metric: Metric, event: Event) -> bool:
    """Return True if the event changes the metric's value, from any source."""
    if event.type not in metric.events or not matches_metric(metric, event):
        return False
    if metric.aggregation == "count":
        return True
    number = read_property(event, metric.value)
    units_differ = event.unit is not None and metric.unit is not None and event.unit != metric.unit
    return is_number(number) and is_within_limits(to_fraction(number)) and not units_differ


def aggregate_events(metric: Metric, events: Sequence[Event]) -> Fraction:
    """Return the metric's value over at least one event. Each event must count for it."""
    if metric.aggregation == "count":
        return Fraction(len(events))
    numbers = [to_fraction(read_property(e, metric.value)) for e in events]
    if metric.aggregation == "last":
        latest = max(events, key=lambda e: (e.time, e.source, e.id))
        return to_fraction(read_property(latest, metric.value))
    if metric.aggregation == "min":
        return min(numbers)
    if metric.aggregation == "max":
        return max(numbers)
    total = sum(numbers, Fraction(0))
    return total / len(numbers) if metric.aggregation == "mean" else total


def get_window(playbook: Playbook, key_result: KeyResult) -> tuple[date, date]:
    """Return the key result's first and last day."""
    return key_result.starts_on or playbook.starts_on, key_result.ends_on or playbook.ends_on


def find_counted_events(
    world: World, dated_events: Sequence[DatedEvent], key_result: KeyResult, metric: Metric
) -> list[Event]:
    """Return the events of every source that count for the key result in its window."""
    first, last = get_window(world.playbook, key_result)
    return [
        f.event
        for f in dated_events
        if first <= f.day <= last and counts_for_metric(metric, f.event)
    ]
