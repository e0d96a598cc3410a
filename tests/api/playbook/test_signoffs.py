"""Sign-offs over HTTP: a team's signature under the current revision."""

ADDRESS = "/v1/playbooks/fy26-q4/signoffs"


async def test_a_team_signs_the_current_revision_alone(world):
    await world.strategy()
    sales = await world.client("read", "playbook:write", team="sales")
    assert (await sales.put(f"{ADDRESS}/sales", {"revision": 2, "by": "Ada"})).status_code == 409
    signed = await sales.put(f"{ADDRESS}/sales", {"revision": 1, "by": "Ada"})
    assert signed.status_code == 201, signed.text
    assert (await sales.get(ADDRESS)).json()["items"] == [signed.json()]
    await world.admin.patch("/v1/objectives/win", {"title": "More"})
    await world.admin.post("/v1/playbooks/fy26-q4/publish")
    old = await sales.put(f"{ADDRESS}/sales", {"revision": 1, "by": "Ada"})
    assert (old.status_code, old.json()["code"]) == (409, "old-revision")
    assert (await sales.put(f"{ADDRESS}/sales", {"revision": 2, "by": "Ada"})).json()[
        "revision"
    ] == 2
    assert (await sales.delete(f"{ADDRESS}/sales")).status_code == 204


async def test_a_draft_has_nothing_to_sign(world):
    await world.strategy()
    await world.admin.made(
        "/v1/playbooks/fy27", {"title": "Next", "starts_on": "2027-01-01", "ends_on": "2027-12-31"}
    )
    refused = await world.admin.put(
        "/v1/playbooks/fy27/signoffs/sales", {"revision": 1, "by": "Ada"}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "playbook-state")
    assert (
        await world.admin.put(f"{ADDRESS}/sales", {"revision": 0, "by": "Ada"})
    ).status_code == 422
