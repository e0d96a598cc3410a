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
from app.connectors.standard_webhooks import StandardWebhooks
from app.domain.primitives.errors import InvalidError, MalformedError, NotAuthenticError
from app.domain.sources.mapping.mapping import DealMapping

SAMPLES = Path(__file__).parents[2] / "openapi" / "deliveries" / "standard_webhooks"
CONNECTOR = StandardWebhooks()
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + b64encode(b"o" * 32).decode()
KNOWN = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="  # crm-webhooks.md 6.1
STAMP = 1614265330
NOW = datetime.fromtimestamp(STAMP, UTC)
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(STAMP),
    "webhook-signature": KNOWN,
}
BODY = b'{"test": 2432232314}'


def authentic(headers, secrets=(SECRET,), now=NOW, body=BODY):
    try:
        CONNECTOR.verify(Delivery("POST", "https://a.example/hooks/x", headers, body), secrets, now)
    except NotAuthenticError as error:
        return error.detail != "The delivery is not authentic."  # never why
    return True


def signed(body=BODY, secret=SECRET, id_="msg_1", now=NOW):
    signature = Webhook(secret).sign(id_, now, body.decode())
    stamp = str(int(now.timestamp()))
    return {"webhook-id": id_, "webhook-timestamp": stamp, "webhook-signature": signature}


def test_the_known_answer_of_the_specification_verifies():
    assert authentic(HEADERS)
    assert not authentic(HEADERS, body=BODY + b" ")


@given(
    st.binary(min_size=24, max_size=64),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)
def test_what_the_reference_library_signs_verifies(key, text):
    secret = CONNECTOR.new_secret(key)
    headers = signed(text.encode(), secret)
    assert authentic(headers, [secret], body=text.encode())
    assert not authentic(headers, [OTHER], body=text.encode())


def test_the_reference_library_accepts_what_we_accept():
    now = datetime.now(UTC).replace(microsecond=0)
    headers = signed(now=now)
    Webhook(SECRET).verify(BODY, headers)
    assert authentic(headers, now=now)


@pytest.mark.parametrize(
    "signature",
    [
        f"v1,nonsense {KNOWN}",
        f"{KNOWN} v1,",
        f"malformed {KNOWN}",
        f"v1,a,b  {KNOWN} ",
        f"v1a,AAAA {KNOWN}",
        f"v1,é\udcff {KNOWN}",
    ],
)
def test_one_good_signature_among_malformed_tokens_is_enough(signature):
    assert authentic(HEADERS | {"webhook-signature": signature})


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-signature": ""},
        {"webhook-signature": KNOWN.replace("v1,", "")},
        {"webhook-signature": KNOWN.replace("v1,", "v2,")},
        {"webhook-signature": KNOWN.replace("v1,", "v1a,")},
        {"webhook-signature": KNOWN.replace("v1,", "V1,")},
        {"webhook-signature": KNOWN.replace(" ", ",")[:-1]},
        {"webhook-id": "msg_other"},
        {"webhook-id": ""},
        {"webhook-timestamp": f"{STAMP}.0"},
        {"webhook-timestamp": f"{STAMP}abc"},
        {"webhook-timestamp": f" {STAMP}"},
        {"webhook-timestamp": f"{STAMP}\n"},
        {"webhook-timestamp": "١٦١٤٢٦٥٣٣٠"},
        {"webhook-timestamp": f"-{STAMP}"},
        {"webhook-timestamp": "9" * 30},
    ],
)
def test_a_mangled_header_is_refused(changed):
    assert not authentic(HEADERS | changed)


@pytest.mark.parametrize("name", list(HEADERS))
def test_a_missing_header_is_refused(name):
    assert not authentic({key: value for key, value in HEADERS.items() if key != name})


def test_an_id_with_a_full_stop_is_refused_though_its_signature_is_right():
    assert authentic(signed(id_="msg_1"))
    assert not authentic(signed(id_="msg.1"))


def test_a_fractional_timestamp_is_refused_though_the_library_rounds_it():
    now = datetime.now(UTC).replace(microsecond=0)
    headers = signed(now=now)
    headers["webhook-timestamp"] += ".4"
    Webhook(SECRET).verify(BODY, headers)
    assert not authentic(headers, now=now)


@pytest.mark.parametrize("sign", [-1, 1])
def test_exactly_300_seconds_either_way_is_accepted_and_a_microsecond_more_is_not(sign):
    assert authentic(HEADERS, now=NOW + sign * timedelta(seconds=300))
    assert not authentic(HEADERS, now=NOW + sign * timedelta(seconds=300, microseconds=1))


