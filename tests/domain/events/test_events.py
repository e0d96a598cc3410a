"""What an event's fingerprint holds, and in which of the organization's days it falls."""

from datetime import UTC, date, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.events.events import Event, canonical, day_of, fingerprint
from tests.support.configurations import INSTANTS, JSON, TEXTS
from tests.support.services import NOW, ONE, event

FULL = event(
    "a",
    unit="EUR",
    effort=ONE,
    subject="deal/1",
    objective="win",
    offerings=(("onboarding", ONE), ("support", 2)),
)
OTHERWISE = {
    "type": "deal.won",
    "time": NOW,
    "team": "marketing",
    "kind": "activity",
    "value": 1,
    "unit": "USD",
    "effort": 0,
    "subject": None,
    "objective": "other",
    "offerings": (("support", 2), ("onboarding", ONE)),
    "data": {"segment": "small"},
}


def test_every_field_but_the_name_counts_for_the_fingerprint():
    fields = set(Event._fields) - {
        "id",
        "source",
        "erased",
    }  # what the service remembers is not what was sent
    assert fields == set(OTHERWISE)
    changed: dict[str, Any] = OTHERWISE
    digests = {name: fingerprint(FULL._replace(**{name: value})) for name, value in changed.items()}
    assert len({fingerprint(FULL), *digests.values()}) == len(fields) + 1
    assert fingerprint(FULL._replace(id="b", source="other")) == fingerprint(FULL)


@given(st.dictionaries(TEXTS, JSON, max_size=4), INSTANTS, st.integers(-12, 12))
def test_equal_content_has_an_equal_fingerprint_however_it_was_said(
    data: dict[str, object], at: datetime, hours: int
):
    said = event("a", data=data, time=at)
    backwards = dict(reversed(list(data.items())))
    again = event("b", data=backwards, time=at.astimezone(timezone(timedelta(hours=hours))))
    assert fingerprint(said) == fingerprint(again)
    assert len(fingerprint(said)) == 32


@pytest.mark.parametrize(
    ("one", "other"), [(True, 1), (None, "null"), ("1", 1), ([], {}), (0, False), ("é", "e\u0301")]
)
def test_values_that_only_look_alike_have_fingerprints_of_their_own(one: object, other: object):
    assert fingerprint(event("a", data={"x": one})) != fingerprint(event("a", data={"x": other}))


@given(st.dictionaries(TEXTS, JSON, max_size=3), TEXTS, st.none() | st.integers(), st.booleans())
def test_the_fingerprint_is_a_digest_of_the_one_json_text_of_the_content(
    data: dict[str, object], said: str, value: int | None, full: bool
):
    told = (
        FULL._replace(subject=said, data=data, value=value)
        if full
        else event("a", type=said, data=data, value=value)
    )
    content: list[object] = [
        told.type,
        told.time.astimezone(UTC).isoformat(),
        told.team,
        told.kind,
        told.value,
        told.unit,
        told.effort,
    ]
    content += [told.subject, told.objective, told.offerings, told.data]
    digest = sha256(canonical(content).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    assert fingerprint(told) == fingerprint(told, canonical(data)) == digest


def test_half_a_surrogate_pair_does_not_break_the_fingerprint():
    assert len(fingerprint(event("a", data={"x": "\ud800"}))) == 32


def test_the_canonical_text_has_sorted_names_no_spaces_and_no_nan():
    assert canonical({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))


def test_an_event_without_effort_weighs_one():
    assert event("a").weight == ONE
    assert event("a", effort=0).weight == 0


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("UTC", date(2026, 11, 23)),
        ("Pacific/Kiritimati", date(2026, 11, 24)),
        ("Pacific/Pago_Pago", date(2026, 11, 22)),
    ],
)
def test_the_day_is_the_organization_s_own(zone: str, day: date):
    at = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
    assert day_of(at, zone) == day
    assert day_of(at.astimezone(timezone(timedelta(hours=9))), zone) == day
