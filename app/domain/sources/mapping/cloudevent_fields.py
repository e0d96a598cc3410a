"""An event of a foreign shape (CloudEvents) read into the members of ours that the mapping names."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from app.domain.sources.crm.changes import Scalar
from app.domain.sources.mapping import json_pointer as pointers
from app.domain.sources.mapping.mapping import EventRules
from app.domain.sources.mapping.rules import Rule
from app.domain.sources.mapping.values import datum

MEMBERS: Final = ("team", "kind", "value", "unit", "effort", "objective")
STOCK: Final[Mapping[str, object]] = MappingProxyType(
    {name: {"property": f"/data/{name}"} for name in MEMBERS}
)


def members(record: Mapping[str, object], rules: EventRules) -> dict[str, object]:
    """What an event says of `MEMBERS` and `data`; what it does not say is not in it: id, type, time are the caller's.

    Shape: `record` as a structured CloudEvent: its attributes, and `data`. A value that cannot be read stands as it
    came, for the check of events to refuse. Without rules of its own, `data` is the event's own data, where that is an
    object, but for what the other rules read of it.
    """
    named: dict[str, Rule | None] = {name: getattr(rules, name) for name in MEMBERS}
    found = {
        name: said
        for name, rule in named.items()
        if rule and (said := _said(record, rule)) is not None
    }
    data: dict[str, object] = {}
    own = record.get("data")
    if rules.data is not None:
        data = {
            name: said
            for name, rule in rules.data.items()
            if (said := datum(rule.of(record))) is not None
        }
    elif isinstance(own, Mapping):
        read = {name for rule in named.values() if rule is not None for name in rule.properties}
        data = {
            str(name): value
            for name, value in own.items()
            if f"/data/{name}" not in read and value is not None
        }
    return {**found, "data": data} if data else found


def _said(record: object, rule: Rule) -> object:
    said: Scalar = rule.of(record)
    if said is not None:
        return said
    raw = (pointers.find(record, name) for name in rule.properties)
    return next(
        (value for value in raw if value is not None and value is not pointers.ABSENT), None
    )
