"""Responsibilities over HTTP: proposed by whoever writes the playbook, accepted by the team."""

import pytest

ADDRESS = "/v1/objectives/win/responsibilities/sales"


@pytest.fixture
async def caller(world):
    await world.strategy()
    return world.admin


async def test_a_team_accepts_and_declines_its_own_part(world, caller):
    proposed = (await caller.get(ADDRESS)).json()
    assert (proposed["role"], proposed["share"], proposed["status"]) == (
        "accountable",
        50,
        "proposed",
    )
    sales = await world.client("read", "playbook:write", team="sales")
    accepted = await sales.put(
        f"{ADDRESS}/acceptance", {"accepted": True, "by": "Ada", "note": "Ours"}
    )
    assert accepted.status_code == 200, accepted.text
    assert {**proposed, "status": "accepted", "by": "Ada", "note": "Ours"} == accepted.json()
    declined = await sales.put(f"{ADDRESS}/acceptance", {"accepted": False, "by": "Ada"})
    assert declined.json()["status"] == "declined"


async def test_nobody_accepts_for_another_team(world, caller):
    for wanted in ({"team": "marketing"}, {}):
        other = await world.client("playbook:write", **wanted)
        refused = await other.put(f"{ADDRESS}/acceptance", {"accepted": True, "by": "Bob"})
        assert refused.status_code == 403, refused.text
    assert (await caller.get(ADDRESS)).json()["status"] == "proposed"


async def test_another_share_is_proposed_again_and_the_same_is_not(caller):
    await caller.put(f"{ADDRESS}/acceptance", {"accepted": True, "by": "Ada"})
    same = await caller.put(ADDRESS, {"role": "accountable", "share": 50})
    assert same.json()["status"] == "accepted"
    other = await caller.put(ADDRESS, {"role": "accountable", "share": 60})
    assert (other.json()["status"], other.json()["by"]) == ("proposed", "")


async def test_responsibilities_are_listed_by_team_and_withdrawn(caller):
    await caller.made("/v1/objectives/win/responsibilities/marketing", {"role": "responsible"})
    listed = (await caller.get("/v1/objectives/win/responsibilities")).json()["items"]
    assert [one["team"] for one in listed] == ["marketing", "sales"]
    assert (await caller.delete(ADDRESS)).status_code == 204
    assert (await caller.get(ADDRESS)).status_code == 404
    assert (await caller.get("/v1/objectives/nowhere/responsibilities")).status_code == 404


async def test_a_responsibility_needs_a_role_that_there_is_and_a_team(caller):
    assert (await caller.put(ADDRESS, {"role": "owner"})).status_code == 422
    unknown = await caller.put("/v1/objectives/win/responsibilities/slaes", {"role": "informed"})
    assert unknown.status_code == 422
    assert "'sales'" in unknown.json()["detail"]
    assert (
        await caller.put("/v1/objectives/nowhere/responsibilities/sales", {"role": "informed"})
    ).status_code == 404
