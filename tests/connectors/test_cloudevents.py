"""CloudEvents 1.0 in its three modes. The reference library is the oracle."""

import json
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as Reference

from app.connectors.cloudevents import CloudEventsConnector, is_batch
from app.connectors.connector import Delivery
from app.domain.primitives.errors import MalformedError, NotAuthenticError, UnsupportedError
from tests.support import sample_deliveries
from tests.support.deal_scenarios import sign_standard_webhook

CONNECTOR = CloudEventsConnector()
MAPPING = sample_deliveries.resolve_mapping(CONNECTOR)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCHED = {"content-type": "application/cloudevents-batch+json"}
EVENT = json.loads(sample_deliveries.read_sample("cloudevents", "structured.json"))


def translate_body(body, headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return sample_deliveries.translate_body(CONNECTOR, raw, None, MAPPING, headers)


def translate_single(body, headers):
    translation = translate_body(body, headers)
    assert translation.rejects == ()
    (event,) = translation.events
    return event


def binary_headers(**overrides):
    attributes = {
        f"ce-{attribute_name}": value
        for attribute_name, value in EVENT.items()
        if isinstance(value, str)
    }
    del attributes["ce-datacontenttype"]
    headers = {
        "content-type": "application/json",
        **attributes,
        **{f"ce-{attribute_name}": value for attribute_name, value in overrides.items()},
    }
    return {attribute_name: value for attribute_name, value in headers.items() if value is not None}


def test_the_three_modes_give_the_same_event():
    data = json.dumps(EVENT["data"]).encode()
    structured = translate_single(EVENT, STRUCTURED)
    assert (
        structured
        == translate_single(data, binary_headers())
        == translate_body([EVENT], BATCHED).events[0]
    )
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
    assert (
        len(
            translate_body(
                sample_deliveries.read_sample("cloudevents", "batch.json"), BATCHED
            ).events
        )
        == 2
    )
    head, body = sample_deliveries.read_sample("cloudevents", "binary.http").split(b"\n\n", 1)
    lines = [line.split(": ", 1) for line in head.decode().splitlines()[1:]]
    assert translate_single(
        body, {header_name.lower(): value for header_name, value in lines}
    ) == translate_single(EVENT, STRUCTURED)


def test_the_content_type_selects_the_mode_and_a_structured_body_overrides_headers():
    assert translate_single(EVENT, {**STRUCTURED, "ce-id": "other"})["id"] == "/billing/eu A-1042"
    assert (
        translate_single(EVENT, {"content-type": "Application/CloudEvents+JSON; charset=UTF-8"})[
            "type"
        ]
        == "invoice.paid"
    )
    assert (is_batch(BATCHED), is_batch(STRUCTURED), is_batch({})) == (True, False, False)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/cloudevents+avro",
        "application/cloudevents",
        "application/cloudevents-batch+protobuf",
        "application/cloudevents+json; charset=utf-16",
    ],
)
def test_another_format_is_unsupported(media_type):
    with pytest.raises(UnsupportedError):
        translate_body(EVENT, {"content-type": media_type})


@pytest.mark.parametrize("name", ["id", "source", "type", "specversion"])
def test_a_missing_attribute_is_never_invented(name):
    incomplete_event = {
        attribute_name: value for attribute_name, value in EVENT.items() if attribute_name != name
    }
    assert f"{name}" in translate_body(incomplete_event, STRUCTURED).rejects[0].problem
    assert translate_body(b"{}", binary_headers(**{name: None})).events == ()
    assert translate_body({**EVENT, name: ""}, STRUCTURED).events == ()


def test_a_missing_time_stays_missing():
    assert "time" not in translate_single(
        {
            attribute_name: value
            for attribute_name, value in EVENT.items()
            if attribute_name != "time"
        },
        STRUCTURED,
    )


@pytest.mark.parametrize(
    ("header_value", "expected"),
    [
        ("A-1042", "A-1042"),
        ('"A-1042"', "A-1042"),
        ('"a \\"b\\""', 'a "b"'),
        ("caf%C3%A9", "café"),
        ("100%2525", "100%25"),
        ("caf\u00c3\u00a9", "café"),
    ],
)
def test_a_header_loses_its_quotes_and_is_percent_decoded_once(header_value, expected):
    assert (
        translate_single(b"{}", binary_headers(id=header_value))["id"] == f"/billing/eu {expected}"
    )


