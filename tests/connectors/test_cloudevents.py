"""CloudEvents 1.0 in its three modes, with the reference library as the oracle of what is sent."""

import json
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as Reference

from app.connectors.cloudevents import CloudEvents, is_batch
from app.connectors.connector import Delivery
from app.domain.primitives.errors import MalformedError, NotAuthenticError, UnsupportedError
from tests.support import samples
from tests.support.lives import standard

CONNECTOR = CloudEvents()
MAPPING = samples.mapped(CONNECTOR)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCHED = {"content-type": "application/cloudevents-batch+json"}
EVENT = json.loads(samples.body("cloudevents", "structured.json"))


def said(body, headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return samples.said(CONNECTOR, raw, None, MAPPING, headers)


def only(body, headers):
    translation = said(body, headers)
    assert translation.rejects == ()
    (event,) = translation.events
    return event


def binary(**more):
    attributes = {f"ce-{name}": value for name, value in EVENT.items() if isinstance(value, str)}
    del attributes["ce-datacontenttype"]
    headers = {
        "content-type": "application/json",
        **attributes,
        **{f"ce-{name}": value for name, value in more.items()},
    }
    return {name: value for name, value in headers.items() if value is not None}


def test_the_three_modes_say_the_same_event():
    data = json.dumps(EVENT["data"]).encode()
    structured = only(EVENT, STRUCTURED)
    assert structured == only(data, binary()) == said([EVENT], BATCHED).events[0]
    assert structured == {
        "id": "/billing/eu A-1042",
        "type": "invoice.paid",
        "time": "2026-10-20T12:00:00Z",
        "subject": "deal/1042",
        "team": "sales",
        "value": 21500.5,
        "unit": "EUR",
        "data": {"segment": "enterprise"},
    }


def test_the_samples_are_read():
    assert len(said(samples.body("cloudevents", "batch.json"), BATCHED).events) == 2
    head, body = samples.body("cloudevents", "binary.http").split(b"\n\n", 1)
    lines = [line.split(": ", 1) for line in head.decode().splitlines()[1:]]
    assert only(body, {name.lower(): value for name, value in lines}) == only(EVENT, STRUCTURED)


def test_the_mode_is_told_by_the_content_type_and_in_structured_mode_the_body_rules():
    assert only(EVENT, {**STRUCTURED, "ce-id": "other"})["id"] == "/billing/eu A-1042"
    assert (
        only(EVENT, {"content-type": "Application/CloudEvents+JSON; charset=UTF-8"})["type"]
        == "invoice.paid"
    )
    assert (is_batch(BATCHED), is_batch(STRUCTURED), is_batch({})) == (True, False, False)


@pytest.mark.parametrize(
    "media",
    [
        "application/cloudevents+avro",
        "application/cloudevents",
        "application/cloudevents-batch+protobuf",
        "application/cloudevents+json; charset=utf-16",
    ],
)
def test_another_format_is_unsupported(media):
    with pytest.raises(UnsupportedError):
        said(EVENT, {"content-type": media})


@pytest.mark.parametrize("name", ["id", "source", "type", "specversion"])
def test_what_is_missing_is_never_made_up(name):
    without = {key: value for key, value in EVENT.items() if key != name}
    assert f"{name}" in said(without, STRUCTURED).rejects[0].problem
    assert said(b"{}", binary(**{name: None})).events == ()
    assert said({**EVENT, name: ""}, STRUCTURED).events == ()


def test_a_missing_time_stays_missing():
    assert "time" not in only(
        {key: value for key, value in EVENT.items() if key != "time"}, STRUCTURED
    )


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ("A-1042", "A-1042"),
        ('"A-1042"', "A-1042"),
        ('"a \\"b\\""', 'a "b"'),
        ("caf%C3%A9", "café"),
        ("100%2525", "100%25"),
        ("caf\u00c3\u00a9", "café"),
    ],
)
def test_a_header_loses_its_quotes_and_is_percent_decoded_once(sent, found):
    assert only(b"{}", binary(id=sent))["id"] == f"/billing/eu {found}"


