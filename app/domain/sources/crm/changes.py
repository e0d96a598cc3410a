"""What a CRM's delivery says, translated: one change of one record, without memory of any other."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

CHANGE_VERBS: Final = (
    *("created", "changed", "snapshot", "deleted", "restored"),
    *("associated", "dissociated", "merged", "continued"),
)
ERASED_VERB: Final = "erased"  # no delivery says it: all that is left of a record after an erasure
LINK_VERBS: Final = ("associated", "dissociated", "merged", "continued")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_IDENTITY: Final = re.compile(
    r"[!-.0-~]{1,100}"
)  # printable ASCII but the slash: it parts an event's id

Scalar = str | int | bool | Decimal | None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened to one record of a CRM.

    Shape: `entity` and `other` are `<type>:<id>` (deal, call, meeting, email, line_item; make the id with `identity`);
    `at` is the source's time in UTC; `key` is equal for equal changes, however often and in whatever dialect they come;
    `fields` maps the properties of the mapping (names or pointers, `pointers.picked`) to values: None is known to be
    empty, what is not in it was not mentioned.

    `verb` is one of
    - `created`: the record came to be at `at`; its fields are those it began with;
    - `changed`: these fields became so at `at`;
    - `snapshot`: the record is so at `at`, and may have become so before; fields not in it stay as they were;
    - `deleted`, `restored`: a deleted deal has no events (it is not lost), a restored one has them again;
    - `associated`, `dissociated`: `entity` is the activity or the line item, `other` the deal;
    - `merged`: `entity` was absorbed by the deal `other` for good: its events go, its associations follow;
    - `continued`: `entity` lives on under the new id `other`: what is known of it is known of `other`.

    A change of which the CRM says no more than that it happened (a gap) is no change but a `Reject` of the translation,
    whose sentence names the records to import.

    `sequence` puts changes of one instant in order, compared as text: pad numbers with zeros.
    None when: `other` is None for all but the last four verbs.
    """

    entity: str
    key: str
    at: datetime
    verb: str
    fields: Mapping[str, Scalar] = field(default_factory=dict)
    other: str | None = None
    sequence: str = ""


def to_record_id(raw: object) -> str | None:
    """A record's id as text. None for what cannot be one: neither text nor whole number, over 100, or with a slash."""
    text = str(raw) if isinstance(raw, int | str) and not isinstance(raw, bool) else ""
    return text if _IDENTITY.fullmatch(text) else None


def from_milliseconds(milliseconds: int) -> datetime:
    """The instant so many milliseconds after the epoch. Raises: OverflowError beyond the years that a datetime has."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def to_milliseconds(instant: datetime) -> int:
    """Whole milliseconds since the epoch, rounded down."""
    return (instant - EPOCH) // timedelta(milliseconds=1)
