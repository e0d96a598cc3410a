"""Every resource survives the conversion to JSON text and back."""

from datetime import UTC, date, datetime
from json import dumps, loads

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.events.metrics import Condition
from app.domain.playbook import serialization
from app.domain.playbook.configuration import TABLE_NAMES
from app.domain.playbook.organization import Team
from app.domain.playbook.playbooks import Playbook
from tests.support.configurations import NOUNS
from tests.support.service_harness import make_metric


@pytest.mark.parametrize("kind", sorted(TABLE_NAMES))
def test_every_kind_round_trips_through_json(kind: str):
    @settings(max_examples=40)
    @given(NOUNS[kind])
    def check_round_trip(resource: object) -> None:
        assert (
            serialization.from_json(kind, loads(dumps(serialization.to_json(resource)))) == resource
        )  # type: ignore[arg-type]  # a resource

    assert sorted(NOUNS) == sorted(TABLE_NAMES) == sorted(serialization.RESOURCE_CLASSES)
    check_round_trip()


@given(st.sampled_from(sorted(TABLE_NAMES)).flatmap(NOUNS.__getitem__))
def test_equal_json_means_equal_objects(resource: object):
    round_tripped = serialization.to_json(
        serialization.from_json(resource.kind, serialization.to_json(resource))
    )  # type: ignore[attr-defined,arg-type]  # a resource
    assert round_tripped == serialization.to_json(resource)  # type: ignore[arg-type]  # a resource


def test_json_shows_numbers_days_and_instants_as_the_wire_does():
    playbook_json = serialization.to_json(
        Playbook(
            "q4",
            "Q4",
            "",
            date(2026, 10, 1),
            date(2026, 12, 31),
            published_at=datetime(2026, 9, 1, tzinfo=UTC),
        )
    )
    assert (playbook_json["starts_on"], playbook_json["published_at"]) == (
        "2026-10-01",
        "2026-09-01T00:00:00Z",
    )
    assert serialization.to_json(Team("a", "A", "sales", 12_500))["size"] == 1.25


def test_a_condition_is_an_object_and_its_list_a_list():
    metric_json = serialization.to_json(
        make_metric(where=(Condition("data.a", "in", ("x", True)),))
    )
    assert metric_json["where"] == [{"property": "data.a", "op": "in", "value": ["x", True]}]


def test_missing_fields_have_defaults_and_unknown_fields_are_ignored():
    team = serialization.from_json(
        "team", {"key": "a", "name": "A", "function": "sales", "colour": "red"}
    )
    assert team == Team("a", "A", "sales")
