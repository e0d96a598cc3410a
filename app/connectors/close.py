"""Close: HMAC with a key in hexadecimal, amounts in cents, times without a zone (crm-webhooks.md, section 5.2)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from app.connectors import signatures
from app.connectors.connector import Connector, Delivery, Translation
from app.connectors.element_parsing import (
    SkipError,
    digest,
    fields,
    member,
    moment,
    names_in,
    of_account,
    one_object,
    record_id,
    translated,
    verb_of,
)
from app.domain.primitives.errors import Fault, InvalidError
from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.mapping.mapping import DealMapping

STOCK: Final[Mapping[str, object]] = MappingProxyType(
    {
        "stage": {"property": "status_id"},
        "pipeline": {"property": "pipeline_id"},
        "status": {
            "property": "status_type",
            "map": {"active": "open", "won": "won", "lost": "lost"},
        },
        "value": {"property": "value", "scale": -2},
        "unit": {"property": "value_currency"},
        "created_at": {"property": "date_created"},
        "modified_at": {"property": "date_updated"},
        "closed_at": {"first_of": ["date_won", "date_lost"]},
    }
)
# Activities in the words of the fold: kind, when it was, how it went, and what Close's own words come to.
Words = tuple[str, tuple[str, ...], str, str, Mapping[str, str]]
ACTIVITIES: Final[Mapping[str, Words]] = MappingProxyType(
    {
        "activity.call": (
            *("call", ("activity_at", "date_created"), "hs_timestamp", "hs_call_status"),
            {"completed": "COMPLETED", "no-answer": "NO_ANSWER", "busy": "BUSY", "failed": "FAILED"}
            | {
                "cancel": "CANCELED",
                "timeout": "NO_ANSWER",
                "created": "QUEUED",
                "in-progress": "IN_PROGRESS",
            },
        ),
        "activity.meeting": (
            *(
                "meeting",
                ("starts_at", "activity_at"),
                "hs_meeting_start_time",
                "hs_meeting_outcome",
            ),
            {
                "completed": "COMPLETED",
                "upcoming": "SCHEDULED",
                "in-progress": "SCHEDULED",
                "canceled": "CANCELED",
            }
            | {"declined-by-lead": "CANCELED", "declined-by-org": "CANCELED"},
        ),
    }
)


class Close(Connector):
    """One organization of Close, by a webhook subscription."""

    name: str = "close"
    form: str = "deals"
    default_mapping: Mapping[str, object] = STOCK
    secret_required: bool = True

    def new_secret(self, random: bytes) -> str:
        """Never a secret. Raises: InvalidError: Close makes it."""
        raise InvalidError(
            "Close makes the secret.",
            [Fault("/secret", "is required: the webhook's signature_key")],
        )

    def check_secret(self, secret: str) -> None:
        """Returns only for a signature key: 16 to 128 bytes in hexadecimal. Raises: InvalidError."""
        if not 16 <= len(_key(secret)) <= 128:
            raise signatures.unusable("must be the webhook's signature_key: hexadecimal digits")

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Returns only for a delivery with a fresh signature by one of the secrets. Raises: NotAuthenticError."""
        stamp = delivery.headers.get("close-sig-timestamp", "")
        if not signatures.fresh(stamp, now):
            raise signatures.refusal()
        signed = stamp.encode() + delivery.body
        expected = [signatures.hexadecimal(key, signed) for key in filter(None, map(_key, secrets))]
        if not signatures.among([delivery.headers.get("close-sig-hash", "").lower()], expected):
            raise signatures.refusal()

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """The change that the event says. Raises: MalformedError when it is no JSON object."""
        return translated(
            one_object(delivery.body, "Close"), lambda element: _changes(element, account, mapping)
        )


def _key(secret: str) -> bytes:
    """The bytes that the digits stand for; none where they are no digits."""
    try:
        return bytes.fromhex(secret) if secret.isalnum() else b""
    except ValueError:
        return b""


def _changes(
    element: Mapping[str, object], account: str | None, mapping: DealMapping
) -> Iterable[Change]:
    """The change of one event. Several quick edits come as one, which keeps its id when it is told again with more."""
    event = member(element, "event")
    kind, action = str(event.get("object_type")), event.get("action")
    if (kind != "opportunity" and kind not in ACTIVITIES) or not isinstance(action, str):
        raise SkipError
    organization = of_account(event.get("organization_id"), account, "organization_id")
    id_ = record_id(event.get("object_id"), "object_id")
    said = event.get("date_updated") or event.get("date_created")
    at = moment(said, "date_created")
    found = event.get("data")
    data = found if isinstance(found, Mapping) else {}
    told = digest([said, dict(data)])
    key = f"close|{organization}|{record_id(event.get('id'), 'event.id')}|{told}"
    entity = f"deal:{id_}" if kind == "opportunity" else f"{ACTIVITIES[kind][0]}:{id_}"
    if action == "deleted":
        return [Change(entity, key, at, "deleted")]
    verb = (
        "created"
        if action == "created"
        else verb_of(names_in(event.get("changed_fields")), mapping)
    )
    data = member(event, "data")
    if kind != "opportunity":
        return [Change(entity, key, at, verb, _activity(kind, data, mapping))]
    return [Change(entity, key, at, verb, fields(data, mapping.properties()))]


def _activity(kind: str, data: Mapping[str, object], mapping: DealMapping) -> dict[str, Scalar]:
    """A call or a meeting in the words of the fold. Close puts it to a lead, not to an opportunity."""
    _, times, when, outcome, words = ACTIVITIES[kind]
    team = fields(data, mapping.team.properties if mapping.team is not None else ())
    found = fields(data, (*times, "status"))
    started = next((found[name] for name in times if found.get(name) is not None), None)
    state = found.get("status")
    return {
        **team,
        when: started,
        outcome: words.get(state, state) if isinstance(state, str) else state,
    }
