"""The generic connector's part of a mapping: which records a body holds, what each says happened, to what, and when.

```
version: 1
each: "/events"                                                # where the list of records stands; else the body is it
when: [{property: "/type", in: ["deal.won", "deal.lost"]}]     # also equals, exists; all must hold, else ignored
kind: {property: "/type", map: {"deal.deleted": "deleted"}, default: "snapshot"}
entity: {type: "deal", id: "/data/id"}                         # the id: a property, or a rule
occurred_at: {property: "/timestamp", format: "rfc3339"}       # or epoch_s, epoch_ms, date_in_zone with zone
sequence: {property: "/sequence"}                              # order within one instant, as text
dedupe: ["/id"]                                                # what tells a change from another; else all that it says
status: {property: "/type", map: {"deal.won": "won", "deal.lost": "lost"}}     # and all the rules of a deal's mapping
value: {property: "/data/amount", scale: -2}
```
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from app.domain.primitives import strict_json
from app.domain.sources.crm.changes import Change, Scalar, to_record_id
from app.domain.sources.mapping import json_pointer as pointers
from app.domain.sources.mapping.parser import RuleParser
from app.domain.sources.mapping.rules import InstantRule, Rule
from app.domain.sources.mapping.values import to_text

CHANGE_KINDS: Final = ("snapshot", "created", "changed", "deleted", "restored")
RECORD_TYPES: Final = ("deal",)
MAX_CONDITIONS: Final = 16
MAX_CHOICES: Final = 256


@dataclass(frozen=True, slots=True)
class RecordCondition:
    """What a record must say. Shape: one of `values` (as text); or with `exists`, whether it says anything."""

    property: str
    accepted_values: frozenset[str] = frozenset()
    must_exist: bool | None = None

    def is_met_by(self, record: object) -> bool:
        """Whether it is so. A null is nothing."""
        value = pointers.find_value(record, self.property)
        is_present = value is not pointers.ABSENT and value is not None
        if self.must_exist is not None:
            return is_present is self.must_exist
        scalar = pointers.resolve_scalar(record, self.property)
        return (
            scalar is not None
            and not isinstance(scalar, pointers.Absent)
            and to_text(scalar) in self.accepted_values
        )


@dataclass(frozen=True, slots=True)
class Envelope:
    """How a record of a generic source says which change it is. None when: `each` where the body is the list."""

    type: str
    id: Rule
    occurred_at: InstantRule
    records_property: str | None = None
    conditions: tuple[RecordCondition, ...] = ()
    kind: Rule = field(default_factory=lambda: Rule(const="snapshot"))
    sequence: Rule | None = None
    dedupe_properties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedRecords:
    """What a body says. Shape: changes and problems with their places, from 0; `ignored` did not meet `when`."""

    changes: tuple[tuple[int, Change], ...] = ()
    problems: tuple[tuple[int, str], ...] = ()
    ignored_count: int = 0


def parse_records(
    body: object, envelope: Envelope, properties: Collection[str]
) -> ParsedRecords | None:
    """The changes that a body says, each once; `properties` are those of the mapping.

    Shape: the body is a record, or a list of them, or holds a list at `each`. None when it is none of these.
    """
    content = (
        body
        if envelope.records_property is None
        else pointers.find_value(body, envelope.records_property)
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
    """The change that one record says, or the sentence that says why it says none."""
    if not isinstance(record, Mapping):
        return "The record is not a JSON object."
    id_ = to_record_id(_to_integer_if_whole(envelope.id.evaluate_record(record)))
    if id_ is None:
        return "The record has no id where the mapping's entity says it is: a text without spaces or slashes, or a number."
    occurred_at = envelope.occurred_at.evaluate_record(record)
    if occurred_at is None:
        return "The record has no time that can be read where the mapping's occurred_at says."
    verb = to_text(envelope.kind.evaluate_record(record))
    if verb not in CHANGE_KINDS:
        return f"The record's kind is none that the mapping lists; they come to {', '.join(CHANGE_KINDS)}."
    sequence = None if envelope.sequence is None else envelope.sequence.evaluate_record(record)
    fields = (
        pointers.pick_properties(record, properties) if verb not in ("deleted", "restored") else {}
    )
    identifying_content = [
        _find_json_value(record, name) for name in envelope.dedupe_properties
    ] or [
        occurred_at.isoformat(),
        strict_json.dumps(fields),
    ]
    key = "|".join(
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
        f"{envelope.type}:{id_}", key, occurred_at, verb, fields, sequence=sequence_text[:64]
    )


def _to_integer_if_whole(value: Scalar) -> Scalar:
    return int(value) if not isinstance(value, str | bool | None) and value == int(value) else value


def _find_json_value(record: object, name: str) -> object:
    member = pointers.find_value(record, name)
    return None if member is pointers.ABSENT else member


class EnvelopeParser(RuleParser):
    """Reads a generic mapping's own part."""

    def parse_envelope(self, raw: Mapping[str, object]) -> Envelope | None:
        """The envelope. None when it lacks what it needs, with a fault."""
        entity = self.parse_members("/entity", raw.get("entity"), ("type", "id"))
        if entity and entity.get("type", "deal") not in RECORD_TYPES:
            self.add_fault("/entity/type", f"must be one of {', '.join(RECORD_TYPES)}")
        id_rule = entity.get("id")
        parsed_id_rule = self.parse_rule(
            "/entity/id", {"property": id_rule} if isinstance(id_rule, str) else id_rule
        )
        if entity and id_rule is None:
            self.add_fault("/entity/id", "is required")
        occurred_at_rule = self.parse_instant_rule("/occurred_at", raw.get("occurred_at"))
        if raw.get("occurred_at") is None:
            self.add_fault("/occurred_at", "is required: when a record's change happened")
        kind_rule = self.parse_rule(
            "/kind", raw.get("kind", {"const": "snapshot"}), targets=CHANGE_KINDS, parses=("text",)
        )
        records_raw = raw.get("each")
        records_property = (
            None if records_raw is None else self.parse_property("/each", records_raw)
        )
        conditions = self.parse_conditions("/when", raw.get("when", []))
        sequence_rule = self.parse_rule("/sequence", raw.get("sequence"), parses=("text",))
        dedupe_properties = self.parse_property_list("/dedupe", raw.get("dedupe", []))
        if parsed_id_rule is None or occurred_at_rule is None or kind_rule is None:
            return None
        return Envelope(
            "deal",
            parsed_id_rule,
            occurred_at_rule,
            records_property,
            conditions,
            kind_rule,
            sequence_rule,
            dedupe_properties,
        )

    def parse_conditions(self, pointer: str, raw: object) -> tuple[RecordCondition, ...]:
        """The conditions of `when`."""
        if not isinstance(raw, list | tuple) or len(raw) > MAX_CONDITIONS:
            self.add_fault(pointer, f"must be a list of at most {MAX_CONDITIONS} conditions")
            return ()
        return tuple(
            self.parse_condition(f"{pointer}/{index}", condition_raw)
            for index, condition_raw in enumerate(raw)
        )

    def parse_condition(self, pointer: str, raw: object) -> RecordCondition:
        """One condition: a property, and one of `in`, `equals` and `exists`."""
        self.rule_count += 1
        members = self.parse_members(pointer, raw, ("property", "in", "equals", "exists"))
        name = self.parse_property(f"{pointer}/property", members.get("property"))
        if len(members.keys() & {"in", "equals", "exists"}) != 1:
            self.add_fault(pointer, "must have one of in, equals and exists")
        if "exists" in members:
            return RecordCondition(
                name, must_exist=self.parse_flag(f"{pointer}/exists", members["exists"])
            )
        accepted_values = members.get("in", [members["equals"]] if "equals" in members else [])
        if not isinstance(accepted_values, list | tuple) or len(accepted_values) > MAX_CHOICES:
            self.add_fault(f"{pointer}/in", f"must be a list of at most {MAX_CHOICES} values")
            return RecordCondition(name)
        value_pointer = f"{pointer}/equals" if "equals" in members else f"{pointer}/in"
        return RecordCondition(
            name,
            frozenset(
                to_text(self.parse_constant(value_pointer, accepted, None))
                for accepted in accepted_values
            ),
        )

    def parse_property_list(self, pointer: str, raw: object) -> tuple[str, ...]:
        """A list of properties."""
        if not isinstance(raw, list | tuple) or len(raw) > MAX_CONDITIONS:
            self.add_fault(pointer, f"must be a list of at most {MAX_CONDITIONS} properties")
            return ()
        return tuple(
            self.parse_property(f"{pointer}/{index}", property_raw)
            for index, property_raw in enumerate(raw)
        )
