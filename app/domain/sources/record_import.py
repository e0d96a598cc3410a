"""Records of deals that existed before connecting, as snapshots for the fold that deliveries go through."""

from collections.abc import Collection, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final

from app.domain.primitives import strict_json
from app.domain.primitives.errors import MalformedError
from app.domain.sources.crm.changes import Change, Scalar, to_milliseconds, to_record_id
from app.domain.sources.crm.deal_stages import find_deal_class
from app.domain.sources.crm.line_items import LINE_ITEM_TYPE
from app.domain.sources.crm.timeline import RecordTimeline
from app.domain.sources.mapping import json_pointer as pointers
from app.domain.sources.mapping.generic_envelope import ParsedRecords
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.mapping.values import parse_instant, to_text

ID_PROPERTIES: Final = (
    "id",
    "Id",
    "ID",
    "hs_object_id",
    "Record ID",
    "Deal - ID",
    "Opportunity ID",
)


def parse_record_import(body: object, mapping: DealMapping, received_at: datetime) -> ParsedRecords:
    """The snapshots in `{"records": [...], "taken_at": ...}`, each once, and the problems of the records that are none.

    Shape: a record is an object of the CRM's own properties with its id, or as HubSpot's API has it, those under
    `properties`; an empty text is known to be empty. A snapshot is of the time that the mapping's `modified_at` (or a
    generic one's `occurred_at`) says, else of `taken_at`, else of now. `line_items` in a record are its line items,
    each an object like the record. One with a date that cannot be read is set aside, and so is a won or lost one that
    says neither when it was closed nor when it was modified: its deal would be dated by the import.
    Raises: MalformedError when there is no list of records, or `taken_at` is no time.
    """
    records = body.get("records") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(records, list):
        raise MalformedError('The body is not {"records": [...]}.')
    taken_at_raw = body.get("taken_at")
    taken_at = parse_instant(taken_at_raw, "rfc3339") if isinstance(taken_at_raw, str) else None
    if taken_at_raw is not None and taken_at is None:
        raise MalformedError("taken_at is not a time as RFC 3339 has it.")
    indexed_changes: dict[str, tuple[int, Change]] = {}
    problems: list[tuple[int, str]] = []
    ignored_count = 0
    for index, record in enumerate(records):
        record_changes = _parse_record(record, mapping, taken_at, received_at)
        if isinstance(record_changes, str):
            problems.append((index, record_changes))
            continue
        ignored_count += all(change.key in indexed_changes for change in record_changes)
        for change in record_changes:
            indexed_changes.setdefault(change.key, (index, change))
    return ParsedRecords(tuple(indexed_changes.values()), tuple(problems), ignored_count)


def _parse_record(
    raw: object, mapping: DealMapping, taken_at: datetime | None, received_at: datetime
) -> list[Change] | str:
    """The snapshot that one record is, with its line items, or the sentence that says why it is none."""
    record = _flatten_record(raw)
    if record is None:
        return "The record is not a JSON object."
    id_ = _find_record_id(record, mapping)
    if id_ is None:
        return f"The record has no id: a text without spaces or slashes, or a whole number, as one of {', '.join(ID_PROPERTIES)}."
    fields = _read_fields(record, mapping.properties())
    if not fields:
        return "The record has none of the properties that the mapping reads."
    date_problem = _find_unreadable_date(fields, mapping)
    if date_problem is not None:
        return date_problem
    modified_at = None if mapping.modified_at is None else mapping.modified_at.evaluate(fields.get)
    modified_at = (
        modified_at
        if modified_at is not None or mapping.envelope is None
        else mapping.envelope.occurred_at.evaluate_record(record)
    )
    snapshot_at = modified_at or taken_at or received_at
    time_key = "" if snapshot_at is received_at else str(to_milliseconds(snapshot_at))
    deal_snapshot = _snapshot_change(f"deal:{id_}", fields, snapshot_at, time_key)
    closing_problem = (
        None if modified_at is not None else _find_undated_closing(deal_snapshot, mapping)
    )
    if closing_problem is not None:
        return closing_problem
    line_item_changes = _parse_line_items(record, f"deal:{id_}", mapping, snapshot_at, time_key)
    return (
        line_item_changes
        if isinstance(line_item_changes, str)
        else [deal_snapshot, *line_item_changes]
    )


