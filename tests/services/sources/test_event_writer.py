"""An event that a delivery holds is recorded only where it can be."""

from datetime import timedelta

import pytest

from app.domain.playbook.organization import Team
from app.domain.primitives.errors import InvalidError
from app.domain.sources.sources import Source
from app.services.sources.event_writer import acceptable
from tests.support.configurations import known
from tests.support.services import NOW, event


def test_an_event_out_of_a_delivery_is_of_its_source_known_and_not_far_ahead():
    configuration = known(Team("ops", "Ops", "any")).drop("team", "ops")
    source = Source("billing", "Billing", team="sales")
    assert acceptable(configuration, source, event("a"), NOW) == event("a")
    assert acceptable(configuration, source, event("a", team="ops"), NOW) == event(
        "a", team="sales"
    )
    for wrong, words in (
        (event("a", source="other"), "another source"),
        (event("a", time=NOW + timedelta(hours=24, seconds=1)), "ahead"),
        (event("a", objective="wim"), "'win'"),
        (event("a", team="sale"), "'sales'"),
    ):
        with pytest.raises(InvalidError, match=words):
            acceptable(configuration, source, wrong, NOW)
    with pytest.raises(InvalidError):
        acceptable(configuration, Source("billing", "Billing"), event("a", team="ops"), NOW)
