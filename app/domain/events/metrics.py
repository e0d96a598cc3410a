"""Metrics: which events match one, which count for it, and with what value."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from operator import ge, gt, le, lt
from typing import ClassVar, Final, NamedTuple, TypeAlias, TypeGuard

from app.domain.events.events import ErasedMatches, Event, to_canonical_json
from app.domain.primitives.decimals import to_fixed_point, to_json_number

AGGREGATIONS: Final = ("sum", "count", "mean", "min", "max", "last")
# Aggregations whose value cannot fall as events arrive.
RISING_AGGREGATIONS: Final = frozenset({"sum", "count"})
OPERATORS: Final = ("eq", "ne", "in", "not_in", "gt", "gte", "lt", "lte", "exists")
COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "gt": gt,
    "gte": ge,
    "lt": lt,
    "lte": le,
}
ABSENT: Final = object()
OTHER_UNIT_PREFIX: Final = "other_unit:"
CURRENCY_CODE_LENGTH: Final = 3  # letters of a currency (ISO 4217)

Scalar: TypeAlias = str | bool | int | float
PropertyReader: TypeAlias = Callable[[Event], object]
ValueReader: TypeAlias = Callable[[Event], int | None]


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on a property of an event."""

    property: str
    op: str
    # A scalar, a tuple of scalars for `in` and `not_in`, or None.
    value: Scalar | tuple[Scalar, ...] | None = None

    def __eq__(self, other: object) -> bool:
        """Compare with type: true is not equal to 1, as in matching."""
        return isinstance(other, Condition) and _condition_identity(self) == _condition_identity(
            other
        )

    def __hash__(self) -> int:
        """Hash consistently with equality."""
        return hash(_condition_identity(self))


def _condition_identity(condition: Condition) -> tuple[object, ...]:
    value = condition.value
    boolean_flags = tuple(
        isinstance(element, bool) for element in (value if isinstance(value, tuple) else (value,))
    )
    return condition.property, condition.op, value, boolean_flags


@dataclass(frozen=True, slots=True)
class Metric:
    """A number with one definition for the whole organization."""

    kind: ClassVar[str] = "metric"
    key: str
    name: str
    events: tuple[str, ...]
    aggregation: str
    unit: str | None = None
    activities: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    # "value" or "data.<path>".
    value: str = "value"
    canonical_source: str | None = None


def matching_definition(metric: Metric) -> tuple[object, ...]:
    """Return the fields that decide which events match and count.

    A change of any of them restates history.
    """
    return (
        metric.unit,
        metric.events,
        metric.activities,
        metric.where,
        metric.value,
        metric.aggregation == "count",
    )


def reads_content(metric: Metric) -> bool:
    """Return True if matching reads the subject or the data, which an erasure removes."""
    names = (metric.value, *(condition.property for condition in metric.where))
    return any(name == "subject" or name.startswith("data.") for name in names)


def matching_rule_id(metric: Metric) -> str:
    """Return an id of the matching definition; metrics with equal matching share it."""
    where = [[condition.property, condition.op, condition.value] for condition in metric.where]
    is_count = metric.aggregation == "count"
    content = [metric.unit, metric.events, metric.activities, where, metric.value, is_count]
    return sha256(to_canonical_json(content).encode()).hexdigest()[:16]


class Match(NamedTuple):
    """The relation of an event to a metric that it matches."""

    metric: str
    # `counts`, `work` (an activity towards the metric), `other_unit`, or `no_value` (the event
    # lacks the number).
    state: str
    # Ten-thousandths; 0 if the event does not count.
    value: int = 0
    # The unit of an event that is excluded for its unit, else empty.
    unit: str = ""

    @property
    def label(self) -> str:
        """The state in a match set, with the currency that is excluded.

        Only currencies get their own label: every score reads all match sets, and free-text units
        would be many.
        """
        is_currency = (
            len(self.unit) == CURRENCY_CODE_LENGTH
            and self.unit.isascii()
            and self.unit.isalpha()
            and self.unit.isupper()
        )
        return f"{OTHER_UNIT_PREFIX}{self.unit}" if is_currency else self.state


