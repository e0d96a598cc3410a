"""What holds for every connector."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.base import Delivery
from app.connectors.registry import CONNECTORS, get
from app.domain import sources
from app.domain.errors import InvalidError, MalformedError, NotAuthenticError
from app.domain.mapping import parse

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_every_connector_is_known_by_its_own_name_and_to_the_sources():
    assert {name: connector.name for name, connector in CONNECTORS.items()} == {name: name for name in CONNECTORS}
    assert set(CONNECTORS) <= set(sources.CONNECTORS)
    assert all(get(name) is CONNECTORS[name] for name in CONNECTORS)


@pytest.mark.parametrize(
    ("name", "sentence"), [("hubpsot", "'hubspot'"), ("twenty", "no deliveries"), ("api", "hubspot")]
)
def test_another_name_is_refused_with_what_there_is(name, sentence):
    with pytest.raises(InvalidError, match=sentence):
        get(name)


@pytest.mark.parametrize("name", list(CONNECTORS))
def test_the_default_mapping_is_a_valid_one(name):
    assert parse({}, CONNECTORS[name].default_mapping) is not None


names = st.sampled_from(
    ["x-hubspot-signature-v3", "x-hubspot-request-timestamp", "webhook-id", "webhook-timestamp", "webhook-signature"]
)
headers = st.dictionaries(names, st.text(max_size=20) | st.just(str(int(NOW.timestamp()))), max_size=5)


@pytest.mark.parametrize("name", list(CONNECTORS))
@given(headers=headers, body=st.binary(max_size=30) | st.text('[]{}":a1,', max_size=20).map(str.encode))
def test_hostile_deliveries_are_refused_and_never_crash(name, headers, body):
    connector = CONNECTORS[name]
    delivery = Delivery("POST", "https://a.example/hooks/x", headers, body)
    with pytest.raises(NotAuthenticError):
        connector.verify(delivery, ["whsec_" + "A" * 43 + "=", "client-secret-client-secret"], NOW)
    try:
        translation = connector.translate(delivery, None, parse({}, connector.default_mapping))
    except MalformedError as error:
        assert error.detail.endswith(".")
    else:
        assert translation.changes == ()
