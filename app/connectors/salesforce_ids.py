"""What both ways out of Salesforce have in common: its ids, and what a stock organization's fields mean."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from app.connectors.element_parsing import AsideError
from app.domain.primitives.errors import Fault, InvalidError

STOCK: Final[Mapping[str, object]] = MappingProxyType(
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
_ID: Final = re.compile(r"[A-Za-z0-9]{15}(?:[A-Z0-5]{3})?")
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def id18(id_: str) -> str:
    """The 18 characters of an id of 15 (which tells upper from lower case) or 18. Raises: ValueError for another."""
    if not _ID.fullmatch(id_):
        raise ValueError("is no Salesforce id")
    short = id_[:15]
    parts = (short[start : start + 5] for start in (0, 5, 10))
    capitals = (
        sum(1 << place for place, letter in enumerate(part) if "A" <= letter <= "Z")
        for part in parts
    )
    return short + "".join(_LETTERS[number] for number in capitals)


def record_id18(raw: object) -> str:
    """A record's id of 18 characters. Raises: AsideError."""
    try:
        return id18(raw if isinstance(raw, str) else "")
    except ValueError:
        raise AsideError("The element has no record id of 15 or 18 characters.") from None


def check_organization(account: str | None) -> None:
    """Returns only for an organization's id. Raises: InvalidError, with a fault at /account."""
    try:
        known = account is not None and id18(account).startswith("00D")
    except ValueError:
        known = False
    if not known:
        detail = "must be the organization's id, 00D and 12 or 15 more characters (Setup, Company Information)"
        raise InvalidError("The account is not valid.", [Fault("/account", detail)])
