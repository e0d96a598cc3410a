"""Parser of the envelope of a generic mapping, which collects all faults in it."""

from collections.abc import Mapping
from typing import Final

from app.domain.sources.mapping.generic_envelope import ENVELOPE_VERBS, Envelope, RecordCondition
from app.domain.sources.mapping.rule_parser import RuleParser, ValueType
from app.domain.sources.mapping.values import to_text

RECORD_TYPES: Final = ("deal",)
MAX_CONDITIONS: Final = 16
MAX_CHOICES: Final = 256


class EnvelopeParser(RuleParser):
    """Parses the envelope of a generic mapping."""

    def parse_envelope(self, raw: Mapping[str, object]) -> Envelope | None:
        """Return the envelope, or None with a fault if a required part is missing."""
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
        verb_rule = self.parse_rule(
            "/kind",
            raw.get("kind", {"const": "snapshot"}),
            allowed_values=ENVELOPE_VERBS,
            parses=("text",),
        )
        records_raw = raw.get("each")
        records_property = (
            None if records_raw is None else self.parse_property("/each", records_raw)
        )
        conditions = self.parse_conditions("/when", raw.get("when", []))
        sequence_rule = self.parse_rule("/sequence", raw.get("sequence"), parses=("text",))
        dedupe_properties = self.parse_property_list("/dedupe", raw.get("dedupe", []))
        if parsed_id_rule is None or occurred_at_rule is None or verb_rule is None:
            return None
        return Envelope(
            "deal",
            parsed_id_rule,
            occurred_at_rule,
            records_property,
            conditions,
            verb_rule,
            sequence_rule,
            dedupe_properties,
        )

    def parse_conditions(self, pointer: str, raw: object) -> tuple[RecordCondition, ...]:
        """Return the conditions of `when`."""
        if not isinstance(raw, list | tuple) or len(raw) > MAX_CONDITIONS:
            self.add_fault(pointer, f"must be a list of at most {MAX_CONDITIONS} conditions")
            return ()
        return tuple(
            self.parse_condition(f"{pointer}/{index}", condition_raw)
            for index, condition_raw in enumerate(raw)
        )

    def parse_condition(self, pointer: str, raw: object) -> RecordCondition:
        """Return one condition: a property, and one of `in`, `equals` and `exists`."""
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
                to_text(self.parse_constant(value_pointer, accepted, ValueType.ANY))
                for accepted in accepted_values
            ),
        )

    def parse_property_list(self, pointer: str, raw: object) -> tuple[str, ...]:
        """Return a list of properties."""
        if not isinstance(raw, list | tuple) or len(raw) > MAX_CONDITIONS:
            self.add_fault(pointer, f"must be a list of at most {MAX_CONDITIONS} properties")
            return ()
        return tuple(
            self.parse_property(f"{pointer}/{index}", property_raw)
            for index, property_raw in enumerate(raw)
        )
