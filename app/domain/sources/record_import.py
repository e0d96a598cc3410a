"""Records of deals that existed before connecting, as snapshots for the fold that deliveries go through."""

from collections.abc import Collection, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final

from app.domain.primitives import strict_json
from app.domain.primitives.errors import MalformedError
from app.domain.sources.crm.changes import Change, Scalar, identity, milliseconds
from app.domain.sources.crm.deal_stages import class_at
from app.domain.sources.crm.line_items import KIND
from app.domain.sources.crm.timeline import History
from app.domain.sources.mapping import json_pointer as pointers
from app.domain.sources.mapping.generic_envelope import Records
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.mapping.values import instant, text

IDS: Final = ("id", "Id", "ID", "hs_object_id", "Record ID", "Deal - ID", "Opportunity ID")


def changes(body: object, mapping: DealMapping, received_at: datetime) -> Records:
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
    said = body.get("taken_at")
    taken = instant(said, "rfc3339") if isinstance(said, str) else None
    if said is not None and taken is None:
        raise MalformedError("taken_at is not a time as RFC 3339 has it.")
    found: dict[str, tuple[int, Change]] = {}
    problems: list[tuple[int, str]] = []
    ignored = 0
    for index, record in enumerate(records):
        told = _told(record, mapping, taken, received_at)
        if isinstance(told, str):
            problems.append((index, told))
            continue
        ignored += all(change.key in found for change in told)
        for change in told:
            found.setdefault(change.key, (index, change))
    return Records(tuple(found.values()), tuple(problems), ignored)


def _told(
    raw: object, mapping: DealMapping, taken: datetime | None, received_at: datetime
) -> list[Change] | str:
    """The snapshot that one record is, with its line items, or the sentence that says why it is none."""
    record = _whole(raw)
    if record is None:
        return "The record is not a JSON object."
    id_ = _identity(record, mapping)
    if id_ is None:
        return f"The record has no id: a text without spaces or slashes, or a whole number, as one of {', '.join(IDS)}."
    fields = _fields(record, mapping.properties())
    if not fields:
        return "The record has none of the properties that the mapping reads."
    unreadable = _unreadable(fields, mapping)
    if unreadable is not None:
        return unreadable
    told = None if mapping.modified_at is None else mapping.modified_at.read(fields.get)
    told = (
        told
        if told is not None or mapping.envelope is None
        else mapping.envelope.occurred_at.of(record)
    )
    at = told or taken or received_at
    stamp = "" if at is received_at else str(milliseconds(at))
    deal = _snapshot(f"deal:{id_}", fields, at, stamp)
    undated = None if told is not None else _undated(deal, mapping)
    if undated is not None:
        return undated
    items = _items(record, f"deal:{id_}", mapping, at, stamp)
    return items if isinstance(items, str) else [deal, *items]


def _whole(raw: object) -> Mapping[str, object] | None:
    """A record with what stands under `properties` beside the rest. None when it is no object."""
    if not isinstance(raw, Mapping):
        return None
    below = raw.get("properties")
    return {**raw, **below} if isinstance(below, Mapping) else raw


def _fields(record: Mapping[str, object], properties: Collection[str]) -> dict[str, Scalar]:
    fields: dict[str, Scalar] = {}
    for name in sorted(properties):
        value = pointers.scalar(record[name]) if name in record else pointers.resolve(record, name)
        if not isinstance(value, pointers.Absent):
            fields[name] = None if value == "" else value
    return fields


def _unreadable(fields: Mapping[str, Scalar], mapping: DealMapping) -> str | None:
    """What is wrong with the dates of a record. None when each can be read, or is not there."""
    moments = (("created_at", mapping.created_at), ("closed_at", mapping.closed_at))
    for member, moment in (*moments, ("modified_at", mapping.modified_at)):
        names = () if moment is None else moment.properties
        name = next((name for name in names if fields.get(name) is not None), None)
        if moment is not None and name is not None and moment.read(fields.get) is None:
            said = text(fields[name])[:100]
            return (
                f"Its {name}, '{said}', cannot be read as a time: write it like 2026-10-02 or 2026-10-02T12:00:00Z, or "
                f"say its format in the mapping's {member}."
            )
    return None


def _undated(deal: Change, mapping: DealMapping) -> str | None:
    """Why only the import would say when a deal was closed. None when it is open, or says so itself."""
    said = class_at(History([deal]), mapping, deal.at)
    if said not in ("won", "lost"):
        return None
    closed = None if mapping.closed_at is None else mapping.closed_at.read(deal.fields.get)
    if mapping.closed_at is None:
        return f"It is {said}, and the mapping has no closed_at that says when: it would be dated by the import."
    names = " or ".join(mapping.closed_at.properties)
    if closed is None:
        return f"It is {said} and has no {names}: it would be dated by the import."
    if closed > deal.at:
        taken = f"{deal.at:%Y-%m-%d %H:%M} UTC"
        return f"It is {said}, and its {names} lies after {taken}, when that was so: it would be dated by the import."
    return None


def _snapshot(entity: str, fields: Mapping[str, Scalar], at: datetime, stamp: str) -> Change:
    content = sha256(strict_json.dumps(fields).encode()).hexdigest()[:32]
    return Change(entity, f"records|{entity}|{stamp}|{content}", at, "snapshot", fields)


def _items(
    record: Mapping[str, object], deal: str, mapping: DealMapping, at: datetime, stamp: str
) -> list[Change] | str:
    """The line items that a record carries, put to its deal; one without an id is known by its place."""
    properties, raw = mapping.line_item_properties(), record.get("line_items")
    if raw is None or not properties:
        return []
    if not isinstance(raw, list):
        return "Its line_items are no list."
    told: list[Change] = []
    for place, each in enumerate(raw, 1):
        item = _whole(each)
        if item is None:
            return f"Its line item {place} is not a JSON object."
        said = next(
            (item[name] for name in IDS if name in item), f"{deal.partition(':')[2]}.{place}"
        )
        id_ = identity(said)
        if id_ is None:
            return f"Its line item {place} has an id that is neither a text without spaces or slashes nor a number."
        entity = f"{KIND}:{id_}"
        key = f"records|association|{deal}|{entity}|{stamp}"
        told += [_snapshot(entity, _fields(item, properties), at, stamp)]
        told += [Change(entity, key, at, "associated", other=deal)]
    return told


def _identity(record: Mapping[str, object], mapping: DealMapping) -> str | None:
    raw: object = None if mapping.envelope is None else mapping.envelope.id.of(record)
    raw = next((record[name] for name in IDS if name in record), None) if raw is None else raw
    return identity(raw)
