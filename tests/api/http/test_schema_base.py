"""Requests refuse what they do not know; replies say exactly what their schema says."""

import pytest

from app.api.http.schema_base import examples, made
from app.api.playbook.teams import TeamPatch, TeamPut
from app.domain.playbook.organization import Team
from tests.api.conftest import event
from tests.support.contract import contract

PLACES = {
    "Team": "/v1/teams/sales",
    "Metric": "/v1/metrics/revenue",
    "Playbook": "/v1/playbooks/fy26-q4",
    "Objective": "/v1/objectives/win",
    "KeyResult": "/v1/key-results/revenue-2m",
    "Responsibility": "/v1/objectives/win/responsibilities/sales",
    "Source": "/v1/sources/billing",
    "Policy": "/v1/policy",
}


async def test_every_reply_has_exactly_the_members_of_its_schema(world):
    await world.strategy()
    schemas = contract()["components"]["schemas"]
    for name, path in PLACES.items():
        assert (await world.admin.get(path)).json().keys() == schemas[name]["properties"].keys(), (
            name
        )
    recorded = await world.admin.post("/v1/events", event())
    assert recorded.json().keys() == schemas["Event"]["properties"].keys()


async def test_a_member_that_only_replies_have_is_refused_in_a_request(world):
    await world.strategy()
    schemas = contract()["components"]["schemas"]
    tried = 0
    for name, path in PLACES.items():
        put = schemas[f"{name}Put"]
        shown = (await world.admin.get(path)).json()
        good = {member: value for member, value in shown.items() if member in put["properties"]}
        assert (await world.admin.put(path, good)).status_code == 200, path
        for member in shown.keys() - put["properties"].keys():
            refused = await world.admin.put(path, {**good, member: shown[member]})
            assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (
                422,
                f"/{member}",
            ), path
            tried += 1
    assert tried > 10


def test_what_was_sent_becomes_the_domains_value():
    assert made(Team, TeamPut.model_validate({"name": "A", "function": "b"}), key="a") == Team(
        "a", "A", "b"
    )


def test_a_patch_tells_what_was_sent_from_what_was_not():
    assert TeamPatch.model_validate({}).given() == {}
    assert TeamPatch.model_validate({"size": 2}).given() == {"size": 20_000}


@pytest.mark.parametrize("name", ["Team", "TeamPut", "TeamPatch", "Problem", "IssuedApiKey"])
def test_every_shape_keeps_its_own_example(name):
    assert examples()[name]
