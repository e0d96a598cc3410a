"""Salesforce's change events, sent by a relay: two forms, several records, gaps."""

import json
from datetime import UTC, datetime
from itertools import permutations

import pytest

from app.connectors.connector import Delivery
from app.connectors.salesforce_cdc import SalesforceCdcConnector
from app.domain.primitives.decimals import FIXED_SCALE
from app.domain.primitives.errors import InvalidError, MalformedError, NotAuthenticError
from tests.support import sample_deliveries
from tests.support.deal_scenarios import sign_standard_webhook

CONNECTOR = SalesforceCdcConnector()
ORGANIZATION = "00D5g000004XyZAEA0"
DEAL = "0065g00000AbCdEAAV"
MAPPING = sample_deliveries.resolve_mapping(CONNECTOR, {"data": {"segment": {"property": "Type"}}})
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def make_event(
    kind="UPDATE",
    changed_fields=("Amount",),
    is_cometd=False,
    ids=(DEAL,),
    nulled_fields=(),
    **fields,
):
    header = {
        "entityName": "Opportunity",
        "recordIds": list(ids),
        "changeType": kind,
        "transactionKey": "tx-1",
    }
    header |= {"sequenceNumber": 1, "commitTimestamp": 1792487730000, "commitNumber": 9}
    header |= (
        {}
        if changed_fields is None
        else {"changedFields": list(changed_fields), "nulledFields": list(nulled_fields)}
    )
    payload = {"ChangeEventHeader": header, **fields}
    envelope = (
        {"data": {"payload": payload, "event": {"replayId": 5}}}
        if is_cometd
        else {"payload": payload}
    )
    return json.dumps(envelope).encode()


def translate_body(raw, account=ORGANIZATION):
    return sample_deliveries.translate_body(CONNECTOR, raw, account, MAPPING)


def translate_single(raw):
    translation = translate_body(raw)
    assert (len(translation.changes), translation.rejects) == (1, ())
    return translation.changes[0]


def test_a_relay_signs_as_standard_webhooks_says():
    secret = CONNECTOR.generate_secret(bytes(range(32)))
    body = make_event(Amount=5)
    CONNECTOR.verify(
        Delivery(
            "POST", sample_deliveries.HOOK_URL, sign_standard_webhook(body, secret, NOW, ""), body
        ),
        [secret],
        NOW,
    )
    with pytest.raises(NotAuthenticError):
        CONNECTOR.verify(
            Delivery(
                "POST",
                sample_deliveries.HOOK_URL,
                sign_standard_webhook(body, secret, NOW, ""),
                body + b" ",
            ),
            [secret],
            NOW,
        )
    with pytest.raises(InvalidError):
        CONNECTOR.check_secret("short")
    with pytest.raises(InvalidError):
        CONNECTOR.check_account("harbor")


def test_a_change_has_the_key_of_the_design_in_either_shape_and_whatever_its_replay_id():
    change = translate_single(make_event(Amount=5))
    assert change.key == f"sf-cdc|{ORGANIZATION}|tx-1|1|Opportunity|UPDATE|{DEAL}"
    assert change.at == datetime(2026, 10, 20, 9, 15, 30, tzinfo=UTC)
    assert translate_single(make_event(Amount=5, is_cometd=True)).key == change.key


def test_an_empty_field_of_an_update_is_unchanged_unless_the_header_says_that_it_changed():
    assert translate_single(make_event(Amount=5, StageName=None)).fields == {"Amount": 5}
    assert translate_single(make_event(Amount=None, StageName="Closed Won")).fields == {
        "Amount": None
    }
    assert translate_single(
        make_event(changed_fields=(), nulled_fields=("Amount",), Amount=None)
    ).fields == {"Amount": None}
    assert translate_single(make_event(Amount=0)).fields == {"Amount": 0}


