"""Playbooks over HTTP."""

PLAYBOOK = {"title": "Win", "narrative": "How", "starts_on": "2026-10-01", "ends_on": "2026-12-31"}
DRAFT = {
    "state": "draft",
    "revision": 0,
    "published_at": None,
    "unpublished_changes": 1,
    "archived": False,
}


async def test_a_playbook_begins_as_a_draft_is_published_and_closed(admin):
    made = await admin.made("/v1/playbooks/q4", PLAYBOOK)
    assert made == {"key": "q4", **PLAYBOOK, **DRAFT}
    published = (await admin.post("/v1/playbooks/q4/publish")).json()
    assert (published["state"], published["revision"], published["unpublished_changes"]) == (
        "published",
        1,
        0,
    )
    assert published["published_at"] == "2026-11-23T12:00:00Z"
    assert (await admin.post("/v1/playbooks/q4/publish")).json() == published
    closed = (await admin.post("/v1/playbooks/q4/close")).json()
    assert closed == {**published, "state": "closed"}
    refused = await admin.post("/v1/playbooks/q4/publish")
    assert (refused.status_code, refused.json()["code"]) == (409, "playbook-state")


async def test_an_edit_takes_effect_at_once_and_counts_until_it_is_published(admin):
    await admin.made("/v1/playbooks/q4", PLAYBOOK)
    await admin.post("/v1/playbooks/q4/publish")
    changed = (await admin.patch("/v1/playbooks/q4", {"title": "Win more"})).json()
    assert (changed["title"], changed["unpublished_changes"], changed["revision"]) == (
        "Win more",
        1,
        1,
    )
    put = (await admin.put("/v1/playbooks/q4", PLAYBOOK)).json()
    assert (put["unpublished_changes"], put["state"]) == (0, "published")
    (listed,) = (await admin.get("/v1/playbooks")).json()["items"]
    assert listed == put == (await admin.get("/v1/playbooks/q4")).json()


async def test_a_draft_cannot_be_closed_but_archived(admin):
    await admin.made("/v1/playbooks/q4", PLAYBOOK)
    assert (await admin.post("/v1/playbooks/q4/close")).status_code == 409
    assert (await admin.delete("/v1/playbooks/q4")).status_code == 204
    assert (await admin.post("/v1/playbooks/q4/publish")).status_code == 404
    listed = (await admin.get("/v1/playbooks", params={"archived": "true"})).json()["items"]
    assert [(one["key"], one["archived"]) for one in listed] == [("q4", True)]


async def test_a_playbook_keeps_its_state_to_itself(admin):
    for member in ("state", "revision", "published_at", "unpublished_changes"):
        refused = await admin.put("/v1/playbooks/q4", {**PLAYBOOK, member: 1})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, f"/{member}")


async def test_a_playbook_ends_after_it_starts(admin):
    refused = await admin.put("/v1/playbooks/q4", {**PLAYBOOK, "ends_on": "2026-09-30"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/ends_on")
