"""Contributions over HTTP: an act of the team."""

ADDRESS = "/v1/playbooks/fy26-q4/contributions"


async def test_a_team_contributes_and_withdraws(world):
    await world.strategy()
    sales = await world.client("read", "playbook:write", team="sales")
    made = await sales.put(f"{ADDRESS}/sales", {"by": "Ada", "note": "Onboarding"})
    assert made.status_code == 201, made.text
    (listed,) = (await sales.get(ADDRESS)).json()["items"]
    assert listed == made.json()
    assert listed == {
        "playbook": "fy26-q4", "team": "sales", "by": "Ada", "note": "Onboarding", "archived": False
    }  # fmt: skip
    assert (await sales.delete(f"{ADDRESS}/sales")).status_code == 204
    assert (await sales.delete(f"{ADDRESS}/sales")).status_code == 404
    assert (await sales.get(ADDRESS)).json()["items"] == []


async def test_nobody_contributes_for_another_team(world):
    await world.strategy()
    for team in ("marketing", None):
        other = await world.client("playbook:write", team=team)
        assert (await other.put(f"{ADDRESS}/sales", {"by": "Bob"})).status_code == 403
    assert (await world.admin.put(f"{ADDRESS}/sales", {"by": "Admin"})).status_code == 201
    assert (await world.admin.put(f"{ADDRESS}/nobody", {"by": "Admin"})).status_code == 404
    assert (await world.admin.get("/v1/playbooks/nowhere/contributions")).status_code == 404


async def test_a_team_bound_key_writes_nothing_else(world):
    await world.strategy()
    sales = await world.client("playbook:write", team="sales")
    assert (
        await sales.put("/v1/teams/sales", {"name": "S", "function": "sales"})
    ).status_code == 403
    assert (await sales.post("/v1/playbooks/fy26-q4/publish")).status_code == 403
