"""Erasing a subject over HTTP."""

from tests.api.conftest import World, event


async def test_a_subject_is_erased_and_its_events_stand_without_it(world: World):
    await world.strategy()
    made = await world.admin.post(
        "/v1/events", event(subject="person/zoe", data={"email": "zoe@example.com"})
    )
    before = (await world.admin.get("/v1/alignment")).json()
    listed = await world.admin.get("/v1/events", params={"subject": "person/zoe"})
    assert [event["uid"] for event in listed.json()["items"]] == [made.json()["uid"]]
    reply = await world.admin.post("/v1/erasures", {"subject": "person/zoe"})
    assert (reply.status_code, reply.json()["events"]) == (200, 1)
    assert (await world.admin.get("/v1/events", params={"subject": "person/zoe"})).json()[
        "items"
    ] == []
    assert "zoe" not in reply.text
    shown = await world.admin.get(
        f"/v1/events/{made.json()['uid']}", headers={"If-None-Match": made.headers["ETag"]}
    )
    taken = {"subject": reply.json()["subject"], "data": {}}
    assert (shown.status_code, shown.json()) == (200, {**made.json(), **taken})
    after = (await world.admin.get("/v1/alignment")).json()
    assert {**after, "version": 0} == {**before, "version": 0}
    again = await world.admin.post(
        "/v1/events", event(subject="person/zoe", data={"email": "zoe@example.com"})
    )
    assert (again.status_code, again.json()) == (200, shown.json())
    other = await world.admin.post("/v1/events", event(subject="person/zoe", value=3))
    assert (other.status_code, other.json()["code"]) == (409, "event-conflict")
    journal = await world.admin.get("/v1/journal", params={"kind": "erasure"})
    assert [entry["action"] for entry in journal.json()["items"]] == ["erase"]
    for path in ("/v1/journal", "/v1/events", "/v1/events.ndjson", "/v1/events.csv"):
        assert "zoe" not in (await world.admin.get(path)).text


async def test_an_erasure_needs_an_admin_key_that_is_bound_to_nothing(world: World):
    await world.strategy()
    for caller in (
        await world.client("playbook:write", "events:write"),
        await world.client("admin", team="sales"),
    ):
        reply = await caller.post("/v1/erasures", {"subject": "person/zoe"})
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")


async def test_a_subject_that_nobody_has_heard_of_is_no_error_and_zeros_say_that_nothing_was_found(
    world: World,
):
    reply = await world.admin.post("/v1/erasures", {"subject": "person/nobody"})
    assert reply.status_code == 200
    assert {**reply.json(), "subject": ""} == {
        "subject": "",
        "events": 0,
        "changes": 0,
        "deliveries": 0,
    }
