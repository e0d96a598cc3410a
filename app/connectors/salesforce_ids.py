"""Salesforce's record ids, and the mapping of a standard organization's fields."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from app.connectors.element_parsing import RejectElementError
from app.domain.primitives.errors import Fault, InvalidError

RECORD_ID_PROPERTIES: Final = ("Opportunity ID",)
STANDARD_MAPPING: Final[Mapping[str, object]] = MappingProxyType(
    {
        "stage": {"property": "StageName"},
        "stages": {
            **dict.fromkeys(
                ("Prospecting", "Qualification", "Needs Analysis", "Value Proposition"), "open"
            ),
            **dict.fromkeys(
                ("Id. Decision Makers", "Perception Analysis", "Proposal/Price Quote"), "open"
            ),
            "Negotiation/Review": "open",
            "Closed Won": "won",
            "Closed Lost": "lost",
        },
        "value": {"property": "Amount"},
        "unit": {"property": "CurrencyIsoCode"},
        "created_at": {"property": "CreatedDate"},
        "modified_at": {"first_of": ["SystemModstamp", "LastModifiedDate"]},
        "closed_at": {"first_of": ["LastStageChangeDate", "CloseDate"]},
    }
)
_ID_PATTERN: Final = re.compile(r"[A-Za-z0-9]{15}(?:[A-Z0-5]{3})?")
_CHECKSUM_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def to_id18(id_: str) -> str:
    """Return the 18-character form of an id of 15 or 18 characters.

    The shorter form is case-sensitive; the last three characters encode the case.
    Raises: ValueError for any other text.
    """
    if not _ID_PATTERN.fullmatch(id_):
        raise ValueError("is no Salesforce id")
    id15 = id_[:15]
    id_segments = (id15[start : start + 5] for start in (0, 5, 10))
    capital_masks = (
        sum(1 << bit for bit, letter in enumerate(segment) if "A" <= letter <= "Z")
        for segment in id_segments
    )
    return id15 + "".join(_CHECKSUM_ALPHABET[mask] for mask in capital_masks)


def parse_record_id18(raw: object) -> str:
    """Parse the id of a record to its 18-character form. Raises: RejectElementError."""
    try:
        return to_id18(raw if isinstance(raw, str) else "")
    except ValueError:
        raise RejectElementError("The element has no record id of 15 or 18 characters.") from None


def check_organization_id(account: str | None) -> None:
    """Raise InvalidError, with a fault at /account, unless the account is an organization's id."""
    try:
        is_valid = account is not None and to_id18(account).startswith("00D")
    except ValueError:
        is_valid = False
    if not is_valid:
        detail = (
            "must be the organization's id, 00D and 12 or 15 more characters"
            " (Setup, Company Information)"
        )
        raise InvalidError("The account is not valid.", [Fault("/account", detail)])
