"""Teams over HTTP; what holds for every resource with a key is shown here."""

TEAM = {"name": "Sales", "function": "sales", "size": 12.5}


async def test_a_team_is_created_replaced_and_read_back(admin):
    created = await admin.put("/v1/teams/sales", TEAM)
    assert created.status_code == 201
    assert created.headers["location"] == "/v1/teams/sales"
    assert created.json() == {"key": "sales", **TEAM, "archived": False}
    replaced = await admin.put("/v1/teams/sales", {"name": "Selling", "function": "sales"})
    assert replaced.status_code == 200
    assert replaced.json()["size"] == 1
    assert (await admin.get("/v1/teams/sales")).json() == replaced.json()


async def test_writing_the_same_again_changes_nothing(admin):
    first = await admin.put("/v1/teams/sales", TEAM)
    again = await admin.put("/v1/teams/sales", TEAM)
    assert (again.status_code, again.headers["etag"]) == (200, first.headers["etag"])
    journal = (await admin.get("/v1/journal", params={"kind": "team"})).json()["items"]
    assert [entry["action"] for entry in journal] == ["create"]


async def test_a_merge_patch_changes_what_it_names_and_nothing_else(admin):
    await admin.made("/v1/teams/sales", TEAM)
    changed = await admin.patch("/v1/teams/sales", {"size": 14})
    assert changed.status_code == 200
    assert changed.json() == {"key": "sales", **TEAM, "size": 14, "archived": False}


async def test_a_merge_patch_may_not_take_away_what_is_needed(admin):
    await admin.made("/v1/teams/sales", TEAM)
    refused = await admin.patch("/v1/teams/sales", {"name": None})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/name"


async def test_an_archived_team_is_gone_listed_when_asked_and_brought_back_by_a_put(admin):
    await admin.made("/v1/teams/sales", TEAM)
    assert (await admin.delete("/v1/teams/sales")).status_code == 204
    assert (await admin.get("/v1/teams/sales")).status_code == 404
    assert (await admin.delete("/v1/teams/sales")).status_code == 404
    assert (await admin.get("/v1/teams")).json()["items"] == []
    listed = (await admin.get("/v1/teams", params={"archived": "true"})).json()["items"]
    assert [(team["key"], team["archived"]) for team in listed] == [("sales", True)]
    assert (await admin.put("/v1/teams/sales", TEAM)).status_code == 201
    actions = [
        entry["action"]
        for entry in (await admin.get("/v1/journal", params={"kind": "team"})).json()["items"]
    ]
    assert actions == ["restore", "archive", "create"]


async def test_a_field_that_the_service_keeps_is_refused(admin):
    for field in ("key", "archived"):
        refused = await admin.put("/v1/teams/sales", {**TEAM, field: "sales"})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == f"/{field}"
