"""Contributions and sign-offs over HTTP: each is an act of the team."""

CONTRIBUTIONS_PATH = "/v1/playbooks/fy26-q4/contributions"
SIGNOFFS_PATH = "/v1/playbooks/fy26-q4/signoffs"


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


async def test_a_team_signs_the_current_revision_alone(api):
    await api.seed_strategy()
    sales = await api.create_client("read", "playbook:write", team="sales")
    assert (
        await sales.put(f"{SIGNOFFS_PATH}/sales", {"revision": 2, "by": "Ada"})
    ).status_code == 409
    signed_reply = await sales.put(f"{SIGNOFFS_PATH}/sales", {"revision": 1, "by": "Ada"})
    assert signed_reply.status_code == 201, signed_reply.text
    assert (await sales.get(SIGNOFFS_PATH)).json()["items"] == [signed_reply.json()]
    await api.admin.patch("/v1/objectives/win", {"title": "More"})
    await api.admin.post("/v1/playbooks/fy26-q4/publish")
    old_revision_reply = await sales.put(f"{SIGNOFFS_PATH}/sales", {"revision": 1, "by": "Ada"})
    assert (old_revision_reply.status_code, old_revision_reply.json()["code"]) == (
        409,
        "old-revision",
    )
    assert (await sales.put(f"{SIGNOFFS_PATH}/sales", {"revision": 2, "by": "Ada"})).json()[
        "revision"
    ] == 2
    assert (await sales.delete(f"{SIGNOFFS_PATH}/sales")).status_code == 204


async def test_a_draft_has_nothing_to_sign(api):
    await api.seed_strategy()
    await api.admin.put_object(
        "/v1/playbooks/fy27", {"title": "Next", "starts_on": "2027-01-01", "ends_on": "2027-12-31"}
    )
    rejection = await api.admin.put(
        "/v1/playbooks/fy27/signoffs/sales", {"revision": 1, "by": "Ada"}
    )
    assert (rejection.status_code, rejection.json()["code"]) == (409, "playbook-state")
    assert (
        await api.admin.put(f"{SIGNOFFS_PATH}/sales", {"revision": 0, "by": "Ada"})
    ).status_code == 422
