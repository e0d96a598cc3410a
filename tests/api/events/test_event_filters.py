"""The filters of events; what they find is in test_events.py."""

from dataclasses import fields

import pytest

from app.store.events.event_queries import EventFilter
from tests.api.conftest import EMBEDDED
from tests.support.contract import contract


async def test_every_filter_of_the_store_can_be_asked_for(world):
    operation = contract()["paths"]["/v1/events"]["get"]
    names = {
        parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"
    }
    asked = {{"from": "first", "to": "last"}.get(name, name) for name in names} - {
        "limit",
        "cursor",
    }
    assert asked == {field.name for field in fields(EventFilter)}


@EMBEDDED
@pytest.mark.parametrize(
    "params",
    [
        {"kind": "other"},
        {"team": "A"},
        {"offering": '%"'},
        {"from": "yesterday"},
        {"days": "2026-10-01"},
        {"days": "2026-10-01..2026-10-05,"},
        {"days": "2026-02-28..2026-02-30"},
        {"other_playbook": "perhaps"},
        {"id": "a\x00b"},
        {"unit": "x" * 33},
        {"as_of": "2026-11-23", "known_at": "2026-11-22"},
    ],
)
async def test_a_filter_that_says_nothing_sensible_is_refused(admin, params):
    reply = await admin.get("/v1/events", params=params)
    assert reply.status_code == 422
    assert reply.json()["errors"]
