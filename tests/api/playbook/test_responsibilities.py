"""Responsibilities over HTTP: proposed by whoever writes the playbook, accepted by the team."""

import pytest

RESPONSIBILITY_PATH = "/v1/objectives/win/responsibilities/sales"


@pytest.fixture
async def caller(api):
    await api.seed_strategy()
    return api.admin


async def test_a_team_accepts_and_declines_its_own_part(api, caller):
    proposed_view = (await caller.get(RESPONSIBILITY_PATH)).json()
    assert (proposed_view["role"], proposed_view["share"], proposed_view["status"]) == (
        "accountable",
        50,
        "proposed",
    )
    sales = await api.create_client("read", "playbook:write", team="sales")
    accepted_reply = await sales.put(
        f"{RESPONSIBILITY_PATH}/acceptance", {"accepted": True, "by": "Ada", "note": "Ours"}
    )
    assert accepted_reply.status_code == 200, accepted_reply.text
    assert {
        **proposed_view,
        "status": "accepted",
        "by": "Ada",
        "note": "Ours",
    } == accepted_reply.json()
    declined_reply = await sales.put(
        f"{RESPONSIBILITY_PATH}/acceptance", {"accepted": False, "by": "Ada"}
    )
    assert declined_reply.json()["status"] == "declined"


async def test_nobody_accepts_for_another_team(api, caller):
    for binding in ({"team": "marketing"}, {}):
        other_caller = await api.create_client("playbook:write", **binding)
        rejection = await other_caller.put(
            f"{RESPONSIBILITY_PATH}/acceptance", {"accepted": True, "by": "Bob"}
        )
        assert rejection.status_code == 403, rejection.text
    assert (await caller.get(RESPONSIBILITY_PATH)).json()["status"] == "proposed"


async def test_another_share_is_proposed_again_and_the_same_is_not(caller):
    await caller.put(f"{RESPONSIBILITY_PATH}/acceptance", {"accepted": True, "by": "Ada"})
    same_reply = await caller.put(RESPONSIBILITY_PATH, {"role": "accountable", "share": 50})
    assert same_reply.json()["status"] == "accepted"
    changed_reply = await caller.put(RESPONSIBILITY_PATH, {"role": "accountable", "share": 60})
    assert (changed_reply.json()["status"], changed_reply.json()["by"]) == ("proposed", "")


async def test_responsibilities_are_listed_by_team_and_withdrawn(caller):
    await caller.put_object(
        "/v1/objectives/win/responsibilities/marketing", {"role": "responsible"}
    )
    responsibilities = (await caller.get("/v1/objectives/win/responsibilities")).json()["items"]
    assert [responsibility["team"] for responsibility in responsibilities] == ["marketing", "sales"]
    assert (await caller.delete(RESPONSIBILITY_PATH)).status_code == 204
    assert (await caller.get(RESPONSIBILITY_PATH)).status_code == 404
    assert (await caller.get("/v1/objectives/nowhere/responsibilities")).status_code == 404


async def test_a_responsibility_needs_an_existing_role_and_team(caller):
    assert (await caller.put(RESPONSIBILITY_PATH, {"role": "owner"})).status_code == 422
    rejection = await caller.put("/v1/objectives/win/responsibilities/slaes", {"role": "informed"})
    assert rejection.status_code == 422
    assert "'sales'" in rejection.json()["detail"]
    assert (
        await caller.put("/v1/objectives/nowhere/responsibilities/sales", {"role": "informed"})
    ).status_code == 404
