"""Pipedrive's webhooks, version 2 and version 1 (crm-webhooks.md, section 4): HTTP Basic, no signature."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from app.connectors import signatures
from app.connectors.connector import Connector, Delivery, Translation
from app.connectors.element_parsing import (
    AsideError,
    SkipError,
    digest,
    fields,
    member,
    moment,
    of_account,
    one_object,
    record_id,
    translated,
    verb_of,
)
from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.mapping.mapping import DealMapping

# A reopened deal keeps first_won_time: it is read nowhere.
STOCK: Final[Mapping[str, object]] = MappingProxyType(
    {
        "stage": {"property": "stage_id"},
        "pipeline": {"property": "pipeline_id"},
        "status": {"property": "status", "map": {"open": "open", "won": "won", "lost": "lost"}},
        "value": {"property": "value"},
        "unit": {"property": "currency"},
        "created_at": {"property": "add_time"},
        "modified_at": {"property": "update_time"},
        "closed_at": {"first_of": ["close_time", "won_time", "lost_time"]},
        # A product of a deal, told by version 2 alone.
        "line_items": {
            "value": {"property": "sum"},
            "price": {"property": "item_price"},
            "quantity": {"property": "quantity"},
        },
    }
)
# Activities in the words of the fold (app/domain/sources/crm/activities.py): when, how it went, done, not done.
ACTIVITIES: Final[Mapping[str, tuple[str, str, str, str]]] = MappingProxyType(
    {
        "call": ("hs_timestamp", "hs_call_status", "COMPLETED", "SCHEDULED"),
        "meeting": ("hs_meeting_start_time", "hs_meeting_outcome", "COMPLETED", "SCHEDULED"),
        "email": ("hs_timestamp", "hs_email_status", "SENT", "SCHEDULED"),
    }
)
# What changes without anybody's doing: it must not tell one notification of an edit from another.
VOLATILE: Final = ("_count", "_activity_date", "_activity_id", "_activity_time", "_mail_time")


class _Basic(Connector):
    """What both versions have in common."""

    form: str = "deals"
    default_mapping: Mapping[str, object] = STOCK
    secret_required: bool = False

    def new_secret(self, random: bytes) -> str:
        """A user's name and a password, `<user>:<password>`."""
        return signatures.basic_secret(random)

    def check_secret(self, secret: str) -> None:
        """Returns only for `<user>:<password>` in printable ASCII. Raises: InvalidError."""
        signatures.check_basic_secret(secret)

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Returns only for a delivery that brings one of the secrets as HTTP Basic. Raises: NotAuthenticError."""
        signatures.verify_basic(delivery, secrets)


class Pipedrive(_Basic):
    """One company of Pipedrive, by webhooks of version 2."""

    name: str = "pipedrive"

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """The changes that the event says. Raises: MalformedError when it is no JSON object."""
        return translated(
            one_object(delivery.body, "Pipedrive"),
            lambda element: _second(element, account, mapping),
        )


class PipedriveV1(_Basic):
    """One company of Pipedrive, by webhooks of version 1."""

    name: str = "pipedrive_v1"

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """The changes that the event says. Raises: MalformedError when it is no JSON object."""
        return translated(
            one_object(delivery.body, "Pipedrive"),
            lambda element: _first(element, account, mapping),
        )


def _second(
    element: Mapping[str, object], account: str | None, mapping: DealMapping
) -> Iterable[Change]:
    """The changes of one event of version 2."""
    meta = member(element, "meta")
    if "object" in meta and "entity" not in meta:
        raise AsideError(
            "This is a webhook of version 1: connect it as pipedrive_v1, or make one of version 2.0."
        )
    company = of_account(meta.get("company_id"), account, "company_id")
    kind, action = meta.get("entity"), meta.get("action")
    if kind not in ("deal", "activity", "deal_product") or action not in (
        "create",
        "change",
        "delete",
    ):
        raise SkipError
    id_ = record_id(meta.get("entity_id"), "meta.entity_id")
    key = f"pd2|{company}|{record_id(meta.get('id'), 'meta.id')}"
    at = moment(meta.get("timestamp"), "meta.timestamp")
    found = element.get("previous")
    previous = found if isinstance(found, Mapping) else {}
    if kind == "activity":
        record = previous if action == "delete" else member(element, "data")
        return _activity(id_, record, previous, str(action), Change("", key, at, ""), mapping)
    if kind == "deal_product":
        record = {} if action == "delete" else member(element, "data")
        return _product(record, previous, Change(f"line_item:{id_}", key, at, "deleted"), mapping)
    if action == "delete":
        into = meta.get("merged_to_id")
        if into is None:
            return [Change(f"deal:{id_}", key, at, "deleted")]
        return [
            Change(
                f"deal:{id_}", key, at, "merged", {}, f"deal:{record_id(into, 'meta.merged_to_id')}"
            )
        ]
    data = member(element, "data")
    verb = "created" if action == "create" else verb_of(previous, mapping)
    if data.get("is_deleted") is True:
        return [Change(f"deal:{id_}", key, at, "deleted")]
    if previous.get("is_deleted") is True:
        verb = "restored"
    changes = [Change(f"deal:{id_}", key, at, verb, fields(data, mapping.properties()))]
    absorbed = meta.get("merged_from_id")
    if absorbed is not None:
        gone = f"deal:{record_id(absorbed, 'meta.merged_from_id')}"
        changes.append(Change(gone, f"{key}|merged", at, "merged", {}, f"deal:{id_}"))
    return changes


def _product(
    record: Mapping[str, object], previous: Mapping[str, object], at: Change, mapping: DealMapping
) -> Iterable[Change]:
    """The changes of one product of a deal, which counts for it while it is enabled.

    Shape: `at` is its deletion; `record` is empty where it was deleted.
    """
    wanted = mapping.line_item_properties()
    if not wanted:
        raise SkipError
    if not record:
        return [at]
    changes = [replace(at, verb="changed", fields=fields(record, wanted))]
    deal = f"deal:{record_id(record.get('deal_id'), 'deal_id')}"
    if previous.get("deal_id") not in (None, record.get("deal_id")):
        was = f"deal:{record_id(previous['deal_id'], 'deal_id')}"
        changes.append(replace(at, key=f"{at.key}|was", verb="dissociated", other=was))
    verb = "dissociated" if record.get("is_enabled") is False else "associated"
    return [*changes, replace(at, key=f"{at.key}|deal", verb=verb, other=deal)]


def _first(
    element: Mapping[str, object], account: str | None, mapping: DealMapping
) -> Iterable[Change]:
    """The changes of one event of version 1. It does not say which deal a merged one has absorbed."""
    meta = member(element, "meta")
    if "entity" in meta and "object" not in meta:
        raise AsideError("This is a webhook of version 2: connect it as pipedrive.")
    company = of_account(meta.get("company_id"), account, "company_id")
    kind, action = meta.get("object"), meta.get("action")
    if kind not in ("deal", "activity") or action not in ("added", "updated", "deleted", "merged"):
        raise SkipError
    id_ = record_id(meta.get("id"), "meta.id")
    current, previous = (_record(element.get(name)) for name in ("current", "previous"))
    changed = (
        {name for name, value in current.items() if previous.get(name) != value}
        if action == "updated"
        else set()
    )
    at = _told(meta, current, changed, f"pd1|{company}|{kind}|{id_}|{action}|")
    if kind == "activity":
        record = previous if action == "deleted" else current
        was = {name: previous.get(name) for name in changed}
        return _activity(
            id_,
            record,
            was,
            {"added": "create", "deleted": "delete"}.get(str(action), "change"),
            at,
            mapping,
        )
    entity = f"deal:{id_}"
    if action == "deleted" or current.get("deleted") is True:
        return [replace(at, entity=entity, verb="deleted")]
    if not current:
        raise AsideError("The element has no object 'current'.")
    verb = (
        "created"
        if action == "added"
        else "restored"
        if "deleted" in changed
        else verb_of(changed, mapping)
    )
    return [replace(at, entity=entity, verb=verb, fields=fields(current, mapping.properties()))]


def _told(
    meta: Mapping[str, object], current: Mapping[str, object], changed: Collection[str], key: str
) -> Change:
    """The key, the time and the order of an event of version 1, as a change that says nothing yet.

    The time follows from the key: of several notifications of one edit any may come first.
    """
    micro = meta.get("timestamp_micro")
    order = str(micro).zfill(20) if isinstance(micro, int) else ""
    stamp = current.get("update_time") if changed else None
    stamp = stamp or meta.get("timestamp")
    if changed:
        told = {
            name: current[name]
            for name in changed
            if not name.endswith(VOLATILE) and name != "update_time"
        }
        key += f"{stamp}|{digest(told)}"
    else:
        key += str(stamp)
    return Change("", key, moment(stamp, "time"), "", {}, None, order)


def _record(found: object) -> Mapping[str, object]:
    return found if isinstance(found, Mapping) else {}


def _activity(
    id_: str,
    record: Mapping[str, object],
    previous: Mapping[str, object],
    action: str,
    at: Change,
    mapping: DealMapping,
) -> Iterable[Change]:
    """The changes of a call, a meeting or an e-mail, and of the deal that it belongs to.

    Shape: `at` says the key, the time and the order; `previous` what has changed, as it was before.
    """
    changes: list[Change] = []

    def add(kind: str, verb: str, said: Mapping[str, Scalar], deal: object = None) -> None:
        other = None if deal is None else f"deal:{record_id(deal, 'deal_id')}"
        name = at.key if not changes else f"{at.key}|{len(changes)}"
        changes.append(Change(f"{kind}:{id_}", name, at.at, verb, said, other, at.sequence))

    kind, before = (str(found.get("type")) for found in (record, previous))
    if before != kind and before in ACTIVITIES:
        add(before, "deleted", {})
    if kind in ACTIVITIES and action == "delete":
        add(kind, "deleted", {})
    elif kind in ACTIVITIES:
        when, outcome, done, not_done = ACTIVITIES[kind]
        team = fields(record, mapping.team.properties if mapping.team is not None else ())
        state = done if record.get("done") in (True, 1) else not_done
        add(
            kind,
            "created" if action == "create" else "changed",
            {**team, when: _planned(record), outcome: state},
        )
        deal = record.get("deal_id")
        if previous.get("deal_id") not in (None, deal):
            add(kind, "dissociated", {}, previous["deal_id"])
        if deal is not None:
            add(kind, "associated", {}, deal)
    if not changes:
        raise SkipError
    return changes


def _planned(record: Mapping[str, object]) -> str | None:
    """When an activity is due, else when it was done. None when neither is said."""
    day, hour = record.get("due_date"), record.get("due_time")
    if isinstance(day, str) and day:
        return f"{day}T{hour}" if isinstance(hour, str) and hour else day
    done = record.get("marked_as_done_time")
    return done if isinstance(done, str) and done else None
