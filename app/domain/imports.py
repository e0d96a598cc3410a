"""Records of deals that existed before connecting, as snapshots for the fold that deliveries go through."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final

from app.domain import pointers, strict_json
from app.domain.changes import Change, Scalar, identity, milliseconds
from app.domain.envelopes import Records
from app.domain.errors import MalformedError
from app.domain.mapping import DealMapping
from app.domain.values import instant

IDS: Final = ("id", "Id", "ID", "hs_object_id", "Record ID", "Deal - ID", "Opportunity ID")


def changes(body: object, mapping: DealMapping, received_at: datetime) -> Records:
    """The snapshots in `{"records": [...], "taken_at": ...}`, each once, and the problems of the records that are none.

    Shape: a record is an object of the CRM's own properties with its id, or as HubSpot's API has it, those under
    `properties`; an empty text is known to be empty. A snapshot is of the time that the mapping's `modified_at` says,
    else of `taken_at`, else of now.
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
    for index, record in enumerate(records):
        change = _snapshot(record, mapping, taken, received_at)
        if isinstance(change, str):
            problems.append((index, change))
        else:
            found.setdefault(change.key, (index, change))
    return Records(tuple(found.values()), tuple(problems), len(records) - len(found) - len(problems))


def _snapshot(raw: object, mapping: DealMapping, taken: datetime | None, received_at: datetime) -> Change | str:
    """The snapshot that one record is, or the sentence that says why it is none."""
    if not isinstance(raw, Mapping):
        return "The record is not a JSON object."
    below = raw.get("properties")
    record = {**raw, **below} if isinstance(below, Mapping) else raw
    id_ = _identity(record, mapping)
    if id_ is None:
        return f"The record has no id: a text without spaces or slashes, or a whole number, as one of {', '.join(IDS)}."
    fields: dict[str, Scalar] = {}
    for name in sorted(mapping.properties()):
        value = pointers.scalar(record[name]) if name in record else pointers.resolve(record, name)
        if not isinstance(value, pointers.Absent):
            fields[name] = None if value == "" else value
    if not fields:
        return "The record has none of the properties that the mapping reads."
    told = None if mapping.modified_at is None else mapping.modified_at.read(fields.get)
    at = told or taken or received_at
    stamp = "" if at is received_at else str(milliseconds(at))
    content = sha256(strict_json.dumps(fields).encode()).hexdigest()[:32]
    return Change(f"deal:{id_}", f"records|deal:{id_}|{stamp}|{content}", at, "snapshot", fields)


def _identity(record: Mapping[str, object], mapping: DealMapping) -> str | None:
    raw: object = None if mapping.envelope is None else mapping.envelope.id.of(record)
    raw = next((record[name] for name in IDS if name in record), None) if raw is None else raw
    return identity(raw)
