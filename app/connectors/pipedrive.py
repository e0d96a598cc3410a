"""Pipedrive's webhooks, version 2 and version 1 (crm-webhooks.md, section 4): HTTP Basic, no signature."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from app.connectors import signatures
from app.connectors.connector import Connector, Delivery, Translation
from app.connectors.element_parsing import (
    RejectElementError,
    SkipElementError,
    get_change_verb,
    get_object,
    parse_account,
    parse_instant,
    parse_record_id,
    parse_single_event,
    pick_fields,
    short_digest,
    translate_elements,
)
from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.mapping.mapping import DealMapping

# A reopened deal keeps first_won_time: it is read nowhere.
DEFAULT_MAPPING: Final[Mapping[str, object]] = MappingProxyType(
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
ACTIVITY_FIELDS: Final[Mapping[str, tuple[str, str, str, str]]] = MappingProxyType(
    {
        "call": ("hs_timestamp", "hs_call_status", "COMPLETED", "SCHEDULED"),
        "meeting": ("hs_meeting_start_time", "hs_meeting_outcome", "COMPLETED", "SCHEDULED"),
        "email": ("hs_timestamp", "hs_email_status", "SENT", "SCHEDULED"),
    }
)
# What changes without anybody's doing: it must not tell one notification of an edit from another.
VOLATILE_SUFFIXES: Final = (
    "_count",
    "_activity_date",
    "_activity_id",
    "_activity_time",
    "_mail_time",
)


class _PipedriveBase(Connector):
    """What both versions have in common."""

    mapping_form: str = "deals"
    default_mapping: Mapping[str, object] = DEFAULT_MAPPING
    is_secret_required: bool = False

    def generate_secret(self, random_bytes: bytes) -> str:
        """A user's name and a password, `<user>:<password>`."""
        return signatures.generate_basic_secret(random_bytes)

    def check_secret(self, secret: str) -> None:
        """Returns only for `<user>:<password>` in printable ASCII. Raises: InvalidError."""
        signatures.check_basic_secret(secret)

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Returns only for a delivery that brings one of the secrets as HTTP Basic. Raises: NotAuthenticError."""
        signatures.verify_basic(delivery, secrets)


class PipedriveConnector(_PipedriveBase):
    """One company of Pipedrive, by webhooks of version 2."""

    name: str = "pipedrive"

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """The changes that the event says. Raises: MalformedError when it is no JSON object."""
        return translate_elements(
            parse_single_event(delivery.body, "Pipedrive"),
            lambda element: _to_changes_v2(element, account, mapping),
        )


class PipedriveV1Connector(_PipedriveBase):
    """One company of Pipedrive, by webhooks of version 1."""

    name: str = "pipedrive_v1"

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """The changes that the event says. Raises: MalformedError when it is no JSON object."""
        return translate_elements(
            parse_single_event(delivery.body, "Pipedrive"),
            lambda element: _to_changes_v1(element, account, mapping),
        )


def _to_changes_v2(
    element: Mapping[str, object], account: str | None, mapping: DealMapping
) -> Iterable[Change]:
    """The changes of one event of version 2."""
    meta = get_object(element, "meta")
    if "object" in meta and "entity" not in meta:
        raise RejectElementError(
            "This is a webhook of version 1: connect it as pipedrive_v1, or make one of version 2.0."
        )
    company_id = parse_account(meta.get("company_id"), account, "company_id")
    kind, action = meta.get("entity"), meta.get("action")
    if kind not in ("deal", "activity", "deal_product") or action not in (
        "create",
        "change",
        "delete",
    ):
        raise SkipElementError
    id_ = parse_record_id(meta.get("entity_id"), "meta.entity_id")
    key = f"pd2|{company_id}|{parse_record_id(meta.get('id'), 'meta.id')}"
    occurred_at = parse_instant(meta.get("timestamp"), "meta.timestamp")
    previous_raw = element.get("previous")
    previous = previous_raw if isinstance(previous_raw, Mapping) else {}
    if kind == "activity":
        record = previous if action == "delete" else get_object(element, "data")
        return _to_activity_changes(
            id_, record, previous, str(action), Change("", key, occurred_at, ""), mapping
        )
    if kind == "deal_product":
        record = {} if action == "delete" else get_object(element, "data")
        return _to_product_changes(
            record, previous, Change(f"line_item:{id_}", key, occurred_at, "deleted"), mapping
        )
    if action == "delete":
        surviving_id = meta.get("merged_to_id")
        if surviving_id is None:
            return [Change(f"deal:{id_}", key, occurred_at, "deleted")]
        return [
            Change(
                f"deal:{id_}",
                key,
                occurred_at,
                "merged",
                {},
                f"deal:{parse_record_id(surviving_id, 'meta.merged_to_id')}",
            )
        ]
    deal = get_object(element, "data")
    verb = "created" if action == "create" else get_change_verb(previous, mapping)
    if deal.get("is_deleted") is True:
        return [Change(f"deal:{id_}", key, occurred_at, "deleted")]
    if previous.get("is_deleted") is True:
        verb = "restored"
    changes = [
        Change(f"deal:{id_}", key, occurred_at, verb, pick_fields(deal, mapping.properties()))
    ]
    merged_id = meta.get("merged_from_id")
    if merged_id is not None:
        merged_deal = f"deal:{parse_record_id(merged_id, 'meta.merged_from_id')}"
        changes.append(
            Change(merged_deal, f"{key}|merged", occurred_at, "merged", {}, f"deal:{id_}")
        )
    return changes


def _to_product_changes(
    record: Mapping[str, object],
    previous: Mapping[str, object],
    deletion: Change,
    mapping: DealMapping,
) -> Iterable[Change]:
    """The changes of one product of a deal, which counts for it while it is enabled.

    Shape: `at` is its deletion; `record` is empty where it was deleted.
    """
    property_names = mapping.line_item_properties()
    if not property_names:
        raise SkipElementError
    if not record:
        return [deletion]
    changes = [replace(deletion, verb="changed", fields=pick_fields(record, property_names))]
    deal = f"deal:{parse_record_id(record.get('deal_id'), 'deal_id')}"
    if previous.get("deal_id") not in (None, record.get("deal_id")):
        previous_deal = f"deal:{parse_record_id(previous['deal_id'], 'deal_id')}"
        changes.append(
            replace(deletion, key=f"{deletion.key}|was", verb="dissociated", other=previous_deal)
        )
    verb = "dissociated" if record.get("is_enabled") is False else "associated"
    return [*changes, replace(deletion, key=f"{deletion.key}|deal", verb=verb, other=deal)]


def _to_changes_v1(
    element: Mapping[str, object], account: str | None, mapping: DealMapping
) -> Iterable[Change]:
    """The changes of one event of version 1. It does not say which deal a merged one has absorbed."""
    meta = get_object(element, "meta")
    if "entity" in meta and "object" not in meta:
        raise RejectElementError("This is a webhook of version 2: connect it as pipedrive.")
    company_id = parse_account(meta.get("company_id"), account, "company_id")
    kind, action = meta.get("object"), meta.get("action")
    if kind not in ("deal", "activity") or action not in ("added", "updated", "deleted", "merged"):
        raise SkipElementError
    id_ = parse_record_id(meta.get("id"), "meta.id")
    current, previous = (
        _to_record(element.get(member_name)) for member_name in ("current", "previous")
    )
    changed_names = (
        {
            member_name
            for member_name, property_value in current.items()
            if previous.get(member_name) != property_value
        }
        if action == "updated"
        else set()
    )
    empty_change = _to_empty_change(
        meta, current, changed_names, f"pd1|{company_id}|{kind}|{id_}|{action}|"
    )
    if kind == "activity":
        record = previous if action == "deleted" else current
        previous_properties = {
            member_name: previous.get(member_name) for member_name in changed_names
        }
        return _to_activity_changes(
            id_,
            record,
            previous_properties,
            {"added": "create", "deleted": "delete"}.get(str(action), "change"),
            empty_change,
            mapping,
        )
    entity = f"deal:{id_}"
    if action == "deleted" or current.get("deleted") is True:
        return [replace(empty_change, entity=entity, verb="deleted")]
    if not current:
        raise RejectElementError("The element has no object 'current'.")
    verb = (
        "created"
        if action == "added"
        else "restored"
        if "deleted" in changed_names
        else get_change_verb(changed_names, mapping)
    )
    return [
        replace(
            empty_change,
            entity=entity,
            verb=verb,
            fields=pick_fields(current, mapping.properties()),
        )
    ]


def _to_empty_change(
    meta: Mapping[str, object],
    current: Mapping[str, object],
    changed_names: Collection[str],
    key: str,
) -> Change:
    """The key, the time and the order of an event of version 1, as a change that says nothing yet.

    The time follows from the key: of several notifications of one edit any may come first.
    """
    timestamp_us = meta.get("timestamp_micro")
    sequence = str(timestamp_us).zfill(20) if isinstance(timestamp_us, int) else ""
    timestamp = current.get("update_time") if changed_names else None
    timestamp = timestamp or meta.get("timestamp")
    if changed_names:
        changed_properties = {
            name: current[name]
            for name in changed_names
            if not name.endswith(VOLATILE_SUFFIXES) and name != "update_time"
        }
        key += f"{timestamp}|{short_digest(changed_properties)}"
    else:
        key += str(timestamp)
    return Change("", key, parse_instant(timestamp, "time"), "", {}, None, sequence)


def _to_record(raw: object) -> Mapping[str, object]:
    return raw if isinstance(raw, Mapping) else {}


def _to_activity_changes(
    id_: str,
    record: Mapping[str, object],
    previous: Mapping[str, object],
    action: str,
    empty_change: Change,
    mapping: DealMapping,
) -> Iterable[Change]:
    """The changes of a call, a meeting or an e-mail, and of the deal that it belongs to.

    Shape: `at` says the key, the time and the order; `previous` what has changed, as it was before.
    """
    changes: list[Change] = []

    def append_change(
        kind: str, verb: str, activity_fields: Mapping[str, Scalar], deal: object = None
    ) -> None:
        other_entity = None if deal is None else f"deal:{parse_record_id(deal, 'deal_id')}"
        change_key = empty_change.key if not changes else f"{empty_change.key}|{len(changes)}"
        changes.append(
            Change(
                f"{kind}:{id_}",
                change_key,
                empty_change.at,
                verb,
                activity_fields,
                other_entity,
                empty_change.sequence,
            )
        )

    kind, previous_kind = (str(properties.get("type")) for properties in (record, previous))
    if previous_kind != kind and previous_kind in ACTIVITY_FIELDS:
        append_change(previous_kind, "deleted", {})
    if kind in ACTIVITY_FIELDS and action == "delete":
        append_change(kind, "deleted", {})
    elif kind in ACTIVITY_FIELDS:
        time_field, outcome_field, done_state, open_state = ACTIVITY_FIELDS[kind]
        team_fields = pick_fields(
            record, mapping.team.properties if mapping.team is not None else ()
        )
        state = done_state if record.get("done") in (True, 1) else open_state
        append_change(
            kind,
            "created" if action == "create" else "changed",
            {**team_fields, time_field: _planned_time(record), outcome_field: state},
        )
        deal = record.get("deal_id")
        if previous.get("deal_id") not in (None, deal):
            append_change(kind, "dissociated", {}, previous["deal_id"])
        if deal is not None:
            append_change(kind, "associated", {}, deal)
    if not changes:
        raise SkipElementError
    return changes


def _planned_time(record: Mapping[str, object]) -> str | None:
    """When an activity is due, else when it was done. None when neither is said."""
    due_date, due_time = record.get("due_date"), record.get("due_time")
    if isinstance(due_date, str) and due_date:
        return f"{due_date}T{due_time}" if isinstance(due_time, str) and due_time else due_date
    done_at = record.get("marked_as_done_time")
    return done_at if isinstance(done_at, str) and done_at else None
