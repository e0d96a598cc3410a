"""Changes of CRM records, as a connector translates them from deliveries."""

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
# The only change of a record after an erasure; no delivery has this verb.
ERASED_VERB: Final = "erased"
LINK_VERBS: Final = ("associated", "dissociated", "merged", "continued")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Printable ASCII without the slash, which separates the parts of an event's id.
_IDENTITY: Final = re.compile(r"[!-.0-~]{1,100}")

Scalar = str | int | bool | Decimal | None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one CRM record.

    If a delivery says that a record changed but not how, the connector returns no Change. It
    rejects that element of the delivery and names the records to import.
    """

    # `<record type>:<id>`. The types are deal, call, meeting, email and line_item; `to_record_id`
    # makes the id.
    entity: str
    # Idempotency key: a redelivery, or the same change through another webhook format of the CRM,
    # has the same key.
    key: str
    # When the change happened, by the CRM's clock, in UTC; for an undated import, when it was taken
    # or received.
    at: datetime
    # - `created`: the fields are the first ones.
    # - `changed`: the fields changed at this time.
    # - `snapshot`: the fields had these values at this time, and maybe before.
    # - `deleted`, `restored`: a deleted deal has no events; it is not lost.
    # - `associated`, `dissociated`: an activity or line item, and the deal in `other`.
    # - `merged`: the deal in `other` absorbed this deal, whose events are retracted and whose
    #   associations move.
    # - `continued`: the record has the new id in `other`, with its history.
    verb: str
    # Values by property (a name or pointer of the mapping). None means known to be empty; an absent
    # property was not mentioned.
    fields: Mapping[str, Scalar] = field(default_factory=dict)
    # The `<record type>:<id>` of the other record; None for the verbs without one.
    other: str | None = None
    # Orders changes of one instant, compared as text: pad numbers with zeros.
    sequence: str = ""


def to_record_id(raw: object) -> str | None:
    """Return the id of a record as text, or None for an unusable one.

    A usable id is a text of at most 100 printable ASCII characters without a slash, or an integer.
    """
    text = str(raw) if isinstance(raw, int | str) and not isinstance(raw, bool) else ""
    return text if _IDENTITY.fullmatch(text) else None


def from_milliseconds(milliseconds: int) -> datetime:
    """Return the instant of a number of milliseconds since the epoch.

    Raises: OverflowError for years that a datetime cannot represent.
    """
    return EPOCH + timedelta(milliseconds=milliseconds)


def to_milliseconds(instant: datetime) -> int:
    """Return the whole milliseconds since the epoch, rounded down."""
    return (instant - EPOCH) // timedelta(milliseconds=1)
