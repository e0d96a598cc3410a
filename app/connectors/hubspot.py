"""HubSpot: signature v3 (v1 by opt-in), and both dialects of its webhooks (crm-webhooks.md, section 2)."""

import hmac
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from app.connectors import signatures
from app.connectors.connector import Connector, Delivery, Translation
from app.connectors.element_parsing import AsideError, SkipError, of_account, translated
from app.domain.primitives import strict_json
from app.domain.primitives.errors import Fault, InvalidError, MalformedError
from app.domain.sources.crm import activities
from app.domain.sources.crm.changes import Change, Scalar, from_milliseconds
from app.domain.sources.mapping.mapping import DealMapping

OBJECTS: Final[Mapping[str, str]] = MappingProxyType(
    {"0-3": "deal", "0-8": "line_item", "0-47": "meeting", "0-48": "call", "0-49": "email"}
)
NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "DEAL": "deal",
        "MEETING": "meeting",
        "MEETING_EVENT": "meeting",
        "CALL": "call",
        "EMAIL": "email",
        "LINE_ITEM": "line_item",
    }
)
VERBS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "creation": "created",
        "propertyChange": "changed",
        "deletion": "deleted",
        "restore": "restored",
    }
)
STOCK: Final[Mapping[str, object]] = MappingProxyType(
    {
        "stage": {"property": "dealstage"},
        "pipeline": {"property": "pipeline"},
        "stages": {
            "appointmentscheduled": "open",
            "qualifiedtobuy": "open",
            "presentationscheduled": "open",
            "decisionmakerboughtin": "open",
            "contractsent": "open",
            "closedwon": "won",
            "closedlost": "lost",
        },
        "value": {"property": "amount", "parse": "decimal"},
        "unit": {"property": "deal_currency_code"},
        "created_at": {"property": "createdate"},
        "modified_at": {"property": "hs_lastmodifieddate"},
        "closed_at": {"property": "closedate"},
        "line_items": {
            "value": {"property": "amount"},
            "price": {"property": "price"},
            "quantity": {"property": "quantity"},
        },
    }
)
_ESCAPES: Final = re.compile(r"%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
_ID: Final = re.compile(r"[0-9]{1,20}")
_REDACTED: Final = "REDACTED"
FIRST: Final = "v1:"  # before a secret: signatures of version 1 are taken too


class HubSpot(Connector):
    """One account of HubSpot, by an app's webhook subscriptions."""

    name: str = "hubspot"
    form: str = "deals"
    default_mapping: Mapping[str, object] = STOCK
    secret_required: bool = True

    def new_secret(self, random: bytes) -> str:
        """Never a secret. Raises: InvalidError: HubSpot makes it."""
        raise InvalidError(
            "HubSpot makes the secret.", [Fault("/secret", "is required: the app's client secret")]
        )

    def check_secret(self, secret: str) -> None:
        """Returns only for what can be a client secret, with or without `v1:` before it. Raises: InvalidError."""
        said = secret.removeprefix(FIRST)
        if (
            not 16 <= len(said) <= 200
            or not said.isascii()
            or not said.isprintable()
            or " " in said
        ):
            raise signatures.unusable(
                "must be the app's client secret: 16 to 200 printable ASCII characters"
            )

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Returns only for a delivery with a fresh v3 signature by one of the secrets. Raises: NotAuthenticError.

        Where a secret says `v1:`, one that has no v3 signature may have one of version 1, which knows no time.
        """
        if "x-hubspot-signature-v3" not in delivery.headers:
            _verify_first(delivery, secrets)
            return
        stamp = delivery.headers.get("x-hubspot-request-timestamp", "")
        if not signatures.fresh(stamp, now, milliseconds=True):
            raise signatures.refusal()
        expected = [
            b64encode(
                hmac.digest(
                    key, f"{delivery.method}{url}".encode() + delivery.body + stamp.encode(), sha256
                )
            )
            for key in filter(None, (secret.removeprefix(FIRST).encode() for secret in secrets))
            for url in (delivery.url, decoded(delivery.url))
        ]
        if not signatures.among([delivery.headers["x-hubspot-signature-v3"]], expected):
            raise signatures.refusal()

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """The changes that the batch says, each once. Raises: MalformedError when it is no JSON array."""
        elements = strict_json.loads(delivery.body)
        if not isinstance(elements, list):
            raise MalformedError("The body is not a JSON array: HubSpot sends its events in one.")
        wanted = {kind: activities.properties(kind, mapping) for kind in activities.RULES}
        wanted |= {"deal": mapping.properties(), "line_item": mapping.line_item_properties()}
        return translated(elements, lambda element: _changes(element, account, wanted))


def _verify_first(delivery: Delivery, secrets: Sequence[str]) -> None:
    """Returns only for a v1 signature by a secret that allows it: a hash of the secret and the body."""
    keys = [secret.removeprefix(FIRST).encode() for secret in secrets if secret.startswith(FIRST)]
    expected = [sha256(key + delivery.body).hexdigest().encode() for key in filter(None, keys)]
    given = delivery.headers.get("x-hubspot-signature", "")
    if delivery.headers.get("x-hubspot-signature-version") != "v1" or not signatures.among(
        [given], expected
    ):
        raise signatures.refusal()


def decoded(url: str) -> str:
    """The address as HubSpot signs it: twelve escapes decoded, and no others."""
    return _ESCAPES.sub(lambda found: chr(int(found[0][1:], 16)), url)


def _changes(
    element: Mapping[str, object], account: str | None, wanted: Mapping[str, frozenset[str]]
) -> list[Change]:
    """The changes that one element says: one, or for a merge one of each deal that went into another."""
    said = element.get("subscriptionType", element.get("eventType"))
    if not isinstance(said, str) or "." not in said:
        raise AsideError("The element has no subscriptionType.")
    portal = of_account(element.get("portalId"), account, "portalId")
    name, verb = said.split(".", 1)
    if verb == "associationChange":
        return [_association(element, portal, wanted)]
    kind = name if name != "object" else OBJECTS.get(str(element.get("objectTypeId")), "")
    if not wanted.get(kind) or (name != "object" and kind not in ("deal", "line_item")):
        raise SkipError
    if verb == "merge" and kind == "deal":
        return _merge(element, portal)
    if verb not in VERBS:
        raise SkipError
    return [_change(element, f"hubspot|{portal}|{kind}", kind, verb, wanted[kind])]


def _change(
    element: Mapping[str, object], of: str, kind: str, verb: str, wanted: frozenset[str]
) -> Change:
    """What happened to one record by itself."""
    id_, stamp, at = _identity(element.get("objectId"), "objectId"), *_occurred(element)
    if verb != "propertyChange":
        return Change(f"{kind}:{id_}", f"{of}|{id_}|{verb}||{stamp}|", at, VERBS[verb])
    named = element.get("propertyName")
    if not isinstance(named, str) or not named:
        raise AsideError("The element has no propertyName.")
    value = _value(element)
    if (
        named not in wanted or value == _REDACTED
    ):  # a sensitive value is a word on the wire, not the value
        raise SkipError
    key = f"{of}|{id_}|{verb}|{named}|{stamp}|{_h16(value)}"
    fields: dict[str, Scalar] = {named: value or None}
    return Change(f"{kind}:{id_}", key, at, "changed", fields)


def _merge(element: Mapping[str, object], portal: str) -> list[Change]:
    """The deals that went into another: the merged are absorbed, the primary lives on, perhaps under a new id."""
    primary = _identity(element.get("primaryObjectId", element.get("objectId")), "primaryObjectId")
    raw = element.get("mergedObjectIds")
    if not isinstance(raw, list) or not raw:
        raise AsideError("The element has no mergedObjectIds.")
    absorbed = sorted({_identity(one, "mergedObjectIds") for one in raw})
    new = element.get("newObjectId")
    survivor = primary if new is None else _identity(new, "newObjectId")
    stamp, at = _occurred(element)
    told = _h16(f"{primary}<-{','.join(absorbed)}")
    return [
        Change(
            f"deal:{id_}",
            f"hubspot|{portal}|deal|{id_}|merge||{stamp}|{told}",
            at,
            "continued" if id_ == primary else "merged",
            other=f"deal:{survivor}",
        )
        for id_ in sorted({primary, *absorbed} - {survivor})
    ]


def _association(
    element: Mapping[str, object], portal: str, wanted: Mapping[str, frozenset[str]]
) -> Change:
    """The change of what was put to a deal, or taken from it; the same from whichever side it is told."""
    ends = _ends(element)
    kinds = [kind for kind, _ in ends]
    if kinds.count("deal") != 1 or not all(wanted.get(kind) for kind in kinds):
        raise SkipError
    removed = element.get("associationRemoved", False)
    if not isinstance(removed, bool):
        raise AsideError("associationRemoved is not true or false.")
    entities = [f"{kind}:{_identity(id_, 'fromObjectId or toObjectId')}" for kind, id_ in ends]
    activity, deal = sorted(entities, key=lambda entity: entity.startswith("deal:"))
    stamp, at = _occurred(element)
    pair = "~".join(sorted(entities)) + (":removed" if removed else ":added")
    id_ = deal.removeprefix("deal:")
    key = f"hubspot|{portal}|association|{id_}|associationChange||{stamp}|{_h16(pair)}"
    return Change(activity, key, at, "dissociated" if removed else "associated", {}, deal)


def _ends(element: Mapping[str, object]) -> list[tuple[str, object]]:
    """The two records of an association. Shape: (kind, id); the kind is empty for one that we do not follow."""
    kinds = [
        OBJECTS.get(str(element[end]), "")
        for end in ("fromObjectTypeId", "toObjectTypeId")
        if end in element
    ]
    if len(kinds) != 2:
        parts = str(element.get("associationType")).upper().split("_TO_")
        kinds = [NAMES.get(part, "") for part in parts] if len(parts) == 2 else ["", ""]
    return list(zip(kinds, (element.get("fromObjectId"), element.get("toObjectId")), strict=True))


def _identity(raw: object, name: str) -> str:
    """An id as text."""
    id_ = str(raw) if isinstance(raw, int | str) and not isinstance(raw, bool) else ""
    if not _ID.fullmatch(id_):
        raise AsideError(f"The element has no {name} that is a whole number.")
    return id_


def _occurred(element: Mapping[str, object]) -> tuple[str, datetime]:
    """When it happened. Shape: the milliseconds as text, the instant."""
    raw = element.get("occurredAt")
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 < raw < 10**13:
        raise AsideError("The element has no occurredAt in milliseconds since 1970.")
    return str(raw), from_milliseconds(raw)


def _value(element: Mapping[str, object]) -> str:
    """The new value as text, as HubSpot always sends it; empty when it was cleared."""
    raw = element.get("propertyValue")
    if isinstance(raw, dict | list):
        raise AsideError("The element's propertyValue is not a text.")
    if element.get("isSensitive") is True:
        raise SkipError
    return "" if raw is None else raw if isinstance(raw, str) else strict_json.dumps(raw)


def _h16(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
