"""The fields of a CloudEvent that a mapping reads into an event."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from app.domain.sources.crm.changes import Scalar
from app.domain.sources.mapping import json_pointer
from app.domain.sources.mapping.mapping import EventRules
from app.domain.sources.mapping.rules import Rule
from app.domain.sources.mapping.values import to_event_datum

EVENT_MEMBERS: Final = ("team", "kind", "value", "unit", "effort", "objective")
DEFAULT_EVENT_RULES: Final[Mapping[str, object]] = MappingProxyType(
    {name: {"property": f"/data/{name}"} for name in EVENT_MEMBERS}
)


def read_event_members(record: Mapping[str, object], rules: EventRules) -> dict[str, object]:
    """Return the event members and the `data` that the rules find in a CloudEvent.

    `record` is a structured CloudEvent. Missing members are absent; the caller adds id, type and
    time. An unreadable value is returned raw, so that the event's validation rejects it. Without
    rules for data, the event's own data is returned, except what other rules read.
    """
    member_rules: dict[str, Rule | None] = {
        member_name: getattr(rules, member_name) for member_name in EVENT_MEMBERS
    }
    event_members = {
        member_name: mapped
        for member_name, rule in member_rules.items()
        if rule and (mapped := _read_or_raw(record, rule)) is not None
    }
    data: dict[str, object] = {}
    source_data = record.get("data")
    if rules.data is not None:
        data = {
            member_name: mapped
            for member_name, rule in rules.data.items()
            if (mapped := to_event_datum(rule.evaluate_record(record))) is not None
        }
    elif isinstance(source_data, Mapping):
        consumed_properties = {
            member_name
            for rule in member_rules.values()
            if rule is not None
            for member_name in rule.properties
        }
        data = {
            str(member_name): member
            for member_name, member in source_data.items()
            if f"/data/{member_name}" not in consumed_properties and member is not None
        }
    return {**event_members, "data": data} if data else event_members


def _read_or_raw(record: object, rule: Rule) -> object:
    mapped: Scalar = rule.evaluate_record(record)
    if mapped is not None:
        return mapped
    raw_values = (json_pointer.find_value(record, pointer) for pointer in rule.properties)
    return next(
        (
            candidate
            for candidate in raw_values
            if candidate is not None and candidate is not json_pointer.ABSENT
        ),
        None,
    )
