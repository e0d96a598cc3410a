"""What both ways out of Salesforce have in common: its ids, and what a stock organization's fields mean."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from app.connectors.element_parsing import RejectElementError
from app.domain.primitives.errors import Fault, InvalidError

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
    """The 18 characters of an id of 15 (which tells upper from lower case) or 18. Raises: ValueError for another."""
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
    """A record's id of 18 characters. Raises: AsideError."""
    try:
        return to_id18(raw if isinstance(raw, str) else "")
    except ValueError:
        raise RejectElementError("The element has no record id of 15 or 18 characters.") from None


def check_organization_id(account: str | None) -> None:
    """Returns only for an organization's id. Raises: InvalidError, with a fault at /account."""
    try:
        is_valid = account is not None and to_id18(account).startswith("00D")
    except ValueError:
        is_valid = False
    if not is_valid:
        detail = "must be the organization's id, 00D and 12 or 15 more characters (Setup, Company Information)"
        raise InvalidError("The account is not valid.", [Fault("/account", detail)])
