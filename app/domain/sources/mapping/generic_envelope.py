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
from app.domain.sources.crm.changes import Change, Scalar, identity
from app.domain.sources.mapping import json_pointer as pointers
from app.domain.sources.mapping.parser import RuleReader
from app.domain.sources.mapping.rules import Moment, Rule
from app.domain.sources.mapping.values import text

KINDS: Final = ("snapshot", "created", "changed", "deleted", "restored")
TYPES: Final = ("deal",)
CONDITIONS: Final = 16
CHOICES: Final = 256


@dataclass(frozen=True, slots=True)
class Condition:
    """What a record must say. Shape: one of `values` (as text); or with `exists`, whether it says anything."""

    property: str
    values: frozenset[str] = frozenset()
    exists: bool | None = None

    def holds(self, record: object) -> bool:
        """Whether it is so. A null is nothing."""
        value = pointers.find(record, self.property)
        there = value is not pointers.ABSENT and value is not None
        if self.exists is not None:
            return there is self.exists
        said = pointers.resolve(record, self.property)
        return (
            said is not None and not isinstance(said, pointers.Absent) and text(said) in self.values
        )


@dataclass(frozen=True, slots=True)
class Envelope:
    """How a record of a generic source says which change it is. None when: `each` where the body is the list."""

    type: str
    id: Rule
    occurred_at: Moment
    each: str | None = None
    when: tuple[Condition, ...] = ()
    kind: Rule = field(default_factory=lambda: Rule(const="snapshot"))
    sequence: Rule | None = None
    dedupe: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Records:
    """What a body says. Shape: changes and problems with their places, from 0; `ignored` did not meet `when`."""

    changes: tuple[tuple[int, Change], ...] = ()
    problems: tuple[tuple[int, str], ...] = ()
    ignored: int = 0


def read(body: object, envelope: Envelope, properties: Collection[str]) -> Records | None:
    """The changes that a body says, each once; `properties` are those of the mapping.

    Shape: the body is a record, or a list of them, or holds a list at `each`. None when it is none of these.
    """
    found = body if envelope.each is None else pointers.find(body, envelope.each)
    records = [found] if isinstance(found, Mapping) and envelope.each is None else found
    if not isinstance(records, list):
        return None
    changes: dict[str, tuple[int, Change]] = {}
    problems: list[tuple[int, str]] = []
    ignored = 0
    for index, record in enumerate(records):
        if not all(condition.holds(record) for condition in envelope.when):
            ignored += 1
            continue
        change = change_of(record, envelope, properties)
        if isinstance(change, str):
            problems.append((index, change))
        else:
            ignored += change.key in changes
            changes.setdefault(change.key, (index, change))
    return Records(tuple(changes.values()), tuple(problems), ignored)


def change_of(record: object, envelope: Envelope, properties: Collection[str]) -> Change | str:
    """The change that one record says, or the sentence that says why it says none."""
    if not isinstance(record, Mapping):
        return "The record is not a JSON object."
    id_ = identity(_whole(envelope.id.of(record)))
    if id_ is None:
        return "The record has no id where the mapping's entity says it is: a text without spaces or slashes, or a number."
    at = envelope.occurred_at.of(record)
    if at is None:
        return "The record has no time that can be read where the mapping's occurred_at says."
    verb = text(envelope.kind.of(record))
    if verb not in KINDS:
        return f"The record's kind is none that the mapping lists; they come to {', '.join(KINDS)}."
    sequence = None if envelope.sequence is None else envelope.sequence.of(record)
    fields = pointers.picked(record, properties) if verb not in ("deleted", "restored") else {}
    told = [_json(record, name) for name in envelope.dedupe] or [
        at.isoformat(),
        strict_json.dumps(fields),
    ]
    key = "|".join(
        (
            "generic",
            envelope.type,
            id_,
            verb,
            sha256(strict_json.dumps(told).encode()).hexdigest()[:32],
        )
    )
    said = "" if sequence is None else text(sequence)
    return Change(f"{envelope.type}:{id_}", key, at, verb, fields, sequence=said[:64])


def _whole(value: Scalar) -> Scalar:
    return int(value) if not isinstance(value, str | bool | None) and value == int(value) else value


def _json(record: object, name: str) -> object:
    found = pointers.find(record, name)
    return None if found is pointers.ABSENT else found


class EnvelopeReader(RuleReader):
    """Reads a generic mapping's own part."""

    def envelope(self, raw: Mapping[str, object]) -> Envelope | None:
        """The envelope. None when it lacks what it needs, with a fault."""
        entity = self.members("/entity", raw.get("entity"), ("type", "id"))
        if entity and entity.get("type", "deal") not in TYPES:
            self.fault("/entity/type", f"must be one of {', '.join(TYPES)}")
        said = entity.get("id")
        id_ = self.rule("/entity/id", {"property": said} if isinstance(said, str) else said)
        if entity and said is None:
            self.fault("/entity/id", "is required")
        occurred = self.moment("/occurred_at", raw.get("occurred_at"))
        if raw.get("occurred_at") is None:
            self.fault("/occurred_at", "is required: when a record's change happened")
        kind = self.rule(
            "/kind", raw.get("kind", {"const": "snapshot"}), to=KINDS, parses=("text",)
        )
        each = raw.get("each")
        where = None if each is None else self.property("/each", each)
        when = self.conditions("/when", raw.get("when", []))
        sequence = self.rule("/sequence", raw.get("sequence"), parses=("text",))
        dedupe = self.names("/dedupe", raw.get("dedupe", []))
        if id_ is None or occurred is None or kind is None:
            return None
        return Envelope("deal", id_, occurred, where, when, kind, sequence, dedupe)

    def conditions(self, at: str, raw: object) -> tuple[Condition, ...]:
        """The conditions of `when`."""
        if not isinstance(raw, list | tuple) or len(raw) > CONDITIONS:
            self.fault(at, f"must be a list of at most {CONDITIONS} conditions")
            return ()
        return tuple(self.condition(f"{at}/{index}", one) for index, one in enumerate(raw))

    def condition(self, at: str, raw: object) -> Condition:
        """One condition: a property, and one of `in`, `equals` and `exists`."""
        self.rules += 1
        found = self.members(at, raw, ("property", "in", "equals", "exists"))
        name = self.property(f"{at}/property", found.get("property"))
        if len(found.keys() & {"in", "equals", "exists"}) != 1:
            self.fault(at, "must have one of in, equals and exists")
        if "exists" in found:
            return Condition(name, exists=self.flag(f"{at}/exists", found["exists"]))
        values = found.get("in", [found["equals"]] if "equals" in found else [])
        if not isinstance(values, list | tuple) or len(values) > CHOICES:
            self.fault(f"{at}/in", f"must be a list of at most {CHOICES} values")
            return Condition(name)
        place = f"{at}/equals" if "equals" in found else f"{at}/in"
        return Condition(name, frozenset(text(self.said(place, one, None)) for one in values))

    def names(self, at: str, raw: object) -> tuple[str, ...]:
        """A list of properties."""
        if not isinstance(raw, list | tuple) or len(raw) > CONDITIONS:
            self.fault(at, f"must be a list of at most {CONDITIONS} properties")
            return ()
        return tuple(self.property(f"{at}/{index}", one) for index, one in enumerate(raw))