def test_without_changed_fields_an_empty_field_is_null_in_cometd_only():
    assert translate_single(
        make_event(changed_fields=None, Amount=None, StageName="Prospecting")
    ).fields == {"StageName": "Prospecting"}
    assert translate_single(
        make_event(changed_fields=None, is_cometd=True, Amount=None)
    ).fields == {"Amount": None}


def test_a_bitmap_that_the_relay_did_not_decode_is_set_aside():
    assert (
        "bitmap"
        in translate_body(make_event(changed_fields=("0x400000",), Amount=5)).rejects[0].problem
    )


def test_several_records_of_one_event_are_several_changes():
    changes = sample_deliveries.read_changes(CONNECTOR, "several_lost.json")
    assert [change.entity for change in changes] == [
        "deal:0065g00000AbCdFAAV",
        "deal:0065g00000AbCdGAAV",
    ]
    assert len({change.key for change in changes}) == 2


@pytest.mark.parametrize("kind", ["GAP_CREATE", "GAP_UPDATE", "GAP_OVERFLOW"])
def test_a_gap_is_set_aside_with_what_to_import(kind):
    translation = translate_body(make_event(kind, changed_fields=None))
    assert translation.changes == ()
    problem = translation.rejects[0].problem
    assert "import" in problem
    assert (DEAL in problem) is (kind != "GAP_OVERFLOW")


def test_a_wildcard_of_ids_says_to_import_what_changed_since():
    assert (
        "changed since 2026-10-20" in translate_body(make_event(ids=("006*",))).rejects[0].problem
    )
    assert (
        translate_body(sample_deliveries.read_sample("salesforce_cdc", "gap.json"))
        .rejects[0]
        .problem.endswith(f"import {DEAL}.")
    )


@pytest.mark.parametrize(
    ("kind", "verb"),
    [("DELETE", "deleted"), ("GAP_DELETE", "deleted"), ("GAP_UNDELETE", "restored")],
)
def test_a_deletion_and_a_restoration_are_complete_even_in_a_gap(kind, verb):
    change = translate_single(make_event(kind, changed_fields=None))
    assert (change.verb, change.fields) == (verb, {})


def test_an_undeleted_record_has_all_its_fields():
    assert translate_single(make_event("UNDELETE", changed_fields=None, Amount=7)).fields == {
        "Amount": 7
    }


def test_times_are_text_or_milliseconds():
    for created in ("2026-10-01T08:00:00.000Z", 1790841600000):
        changes = [
            translate_single(
                make_event(
                    "CREATE", changed_fields=None, CreatedDate=created, StageName="Closed Won"
                )
            )
        ]
        assert sample_deliveries.fold_events(changes, MAPPING)["deal.won"].time == datetime(
            2026, 10, 20, 9, 15, 30, tzinfo=UTC
        )


def test_the_samples_are_one_deal_in_whatever_order():
    for names in permutations(["cometd_created.json", "cometd_won.json", "pubsub_corrected.json"]):
        events = sample_deliveries.fold_events(
            sample_deliveries.read_changes(CONNECTOR, *names, *names, mapping=MAPPING), MAPPING
        )
        assert sorted(events) == ["deal.created", "deal.won"]
        assert (events["deal.won"].value, events["deal.won"].unit) == (19_800 * FIXED_SCALE, "EUR")
        assert events["deal.won"].data["segment"] == "enterprise"


@pytest.mark.parametrize(
    ("raw", "message"),
    [(b"{}", "ChangeEventHeader"), (b"[7]", "JSON object"), (make_event(ids=("x",)), "record id")],
)
def test_an_element_that_cannot_be_understood_is_set_aside(raw, message):
    assert message in translate_body(raw).rejects[0].problem


def test_other_objects_are_ignored_and_what_is_no_event_is_malformed():
    assert translate_body(make_event().replace(b"Opportunity", b"Account")).ignored == 1
    for raw in (b"7", b'{"events": 7}', b"{"):
        with pytest.raises(MalformedError):
            translate_body(raw)
