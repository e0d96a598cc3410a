"""An event of a delivery is recorded only if it is valid."""

from datetime import timedelta

import pytest

from app.domain.playbook.organization import Team
from app.domain.primitives.errors import InvalidError
from app.domain.sources.sources import Source
from app.services.sources.event_writer import normalize_event
from tests.support.configurations import make_configuration
from tests.support.service_harness import NOW, make_event


def test_an_event_of_a_delivery_must_match_its_source_be_valid_and_not_be_far_ahead():
    configuration = make_configuration(Team("ops", "Ops", "any")).with_archived("team", "ops")
    source = Source("billing", "Billing", team="sales")
    assert normalize_event(configuration, source, make_event("a"), NOW) == make_event("a")
    assert normalize_event(configuration, source, make_event("a", team="ops"), NOW) == make_event(
        "a", team="sales"
    )
    for invalid_event, message in (
        (make_event("a", source="other"), "another source"),
        (make_event("a", time=NOW + timedelta(hours=24, seconds=1)), "ahead"),
        (make_event("a", objective="wim"), "'win'"),
        (make_event("a", team="sale"), "'sales'"),
    ):
        with pytest.raises(InvalidError, match=message):
            normalize_event(configuration, source, invalid_event, NOW)
    with pytest.raises(InvalidError):
        normalize_event(
            configuration, Source("billing", "Billing"), make_event("a", team="ops"), NOW
        )
