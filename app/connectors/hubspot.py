"""HubSpot: signature v3, and both dialects of its webhooks (crm-webhooks.md, section 2)."""

import hmac
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from app.connectors.base import TOLERANCE, Connector, Delivery, Reject, Translation
from app.domain import activities, strict_json
from app.domain.changes import EPOCH, Change, Scalar, from_milliseconds
from app.domain.errors import Fault, InvalidError, MalformedError, NotAuthenticError
from app.domain.mapping import DealMapping

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
    {"creation": "created", "propertyChange": "changed", "deletion": "deleted", "restore": "restored"}
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
_DIGITS: Final = re.compile(r"[0-9]{1,15}")
_ID: Final = re.compile(r"[0-9]{1,20}")
_REDACTED: Final = "REDACTED"


class _SkipError(Exception):
    """The element says nothing that we read."""


class _RejectError(Exception):
    """The element is set aside, with the sentence that says why."""


class HubSpot(Connector):
    """One account of HubSpot, by an app's webhook subscriptions."""

    name: str = "hubspot"
    form: str = "deals"
    default_mapping: Mapping[str, object] = STOCK
    secret_required: bool = True

    def new_secret(self, random: bytes) -> str:  # noqa: ARG002  # the shape of every connector
        """Never a secret. Raises: InvalidError: HubSpot makes it."""
        raise InvalidError("HubSpot makes the secret.", [Fault("/secret", "is required: the app's client secret")])

    def check_secret(self, secret: str) -> None:
        """Returns only for what can be a client secret. Raises: InvalidError."""
        if not 16 <= len(secret) <= 200 or not secret.isascii() or not secret.isprintable() or " " in secret:
            fault = Fault("/secret", "must be the app's client secret: 16 to 200 printable ASCII characters")
            raise InvalidError("The secret is not valid.", [fault])

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Returns only for a delivery with a fresh v3 signature by one of the secrets. Raises: NotAuthenticError."""
        signature = delivery.headers.get("x-hubspot-signature-v3", "").encode("utf-8", "replace")
        stamp = delivery.headers.get("x-hubspot-request-timestamp", "")
        if not _DIGITS.fullmatch(stamp):
            raise NotAuthenticError("The delivery is not authentic.")
        fresh = abs(now - EPOCH - timedelta(milliseconds=int(stamp))) <= timedelta(seconds=TOLERANCE)
        matches = False
        for secret in filter(None, secrets):
            for url in {delivery.url, decoded(delivery.url)}:
                text = f"{delivery.method}{url}".encode() + delivery.body + stamp.encode()
                expected = b64encode(hmac.digest(secret.encode(), text, sha256))
                matches |= hmac.compare_digest(expected, signature)
        if not (fresh and matches):
            raise NotAuthenticError("The delivery is not authentic.")

    def translate(self, delivery: Delivery, account: str | None, mapping: DealMapping) -> Translation:
        """The changes that the batch says, each once. Raises: MalformedError when it is no JSON array."""
        elements = strict_json.loads(delivery.body)
        if not isinstance(elements, list):
            raise MalformedError("The body is not a JSON array: HubSpot sends its events in one.")
        wanted = {kind: activities.properties(kind, mapping) for kind in activities.RULES}
        wanted |= {"deal": mapping.properties(), "line_item": mapping.line_item_properties()}
        changes: dict[str, tuple[int, Change]] = {}
        rejects: list[Reject] = []
        ignored = 0
        for index, element in enumerate(elements):
            try:
                told = _changes(element, account, wanted)
            except _SkipError:
                ignored += 1
            except _RejectError as reason:
                rejects.append(Reject(index, str(reason)))
            else:
                ignored += all(change.key in changes for change in told)
                for change in told:
                    changes.setdefault(change.key, (index, change))
        return Translation(
            changes=tuple(change for _, change in changes.values()),
            rejects=tuple(rejects),
            ignored=ignored,
            change_places=tuple(index for index, _ in changes.values()),
        )


def decoded(url: str) -> str:
    """The address as HubSpot signs it: twelve escapes decoded, and no others."""
    return _ESCAPES.sub(lambda found: chr(int(found[0][1:], 16)), url)


def _changes(element: object, account: str | None, wanted: Mapping[str, frozenset[str]]) -> list[Change]:
    """The changes that one element says: one, or for a merge one of each deal that went into another."""
    if not isinstance(element, dict):
        raise _RejectError("The element is not a JSON object.")
    said = element.get("subscriptionType", element.get("eventType"))
    if not isinstance(said, str) or "." not in said:
        raise _RejectError("The element has no subscriptionType.")
    portal = _portal(element, account)
    name, verb = said.split(".", 1)
    if verb == "associationChange":
        return [_association(element, portal, wanted)]
    kind = name if name != "object" else OBJECTS.get(str(element.get("objectTypeId")), "")
    if not wanted.get(kind) or (name != "object" and kind not in ("deal", "line_item")):
        raise _SkipError
    if verb == "merge" and kind == "deal":
        return _merge(element, portal)
    if verb not in VERBS:
        raise _SkipError
    return [_change(element, f"hubspot|{portal}|{kind}", kind, verb, wanted[kind])]


def _change(element: Mapping[str, object], of: str, kind: str, verb: str, wanted: frozenset[str]) -> Change:
    """What happened to one record by itself."""
    id_, stamp, at = _identity(element.get("objectId"), "objectId"), *_occurred(element)
    if verb != "propertyChange":
        return Change(f"{kind}:{id_}", f"{of}|{id_}|{verb}||{stamp}|", at, VERBS[verb])
    named = element.get("propertyName")
    if not isinstance(named, str) or not named:
        raise _RejectError("The element has no propertyName.")
    value = _value(element)
    if named not in wanted or value == _REDACTED:  # a sensitive value is a word on the wire, not the value
        raise _SkipError
    key = f"{of}|{id_}|{verb}|{named}|{stamp}|{_h16(value)}"
    fields: dict[str, Scalar] = {named: value or None}
    return Change(f"{kind}:{id_}", key, at, "changed", fields)


def _merge(element: Mapping[str, object], portal: str) -> list[Change]:
    """The deals that went into another: the merged are absorbed, the primary lives on, perhaps under a new id."""
    primary = _identity(element.get("primaryObjectId", element.get("objectId")), "primaryObjectId")
    raw = element.get("mergedObjectIds")
    if not isinstance(raw, list) or not raw:
        raise _RejectError("The element has no mergedObjectIds.")
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


def _association(element: Mapping[str, object], portal: str, wanted: Mapping[str, frozenset[str]]) -> Change:
    """The change of what was put to a deal, or taken from it; the same from whichever side it is told."""
    ends = _ends(element)
    kinds = [kind for kind, _ in ends]
    if kinds.count("deal") != 1 or not all(wanted.get(kind) for kind in kinds):
        raise _SkipError
    removed = element.get("associationRemoved", False)
    if not isinstance(removed, bool):
        raise _RejectError("associationRemoved is not true or false.")
    entities = [f"{kind}:{_identity(id_, 'fromObjectId or toObjectId')}" for kind, id_ in ends]
    activity, deal = sorted(entities, key=lambda entity: entity.startswith("deal:"))
    stamp, at = _occurred(element)
    pair = "~".join(sorted(entities)) + (":removed" if removed else ":added")
    id_ = deal.removeprefix("deal:")
    key = f"hubspot|{portal}|association|{id_}|associationChange||{stamp}|{_h16(pair)}"
    return Change(activity, key, at, "dissociated" if removed else "associated", {}, deal)


def _ends(element: Mapping[str, object]) -> list[tuple[str, object]]:
    """The two records of an association. Shape: (kind, id); the kind is empty for one that we do not follow."""
    kinds = [OBJECTS.get(str(element[end]), "") for end in ("fromObjectTypeId", "toObjectTypeId") if end in element]
    if len(kinds) != 2:
        parts = str(element.get("associationType")).upper().split("_TO_")
        kinds = [NAMES.get(part, "") for part in parts] if len(parts) == 2 else ["", ""]
    return list(zip(kinds, (element.get("fromObjectId"), element.get("toObjectId")), strict=True))


def _portal(element: Mapping[str, object], account: str | None) -> str:
    """The account that the element is of; the empty text when neither it nor the source says."""
    raw = element.get("portalId")
    if raw is None and account is None:
        return ""
    portal = _identity(raw, "portalId")
    if account is not None and portal != account:
        raise _RejectError(f"The element is of portal {portal}, not of portal {account}.")
    return portal


def _identity(raw: object, name: str) -> str:
    """An id as text."""
    id_ = str(raw) if isinstance(raw, int | str) and not isinstance(raw, bool) else ""
    if not _ID.fullmatch(id_):
        raise _RejectError(f"The element has no {name} that is a whole number.")
    return id_


def _occurred(element: Mapping[str, object]) -> tuple[str, datetime]:
    """When it happened. Shape: the milliseconds as text, the instant."""
    raw = element.get("occurredAt")
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 < raw < 10**13:
        raise _RejectError("The element has no occurredAt in milliseconds since 1970.")
    return str(raw), from_milliseconds(raw)


def _value(element: Mapping[str, object]) -> str:
    """The new value as text, as HubSpot always sends it; empty when it was cleared."""
    raw = element.get("propertyValue")
    if isinstance(raw, dict | list):
        raise _RejectError("The element's propertyValue is not a text.")
    if element.get("isSensitive") is True:
        raise _SkipError
    return "" if raw is None else raw if isinstance(raw, str) else strict_json.dumps(raw)


def _h16(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
