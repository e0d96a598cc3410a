"""The content of an event's fingerprint, and the organization's day of an event."""

from datetime import UTC, date, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.events.events import Event, fingerprint, to_canonical_json, to_local_day
from tests.support.configurations import INSTANTS, JSON, TEXTS
from tests.support.service_harness import NOW, SCALE, make_event

FULL_EVENT = make_event(
    "a",
    unit="EUR",
    effort=SCALE,
    subject="deal/1",
    objective="win",
    offerings=(("onboarding", SCALE), ("support", 2)),
)
CHANGED_FIELDS = {
    "type": "deal.won",
    "time": NOW,
    "team": "marketing",
    "kind": "activity",
    "value": 1,
    "unit": "USD",
    "effort": 0,
    "subject": None,
    "objective": "other",
    "offerings": (("support", 2), ("onboarding", SCALE)),
    "data": {"segment": "small"},
}


def test_every_field_but_the_name_counts_for_the_fingerprint():
    fields = set(Event._fields) - {
        "id",
        "source",
        "erased",
    }  # remembered matches are not part of the content
    assert fields == set(CHANGED_FIELDS)
    changed_fields: dict[str, Any] = CHANGED_FIELDS
    digests = {
        field_name: fingerprint(FULL_EVENT._replace(**{field_name: value}))
        for field_name, value in changed_fields.items()
    }
    assert len({fingerprint(FULL_EVENT), *digests.values()}) == len(fields) + 1
    assert fingerprint(FULL_EVENT._replace(id="b", source="other")) == fingerprint(FULL_EVENT)


@given(st.dictionaries(TEXTS, JSON, max_size=4), INSTANTS, st.integers(-12, 12))
def test_equal_content_has_an_equal_fingerprint_in_any_key_order_and_time_zone(
    data: dict[str, object], instant: datetime, hours: int
):
    original = make_event("a", data=data, time=instant)
    reversed_data = dict(reversed(list(data.items())))
    reordered = make_event(
        "b", data=reversed_data, time=instant.astimezone(timezone(timedelta(hours=hours)))
    )
    assert fingerprint(original) == fingerprint(reordered)
    assert len(fingerprint(original)) == 32


@pytest.mark.parametrize(
    ("left", "right"), [(True, 1), (None, "null"), ("1", 1), ([], {}), (0, False), ("é", "e\u0301")]
)
def test_values_that_only_look_alike_have_fingerprints_of_their_own(left: object, right: object):
    assert fingerprint(make_event("a", data={"x": left})) != fingerprint(
        make_event("a", data={"x": right})
    )


@given(st.dictionaries(TEXTS, JSON, max_size=3), TEXTS, st.none() | st.integers(), st.booleans())
def test_the_fingerprint_is_a_digest_of_the_one_json_text_of_the_content(
    data: dict[str, object], text: str, value: int | None, has_all_fields: bool
):
    sample = (
        FULL_EVENT._replace(subject=text, data=data, value=value)
        if has_all_fields
        else make_event("a", type=text, data=data, value=value)
    )
    content: list[object] = [
        sample.type,
        sample.time.astimezone(UTC).isoformat(),
        sample.team,
        sample.kind,
        sample.value,
        sample.unit,
        sample.effort,
    ]
    content += [sample.subject, sample.objective, sample.offerings, sample.data]
    digest = sha256(to_canonical_json(content).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    assert fingerprint(sample) == fingerprint(sample, to_canonical_json(data)) == digest


def test_half_a_surrogate_pair_does_not_break_the_fingerprint():
    assert len(fingerprint(make_event("a", data={"x": "\ud800"}))) == 32


def test_the_canonical_text_has_sorted_names_no_spaces_and_no_nan():
    assert to_canonical_json({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'
    with pytest.raises(ValueError, match="JSON"):
        to_canonical_json(float("nan"))


def test_an_event_without_effort_weighs_one():
    assert make_event("a").weight == SCALE
    assert make_event("a", effort=0).weight == 0


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("UTC", date(2026, 11, 23)),
        ("Pacific/Kiritimati", date(2026, 11, 24)),
        ("Pacific/Pago_Pago", date(2026, 11, 22)),
    ],
)
def test_the_day_is_the_organization_s_own(zone: str, day: date):
    instant = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
    assert to_local_day(instant, zone) == day
    assert to_local_day(instant.astimezone(timezone(timedelta(hours=9))), zone) == day