def test_several_secrets_and_several_signatures_rotate():
    assert authentic(HEADERS, [OTHER, SECRET])
    both = f"{signed(secret=OTHER)['webhook-signature']} {signed()['webhook-signature']}"
    assert authentic(signed() | {"webhook-signature": both})
    assert not authentic(HEADERS, [OTHER])
    assert not authentic(HEADERS, [])


@pytest.mark.parametrize("prefix", ["whpk_", "whsk_", ""])
def test_a_public_key_is_never_a_shared_secret(prefix):
    key = SECRET.removeprefix("whsec_")
    assert authentic(signed(secret=key))
    assert not authentic(signed(secret=key), [prefix + key])


def test_a_made_secret_is_one_that_the_library_takes():
    secret = CONNECTOR.new_secret(bytes(range(32)))
    assert secret.startswith("whsec_")
    CONNECTOR.check_secret(secret)
    assert not CONNECTOR.secret_required
    assert authentic(signed(secret=secret), [secret])


@pytest.mark.parametrize(
    "secret",
    [
        *("", "whsec_", "whsec_!!!!", "whsec_é", "whpk_" + SECRET[6:], SECRET[6:]),
        "whsec_" + b64encode(b"x" * 23).decode(),
        "whsec_" + b64encode(b"x" * 65).decode(),
    ],
)
def test_what_is_no_secret_is_refused_with_its_place(secret):
    with pytest.raises(InvalidError) as caught:
        CONNECTOR.check_secret(secret)
    assert [fault.pointer for fault in caught.value.faults] == ["/secret"]


def translated(body):
    return CONNECTOR.translate(
        Delivery("POST", "https://a.example/hooks/x", HEADERS, body), None, DealMapping()
    )


def test_the_body_is_our_own_event_or_several():
    one, several = ((SAMPLES / name).read_bytes() for name in ("event.json", "events.json"))
    assert [event["id"] for event in translated(one).events] == ["inv-42"]
    assert [event["id"] for event in translated(several).events] == ["inv-42", "inv-43"]
    assert translated(one).events[0]["value"] * 10 == 215005  # exact: a Decimal, no double


def test_the_identity_is_the_events_and_not_the_messages():
    assert "msg_p5jXN8AQM9LWM0D4loKWxJek" not in json.dumps(translated(b'{"id": "inv-1"}').events)


def test_an_element_that_is_no_object_is_set_aside():
    translation = translated(b'{"events": [{"id": "a"}, 7, {"id": "b"}]}')
    assert [event["id"] for event in translation.events] == ["a", "b"]
    assert [reject.index for reject in translation.rejects] == [1]


def test_an_event_that_has_a_member_called_events_besides_is_one_event():
    assert len(translated(b'{"id": "a", "events": []}').events) == 1
    assert translated(b'{"events": []}').events == ()


@pytest.mark.parametrize(
    "body", [b"[]", b"7", b'{"events": 1}', b'{"value": NaN}', b'{"id":1,"id":2}', b"", b"\xff"]
)
def test_an_authentic_body_that_cannot_be_read_is_malformed(body):
    with pytest.raises(MalformedError):
        translated(body)


PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = "whpk_" + b64encode(PRIVATE.public_key().public_bytes_raw()).decode()


def test_a_public_key_verifies_what_its_other_half_signed_and_nothing_else():
    signature = b64encode(PRIVATE.sign(f"msg_1.{STAMP}.".encode() + BODY)).decode()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(STAMP),
        "webhook-signature": f"v1a,{signature}",
    }
    CONNECTOR.check_secret(PUBLIC)
    assert authentic(headers, [PUBLIC])
    assert authentic(
        headers | {"webhook-signature": f"{KNOWN} v1a,AAAA v1a,é v1a,{signature}"}, [SECRET, PUBLIC]
    )
    assert not authentic(headers, [SECRET])
    assert not authentic(headers, [PUBLIC], body=BODY + b" ")
    assert not authentic(headers | {"webhook-signature": f"v1,{signature}"}, [PUBLIC])


def test_a_public_key_as_the_key_of_a_shared_signature_is_refused():
    """Whoever knows the public key, and all may, must not be able to sign with it."""
    raw = PRIVATE.public_key().public_bytes_raw()
    forged = signed(secret=b64encode(raw).decode())
    assert not authentic(forged, [PUBLIC])
    assert not authentic(
        forged | {"webhook-signature": forged["webhook-signature"].replace("v1,", "v1a,")}, [PUBLIC]
    )
