"""Everything of a configuration goes to JSON and comes back the same, by way of its text."""

from datetime import UTC, date, datetime
from json import dumps, loads

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.events.metrics import Condition
from app.domain.playbook import serialization as codec
from app.domain.playbook.configuration import TABLES
from app.domain.playbook.organization import Team
from app.domain.playbook.playbooks import Playbook
from tests.support.configurations import NOUNS
from tests.support.services import metric


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_every_kind_comes_back_from_its_json(kind: str):
    @settings(max_examples=40)
    @given(NOUNS[kind])
    def comes_back(noun: object) -> None:
        assert codec.from_json(kind, loads(dumps(codec.to_json(noun)))) == noun  # type: ignore[arg-type]  # a noun

    assert sorted(NOUNS) == sorted(TABLES) == sorted(codec.CLASSES)
    comes_back()


@given(st.sampled_from(sorted(TABLES)).flatmap(NOUNS.__getitem__))
def test_equal_json_means_equal_things(noun: object):
    again = codec.to_json(codec.from_json(noun.kind, codec.to_json(noun)))  # type: ignore[attr-defined,arg-type]  # a noun
    assert again == codec.to_json(noun)  # type: ignore[arg-type]  # a noun


def test_json_shows_numbers_days_and_instants_as_the_wire_does():
    shown = codec.to_json(
        Playbook(
            "q4",
            "Q4",
            "",
            date(2026, 10, 1),
            date(2026, 12, 31),
            published_at=datetime(2026, 9, 1, tzinfo=UTC),
        )
    )
    assert (shown["starts_on"], shown["published_at"]) == ("2026-10-01", "2026-09-01T00:00:00Z")
    assert codec.to_json(Team("a", "A", "sales", 12_500))["size"] == 1.25


def test_a_condition_is_an_object_and_its_list_a_list():
    shown = codec.to_json(metric(where=(Condition("data.a", "in", ("x", True)),)))
    assert shown["where"] == [{"property": "data.a", "op": "in", "value": ["x", True]}]


def test_fields_that_are_not_said_have_their_defaults_and_unknown_ones_are_left_out():
    found = codec.from_json("team", {"key": "a", "name": "A", "function": "sales", "colour": "red"})
    assert found == Team("a", "A", "sales")