class Matcher:
    """The metrics of an organization, compiled to match events."""

    __slots__ = ("_by_type",)

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        """Index the metrics by the event types that they name."""
        by_type: dict[
            str, list[tuple[Metric, tuple[Callable[[Event], bool], ...], ValueReader]]
        ] = {}
        for metric_key in sorted(metrics):
            metric = metrics[metric_key]
            compiled = (
                metric,
                tuple(map(_compile_condition, metric.where)),
                _value_reader(metric.value),
            )
            for event_type in sorted({*metric.events, *metric.activities}):
                by_type.setdefault(event_type, []).append(compiled)
        self._by_type = by_type

    def match(self, event: Event) -> tuple[Match, ...]:
        """Return the metrics that an event matches, in the order of their keys.

        An erased event answers rules that read its content from its remembered matches. Rules that
        are newer than the erasure see the event without content.
        """
        if event.erased is not None:
            return tuple(self._remembered_matches(event, event.erased))
        return tuple(
            [
                _match_metric(metric, read_value, event)
                for metric, conditions, read_value in self._by_type.get(event.type, ())
                if not conditions or all(is_met(event) for is_met in conditions)
            ]
        )

    def _remembered_matches(self, event: Event, erased_matches: ErasedMatches) -> Iterator[Match]:
        for metric, conditions, read_value in self._by_type.get(event.type, ()):
            rule_id = matching_rule_id(metric) if reads_content(metric) else ""
            remembered_match = erased_matches.get(rule_id)
            if remembered_match is not None:
                state, matched_value = remembered_match  # and the unit, which the event still has
                yield Match(
                    metric.key,
                    state,
                    matched_value,
                    (event.unit or "") if state == "other_unit" else "",
                )
            elif rule_id not in erased_matches and all(is_met(event) for is_met in conditions):
                yield _match_metric(metric, read_value, event)

    def remember_matches(self, event: Event) -> ErasedMatches:
        """Return the matches of all rules that read the content of an event.

        An erasure stores them, because the content is gone afterwards.
        """
        matches_by_metric = {
            match.metric: (match.state, match.value) for match in self.match(event)
        }
        return {
            matching_rule_id(metric): matches_by_metric.get(metric.key)
            for metric, _, _ in self._by_type.get(event.type, ())
            if reads_content(metric)
        }


def _match_metric(metric: Metric, read_value: ValueReader, event: Event) -> Match:
    if event.type not in metric.events:
        return Match(metric.key, "work")
    event_value = read_value(event)
    if metric.aggregation == "count":
        return Match(metric.key, "counts", event_value or 0)
    if event_value is None:
        return Match(metric.key, "no_value")
    if metric.unit is not None and event.unit is not None and metric.unit != event.unit:
        return Match(metric.key, "other_unit", unit=event.unit)
    return Match(metric.key, "counts", event_value)


def _value_reader(path: str) -> ValueReader:
    """Return a function that reads a property as ten-thousandths; None if it is no such number."""
    if path == "value":
        return lambda event: event.value
    read_property = _property_reader(path)
    return lambda event: _to_fixed_point(read_property(event))


def _to_fixed_point(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    try:
        return to_fixed_point(value)
    except ValueError:
        return None


def _property_reader(path: str) -> PropertyReader:
    """Return a function that reads a property; ABSENT if it is missing or null."""
    if path.startswith("data."):
        steps = path.split(".")[1:]
        return lambda event: _resolve_path(event.data, steps)
    if path == "value":
        return lambda event: ABSENT if event.value is None else to_json_number(event.value)

    def read_attribute(event: Event) -> object:
        attribute: object = getattr(event, path)
        return ABSENT if attribute is None else attribute

    return read_attribute


def _resolve_path(data: object, steps: list[str]) -> object:
    for step in steps:
        if not isinstance(data, Mapping) or step not in data:
            return ABSENT
        data = data[step]
    return ABSENT if data is None else data


def _compile_condition(condition: Condition) -> Callable[[Event], bool]:
    read_property = _property_reader(condition.property)
    operand = condition.value
    op = condition.op
    if op == "exists":
        expects_presence = operand is not False
        return lambda event: (read_property(event) is not ABSENT) is expects_presence
    if op in ("in", "not_in"):
        options = operand if isinstance(operand, tuple) else (operand,)
        is_membership = op == "in"
        return lambda event: (
            any(_is_same_value(read_property(event), option) for option in options) is is_membership
        )
    if op in ("eq", "ne"):
        is_equality = op == "eq"
        return lambda event: _is_same_value(read_property(event), operand) is is_equality
    return _compile_comparison(read_property, op, operand)


def _compile_comparison(
    read_property: PropertyReader, op: str, operand: object
) -> Callable[[Event], bool]:
    compare = COMPARISONS[op]

    def is_met(event: Event) -> bool:
        property_value = read_property(event)
        return (
            _is_number(property_value) and _is_number(operand) and compare(property_value, operand)
        )

    return is_met


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_same_value(left: object, right: object) -> bool:
    """Compare without conversion: true is not 1, "1" is not 1, and 1 is 1.0."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if _is_number(left) and _is_number(right):
        return left == right
    return isinstance(left, str) and isinstance(right, str) and left == right


def find_redefined_metrics(
    previous: Mapping[str, Metric], current: Mapping[str, Metric]
) -> Mapping[str, Metric | None]:
    """Return the metrics whose matching differs, by key: the previous version, or None."""
    previous_definitions = {
        metric_key: matching_definition(metric) for metric_key, metric in previous.items()
    }
    current_definitions = {
        metric_key: matching_definition(metric) for metric_key, metric in current.items()
    }
    return {
        metric_key: previous.get(metric_key)
        for metric_key in sorted(previous_definitions.keys() | current_definitions.keys())
        if previous_definitions.get(metric_key) != current_definitions.get(metric_key)
    }