@pytest.mark.parametrize("sent", ["%FF", "%C0%AF", "%ED%A0%80", "caf\u00e9", "\u20ac"])
def test_a_header_that_is_no_utf_8_is_malformed(sent):
    with pytest.raises(MalformedError, match="ce-id"):
        said(b"{}", binary(id=sent))


@pytest.mark.parametrize(
    "headers", [{"ce-note": "a%00b"}, {"ce-id": "%00"}, {"content-type": "text/plain"}]
)
def test_u_0000_is_refused_wherever_a_binary_event_says_it(headers):
    with pytest.raises(MalformedError, match=r"U\+0000"):
        said(b"a\x00b", binary() | headers)


def test_a_text_under_a_json_type_is_a_string_and_no_document():
    assert "value" not in only({**EVENT, "data": '{"value": 5}'}, STRUCTURED)
    assert only({**EVENT, "data": {"value": 5}}, STRUCTURED)["value"] == 5


def test_data_in_base64_is_read_when_it_is_json_and_never_beside_data():
    del_data = {key: value for key, value in EVENT.items() if key != "data"}
    packed = b64encode(b'{"value": 5}').decode()
    assert only({**del_data, "data_base64": packed}, STRUCTURED)["value"] == 5
    assert "value" not in only(
        {**del_data, "data_base64": packed, "datacontenttype": "image/png"}, STRUCTURED
    )
    assert "both" in said({**EVENT, "data_base64": packed}, STRUCTURED).rejects[0].problem
    assert "base64" in said({**del_data, "data_base64": "!"}, STRUCTURED).rejects[0].problem


def test_binary_data_that_is_no_json_says_nothing_and_broken_json_is_malformed():
    assert "value" not in only(b"\x89PNG", binary() | {"content-type": "image/png"})
    assert (
        only(b'{"value": 5}', binary() | {"content-type": "application/vnd.acme+json"})["value"]
        == 5
    )
    with pytest.raises(MalformedError):
        said(b"{", binary())


def test_a_bad_event_of_a_batch_is_set_aside():
    translation = said([EVENT, 7, {**EVENT, "id": ""}, {**EVENT, "id": "b"}], BATCHED)
    assert translation.event_places == (0, 3)
    assert [reject.index for reject in translation.rejects] == [1, 2]


@pytest.mark.parametrize(
    ("body", "headers"), [(b"{}", {}), (b"{}", BATCHED), (b"{", STRUCTURED), (b"{}", {"a": "b"})]
)
def test_what_is_no_cloud_event_is_malformed(body, headers):
    with pytest.raises(MalformedError):
        said(body, headers)


def test_a_hook_takes_a_signature_or_a_token():
    secret = CONNECTOR.new_secret(bytes(range(32)))
    for headers in (standard(b"{}", secret, NOW, ""), {"authorization": f"Bearer {secret}"}):
        CONNECTOR.verify(Delivery("POST", samples.URL, headers, b"{}"), [secret], NOW)
    with pytest.raises(NotAuthenticError):
        CONNECTOR.verify(Delivery("POST", samples.URL, {}, b"{}"), [secret], NOW)


ATTRIBUTES = {
    "id": "A/1 é%",
    "source": "/billing/eu?x=1",
    "type": "invoice.paid",
    "specversion": "1.0",
    "time": datetime(2026, 10, 20, 12, tzinfo=UTC),
    "subject": 'deal/"1042"',
    "datacontenttype": "application/json",
}


@pytest.mark.parametrize("write", [to_binary, to_structured])
def test_what_the_reference_library_sends_is_read(write):
    sent = write(Reference(attributes=ATTRIBUTES, data={"value": 5, "team": "sales"}), JSONFormat())
    event = only(sent.body, {name.lower(): value for name, value in sent.headers.items()})
    assert (event["id"], event["subject"]) == ("/billing/eu?x=1 A/1 é%", 'deal/"1042"')
    assert datetime.fromisoformat(event["time"]) == ATTRIBUTES["time"]
    assert (event["value"], event["team"]) == (5, "sales")
