"""Metrics: which events match one, which count for it, and with what value."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from operator import ge, gt, le, lt
from typing import ClassVar, Final, NamedTuple, TypeAlias, TypeGuard

from app.domain.events.events import Event, Remembered, canonical
from app.domain.primitives.decimals import number, parse

AGGREGATIONS: Final = ("sum", "count", "mean", "min", "max", "last")
OPERATORS: Final = ("eq", "ne", "in", "not_in", "gt", "gte", "lt", "lte", "exists")
COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "gt": gt,
    "gte": ge,
    "lt": lt,
    "lte": le,
}
ABSENT: Final = object()
LEFT_OUT: Final = "other_unit:"
CODE: Final = 3  # letters of a currency (ISO 4217)

Scalar: TypeAlias = str | bool | int | float
Reader: TypeAlias = Callable[[Event], object]
Valued: TypeAlias = Callable[[Event], int | None]


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
        return isinstance(other, Condition) and _told(self) == _told(other)

    def __hash__(self) -> int:
        """The same for the same condition."""
        return hash(_told(self))


def _told(condition: Condition) -> tuple[object, ...]:
    value = condition.value
    truths = tuple(
        isinstance(one, bool) for one in (value if isinstance(value, tuple) else (value,))
    )
    return condition.property, condition.op, value, truths


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


def matching_part(metric: Metric) -> tuple[object, ...]:
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


def rule(metric: Metric) -> str:
    """The name of what decides which events match and count: metrics that match alike have the same."""
    where = [[condition.property, condition.op, condition.value] for condition in metric.where]
    counted = metric.aggregation == "count"
    content = [metric.unit, metric.events, metric.activities, where, metric.value, counted]
    return sha256(canonical(content).encode()).hexdigest()[:16]


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
        currency = (
            len(self.unit) == CODE
            and self.unit.isascii()
            and self.unit.isalpha()
            and self.unit.isupper()
        )
        return f"{LEFT_OUT}{self.unit}" if currency else self.state


class Matcher:
    """All live metrics of an organization, compiled once: from an event to its matches."""

    __slots__ = ("_by_type",)

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        """Indexes the metrics by the event types that they name."""
        by_type: dict[str, list[tuple[Metric, tuple[Callable[[Event], bool], ...], Valued]]] = {}
        for key in sorted(metrics):
            metric = metrics[key]
            compiled = (metric, tuple(map(_condition, metric.where)), _valued(metric.value))
            for kind in sorted({*metric.events, *metric.activities}):
                by_type.setdefault(kind, []).append(compiled)
        self._by_type = by_type

    def match(self, event: Event) -> tuple[Match, ...]:
        """The metrics that `event` matches, by key, and whether it counts for each.

        An erased one answers rules that read its content as it did when it was erased, and newer ones as it is now.
        """
        if event.erased is not None:
            return tuple(self._remembered(event, event.erased))
        return tuple(
            [
                _judge(metric, valued, event)
                for metric, conditions, valued in self._by_type.get(event.type, ())
                if not conditions or all(holds(event) for holds in conditions)
            ]
        )

    def _remembered(self, event: Event, erased: Remembered) -> Iterator[Match]:
        for metric, conditions, reader in self._by_type.get(event.type, ()):
            name = rule(metric) if reads_content(metric) else ""
            known = erased.get(name)
            if known is not None:
                state, value = known  # and the unit, which the event still has
                yield Match(
                    metric.key, state, value, (event.unit or "") if state == "other_unit" else ""
                )
            elif name not in erased and all(holds(event) for holds in conditions):
                yield _judge(metric, reader, event)

    def remember(self, event: Event) -> Remembered:
        """What the rules that read its content make of an event: all that has to outlive the content."""
        found = {match.metric: (match.state, match.value) for match in self.match(event)}
        return {
            rule(metric): found.get(metric.key)
            for metric, _, _ in self._by_type.get(event.type, ())
            if reads_content(metric)
        }


def _judge(metric: Metric, valued: Valued, event: Event) -> Match:
    if event.type not in metric.events:
        return Match(metric.key, "work")
    value = valued(event)
    if metric.aggregation == "count":
        return Match(metric.key, "counts", value or 0)
    if value is None:
        return Match(metric.key, "no_value")
    if metric.unit is not None and event.unit is not None and metric.unit != event.unit:
        return Match(metric.key, "other_unit", unit=event.unit)
    return Match(metric.key, "counts", value)


def _valued(path: str) -> Valued:
    """A function from an event to the ten-thousandths of the property's value, None when it is no such number."""
    if path == "value":
        return lambda event: event.value
    read = _reader(path)
    return lambda event: _as_fixed(read(event))


def _as_fixed(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    try:
        return parse(value)
    except ValueError:
        return None


def _reader(path: str) -> Reader:
    """A function from an event to the property's value, ABSENT when it is lacking or null."""
    if path.startswith("data."):
        steps = path.split(".")[1:]
        return lambda event: _walk(event.data, steps)
    if path == "value":
        return lambda event: ABSENT if event.value is None else number(event.value)

    def plain(event: Event) -> object:
        found: object = getattr(event, path)
        return ABSENT if found is None else found

    return plain


def _walk(data: object, steps: list[str]) -> object:
    for step in steps:
        if not isinstance(data, Mapping) or step not in data:
            return ABSENT
        data = data[step]
    return ABSENT if data is None else data


def _condition(condition: Condition) -> Callable[[Event], bool]:
    read, wanted, op = _reader(condition.property), condition.value, condition.op
    if op == "exists":
        expected = wanted is not False
        return lambda event: (read(event) is not ABSENT) is expected
    if op in ("in", "not_in"):
        options = wanted if isinstance(wanted, tuple) else (wanted,)
        inside = op == "in"
        return lambda event: any(_same(read(event), option) for option in options) is inside
    if op in ("eq", "ne"):
        equal = op == "eq"
        return lambda event: _same(read(event), wanted) is equal
    return _comparison(read, op, wanted)


def _comparison(read: Reader, op: str, wanted: object) -> Callable[[Event], bool]:
    compare = COMPARE[op]

    def holds(event: Event) -> bool:
        value = read(event)
        return _is_number(value) and _is_number(wanted) and compare(value, wanted)

    return holds


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(value: object, wanted: object) -> bool:
    """Equality without conversion: true is not 1, "1" is not 1, and 1 is 1.0."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if _is_number(value) and _is_number(wanted):
        return value == wanted
    return isinstance(value, str) and isinstance(wanted, str) and value == wanted
