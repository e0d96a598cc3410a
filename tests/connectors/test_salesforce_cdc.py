"""Salesforce's change events as a relay posts them: two shapes, several records, gaps."""

import json
from datetime import UTC, datetime
from itertools import permutations

import pytest

from app.connectors.connector import Delivery
from app.connectors.salesforce_cdc import SalesforceCdc
from app.domain.primitives.decimals import ONE
from app.domain.primitives.errors import InvalidError, MalformedError, NotAuthenticError
from tests.support import samples
from tests.support.lives import standard

CONNECTOR = SalesforceCdc()
ORGANIZATION = "00D5g000004XyZAEA0"
DEAL = "0065g00000AbCdEAAV"
MAPPING = samples.mapped(CONNECTOR, {"data": {"segment": {"property": "Type"}}})
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def event(kind="UPDATE", changed=("Amount",), comet=False, ids=(DEAL,), nulled=(), **fields):
    header = {
        "entityName": "Opportunity",
        "recordIds": list(ids),
        "changeType": kind,
        "transactionKey": "tx-1",
    }
    header |= {"sequenceNumber": 1, "commitTimestamp": 1792487730000, "commitNumber": 9}
    header |= (
        {} if changed is None else {"changedFields": list(changed), "nulledFields": list(nulled)}
    )
    payload = {"ChangeEventHeader": header, **fields}
    found = (
        {"data": {"payload": payload, "event": {"replayId": 5}}} if comet else {"payload": payload}
    )
    return json.dumps(found).encode()


def said(raw, account=ORGANIZATION):
    return samples.said(CONNECTOR, raw, account, MAPPING)


def only(raw):
    translation = said(raw)
    assert (len(translation.changes), translation.rejects) == (1, ())
    return translation.changes[0]


def test_a_relay_signs_as_standard_webhooks_says():
    secret = CONNECTOR.new_secret(bytes(range(32)))
    body = event(Amount=5)
    CONNECTOR.verify(
        Delivery("POST", samples.URL, standard(body, secret, NOW, ""), body), [secret], NOW
    )
    with pytest.raises(NotAuthenticError):
        CONNECTOR.verify(
            Delivery("POST", samples.URL, standard(body, secret, NOW, ""), body + b" "),
            [secret],
            NOW,
        )
    with pytest.raises(InvalidError):
        CONNECTOR.check_secret("short")
    with pytest.raises(InvalidError):
        CONNECTOR.check_account("harbor")


def test_a_change_has_the_key_of_the_design_in_either_shape_and_whatever_its_replay_id():
    change = only(event(Amount=5))
    assert change.key == f"sf-cdc|{ORGANIZATION}|tx-1|1|Opportunity|UPDATE|{DEAL}"
    assert change.at == datetime(2026, 10, 20, 9, 15, 30, tzinfo=UTC)
    assert only(event(Amount=5, comet=True)).key == change.key


def test_an_empty_field_of_an_update_is_unchanged_unless_the_header_says_that_it_changed():
    assert only(event(Amount=5, StageName=None)).fields == {"Amount": 5}
    assert only(event(Amount=None, StageName="Closed Won")).fields == {"Amount": None}
    assert only(event(changed=(), nulled=("Amount",), Amount=None)).fields == {"Amount": None}
    assert only(event(Amount=0)).fields == {"Amount": 0}


def test_without_a_list_of_what_changed_only_cometd_says_null():
    assert only(event(changed=None, Amount=None, StageName="Prospecting")).fields == {
        "StageName": "Prospecting"
    }
    assert only(event(changed=None, comet=True, Amount=None)).fields == {"Amount": None}


def test_a_bitmap_that_the_relay_did_not_decode_is_set_aside():
    assert "bitmap" in said(event(changed=("0x400000",), Amount=5)).rejects[0].problem


def test_several_records_of_one_event_are_several_changes():
    told = samples.changes(CONNECTOR, "several_lost.json")
    assert [one.entity for one in told] == ["deal:0065g00000AbCdFAAV", "deal:0065g00000AbCdGAAV"]
    assert len({one.key for one in told}) == 2


@pytest.mark.parametrize("kind", ["GAP_CREATE", "GAP_UPDATE", "GAP_OVERFLOW"])
def test_a_gap_is_set_aside_with_what_to_import(kind):
    translation = said(event(kind, changed=None))
    assert translation.changes == ()
    sentence = translation.rejects[0].problem
    assert "import" in sentence
    assert (DEAL in sentence) is (kind != "GAP_OVERFLOW")


def test_a_wildcard_of_ids_says_to_import_what_changed_since():
    assert "changed since 2026-10-20" in said(event(ids=("006*",))).rejects[0].problem
    assert (
        said(samples.body("salesforce_cdc", "gap.json"))
        .rejects[0]
        .problem.endswith(f"import {DEAL}.")
    )


@pytest.mark.parametrize(
    ("kind", "verb"),
    [("DELETE", "deleted"), ("GAP_DELETE", "deleted"), ("GAP_UNDELETE", "restored")],
)
def test_a_deletion_and_a_restoring_say_all_even_in_a_gap(kind, verb):
    change = only(event(kind, changed=None))
    assert (change.verb, change.fields) == (verb, {})


def test_an_undeleted_record_is_told_whole():
    assert only(event("UNDELETE", changed=None, Amount=7)).fields == {"Amount": 7}


def test_times_are_text_or_milliseconds():
    for created in ("2026-10-01T08:00:00.000Z", 1790841600000):
        told = [only(event("CREATE", changed=None, CreatedDate=created, StageName="Closed Won"))]
        assert samples.events(told, MAPPING)["deal.won"].time == datetime(
            2026, 10, 20, 9, 15, 30, tzinfo=UTC
        )


def test_the_samples_are_one_deal_in_whatever_order():
    for names in permutations(["cometd_created.json", "cometd_won.json", "pubsub_corrected.json"]):
        found = samples.events(samples.changes(CONNECTOR, *names, *names, mapping=MAPPING), MAPPING)
        assert sorted(found) == ["deal.created", "deal.won"]
        assert (found["deal.won"].value, found["deal.won"].unit) == (19_800 * ONE, "EUR")
        assert found["deal.won"].data["segment"] == "enterprise"


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [(b"{}", "ChangeEventHeader"), (b"[7]", "JSON object"), (event(ids=("x",)), "record id")],
)
def test_an_element_that_cannot_be_understood_is_set_aside(raw, sentence):
    assert sentence in said(raw).rejects[0].problem


def test_other_objects_are_ignored_and_what_is_no_event_is_malformed():
    assert said(event().replace(b"Opportunity", b"Account")).ignored == 1
    for raw in (b"7", b'{"events": 7}', b"{"):
        with pytest.raises(MalformedError):
            said(raw)
