"""Playbooks over HTTP."""

PLAYBOOK = {"title": "Win", "narrative": "How", "starts_on": "2026-10-01", "ends_on": "2026-12-31"}
DRAFT_FIELDS = {
    "state": "draft",
    "revision": 0,
    "published_at": None,
    "unpublished_changes": 1,
    "archived": False,
}


async def test_a_playbook_begins_as_a_draft_is_published_and_closed(admin):
    created = await admin.put_object("/v1/playbooks/q4", PLAYBOOK)
    assert created == {"key": "q4", **PLAYBOOK, **DRAFT_FIELDS}
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
    rejection = await admin.post("/v1/playbooks/q4/publish")
    assert (rejection.status_code, rejection.json()["code"]) == (409, "playbook-state")


async def test_an_edit_takes_effect_at_once_and_counts_until_it_is_published(admin):
    await admin.put_object("/v1/playbooks/q4", PLAYBOOK)
    await admin.post("/v1/playbooks/q4/publish")
    patched = (await admin.patch("/v1/playbooks/q4", {"title": "Win more"})).json()
    assert (patched["title"], patched["unpublished_changes"], patched["revision"]) == (
        "Win more",
        1,
        1,
    )
    replaced = (await admin.put("/v1/playbooks/q4", PLAYBOOK)).json()
    assert (replaced["unpublished_changes"], replaced["state"]) == (0, "published")
    (playbook,) = (await admin.get("/v1/playbooks")).json()["items"]
    assert playbook == replaced == (await admin.get("/v1/playbooks/q4")).json()


async def test_a_draft_cannot_be_closed_but_archived(admin):
    await admin.put_object("/v1/playbooks/q4", PLAYBOOK)
    assert (await admin.post("/v1/playbooks/q4/close")).status_code == 409
    assert (await admin.delete("/v1/playbooks/q4")).status_code == 204
    assert (await admin.post("/v1/playbooks/q4/publish")).status_code == 404
    playbooks = (await admin.get("/v1/playbooks", params={"archived": "true"})).json()["items"]
    assert [(playbook["key"], playbook["archived"]) for playbook in playbooks] == [("q4", True)]


async def test_the_state_of_a_playbook_cannot_be_written(admin):
    for member in ("state", "revision", "published_at", "unpublished_changes"):
        rejection = await admin.put("/v1/playbooks/q4", {**PLAYBOOK, member: 1})
        assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (
            422,
            f"/{member}",
        )


async def test_a_playbook_ends_after_it_starts(admin):
    rejection = await admin.put("/v1/playbooks/q4", {**PLAYBOOK, "ends_on": "2026-09-30"})
    assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (422, "/ends_on")
