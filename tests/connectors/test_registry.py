"""Connectors by name."""

import pytest

from app.connectors.registry import CONNECTORS, get_connector
from app.domain.primitives.errors import InvalidError
from app.domain.sources import sources
from app.domain.sources.mapping.mapping_parser import parse_mapping


def test_every_connector_is_known_by_its_own_name_and_to_the_sources():
    assert {connector_name: connector.name for connector_name, connector in CONNECTORS.items()} == {
        connector_name: connector_name for connector_name in CONNECTORS
    }
    assert set(CONNECTORS) <= set(sources.CONNECTORS)
    assert all(
        get_connector(connector_name) is CONNECTORS[connector_name] for connector_name in CONNECTORS
    )


@pytest.mark.parametrize(("name", "message"), [("hubpsot", "'hubspot'"), ("api", "hubspot")])
def test_an_unknown_name_is_refused_with_a_suggestion(name, message):
    with pytest.raises(InvalidError, match=message):
        get_connector(name)


@pytest.mark.parametrize("name", list(CONNECTORS))
def test_the_default_mapping_is_a_valid_one(name):
    connector = CONNECTORS[name]
    spec = (
        {"entity": {"id": "/id"}, "occurred_at": {"property": "/at"}}
        if connector.mapping_form == "generic"
        else {}
    )
    assert parse_mapping(spec, connector.default_mapping, connector.mapping_form) is not None
