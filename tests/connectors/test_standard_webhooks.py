"""Standard Webhooks, with the reference library as the oracle."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from app.connectors.connector import Delivery
from app.connectors.standard_webhooks import StandardWebhooksConnector
from app.domain.primitives.errors import InvalidError, MalformedError, NotAuthenticError
from app.domain.sources.mapping.mapping import DealMapping

SAMPLES = Path(__file__).parents[2] / "openapi" / "deliveries" / "standard_webhooks"
CONNECTOR = StandardWebhooksConnector()
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_" + b64encode(b"o" * 32).decode()
# A published test vector of Standard Webhooks.
KNOWN_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
TIMESTAMP = 1614265330
NOW = datetime.fromtimestamp(TIMESTAMP, UTC)
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(TIMESTAMP),
    "webhook-signature": KNOWN_SIGNATURE,
}
BODY = b'{"test": 2432232314}'


def is_authentic(headers, secrets=(SECRET,), now=NOW, body=BODY):
    try:
        CONNECTOR.verify(Delivery("POST", "https://a.example/hooks/x", headers, body), secrets, now)
    except NotAuthenticError as error:
        return error.detail != "The delivery is not authentic."  # no reason is given
    return True


def sign_headers(body=BODY, secret=SECRET, id_="msg_1", now=NOW):
    signature = Webhook(secret).sign(id_, now, body.decode())
    timestamp = str(int(now.timestamp()))
    return {"webhook-id": id_, "webhook-timestamp": timestamp, "webhook-signature": signature}


def test_the_known_answer_of_the_specification_verifies():
    assert is_authentic(HEADERS)
    assert not is_authentic(HEADERS, body=BODY + b" ")


@given(
    st.binary(min_size=24, max_size=64),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)
def test_what_the_reference_library_signs_verifies(key, text):
    secret = CONNECTOR.generate_secret(key)
    headers = sign_headers(text.encode(), secret)
    assert is_authentic(headers, [secret], body=text.encode())
    assert not is_authentic(headers, [OTHER_SECRET], body=text.encode())


def test_the_reference_library_accepts_what_we_accept():
    now = datetime.now(UTC).replace(microsecond=0)
    headers = sign_headers(now=now)
    Webhook(SECRET).verify(BODY, headers)
    assert is_authentic(headers, now=now)


@pytest.mark.parametrize(
    "signature",
    [
        f"v1,nonsense {KNOWN_SIGNATURE}",
        f"{KNOWN_SIGNATURE} v1,",
        f"malformed {KNOWN_SIGNATURE}",
        f"v1,a,b  {KNOWN_SIGNATURE} ",
        f"v1a,AAAA {KNOWN_SIGNATURE}",
        f"v1,é\udcff {KNOWN_SIGNATURE}",
    ],
)
def test_one_good_signature_among_malformed_tokens_is_enough(signature):
    assert is_authentic(HEADERS | {"webhook-signature": signature})


@pytest.mark.parametrize(
    "overrides",
    [
        {"webhook-signature": ""},
        {"webhook-signature": KNOWN_SIGNATURE.replace("v1,", "")},
        {"webhook-signature": KNOWN_SIGNATURE.replace("v1,", "v2,")},
        {"webhook-signature": KNOWN_SIGNATURE.replace("v1,", "v1a,")},
        {"webhook-signature": KNOWN_SIGNATURE.replace("v1,", "V1,")},
        {"webhook-signature": KNOWN_SIGNATURE.replace(" ", ",")[:-1]},
        {"webhook-id": "msg_other"},
        {"webhook-id": ""},
        {"webhook-timestamp": f"{TIMESTAMP}.0"},
        {"webhook-timestamp": f"{TIMESTAMP}abc"},
        {"webhook-timestamp": f" {TIMESTAMP}"},
        {"webhook-timestamp": f"{TIMESTAMP}\n"},
        {"webhook-timestamp": "١٦١٤٢٦٥٣٣٠"},
        {"webhook-timestamp": f"-{TIMESTAMP}"},
        {"webhook-timestamp": "9" * 30},
    ],
)
def test_a_mangled_header_is_refused(overrides):
    assert not is_authentic(HEADERS | overrides)


@pytest.mark.parametrize("name", list(HEADERS))
def test_a_missing_header_is_refused(name):
    assert not is_authentic(
        {header_name: value for header_name, value in HEADERS.items() if header_name != name}
    )


def test_an_id_with_a_full_stop_is_refused_though_its_signature_is_right():
    assert is_authentic(sign_headers(id_="msg_1"))
    assert not is_authentic(sign_headers(id_="msg.1"))


def test_a_fractional_timestamp_is_refused_though_the_library_rounds_it():
    now = datetime.now(UTC).replace(microsecond=0)
    headers = sign_headers(now=now)
    headers["webhook-timestamp"] += ".4"
    Webhook(SECRET).verify(BODY, headers)
    assert not is_authentic(headers, now=now)


@pytest.mark.parametrize("sign", [-1, 1])
def test_exactly_300_seconds_either_way_is_accepted_and_a_microsecond_more_is_not(sign):
    assert is_authentic(HEADERS, now=NOW + sign * timedelta(seconds=300))
    assert not is_authentic(HEADERS, now=NOW + sign * timedelta(seconds=300, microseconds=1))


def test_several_secrets_and_several_signatures_rotate():
    assert is_authentic(HEADERS, [OTHER_SECRET, SECRET])
    other_signature = sign_headers(secret=OTHER_SECRET)["webhook-signature"]
    both_signatures = f"{other_signature} {sign_headers()['webhook-signature']}"
    assert is_authentic(sign_headers() | {"webhook-signature": both_signatures})
    assert not is_authentic(HEADERS, [OTHER_SECRET])
    assert not is_authentic(HEADERS, [])


@pytest.mark.parametrize("prefix", ["whpk_", "whsk_", ""])
def test_a_public_key_is_never_a_shared_secret(prefix):
    public_key = SECRET.removeprefix("whsec_")
    assert is_authentic(sign_headers(secret=public_key))
    assert not is_authentic(sign_headers(secret=public_key), [prefix + public_key])


def test_a_generated_secret_is_accepted_by_the_library():
    secret = CONNECTOR.generate_secret(bytes(range(32)))
    assert secret.startswith("whsec_")
    CONNECTOR.check_secret(secret)
    assert not CONNECTOR.is_secret_required
    assert is_authentic(sign_headers(secret=secret), [secret])


@pytest.mark.parametrize(
    "secret",
    [
        *("", "whsec_", "whsec_!!!!", "whsec_é", "whpk_" + SECRET[6:], SECRET[6:]),
        "whsec_" + b64encode(b"x" * 23).decode(),
        "whsec_" + b64encode(b"x" * 65).decode(),
    ],
)
def test_an_invalid_secret_is_refused_with_its_pointer(secret):
    with pytest.raises(InvalidError) as excinfo:
        CONNECTOR.check_secret(secret)
    assert [fault.pointer for fault in excinfo.value.faults] == ["/secret"]


def translate_body(body):
    return CONNECTOR.translate(
        Delivery("POST", "https://a.example/hooks/x", HEADERS, body), None, DealMapping()
    )


def test_the_body_is_our_own_event_or_several():
    single_body, batch_body = (
        (SAMPLES / file_name).read_bytes() for file_name in ("event.json", "events.json")
    )
    assert [event["id"] for event in translate_body(single_body).events] == ["inv-42"]
    assert [event["id"] for event in translate_body(batch_body).events] == ["inv-42", "inv-43"]
    assert (
        translate_body(single_body).events[0]["value"] * 10 == 215005
    )  # exact: a Decimal, no double


def test_the_identity_is_the_events_and_not_the_messages():
    assert "msg_p5jXN8AQM9LWM0D4loKWxJek" not in json.dumps(
        translate_body(b'{"id": "inv-1"}').events
    )


def test_an_element_that_is_no_object_is_set_aside():
    translation = translate_body(b'{"events": [{"id": "a"}, 7, {"id": "b"}]}')
    assert [event["id"] for event in translation.events] == ["a", "b"]
    assert [reject.index for reject in translation.rejects] == [1]


def test_an_event_with_a_member_named_events_is_one_event():
    assert len(translate_body(b'{"id": "a", "events": []}').events) == 1
    assert translate_body(b'{"events": []}').events == ()


@pytest.mark.parametrize(
    "body", [b"[]", b"7", b'{"events": 1}', b'{"value": NaN}', b'{"id":1,"id":2}', b"", b"\xff"]
)
def test_an_authentic_body_that_cannot_be_read_is_malformed(body):
    with pytest.raises(MalformedError):
        translate_body(body)


PRIVATE_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC_KEY = "whpk_" + b64encode(PRIVATE_KEY.public_key().public_bytes_raw()).decode()


def test_a_public_key_verifies_what_its_private_key_signed_and_nothing_else():
    signature = b64encode(PRIVATE_KEY.sign(f"msg_1.{TIMESTAMP}.".encode() + BODY)).decode()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(TIMESTAMP),
        "webhook-signature": f"v1a,{signature}",
    }
    CONNECTOR.check_secret(PUBLIC_KEY)
    assert is_authentic(headers, [PUBLIC_KEY])
    assert is_authentic(
        headers | {"webhook-signature": f"{KNOWN_SIGNATURE} v1a,AAAA v1a,é v1a,{signature}"},
        [SECRET, PUBLIC_KEY],
    )
    assert not is_authentic(headers, [SECRET])
    assert not is_authentic(headers, [PUBLIC_KEY], body=BODY + b" ")
    assert not is_authentic(headers | {"webhook-signature": f"v1,{signature}"}, [PUBLIC_KEY])


def test_a_public_key_as_the_key_of_a_shared_signature_is_refused():
    """A public key is public, so it must not be accepted as a shared secret."""
    public_bytes = PRIVATE_KEY.public_key().public_bytes_raw()
    forged = sign_headers(secret=b64encode(public_bytes).decode())
    assert not is_authentic(forged, [PUBLIC_KEY])
    assert not is_authentic(
        forged | {"webhook-signature": forged["webhook-signature"].replace("v1,", "v1a,")},
        [PUBLIC_KEY],
    )
