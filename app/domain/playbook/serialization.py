"""Conversion of resources to JSON and back, for the journal, revisions and plans."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, partial
from typing import Any, Final, TypeAlias, get_type_hints

from app.domain.events.metrics import Condition, Metric
from app.domain.playbook.configuration import Resource
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Organization, Policy, Team
from app.domain.playbook.playbooks import Contribution, Playbook, Revision, Signoff
from app.domain.primitives.decimals import to_fixed_point, to_json_number
from app.domain.sources.sources import Source

FieldEncoder: TypeAlias = Callable[[Any], object]  # Any: each field has its own type
RESOURCE_CLASSES: Final[Mapping[str, type[Resource]]] = {
    resource_class.kind: resource_class
    for resource_class in (
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
FIXED_POINT_FIELDS: Final = frozenset(
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
DATE_FIELDS: Final = frozenset({"starts_on", "ends_on", "available_from", "retired_on"})


def to_json(resource: Resource, excluded_fields: frozenset[str] = frozenset()) -> dict[str, object]:
    """Return the fields of a resource as JSON, without the excluded ones."""
    members: dict[str, object] = {}
    for field_name, encode in _field_encoders(resource.kind, excluded_fields):
        value = getattr(resource, field_name)
        members[field_name] = value if encode is None or value is None else encode(value)
    return members


@cache
def _field_encoders(
    kind: str, excluded_fields: frozenset[str]
) -> Sequence[tuple[str, FieldEncoder | None]]:
    """Return the fields of a kind with their encoders; None for JSON's own types."""
    hints = get_type_hints(RESOURCE_CLASSES[kind])
    field_names = [
        resource_field.name
        for resource_field in fields(RESOURCE_CLASSES[kind])
        if resource_field.name not in excluded_fields
    ]
    return [
        (field_name, _find_encoder(field_name, hints[field_name])) for field_name in field_names
    ]


def _find_encoder(name: str, hint: object) -> FieldEncoder | None:
    if name in FIXED_POINT_FIELDS:
        return to_json_number if hint is int else partial(_encode_value, name)
    return None if hint in (str, str | None, int, bool) else partial(_encode_value, name)


def from_json(kind: str, content: Mapping[str, object]) -> Resource:
    """Return the resource that `to_json` converted. Missing fields get their defaults."""
    field_names = {resource_field.name for resource_field in fields(RESOURCE_CLASSES[kind])}
    arguments = {
        field_name: decode_field(kind, field_name, value)
        for field_name, value in content.items()
        if field_name in field_names
    }
    return RESOURCE_CLASSES[kind](**arguments)  # type: ignore[arg-type]  # the names and values are those of that class


def decode_field(kind: str, name: str, value: object) -> object:
    """Return the value of one field from its JSON."""
    if value is None:
        return None
    if name in FIXED_POINT_FIELDS and isinstance(value, (int, float, Decimal)):
        return to_fixed_point(value)
    if name in DATE_FIELDS and isinstance(value, str):
        return date.fromisoformat(value)
    if name == "published_at" and isinstance(value, str):
        return datetime.fromisoformat(value)
    if name == "weights" and isinstance(value, Mapping):
        return {component_name: to_fixed_point(weight) for component_name, weight in value.items()}
    return to_tuples(kind, name, value)


def to_tuples(kind: str, name: str, value: object) -> object:
    """Return a metric's lists as tuples and its conditions as Conditions.

    Other values are returned unchanged.
    """
    if kind != "metric" or not isinstance(value, (list, tuple)):
        return value
    if name != "where":
        return tuple(value)
    return tuple(
        Condition(
            condition["property"],
            condition["op"],
            tuple(condition["value"])
            if isinstance(condition["value"], list)
            else condition["value"],
        )
        for condition in value
    )


def _encode_value(name: str, value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and name in FIXED_POINT_FIELDS:
        return to_json_number(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if name == "weights" and isinstance(value, Mapping):
        return {component_name: to_json_number(weight) for component_name, weight in value.items()}
    return to_json_collections(value)


def to_json_collections(value: object) -> object:
    """Return tuples as lists and conditions as objects."""
    if isinstance(value, Condition):
        return {
            "property": value.property,
            "op": value.op,
            "value": to_json_collections(value.value),
        }
    if isinstance(value, tuple):
        return [to_json_collections(element) for element in value]
    return value
