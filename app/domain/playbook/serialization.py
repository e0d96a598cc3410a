"""Configuration as JSON and back: what the journal keeps, what a revision holds and what a plan shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, partial
from typing import Any, Final, TypeAlias, get_type_hints

from app.domain.events.metrics import Condition, Metric
from app.domain.playbook.configuration import Noun
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Organization, Policy, Team
from app.domain.playbook.playbooks import Contribution, Playbook, Revision, Signoff
from app.domain.primitives.decimals import number, parse
from app.domain.sources.sources import Source

Show: TypeAlias = Callable[[Any], object]  # Any: each field has its own type
CLASSES: Final[Mapping[str, type[Noun]]] = {
    found.kind: found
    for found in (
        Organization,
        Policy,
        Team,
        Source,
        Metric,
        Offering,
        Playbook,
        Objective,
        KeyResult,
        Responsibility,
        Contribution,
        Signoff,
        Revision,
    )
}
FIXED: Final = frozenset(
    {
        "size",
        "priority",
        "share",
        "weight",
        "baseline",
        "target",
        "half_life_days",
        "minimum_coverage",
    }
)
DAYS: Final = frozenset({"starts_on", "ends_on", "available_from", "retired_on"})


def to_json(noun: Noun, without: frozenset[str] = frozenset()) -> dict[str, object]:
    """All fields of a thing but for some, as they stand on the wire."""
    found: dict[str, object] = {}
    for name, shown in _shape(noun.kind, without):
        value = getattr(noun, name)
        found[name] = value if shown is None or value is None else shown(value)
    return found


@cache
def _shape(kind: str, without: frozenset[str]) -> Sequence[tuple[str, Show | None]]:
    """The fields of a kind of thing, and how JSON shows the values of each: as they are where it is None."""
    hints = get_type_hints(CLASSES[kind])
    names = [found.name for found in fields(CLASSES[kind]) if found.name not in without]
    return [(name, _shown(name, hints[name])) for name in names]


def _shown(name: str, hint: object) -> Show | None:
    if name in FIXED:
        return number if hint is int else partial(_plain, name)
    return None if hint in (str, str | None, int, bool) else partial(_plain, name)


def from_json(kind: str, content: Mapping[str, object]) -> Noun:
    """The thing that `to_json` made this of; fields that it lacks have their defaults."""
    known = {found.name for found in fields(CLASSES[kind])}
    values = {name: restore(kind, name, value) for name, value in content.items() if name in known}
    return CLASSES[kind](**values)  # type: ignore[arg-type]  # the names and values are those of that class


def restore(kind: str, name: str, value: object) -> object:
    """One field's value from its JSON."""
    if value is None:
        return None
    if name in FIXED and isinstance(value, (int, float, Decimal)):
        return parse(value)
    if name in DAYS and isinstance(value, str):
        return date.fromisoformat(value)
    if name == "published_at" and isinstance(value, str):
        return datetime.fromisoformat(value)
    if name == "weights" and isinstance(value, Mapping):
        return {key: parse(weight) for key, weight in value.items()}
    return collections(kind, name, value)


def collections(kind: str, name: str, value: object) -> object:
    """A metric's lists as tuples, its conditions as Conditions; everything else as it is."""
    if kind != "metric" or not isinstance(value, (list, tuple)):
        return value
    if name != "where":
        return tuple(value)
    return tuple(
        Condition(
            found["property"],
            found["op"],
            tuple(found["value"]) if isinstance(found["value"], list) else found["value"],
        )
        for found in value
    )


def _plain(name: str, value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and name in FIXED:
        return number(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if name == "weights" and isinstance(value, Mapping):
        return {key: number(weight) for key, weight in value.items()}
    return flat(value)


def flat(value: object) -> object:
    """Tuples as lists and conditions as objects."""
    if isinstance(value, Condition):
        return {"property": value.property, "op": value.op, "value": flat(value.value)}
    if isinstance(value, tuple):
        return [flat(item) for item in value]
    return value
