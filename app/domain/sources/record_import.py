"""Import of deals that existed before a source was connected, as snapshot changes."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from app.domain.primitives import strict_json
from app.domain.primitives.errors import MalformedError
from app.domain.sources.crm.changes import Change, Scalar, to_milliseconds, to_record_id
from app.domain.sources.crm.deal_stages import find_deal_class
from app.domain.sources.crm.line_items import LINE_ITEM_TYPE
from app.domain.sources.crm.timeline import RecordTimeline
from app.domain.sources.mapping import json_pointer
from app.domain.sources.mapping.generic_envelope import ParsedRecords
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.mapping.values import parse_instant, to_text


def parse_record_import(
    body: object, mapping: DealMapping, received_at: datetime, id_properties: Sequence[str]
) -> ParsedRecords:
    """Return the snapshots in `{"records": [...], "taken_at": ...}`, and the records' problems.

    A record is an object of the CRM's own properties with its id under one of `id_properties`.
    HubSpot's API nests the properties under `properties`; both forms are read. An empty text means
    that the property is known to be empty. `line_items` of a record are objects like the record.

    A snapshot is dated by the mapping's `modified_at` (or `occurred_at` of a generic mapping), else
    by `taken_at`, else by `received_at`. A record with an unreadable date is a problem. A won or
    lost record needs a closing or modification time; otherwise its win or loss would get the time
    of the import.
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
        record_changes = _parse_record(record, mapping, taken_at, received_at, id_properties)
        if isinstance(record_changes, str):
            problems.append((index, record_changes))
            continue
        ignored_count += all(change.key in indexed_changes for change in record_changes)
        for change in record_changes:
            indexed_changes.setdefault(change.key, (index, change))
    return ParsedRecords(tuple(indexed_changes.values()), tuple(problems), ignored_count)


def _parse_record(
    raw: object,
    mapping: DealMapping,
    taken_at: datetime | None,
    received_at: datetime,
    id_properties: Sequence[str],
) -> list[Change] | str:
    """Return the snapshots of a record and its line items, or a sentence about its problem."""
    record = _flatten_record(raw)
    if record is None:
        return "The record is not a JSON object."
    id_ = _find_record_id(record, mapping, id_properties)
    if id_ is None:
        return (
            "The record has no id: a text without spaces or slashes, or a whole number, "
            f"as one of {', '.join(id_properties)}."
        )
    fields = _read_fields(record, mapping.properties())
    if not fields:
        return "The record has none of the properties that the mapping reads."
    date_problem = _find_unreadable_date(fields, mapping)
    if date_problem is not None:
        return date_problem
    modified_at = _find_modified_at(record, fields, mapping)
    snapshot_at = modified_at or taken_at or received_at
    # The time of receipt is not part of the key, so that the same record imported again is ignored.
    # The cost: an undated record that returns to earlier content is ignored too.
    time_key = "" if snapshot_at is received_at else str(to_milliseconds(snapshot_at))
    deal_snapshot = _snapshot_change(f"deal:{id_}", fields, snapshot_at, time_key)
    if modified_at is None:
        closing_problem = _find_undated_closing(deal_snapshot, mapping)
        if closing_problem is not None:
            return closing_problem
    line_items = _parse_line_items(record, deal_snapshot, mapping, time_key, id_properties)
    return line_items if isinstance(line_items, str) else [deal_snapshot, *line_items]


def _find_modified_at(
    record: Mapping[str, object], fields: Mapping[str, Scalar], mapping: DealMapping
) -> datetime | None:
    modified_at = None if mapping.modified_at is None else mapping.modified_at.evaluate(fields.get)
    if modified_at is None and mapping.envelope is not None:
        return mapping.envelope.occurred_at.evaluate_record(record)
    return modified_at


def _flatten_record(raw: object) -> Mapping[str, object] | None:
    """Return a record with its nested `properties` at the top level; None if it is no object."""
    if not isinstance(raw, Mapping):
        return None
    nested_properties = raw.get("properties")
    return {**raw, **nested_properties} if isinstance(nested_properties, Mapping) else raw


def _read_fields(record: Mapping[str, object], properties: Collection[str]) -> dict[str, Scalar]:
    fields: dict[str, Scalar] = {}
    for property_name in sorted(properties):
        scalar = (
            json_pointer.to_scalar(record[property_name])
            if property_name in record
            else json_pointer.resolve_scalar(record, property_name)
        )
        if not isinstance(scalar, json_pointer.Absent):
            fields[property_name] = None if scalar == "" else scalar
    return fields


