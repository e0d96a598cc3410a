"""What a CRM's delivery says, translated: one change of one record, without memory of any other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from app.domain.errors import InvalidError

VERBS: Final = ("created", "changed", "deleted", "restored", "associated", "dissociated")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Scalar = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened to one record of a CRM.

    Shape: `entity` and `other` are `<type>:<id>` (deal, call, meeting, email); `at` is the source's time in UTC; `key`
    is equal for equal changes, however often and in whatever dialect they come; `fields` maps the CRM's own property
    names to values: None is known to be empty, what is not in it was not mentioned. An association is a change of the
    activity (`entity`), and `other` is the deal.
    None when: `other` is None for all but associations.
    """

    entity: str
    key: str
    at: datetime
    verb: str
    fields: Mapping[str, Scalar] = field(default_factory=dict)
    other: str | None = None


def from_milliseconds(milliseconds: int) -> datetime:
    """The instant so many milliseconds after the epoch. Raises: OverflowError beyond the years that a datetime has."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def milliseconds(instant: datetime) -> int:
    """Whole milliseconds since the epoch, rounded down."""
    return (instant - EPOCH) // timedelta(milliseconds=1)


def to_json(change: Change) -> dict[str, object]:
    """A plain JSON object that `from_json` reads back to an equal change."""
    return {
        "entity": change.entity,
        "key": change.key,
        "at": (change.at - EPOCH) // timedelta(microseconds=1),
        "verb": change.verb,
        "fields": dict(change.fields),
        "other": change.other,
    }


def from_json(value: Mapping[str, object]) -> Change:
    """The change that `to_json` wrote. Raises: InvalidError for anything else."""
    fields = value.get("fields", {})
    at = value.get("at")
    other = value.get("other")
    entity, key, verb = value.get("entity"), value.get("key"), value.get("verb")
    if not (isinstance(entity, str) and isinstance(key, str) and isinstance(verb, str) and verb in VERBS):
        raise InvalidError("This is no change: entity, key or verb is missing.")
    if not (isinstance(at, int) and isinstance(fields, Mapping) and (other is None or isinstance(other, str))):
        raise InvalidError("This is no change: at, fields or other is of the wrong type.")
    return Change(entity, key, EPOCH + timedelta(microseconds=at), verb, dict(fields), other)
