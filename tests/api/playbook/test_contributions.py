"""Contributions over HTTP: an act of the team."""

CONTRIBUTIONS_PATH = "/v1/playbooks/fy26-q4/contributions"


async def test_a_team_contributes_and_withdraws(api):
    await api.seed_strategy()
    sales = await api.create_client("read", "playbook:write", team="sales")
    created_reply = await sales.put(
        f"{CONTRIBUTIONS_PATH}/sales", {"by": "Ada", "note": "Onboarding"}
    )
    assert created_reply.status_code == 201, created_reply.text
    (contribution,) = (await sales.get(CONTRIBUTIONS_PATH)).json()["items"]
    assert contribution == created_reply.json()
    assert contribution == {
        "playbook": "fy26-q4", "team": "sales", "by": "Ada", "note": "Onboarding", "archived": False
    }  # fmt: skip
    assert (await sales.delete(f"{CONTRIBUTIONS_PATH}/sales")).status_code == 204
    assert (await sales.delete(f"{CONTRIBUTIONS_PATH}/sales")).status_code == 404
    assert (await sales.get(CONTRIBUTIONS_PATH)).json()["items"] == []


async def test_nobody_contributes_for_another_team(api):
    await api.seed_strategy()
    for team in ("marketing", None):
        other_caller = await api.create_client("playbook:write", team=team)
        assert (
            await other_caller.put(f"{CONTRIBUTIONS_PATH}/sales", {"by": "Bob"})
        ).status_code == 403
    assert (await api.admin.put(f"{CONTRIBUTIONS_PATH}/sales", {"by": "Admin"})).status_code == 201
    assert (await api.admin.put(f"{CONTRIBUTIONS_PATH}/nobody", {"by": "Admin"})).status_code == 404
    assert (await api.admin.get("/v1/playbooks/nowhere/contributions")).status_code == 404


async def test_a_team_bound_key_writes_nothing_else(api):
    await api.seed_strategy()
    sales = await api.create_client("playbook:write", team="sales")
    assert (
        await sales.put("/v1/teams/sales", {"name": "S", "function": "sales"})
    ).status_code == 403
    assert (await sales.post("/v1/playbooks/fy26-q4/publish")).status_code == 403
