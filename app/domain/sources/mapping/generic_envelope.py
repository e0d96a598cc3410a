"""The envelope of a generic mapping: where records are in a body, and which change each one is.

```
version: 1
# the list of records; without it, the body is the record or the list
each: "/events"
# all conditions must hold (in, equals or exists), else the record is ignored
when: [{property: "/type", in: ["deal.won", "deal.lost"]}]
# the verb of the change
kind: {property: "/type", map: {"deal.deleted": "deleted"}, default: "snapshot"}
# the id is a property or a rule
entity: {type: "deal", id: "/data/id"}
# format: any (default), rfc3339, epoch_s, epoch_ms or date_in_zone; zone: an IANA zone
occurred_at: {property: "/timestamp", format: "rfc3339"}
# the order of changes at one instant, as text
sequence: {property: "/sequence"}
# the properties that identify a change; without them, its time and the properties that the
# mapping reads; id and verb always count
dedupe: ["/id"]
# all rules of a deal's mapping are allowed
status: {property: "/type", map: {"deal.won": "won", "deal.lost": "lost"}}
value: {property: "/data/amount", scale: -2}
```
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from app.domain.primitives import strict_json
from app.domain.sources.crm.changes import Change, Scalar, to_record_id
from app.domain.sources.mapping import json_pointer
from app.domain.sources.mapping.rules import InstantRule, Rule
from app.domain.sources.mapping.values import to_text

MAX_SEQUENCE_LENGTH: Final = 64
# Verbs of a change that the `kind` of an envelope can produce.
ENVELOPE_VERBS: Final = ("snapshot", "created", "changed", "deleted", "restored")


@dataclass(frozen=True, slots=True)
class RecordCondition:
    """A condition that a record must meet."""

    property: str
    # Texts, one of which the property must have.
    accepted_values: frozenset[str] = frozenset()
    # If not None, whether the property must have a value. Null is no value.
    must_exist: bool | None = None

    def is_met_by(self, record: object) -> bool:
        """Return True if the record meets the condition."""
        value = json_pointer.find_value(record, self.property)
        is_present = value is not json_pointer.ABSENT and value is not None
        if self.must_exist is not None:
            return is_present is self.must_exist
        scalar = json_pointer.resolve_scalar(record, self.property)
        return (
            scalar is not None
            and not isinstance(scalar, json_pointer.Absent)
            and to_text(scalar) in self.accepted_values
        )


@dataclass(frozen=True, slots=True)
class Envelope:
    """The part of a generic mapping that identifies the change in a record."""

    type: str
    id: Rule
    occurred_at: InstantRule
    # None if the body itself is the record or the list.
    records_property: str | None = None
    conditions: tuple[RecordCondition, ...] = ()
    # The `kind` of the mapping.
    verb: Rule = field(default_factory=lambda: Rule(const="snapshot"))
    sequence: Rule | None = None
    dedupe_properties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedRecords:
    """The changes and problems in a body."""

    # With the index of the record, from 0.
    changes: tuple[tuple[int, Change], ...] = ()
    problems: tuple[tuple[int, str], ...] = ()
    # Records that do not meet the conditions, and repetitions.
    ignored_count: int = 0


def parse_records(
    body: object, envelope: Envelope, properties: Collection[str]
) -> ParsedRecords | None:
    """Return the changes in a body, without repetitions.

    The body is a record, a list of records, or an object with such a list. Return None for another
    body. `properties` are those that the mapping reads.
    """
    content = (
        body
        if envelope.records_property is None
        else json_pointer.find_value(body, envelope.records_property)
    )
    records = (
        [content] if isinstance(content, Mapping) and envelope.records_property is None else content
    )
    if not isinstance(records, list):
        return None
    changes: dict[str, tuple[int, Change]] = {}
    problems: list[tuple[int, str]] = []
    ignored_count = 0
    for index, record in enumerate(records):
        if not all(condition.is_met_by(record) for condition in envelope.conditions):
            ignored_count += 1
            continue
        change = parse_change(record, envelope, properties)
        if isinstance(change, str):
            problems.append((index, change))
        else:
            ignored_count += change.key in changes
            changes.setdefault(change.key, (index, change))
    return ParsedRecords(tuple(changes.values()), tuple(problems), ignored_count)


def parse_change(record: object, envelope: Envelope, properties: Collection[str]) -> Change | str:
    """Return the change in one record, or a sentence about its problem."""
    if not isinstance(record, Mapping):
        return "The record is not a JSON object."
    id_ = to_record_id(_to_integer_if_whole(envelope.id.evaluate_record(record)))
    if id_ is None:
        return (
            "The record has no id where the mapping's entity says it is: "
            "a text without spaces or slashes, or a number."
        )
    occurred_at = envelope.occurred_at.evaluate_record(record)
    if occurred_at is None:
        return "The record has no time that can be read where the mapping's occurred_at says."
    verb = to_text(envelope.verb.evaluate_record(record))
    if verb not in ENVELOPE_VERBS:
        return (
            "The record's kind is none that the mapping lists; "
            f"they come to {', '.join(ENVELOPE_VERBS)}."
        )
    sequence = None if envelope.sequence is None else envelope.sequence.evaluate_record(record)
    fields = (
        json_pointer.pick_properties(record, properties)
        if verb not in ("deleted", "restored")
        else {}
    )
    identifying_content = [
        _find_json_value(record, dedupe_property) for dedupe_property in envelope.dedupe_properties
    ] or [
        occurred_at.isoformat(),
        strict_json.dumps(fields),
    ]
    change_key = "|".join(
        (
            "generic",
            envelope.type,
            id_,
            verb,
            sha256(strict_json.dumps(identifying_content).encode()).hexdigest()[:32],
        )
    )
    sequence_text = "" if sequence is None else to_text(sequence)
    return Change(
        f"{envelope.type}:{id_}",
        change_key,
        occurred_at,
        verb,
        fields,
        sequence=sequence_text[:MAX_SEQUENCE_LENGTH],
    )


def _to_integer_if_whole(value: Scalar) -> Scalar:
    return int(value) if not isinstance(value, str | bool | None) and value == int(value) else value


def _find_json_value(record: object, name: str) -> object:
    member = json_pointer.find_value(record, name)
    return None if member is json_pointer.ABSENT else member
