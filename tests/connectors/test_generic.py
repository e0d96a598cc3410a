"""A generic sender: signed or with a token, read by a mapping that its user writes."""

import json
from base64 import b64encode
from datetime import UTC, datetime

import pytest

from app.connectors.connector import Delivery
from app.connectors.generic import Generic
from app.domain.primitives.decimals import ONE
from app.domain.primitives.errors import InvalidError, MalformedError, NotAuthenticError
from app.domain.sources.mapping.mapping import DealMapping
from tests.support import samples
from tests.support.lives import standard

CONNECTOR = Generic()
SECRET = CONNECTOR.new_secret(bytes(range(32)))
NOW = datetime(2026, 11, 1, tzinfo=UTC)
OWN = json.loads(samples.body("generic", "mapping.json"))
MAPPING = samples.mapped(CONNECTOR, OWN)
BODY = samples.body("generic", "events.json")


def authentic(headers, body=BODY):
    try:
        CONNECTOR.verify(Delivery("POST", samples.URL, headers, body), [SECRET], NOW)
    except NotAuthenticError as error:
        return error.detail != "The delivery is not authentic."  # never why
    return True


def test_a_signature_or_where_the_sender_cannot_sign_the_secret_as_a_token():
    assert authentic(standard(BODY, SECRET, NOW, ""))
    assert authentic({"authorization": f"Bearer {SECRET}"})
    assert authentic({"authorization": f"bearer  {SECRET}"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {SECRET}"},
        {"authorization": SECRET},
        {"authorization": f"Bearer {SECRET[:-1]}"},
        {"authorization": "Bearer é\udcff"},
        {"authorization": f"Bearer {SECRET}", "webhook-signature": "v1,AAAA"},
    ],
)
def test_anything_else_is_refused(headers):
    assert not authentic(headers)


def test_a_secret_is_one_of_standard_webhooks():
    with pytest.raises(InvalidError):
        CONNECTOR.check_secret("a-password")


def test_the_sample_is_read_by_its_mapping():
    translation = samples.said(CONNECTOR, BODY, None, MAPPING)
    assert (len(translation.changes), translation.rejects, translation.ignored) == (3, (), 1)
    found = samples.events(translation.changes, MAPPING)
    assert sorted(found) == ["deal.created", "deal.won"]
    won = found["deal.won"]
    assert (won.value, won.unit, won.time) == (
        19_800 * ONE,
        "EUR",
        datetime(2026, 10, 20, 9, 15, 30, tzinfo=UTC),
    )
    assert won.data == {"pipeline": "new-business", "segment": "enterprise"}


def test_a_bad_record_is_set_aside_and_the_others_stand():
    body = json.loads(BODY)
    del body["events"][1]["timestamp"]
    translation = samples.said(CONNECTOR, json.dumps(body).encode(), None, MAPPING)
    assert len(translation.changes) == 2
    assert [reject.index for reject in translation.rejects] == [1]
    assert translation.change_places == (0, 2)


@pytest.mark.parametrize("raw", [b"7", b"{}", b"", b"[NaN]", b'{"events": 7}'])
def test_what_has_no_records_is_malformed(raw):
    with pytest.raises(MalformedError):
        samples.said(CONNECTOR, raw, None, MAPPING)


def test_without_a_mapping_nothing_can_be_read():
    with pytest.raises(MalformedError, match="entity"):
        samples.said(CONNECTOR, BODY, None, DealMapping())


def test_a_public_key_is_no_token():
    public = "whpk_" + b64encode(bytes(32)).decode()
    with pytest.raises(NotAuthenticError):
        CONNECTOR.verify(
            Delivery("POST", samples.URL, {"authorization": f"Bearer {public}"}, BODY),
            [public],
            NOW,
        )
