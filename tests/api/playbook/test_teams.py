"""Teams over HTTP; what holds for every resource with a key is shown here."""

TEAM = {"name": "Sales", "function": "sales", "size": 12.5}


async def test_a_team_is_created_replaced_and_read_back(admin):
    created_reply = await admin.put("/v1/teams/sales", TEAM)
    assert created_reply.status_code == 201
    assert created_reply.headers["location"] == "/v1/teams/sales"
    assert created_reply.json() == {"key": "sales", **TEAM, "archived": False}
    replaced_reply = await admin.put("/v1/teams/sales", {"name": "Selling", "function": "sales"})
    assert replaced_reply.status_code == 200
    assert replaced_reply.json()["size"] == 1
    assert (await admin.get("/v1/teams/sales")).json() == replaced_reply.json()


async def test_writing_the_same_again_changes_nothing(admin):
    first_reply = await admin.put("/v1/teams/sales", TEAM)
    second_reply = await admin.put("/v1/teams/sales", TEAM)
    assert (second_reply.status_code, second_reply.headers["etag"]) == (
        200,
        first_reply.headers["etag"],
    )
    journal = (await admin.get("/v1/journal", params={"kind": "team"})).json()["items"]
    assert [change["action"] for change in journal] == ["create"]


async def test_a_merge_patch_changes_what_it_names_and_nothing_else(admin):
    await admin.put_object("/v1/teams/sales", TEAM)
    patch_reply = await admin.patch("/v1/teams/sales", {"size": 14})
    assert patch_reply.status_code == 200
    assert patch_reply.json() == {"key": "sales", **TEAM, "size": 14, "archived": False}


async def test_a_merge_patch_may_not_remove_a_required_member(admin):
    await admin.put_object("/v1/teams/sales", TEAM)
    rejection = await admin.patch("/v1/teams/sales", {"name": None})
    assert rejection.status_code == 422
    assert rejection.json()["errors"][0]["pointer"] == "/name"


async def test_an_archived_team_is_not_found_listed_on_request_and_restored_by_a_put(admin):
    await admin.put_object("/v1/teams/sales", TEAM)
    assert (await admin.delete("/v1/teams/sales")).status_code == 204
    assert (await admin.get("/v1/teams/sales")).status_code == 404
    assert (await admin.delete("/v1/teams/sales")).status_code == 404
    assert (await admin.get("/v1/teams")).json()["items"] == []
    teams = (await admin.get("/v1/teams", params={"archived": "true"})).json()["items"]
    assert [(team["key"], team["archived"]) for team in teams] == [("sales", True)]
    assert (await admin.put("/v1/teams/sales", TEAM)).status_code == 201
    actions = [
        change["action"]
        for change in (await admin.get("/v1/journal", params={"kind": "team"})).json()["items"]
    ]
    assert actions == ["restore", "archive", "create"]


async def test_a_field_that_only_the_service_sets_is_rejected(admin):
    for field in ("key", "archived"):
        rejection = await admin.put("/v1/teams/sales", {**TEAM, field: "sales"})
        assert rejection.status_code == 422
        assert rejection.json()["errors"][0]["pointer"] == f"/{field}"