@pytest.mark.parametrize("header_value", ["%FF", "%C0%AF", "%ED%A0%80", "caf\u00e9", "\u20ac"])
def test_a_header_that_is_no_utf_8_is_malformed(header_value):
    with pytest.raises(MalformedError, match="ce-id"):
        translate_body(b"{}", binary_headers(id=header_value))


@pytest.mark.parametrize(
    "headers", [{"ce-note": "a%00b"}, {"ce-id": "%00"}, {"content-type": "text/plain"}]
)
def test_u_0000_is_refused_anywhere_in_a_binary_event(headers):
    with pytest.raises(MalformedError, match=r"U\+0000"):
        translate_body(b"a\x00b", binary_headers() | headers)


def test_a_text_under_a_json_type_is_a_string_and_no_document():
    assert "value" not in translate_single({**EVENT, "data": '{"value": 5}'}, STRUCTURED)
    assert translate_single({**EVENT, "data": {"value": 5}}, STRUCTURED)["value"] == 5


def test_data_in_base64_is_read_when_it_is_json_and_never_beside_data():
    event_without_data = {
        attribute_name: value for attribute_name, value in EVENT.items() if attribute_name != "data"
    }
    encoded_data = b64encode(b'{"value": 5}').decode()
    assert (
        translate_single({**event_without_data, "data_base64": encoded_data}, STRUCTURED)["value"]
        == 5
    )
    assert "value" not in translate_single(
        {**event_without_data, "data_base64": encoded_data, "datacontenttype": "image/png"},
        STRUCTURED,
    )
    assert (
        "both"
        in translate_body({**EVENT, "data_base64": encoded_data}, STRUCTURED).rejects[0].problem
    )
    assert (
        "base64"
        in translate_body({**event_without_data, "data_base64": "!"}, STRUCTURED).rejects[0].problem
    )


def test_binary_data_that_is_no_json_is_ignored_and_broken_json_is_malformed():
    assert "value" not in translate_single(
        b"\x89PNG", binary_headers() | {"content-type": "image/png"}
    )
    assert (
        translate_single(
            b'{"value": 5}', binary_headers() | {"content-type": "application/vnd.acme+json"}
        )["value"]
        == 5
    )
    with pytest.raises(MalformedError):
        translate_body(b"{", binary_headers())


def test_a_bad_event_of_a_batch_is_set_aside():
    translation = translate_body([EVENT, 7, {**EVENT, "id": ""}, {**EVENT, "id": "b"}], BATCHED)
    assert translation.event_indexes == (0, 3)
    assert [reject.index for reject in translation.rejects] == [1, 2]


@pytest.mark.parametrize(
    ("body", "headers"), [(b"{}", {}), (b"{}", BATCHED), (b"{", STRUCTURED), (b"{}", {"a": "b"})]
)
def test_what_is_no_cloud_event_is_malformed(body, headers):
    with pytest.raises(MalformedError):
        translate_body(body, headers)


def test_a_hook_takes_a_signature_or_a_token():
    secret = CONNECTOR.generate_secret(bytes(range(32)))
    for headers in (
        sign_standard_webhook(b"{}", secret, NOW, ""),
        {"authorization": f"Bearer {secret}"},
    ):
        CONNECTOR.verify(
            Delivery("POST", sample_deliveries.HOOK_URL, headers, b"{}"), [secret], NOW
        )
    with pytest.raises(NotAuthenticError):
        CONNECTOR.verify(Delivery("POST", sample_deliveries.HOOK_URL, {}, b"{}"), [secret], NOW)


ATTRIBUTES = {
    "id": "A/1 é%",
    "source": "/billing/eu?x=1",
    "type": "invoice.paid",
    "specversion": "1.0",
    "time": datetime(2026, 10, 20, 12, tzinfo=UTC),
    "subject": 'deal/"1042"',
    "datacontenttype": "application/json",
}


@pytest.mark.parametrize("serialize", [to_binary, to_structured])
def test_what_the_reference_library_sends_is_read(serialize):
    message = serialize(
        Reference(attributes=ATTRIBUTES, data={"value": 5, "team": "sales"}), JSONFormat()
    )
    event = translate_single(
        message.body, {header_name.lower(): value for header_name, value in message.headers.items()}
    )
    assert (event["id"], event["subject"]) == ("/billing/eu?x=1 A/1 é%", 'deal/"1042"')
    assert datetime.fromisoformat(event["time"]) == ATTRIBUTES["time"]
    assert (event["value"], event["team"]) == (5, "sales")
