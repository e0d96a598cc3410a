"""Pipedrive's webhooks, versions 1 and 2: HTTP Basic, no signature (docs/crm/pipedrive.md)."""

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
from app.domain.sources.crm import activity_properties
from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.mapping.mapping import DealMapping

RECORD_ID_PROPERTIES: Final = ("Deal - ID",)
# first_won_time is not read, because a reopened deal keeps it.
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
        # Products of a deal; only version 2 reports them.
        "line_items": {
            "value": {"property": "sum"},
            "price": {"property": "item_price"},
            "quantity": {"property": "quantity"},
        },
    }
)
# By kind of activity: the name of its time in a change, the status if done, and if not done.
ACTIVITY_FIELDS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "call": (activity_properties.OCCURRED_AT, "COMPLETED", "SCHEDULED"),
        "meeting": (activity_properties.STARTS_AT, "COMPLETED", "SCHEDULED"),
        "email": (activity_properties.OCCURRED_AT, "SENT", "SCHEDULED"),
    }
)
# Pipedrive changes these properties by itself. They must not distinguish two notifications of
# one edit.
VOLATILE_SUFFIXES: Final = (
    "_count",
    "_activity_date",
    "_activity_id",
    "_activity_time",
    "_mail_time",
)


KINDS_V2: Final = ("deal", "activity", "deal_product")
ACTIONS_V2: Final = ("create", "change", "delete")


class _PipedriveBase(Connector):
    """The parts that both versions have in common."""

    mapping_form: str = "deals"
    default_mapping: Mapping[str, object] = DEFAULT_MAPPING
    is_secret_required: bool = False

    def generate_secret(self, random_bytes: bytes) -> str:
        """Make a user name and a password: `<user>:<password>`."""
        return signatures.generate_basic_secret(random_bytes)

    def check_secret(self, secret: str) -> None:
        """Raise InvalidError unless the secret is `<user>:<password>` in printable ASCII."""
        signatures.check_basic_secret(secret)

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Raise NotAuthenticError unless the delivery has one of the secrets as HTTP Basic."""
        signatures.verify_basic(delivery, secrets)


class PipedriveConnector(_PipedriveBase):
    """One company of Pipedrive, connected by webhooks of version 2."""

    name: str = "pipedrive"

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """Translate one event. Raises: MalformedError for a body that is no JSON object."""
        return translate_elements(
            parse_single_event(delivery.body, "Pipedrive"),
            lambda element: _to_changes_v2(element, account, mapping),
        )


class PipedriveV1Connector(_PipedriveBase):
    """One company of Pipedrive, connected by webhooks of version 1."""

    name: str = "pipedrive_v1"

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """Translate one event. Raises: MalformedError for a body that is no JSON object."""
        return translate_elements(
            parse_single_event(delivery.body, "Pipedrive"),
            lambda element: _to_changes_v1(element, account, mapping),
        )


def _to_changes_v2(
    element: Mapping[str, object], account: str | None, mapping: DealMapping
) -> Iterable[Change]:
    """Translate one event of version 2."""
    meta = get_object(element, "meta")
    if "object" in meta and "entity" not in meta:
        raise RejectElementError(
            "This is a webhook of version 1:"
            " connect it as pipedrive_v1, or make one of version 2.0."
        )
    company_id = parse_account(meta.get("company_id"), account, "company_id")
    kind = meta.get("entity")
    action = meta.get("action")
    if kind not in KINDS_V2 or action not in ACTIONS_V2:
        raise SkipElementError
    id_ = parse_record_id(meta.get("entity_id"), "meta.entity_id")
    change_key = f"pd2|{company_id}|{parse_record_id(meta.get('id'), 'meta.id')}"
    occurred_at = parse_instant(meta.get("timestamp"), "meta.timestamp")
    previous_raw = element.get("previous")
    previous = previous_raw if isinstance(previous_raw, Mapping) else {}
    if kind == "activity":
        record = previous if action == "delete" else get_object(element, "data")
        return _to_activity_changes(
            id_, record, previous, str(action), Change("", change_key, occurred_at, ""), mapping
        )
    if kind == "deal_product":
        record = {} if action == "delete" else get_object(element, "data")
        return _to_product_changes(
            record,
            previous,
            Change(f"line_item:{id_}", change_key, occurred_at, "deleted"),
            mapping,
        )
    deletion = Change(f"deal:{id_}", change_key, occurred_at, "deleted")
    if action == "delete":
        surviving_id = meta.get("merged_to_id")
        if surviving_id is None:
            return [deletion]
        surviving_deal = f"deal:{parse_record_id(surviving_id, 'meta.merged_to_id')}"
        return [replace(deletion, verb="merged", other=surviving_deal)]
    return _to_deal_changes_v2(meta, get_object(element, "data"), previous, deletion, mapping)


def _to_deal_changes_v2(
    meta: Mapping[str, object],
    deal: Mapping[str, object],
    previous: Mapping[str, object],
    deletion: Change,
    mapping: DealMapping,
) -> Iterable[Change]:
    """Translate an event of a deal that exists. `deletion` is the change if it does not."""
    if deal.get("is_deleted") is True:
        return [deletion]
    verb = "created" if meta.get("action") == "create" else get_change_verb(previous, mapping)
    if previous.get("is_deleted") is True:
        verb = "restored"
    changes = [replace(deletion, verb=verb, fields=pick_fields(deal, mapping.properties()))]
    merged_id = meta.get("merged_from_id")
    if merged_id is not None:
        merged_deal = f"deal:{parse_record_id(merged_id, 'meta.merged_from_id')}"
        changes.append(
            Change(
                merged_deal, f"{deletion.key}|merged", deletion.at, "merged", {}, deletion.entity
            )
        )
    return changes


def _to_product_changes(
    record: Mapping[str, object],
    previous: Mapping[str, object],
    deletion: Change,
    mapping: DealMapping,
) -> Iterable[Change]:
    """Translate an event of a deal's product, which counts for the deal while it is enabled.

    `deletion` is the change if the product was deleted; `record` is empty then.
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
    """Translate one event of version 1.

    A merge does not name the deals that were merged into another one.
    """
    meta = get_object(element, "meta")
    if "entity" in meta and "object" not in meta:
        raise RejectElementError("This is a webhook of version 2: connect it as pipedrive.")
    company_id = parse_account(meta.get("company_id"), account, "company_id")
    kind = meta.get("object")
    action = meta.get("action")
    if kind not in ("deal", "activity") or action not in ("added", "updated", "deleted", "merged"):
        raise SkipElementError
    id_ = parse_record_id(meta.get("id"), "meta.id")
    current = _to_record(element.get("current"))
    previous = _to_record(element.get("previous"))
    changed_names = (
        {name for name, current_value in current.items() if previous.get(name) != current_value}
        if action == "updated"
        else set()
    )
    empty_change = _to_empty_change(
        meta, current, changed_names, f"pd1|{company_id}|{kind}|{id_}|{action}|"
    )
    if kind == "activity":
        return _to_activity_changes(
            id_,
            previous if action == "deleted" else current,
            {name: previous.get(name) for name in changed_names},
            {"added": "create", "deleted": "delete"}.get(str(action), "change"),
            empty_change,
            mapping,
        )
    deal_change = replace(empty_change, entity=f"deal:{id_}")
    if action == "deleted" or current.get("deleted") is True:
        return [replace(deal_change, verb="deleted")]
    if not current:
        raise RejectElementError("The element has no object 'current'.")
    if action == "added":
        verb = "created"
    elif "deleted" in changed_names:
        verb = "restored"
    else:
        verb = get_change_verb(changed_names, mapping)
    return [replace(deal_change, verb=verb, fields=pick_fields(current, mapping.properties()))]


