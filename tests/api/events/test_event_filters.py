"""The filters of events; what they find is in test_events.py."""

from dataclasses import fields

import pytest

from app.store.events.event_filters_sql import EventFilter
from tests.api.conftest import SQLITE_ONLY
from tests.support.openapi_contract import get_contract


async def test_every_filter_of_the_store_is_a_query_parameter(api):
    operation = get_contract()["paths"]["/v1/events"]["get"]
    names = {
        parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"
    }
    filter_names = {{"from": "first", "to": "last"}.get(name, name) for name in names} - {
        "limit",
        "cursor",
    }
    assert filter_names == {field.name for field in fields(EventFilter)}


@SQLITE_ONLY
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
async def test_an_invalid_filter_is_rejected(admin, params):
    reply = await admin.get("/v1/events", params=params)
    assert reply.status_code == 422
    assert reply.json()["errors"]
