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
    """One condition on a property of an event.

    Shape: `value` is a scalar, a tuple of scalars for in and not_in, or None.
    """

    property: str
    op: str
    value: Scalar | tuple[Scalar, ...] | None = None

    def __eq__(self, other: object) -> bool:
        """Whether it is the same condition: true is not 1, as in what it matches."""
        return isinstance(other, Condition) and _condition_identity(self) == _condition_identity(
            other
        )

    def __hash__(self) -> int:
        """The same for the same condition."""
        return hash(_condition_identity(self))


def _condition_identity(condition: Condition) -> tuple[object, ...]:
    value = condition.value
    boolean_flags = tuple(
        isinstance(element, bool) for element in (value if isinstance(value, tuple) else (value,))
    )
    return condition.property, condition.op, value, boolean_flags


@dataclass(frozen=True, slots=True)
class Metric:
    """A number defined once for everyone. Shape: `value` is "value" or "data.<path>"."""

    kind: ClassVar[str] = "metric"
    key: str
    name: str
    events: tuple[str, ...]
    aggregation: str
    unit: str | None = None
    activities: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    value: str = "value"
    canonical_source: str | None = None


def matching_definition(metric: Metric) -> tuple[object, ...]:
    """What of a metric decides which events match and count; a change of it restates history."""
    return (
        metric.unit,
        metric.events,
        metric.activities,
        metric.where,
        metric.value,
        metric.aggregation == "count",
    )


def reads_content(metric: Metric) -> bool:
    """Whether it hangs on what an erasure takes from an event: its subject or its data."""
    names = (metric.value, *(condition.property for condition in metric.where))
    return any(name == "subject" or name.startswith("data.") for name in names)


def matching_rule_id(metric: Metric) -> str:
    """The name of what decides which events match and count: metrics that match alike have the same."""
    where = [[condition.property, condition.op, condition.value] for condition in metric.where]
    is_count = metric.aggregation == "count"
    content = [metric.unit, metric.events, metric.activities, where, metric.value, is_count]
    return sha256(to_canonical_json(content).encode()).hexdigest()[:16]


class Match(NamedTuple):
    """How an event stands to a metric it matches.

    Shape: `state` is counts, work (an activity towards it), other_unit or no_value (an event of it that lacks a
    number).
    Units: `value` in ten-thousandths, 0 when it does not count; `unit` is the event's, where it is left out for it.
    """

    metric: str
    state: str
    value: int = 0
    unit: str = ""

    @property
    def label(self) -> str:
        """The state as a set of matches names it: with the currency that is left out, so that roll-ups tell which.

        Only currencies are told apart: every set is read for every score, and units of free text would be many.
        """
        is_currency = (
            len(self.unit) == CURRENCY_CODE_LENGTH
            and self.unit.isascii()
            and self.unit.isalpha()
            and self.unit.isupper()
        )
        return f"{OTHER_UNIT_PREFIX}{self.unit}" if is_currency else self.state


class Matcher:
    """All live metrics of an organization, compiled once: from an event to its matches."""

    __slots__ = ("_by_type",)

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        """Indexes the metrics by the event types that they name."""
        by_type: dict[
            str, list[tuple[Metric, tuple[Callable[[Event], bool], ...], ValueReader]]
        ] = {}
        for key in sorted(metrics):
            metric = metrics[key]
            compiled = (
                metric,
                tuple(map(_compile_condition, metric.where)),
                _value_reader(metric.value),
            )
            for event_type in sorted({*metric.events, *metric.activities}):
                by_type.setdefault(event_type, []).append(compiled)
        self._by_type = by_type

    def match(self, event: Event) -> tuple[Match, ...]:
        """The metrics that `event` matches, by key, and whether it counts for each.

        An erased one answers rules that read its content as it did when it was erased, and newer ones as it is now.
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
        """What the rules that read its content make of an event: all that has to outlive the content."""
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
    """A function from an event to the ten-thousandths of the property's value, None when it is no such number."""
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
    """A function from an event to the property's value, ABSENT when it is lacking or null."""
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
    read_property, operand, op = _property_reader(condition.property), condition.value, condition.op
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
    """Equality without conversion: true is not 1, "1" is not 1, and 1 is 1.0."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if _is_number(left) and _is_number(right):
        return left == right
    return isinstance(left, str) and isinstance(right, str) and left == right