def _flatten_record(raw: object) -> Mapping[str, object] | None:
    """A record with what stands under `properties` beside the rest. None when it is no object."""
    if not isinstance(raw, Mapping):
        return None
    nested_properties = raw.get("properties")
    return {**raw, **nested_properties} if isinstance(nested_properties, Mapping) else raw


def _read_fields(record: Mapping[str, object], properties: Collection[str]) -> dict[str, Scalar]:
    fields: dict[str, Scalar] = {}
    for name in sorted(properties):
        value = (
            pointers.to_scalar(record[name])
            if name in record
            else pointers.resolve_scalar(record, name)
        )
        if not isinstance(value, pointers.Absent):
            fields[name] = None if value == "" else value
    return fields


def _find_unreadable_date(fields: Mapping[str, Scalar], mapping: DealMapping) -> str | None:
    """What is wrong with the dates of a record. None when each can be read, or is not there."""
    instant_rules = (("created_at", mapping.created_at), ("closed_at", mapping.closed_at))
    for member, instant_rule in (*instant_rules, ("modified_at", mapping.modified_at)):
        names = () if instant_rule is None else instant_rule.properties
        name = next((name for name in names if fields.get(name) is not None), None)
        if (
            instant_rule is not None
            and name is not None
            and instant_rule.evaluate(fields.get) is None
        ):
            raw_text = to_text(fields[name])[:100]
            return (
                f"Its {name}, '{raw_text}', cannot be read as a time: write it like 2026-10-02 or 2026-10-02T12:00:00Z, or "
                f"say its format in the mapping's {member}."
            )
    return None


def _find_undated_closing(deal: Change, mapping: DealMapping) -> str | None:
    """Why only the import would say when a deal was closed. None when it is open, or says so itself."""
    state = find_deal_class(RecordTimeline([deal]), mapping, deal.at)
    if state not in ("won", "lost"):
        return None
    closed_at = None if mapping.closed_at is None else mapping.closed_at.evaluate(deal.fields.get)
    if mapping.closed_at is None:
        return f"It is {state}, and the mapping has no closed_at that says when: it would be dated by the import."
    names = " or ".join(mapping.closed_at.properties)
    if closed_at is None:
        return f"It is {state} and has no {names}: it would be dated by the import."
    if closed_at > deal.at:
        snapshot_time = f"{deal.at:%Y-%m-%d %H:%M} UTC"
        return f"It is {state}, and its {names} lies after {snapshot_time}, when that was so: it would be dated by the import."
    return None


def _snapshot_change(
    entity: str, fields: Mapping[str, Scalar], snapshot_at: datetime, time_key: str
) -> Change:
    content = sha256(strict_json.dumps(fields).encode()).hexdigest()[:32]
    return Change(entity, f"records|{entity}|{time_key}|{content}", snapshot_at, "snapshot", fields)


def _parse_line_items(
    record: Mapping[str, object],
    deal: str,
    mapping: DealMapping,
    snapshot_at: datetime,
    time_key: str,
) -> list[Change] | str:
    """The line items that a record carries, put to its deal; one without an id is known by its place."""
    properties, line_items_raw = mapping.line_item_properties(), record.get("line_items")
    if line_items_raw is None or not properties:
        return []
    if not isinstance(line_items_raw, list):
        return "Its line_items are no list."
    line_item_changes: list[Change] = []
    for position, line_item_raw in enumerate(line_items_raw, 1):
        line_item = _flatten_record(line_item_raw)
        if line_item is None:
            return f"Its line item {position} is not a JSON object."
        id_raw = next(
            (line_item[name] for name in ID_PROPERTIES if name in line_item),
            f"{deal.partition(':')[2]}.{position}",
        )
        id_ = to_record_id(id_raw)
        if id_ is None:
            return f"Its line item {position} has an id that is neither a text without spaces or slashes nor a number."
        entity = f"{LINE_ITEM_TYPE}:{id_}"
        key = f"records|association|{deal}|{entity}|{time_key}"
        line_item_changes += [
            _snapshot_change(entity, _read_fields(line_item, properties), snapshot_at, time_key)
        ]
        line_item_changes += [Change(entity, key, snapshot_at, "associated", other=deal)]
    return line_item_changes


def _find_record_id(record: Mapping[str, object], mapping: DealMapping) -> str | None:
    raw: object = None if mapping.envelope is None else mapping.envelope.id.evaluate_record(record)
    raw = (
        next((record[name] for name in ID_PROPERTIES if name in record), None)
        if raw is None
        else raw
    )
    return to_record_id(raw)
