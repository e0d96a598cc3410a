"""Erasing a subject over HTTP."""

from tests.api.conftest import ApiHarness, make_event


async def test_a_subject_is_erased_and_its_events_stand_without_it(api: ApiHarness):
    await api.seed_strategy()
    created_reply = await api.admin.post(
        "/v1/events", make_event(subject="person/zoe", data={"email": "zoe@example.com"})
    )
    alignment_before = (await api.admin.get("/v1/alignment")).json()
    events_reply = await api.admin.get("/v1/events", params={"subject": "person/zoe"})
    assert [event["uid"] for event in events_reply.json()["items"]] == [created_reply.json()["uid"]]
    reply = await api.admin.post("/v1/erasures", {"subject": "person/zoe"})
    assert (reply.status_code, reply.json()["events"]) == (200, 1)
    assert (await api.admin.get("/v1/events", params={"subject": "person/zoe"})).json()[
        "items"
    ] == []
    assert "zoe" not in reply.text
    erased_reply = await api.admin.get(
        f"/v1/events/{created_reply.json()['uid']}",
        headers={"If-None-Match": created_reply.headers["ETag"]},
    )
    erased_fields = {"subject": reply.json()["subject"], "data": {}}
    assert (erased_reply.status_code, erased_reply.json()) == (
        200,
        {**created_reply.json(), **erased_fields},
    )
    alignment_after = (await api.admin.get("/v1/alignment")).json()
    assert {**alignment_after, "version": 0} == {**alignment_before, "version": 0}
    repeated_reply = await api.admin.post(
        "/v1/events", make_event(subject="person/zoe", data={"email": "zoe@example.com"})
    )
    assert (repeated_reply.status_code, repeated_reply.json()) == (200, erased_reply.json())
    conflict_reply = await api.admin.post("/v1/events", make_event(subject="person/zoe", value=3))
    assert (conflict_reply.status_code, conflict_reply.json()["code"]) == (409, "event-conflict")
    journal_reply = await api.admin.get("/v1/journal", params={"kind": "erasure"})
    assert [change["action"] for change in journal_reply.json()["items"]] == ["erase"]
    for path in ("/v1/journal", "/v1/events", "/v1/events.ndjson", "/v1/events.csv"):
        assert "zoe" not in (await api.admin.get(path)).text


async def test_an_erasure_needs_an_admin_key_that_is_bound_to_nothing(api: ApiHarness):
    await api.seed_strategy()
    for caller in (
        await api.create_client("playbook:write", "events:write"),
        await api.create_client("admin", team="sales"),
    ):
        reply = await caller.post("/v1/erasures", {"subject": "person/zoe"})
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")


async def test_erasing_an_unknown_subject_succeeds_with_zero_counts(
    api: ApiHarness,
):
    reply = await api.admin.post("/v1/erasures", {"subject": "person/nobody"})
    assert reply.status_code == 200
    assert {**reply.json(), "subject": ""} == {
        "subject": "",
        "events": 0,
        "changes": 0,
        "deliveries": 0,
    }
