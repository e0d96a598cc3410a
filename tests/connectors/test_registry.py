"""Connectors by name."""

import pytest

from app.connectors.registry import CONNECTORS, get
from app.domain.primitives.errors import InvalidError
from app.domain.sources import sources
from app.domain.sources.mapping.mapping import parse


def test_every_connector_is_known_by_its_own_name_and_to_the_sources():
    assert {name: connector.name for name, connector in CONNECTORS.items()} == {
        name: name for name in CONNECTORS
    }
    assert set(CONNECTORS) <= set(sources.CONNECTORS)
    assert all(get(name) is CONNECTORS[name] for name in CONNECTORS)


@pytest.mark.parametrize(("name", "sentence"), [("hubpsot", "'hubspot'"), ("api", "hubspot")])
def test_another_name_is_refused_with_what_there_is(name, sentence):
    with pytest.raises(InvalidError, match=sentence):
        get(name)


@pytest.mark.parametrize("name", list(CONNECTORS))
def test_the_default_mapping_is_a_valid_one(name):
    connector = CONNECTORS[name]
    own = (
        {"entity": {"id": "/id"}, "occurred_at": {"property": "/at"}}
        if connector.form == "generic"
        else {}
    )
    assert parse(own, connector.default_mapping, connector.form) is not None
