"""Requests reject unknown members; replies match their schema exactly."""

import pytest

from app.api.http.schema_base import collect_examples, to_domain
from app.api.playbook.teams import TeamPatch, TeamPut
from app.domain.playbook.organization import Team
from tests.api.conftest import make_event
from tests.support.openapi_contract import get_contract

PATHS_BY_SCHEMA = {
    "Team": "/v1/teams/sales",
    "Metric": "/v1/metrics/revenue",
    "Playbook": "/v1/playbooks/fy26-q4",
    "Objective": "/v1/objectives/win",
    "KeyResult": "/v1/key-results/revenue-2m",
    "Responsibility": "/v1/objectives/win/responsibilities/sales",
    "Source": "/v1/sources/billing",
    "Policy": "/v1/policy",
}


async def test_every_reply_has_exactly_the_members_of_its_schema(api):
    await api.seed_strategy()
    schemas = get_contract()["components"]["schemas"]
    for schema_name, path in PATHS_BY_SCHEMA.items():
        assert (await api.admin.get(path)).json().keys() == schemas[schema_name][
            "properties"
        ].keys(), schema_name
    event_reply = await api.admin.post("/v1/events", make_event())
    assert event_reply.json().keys() == schemas["Event"]["properties"].keys()


async def test_a_member_that_only_replies_have_is_refused_in_a_request(api):
    await api.seed_strategy()
    schemas = get_contract()["components"]["schemas"]
    checked_count = 0
    for schema_name, path in PATHS_BY_SCHEMA.items():
        put_schema = schemas[f"{schema_name}Put"]
        current_view = (await api.admin.get(path)).json()
        valid_request = {
            member: value
            for member, value in current_view.items()
            if member in put_schema["properties"]
        }
        assert (await api.admin.put(path, valid_request)).status_code == 200, path
        for member in current_view.keys() - put_schema["properties"].keys():
            rejection = await api.admin.put(path, {**valid_request, member: current_view[member]})
            assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (
                422,
                f"/{member}",
            ), path
            checked_count += 1
    assert checked_count > 10


def test_a_request_becomes_a_domain_object():
    assert to_domain(Team, TeamPut.model_validate({"name": "A", "function": "b"}), key="a") == Team(
        "a", "A", "b"
    )


def test_a_patch_distinguishes_sent_from_missing_members():
    assert TeamPatch.model_validate({}).sent_fields() == {}
    assert TeamPatch.model_validate({"size": 2}).sent_fields() == {"size": 20_000}


@pytest.mark.parametrize("name", ["Team", "TeamPut", "TeamPatch", "Problem", "IssuedApiKey"])
def test_every_schema_has_its_own_example(name):
    assert collect_examples()[name]
