"""A generic sender: signed or with a token, parsed by the mapping of its user."""

import json
from base64 import b64encode
from datetime import UTC, datetime

import pytest

from app.connectors.connector import Delivery
from app.connectors.generic import GenericConnector
from app.domain.primitives.decimals import FIXED_SCALE
from app.domain.primitives.errors import InvalidError, MalformedError, NotAuthenticError
from app.domain.sources.mapping.mapping import DealMapping
from tests.support import sample_deliveries
from tests.support.deal_scenarios import sign_standard_webhook

CONNECTOR = GenericConnector()
SECRET = CONNECTOR.generate_secret(bytes(range(32)))
NOW = datetime(2026, 11, 1, tzinfo=UTC)
MAPPING_SPEC = json.loads(sample_deliveries.read_sample("generic", "mapping.json"))
MAPPING = sample_deliveries.resolve_mapping(CONNECTOR, MAPPING_SPEC)
BODY = sample_deliveries.read_sample("generic", "events.json")


def is_authentic(headers, body=BODY):
    try:
        CONNECTOR.verify(Delivery("POST", sample_deliveries.HOOK_URL, headers, body), [SECRET], NOW)
    except NotAuthenticError as error:
        return error.detail != "The delivery is not authentic."  # no reason is given
    return True


def test_a_signature_or_the_secret_as_a_bearer_token_authenticates():
    assert is_authentic(sign_standard_webhook(BODY, SECRET, NOW, ""))
    assert is_authentic({"authorization": f"Bearer {SECRET}"})
    assert is_authentic({"authorization": f"bearer  {SECRET}"})


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
    assert not is_authentic(headers)


def test_a_secret_is_one_of_standard_webhooks():
    with pytest.raises(InvalidError):
        CONNECTOR.check_secret("a-password")


def test_the_sample_is_read_by_its_mapping():
    translation = sample_deliveries.translate_body(CONNECTOR, BODY, None, MAPPING)
    assert (len(translation.changes), translation.rejects, translation.ignored) == (3, (), 1)
    events = sample_deliveries.fold_events(translation.changes, MAPPING)
    assert sorted(events) == ["deal.created", "deal.won"]
    won = events["deal.won"]
    assert (won.value, won.unit, won.time) == (
        19_800 * FIXED_SCALE,
        "EUR",
        datetime(2026, 10, 20, 9, 15, 30, tzinfo=UTC),
    )
    assert won.data == {"pipeline": "new-business", "segment": "enterprise"}


def test_a_bad_record_is_set_aside_and_the_others_are_accepted():
    body = json.loads(BODY)
    del body["events"][1]["timestamp"]
    translation = sample_deliveries.translate_body(
        CONNECTOR, json.dumps(body).encode(), None, MAPPING
    )
    assert len(translation.changes) == 2
    assert [reject.index for reject in translation.rejects] == [1]
    assert translation.change_indexes == (0, 2)


@pytest.mark.parametrize("raw", [b"7", b"{}", b"", b"[NaN]", b'{"events": 7}'])
def test_what_has_no_records_is_malformed(raw):
    with pytest.raises(MalformedError):
        sample_deliveries.translate_body(CONNECTOR, raw, None, MAPPING)


def test_without_a_mapping_nothing_can_be_read():
    with pytest.raises(MalformedError, match="entity"):
        sample_deliveries.translate_body(CONNECTOR, BODY, None, DealMapping())


def test_a_public_key_is_no_token():
    public_key = "whpk_" + b64encode(bytes(32)).decode()
    with pytest.raises(NotAuthenticError):
        CONNECTOR.verify(
            Delivery(
                "POST", sample_deliveries.HOOK_URL, {"authorization": f"Bearer {public_key}"}, BODY
            ),
            [public_key],
            NOW,
        )
