"""What holds for every connector, whatever is thrown at it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.base import TOLERANCE, Delivery
from app.connectors.registry import CONNECTORS
from app.domain.errors import InvalidError, MalformedError, NotAuthenticError
from app.domain.mapping import parse

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_the_tolerance_is_five_minutes():
    assert TOLERANCE == 300


@pytest.mark.parametrize("name", list(CONNECTORS))
def test_a_connector_makes_a_secret_that_it_accepts_or_says_that_the_vendor_does(name):
    connector = CONNECTORS[name]
    if connector.secret_required:
        with pytest.raises(InvalidError):
            connector.new_secret(bytes(32))
    else:
        connector.check_secret(connector.new_secret(bytes(32)))


names = st.sampled_from(
    [
        *("x-hubspot-signature-v3", "x-hubspot-request-timestamp", "authorization", "close-sig-hash"),
        *("webhook-id", "webhook-timestamp", "webhook-signature", "close-sig-timestamp"),
        *("x-twenty-webhook-signature", "x-twenty-webhook-timestamp", "content-type", "ce-id"),
    ]
)
headers = st.dictionaries(names, st.text(max_size=20) | st.just(str(int(NOW.timestamp()))), max_size=5)


@pytest.mark.parametrize("name", list(CONNECTORS))
@given(headers=headers, body=st.binary(max_size=30) | st.text('[]{}":a1,', max_size=20).map(str.encode))
def test_hostile_deliveries_are_refused_and_never_crash(name, headers, body):
    connector = CONNECTORS[name]
    delivery = Delivery("POST", "https://a.example/hooks/x", headers, body)
    if name != "salesforce_outbound":  # the address of its hook is the secret, nothing is signed
        with pytest.raises(NotAuthenticError):
            connector.verify(delivery, ["whsec_" + "A" * 43 + "=", "client-secret-client-secret"], NOW)
    own = {"entity": {"id": "/id"}, "occurred_at": {"property": "/at"}} if connector.form == "generic" else {}
    try:
        translation = connector.translate(delivery, None, parse(own, connector.default_mapping, connector.form))
    except MalformedError:
        return
    assert translation.changes == ()