def _to_empty_change(
    meta: Mapping[str, object],
    current: Mapping[str, object],
    changed_names: Collection[str],
    key: str,
) -> Change:
    """Build a change without content: the key, the time and the order of an event of version 1.

    Several notifications of one edit have the same key and the same time, whichever arrives first.
    """
    timestamp_us = meta.get("timestamp_micro")
    sequence = str(timestamp_us).zfill(20) if isinstance(timestamp_us, int) else ""
    timestamp = current.get("update_time") if changed_names else None
    timestamp = timestamp or meta.get("timestamp")
    if changed_names:
        changed_properties = {
            changed_name: current[changed_name]
            for changed_name in changed_names
            if not changed_name.endswith(VOLATILE_SUFFIXES) and changed_name != "update_time"
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
    """Translate an event of a call, a meeting or an e-mail, and of its link to a deal.

    `empty_change` has the key, the time and the order; `previous` has the previous values of the
    properties that changed.
    """
    kind = str(record.get("type"))
    previous_kind = str(previous.get("type"))
    changes: list[Change] = []
    if previous_kind != kind and previous_kind in ACTIVITY_FIELDS:
        changes.append(replace(empty_change, entity=f"{previous_kind}:{id_}", verb="deleted"))
    if kind in ACTIVITY_FIELDS:
        activity_change = replace(empty_change, entity=f"{kind}:{id_}")
        if action == "delete":
            changes.append(replace(activity_change, verb="deleted"))
        else:
            verb = "created" if action == "create" else "changed"
            activity_fields = _to_activity_fields(kind, record, mapping)
            changes.append(replace(activity_change, verb=verb, fields=activity_fields))
            changes += _to_link_changes(record, previous, activity_change)
    if not changes:
        raise SkipElementError
    # Each change has a key of its own.
    return [
        change if number == 0 else replace(change, key=f"{change.key}|{number}")
        for number, change in enumerate(changes)
    ]


def _to_activity_fields(
    kind: str, record: Mapping[str, object], mapping: DealMapping
) -> Mapping[str, Scalar]:
    time_field, done_status, open_status = ACTIVITY_FIELDS[kind]
    team_fields = pick_fields(record, mapping.team.properties if mapping.team is not None else ())
    return {
        **team_fields,
        time_field: _planned_time(record),
        activity_properties.STATUS: done_status if record.get("done") in (True, 1) else open_status,
    }


def _to_link_changes(
    record: Mapping[str, object], previous: Mapping[str, object], activity_change: Change
) -> Iterable[Change]:
    """Yield the changes of an activity's link to a deal."""
    deal_id = record.get("deal_id")
    previous_deal_id = previous.get("deal_id")
    if previous_deal_id not in (None, deal_id):
        previous_deal = f"deal:{parse_record_id(previous_deal_id, 'deal_id')}"
        yield replace(activity_change, verb="dissociated", other=previous_deal)
    if deal_id is not None:
        deal = f"deal:{parse_record_id(deal_id, 'deal_id')}"
        yield replace(activity_change, verb="associated", other=deal)


def _planned_time(record: Mapping[str, object]) -> str | None:
    """Return when an activity is due, else when it was done. Return None without either."""
    due_date = record.get("due_date")
    due_time = record.get("due_time")
    if isinstance(due_date, str) and due_date:
        return f"{due_date}T{due_time}" if isinstance(due_time, str) and due_time else due_date
    done_at = record.get("marked_as_done_time")
    return done_at if isinstance(done_at, str) and done_at else None