def _find_unreadable_date(fields: Mapping[str, Scalar], mapping: DealMapping) -> str | None:
    """Return the problem of the first unreadable date of a record, or None without one."""
    instant_rules = (("created_at", mapping.created_at), ("closed_at", mapping.closed_at))
    for member, instant_rule in (*instant_rules, ("modified_at", mapping.modified_at)):
        names = () if instant_rule is None else instant_rule.properties
        date_name = next(
            (date_name for date_name in names if fields.get(date_name) is not None), None
        )
        if (
            instant_rule is not None
            and date_name is not None
            and instant_rule.evaluate(fields.get) is None
        ):
            raw_text = to_text(fields[date_name])[:100]
            return (
                f"Its {date_name}, '{raw_text}', cannot be read as a time: "
                "write it like 2026-10-02 or 2026-10-02T12:00:00Z, "
                f"or say its format in the mapping's {member}."
            )
    return None


def _find_undated_closing(deal: Change, mapping: DealMapping) -> str | None:
    """Return the problem of a closed deal whose closing time is unknown, or None."""
    state = find_deal_class(RecordTimeline([deal]), mapping, deal.at)
    if state not in ("won", "lost"):
        return None
    closed_at = None if mapping.closed_at is None else mapping.closed_at.evaluate(deal.fields.get)
    if mapping.closed_at is None:
        return (
            f"It is {state}, and the mapping has no closed_at that says when: "
            "it would be dated by the import."
        )
    names = " or ".join(mapping.closed_at.properties)
    if closed_at is None:
        return f"It is {state} and has no {names}: it would be dated by the import."
    if closed_at > deal.at:
        snapshot_time = f"{deal.at:%Y-%m-%d %H:%M} UTC"
        return (
            f"It is {state}, and its {names} lies after {snapshot_time}, when that was so: "
            "it would be dated by the import."
        )
    return None


def _snapshot_change(
    entity: str, fields: Mapping[str, Scalar], snapshot_at: datetime, time_key: str
) -> Change:
    content = sha256(strict_json.dumps(fields).encode()).hexdigest()[:32]
    return Change(entity, f"records|{entity}|{time_key}|{content}", snapshot_at, "snapshot", fields)


def _parse_line_items(
    record: Mapping[str, object],
    deal_snapshot: Change,
    mapping: DealMapping,
    time_key: str,
    id_properties: Sequence[str],
) -> list[Change] | str:
    """Return the snapshots of the line items and their links to the deal, or a problem.

    A line item without an id is identified by its position.
    """
    property_names = mapping.line_item_properties()
    line_items_raw = record.get("line_items")
    if line_items_raw is None or not property_names:
        return []
    if not isinstance(line_items_raw, list):
        return "Its line_items are no list."
    deal = deal_snapshot.entity
    snapshot_at = deal_snapshot.at
    changes: list[Change] = []
    for position, line_item_raw in enumerate(line_items_raw, 1):
        line_item = _flatten_record(line_item_raw)
        if line_item is None:
            return f"Its line item {position} is not a JSON object."
        default_id = f"{deal.partition(':')[2]}.{position}"
        id_ = to_record_id(_find_first(line_item, id_properties, default_id))
        if id_ is None:
            return (
                f"Its line item {position} has an id that is neither a text without spaces or "
                "slashes nor a number."
            )
        entity = f"{LINE_ITEM_TYPE}:{id_}"
        fields = _read_fields(line_item, property_names)
        changes.append(_snapshot_change(entity, fields, snapshot_at, time_key))
        change_key = f"records|association|{deal}|{entity}|{time_key}"
        changes.append(Change(entity, change_key, snapshot_at, "associated", other=deal))
    return changes


def _find_record_id(
    record: Mapping[str, object], mapping: DealMapping, id_properties: Sequence[str]
) -> str | None:
    raw: object = None if mapping.envelope is None else mapping.envelope.id.evaluate_record(record)
    return to_record_id(_find_first(record, id_properties, None) if raw is None else raw)


def _find_first(record: Mapping[str, object], names: Sequence[str], default: object) -> object:
    return next(
        (record[property_name] for property_name in names if property_name in record), default
    )
