"""Events over HTTP: one, a batch, the list, retractions."""

import pytest

from tests.api.conftest import SERVER, event


@pytest.fixture
async def caller(world):
    await world.strategy()
    return await world.client("read", "events:write")


async def test_an_event_is_recorded_once_and_answered_the_same_again(caller):
    first = await caller.post(
        "/v1/events", event(offerings=[{"offering": "plus", "value": 3.25}], data={"a": {"b": 1.5}})
    )
    assert first.status_code == 201, first.text
    found = first.json()
    assert first.headers["location"] == f"/v1/events/{found['uid']}"
    assert (found["value"], found["metrics"], found["retracted_at"]) == (1200.5, ["revenue"], None)
    assert found["offerings"] == [{"offering": "plus", "value": 3.25}]
    assert found["data"] == {"a": {"b": 1.5}}
    again = await caller.post(
        "/v1/events", event(offerings=[{"offering": "plus", "value": 3.25}], data={"a": {"b": 1.5}})
    )
    assert (again.status_code, again.json()) == (200, found)
    assert (await caller.get(first.headers["location"])).json() == found


async def test_the_same_name_with_other_content_is_a_conflict_and_the_first_stands(caller):
    await caller.post("/v1/events", event())
    refused = await caller.post("/v1/events", event(value=7))
    assert (refused.status_code, refused.json()["code"]) == (409, "event-conflict")
    (kept,) = (await caller.get("/v1/events")).json()["items"]
    assert kept["value"] == 1200.5


async def test_a_batch_takes_what_is_valid_and_says_what_became_of_the_rest(caller):
    await caller.post("/v1/events", event(1))
    given = [
        event(1),
        event(2),
        event(2, value=1),
        event(3, team="slaes"),
        {"id": 7},
        "nonsense",
        event(4),
        event(4),
    ]
    reply = await caller.post("/v1/event-batches", {"events": given})
    assert reply.status_code == 200, reply.text
    said = reply.json()
    assert (said["recorded"], said["duplicates"], said["rejected"]) == (2, 2, 4)
    found = {problem["index"]: problem for problem in said["problems"]}
    assert {index: problem["status"] for index, problem in found.items()} == {
        0: "duplicate", 2: "conflict", 3: "invalid", 4: "invalid", 5: "invalid", 7: "duplicate"
    }  # fmt: skip
    assert "'sales'" in found[3]["problem"]["detail"]
    assert (found[3]["problem"]["errors"][0]["pointer"], found[3]["id"]) == ("/team", "inv-3")
    assert found[4]["id"] is None
    assert found[0]["problem"] is None
    listed = (await caller.get("/v1/events")).json()["items"]
    assert sorted(one["id"] for one in listed) == ["inv-1", "inv-2", "inv-4"]


async def test_a_batch_is_not_empty_not_too_long_and_an_object(caller):
    bodies: tuple[object, ...] = (
        {"events": []},
        {"events": [1] * 10_001},
        [],
        {},
        {"events": {}},
        {"events": [event()], "more": 1},
    )
    for body in bodies:
        refused = await caller.post("/v1/event-batches", body)
        assert refused.status_code == 422, refused.text
        assert refused.json()["errors"]


async def test_a_bound_keys_foreign_team_or_source_is_forbidden_one_by_one(world, caller):
    bound = await world.client("events:write", team="marketing")
    reply = await bound.post(
        "/v1/event-batches", {"events": [event(1), event(2, team="marketing")]}
    )
    assert [(p["index"], p["status"]) for p in reply.json()["problems"]] == [(0, "forbidden")]
    assert reply.json()["recorded"] == 1
    assert (await bound.post("/v1/events", event(3))).status_code == 403


async def test_events_are_listed_newest_first_in_pages(caller):
    days = {number: f"2026-11-{number:02}T08:00:00Z" for number in range(1, 8)}
    await caller.post(
        "/v1/event-batches", {"events": [event(n, time=at) for n, at in days.items()]}
    )
    seen, cursor = [], None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = await caller.get("/v1/events", params=params)
        seen += [one["id"] for one in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        assert ('rel="next"' in page.headers.get("link", "")) is (cursor is not None)
        if cursor is None:
            break
    assert seen == [f"inv-{number}" for number in range(7, 0, -1)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"team": "marketing"}, ["c"]),
        ({"source": "billing", "id": "a"}, ["a"]),
        ({"type": "call.held"}, ["b"]),
        ({"kind": "activity"}, ["b"]),
        ({"unit": "EUR"}, ["a"]),
        ({"subject": "deal/nobody"}, []),
        ({"sold_unit": "EUR"}, ["a", "b", "c"]),
        ({"offering": "plus"}, ["c"]),
        ({"metric": "revenue"}, ["a", "c"]),
        ({"counts_for": "revenue"}, ["a"]),
        ({"objective": "win"}, ["a", "c"]),
        ({"refreshes": "win"}, ["a", "c"]),
        ({"off_playbook": "fy26-q4"}, ["b"]),
        ({"off_playbook": "fy26-q4", "other_playbook": "false"}, ["b"]),
        ({"off_playbook": "fy26-q4", "other_playbook": "true"}, []),
        ({"from": "2026-11-12", "to": "2026-11-13"}, ["b", "c"]),
        ({"from": "2026-11-12", "to": "2026-11-11"}, []),
        ({"as_of": "2026-11-11"}, []),
        ({"as_of": "2026-11-11", "known_at": "2026-11-23"}, ["a"]),
    ],
)
async def test_events_are_found_by(caller, filters, expected):
    given = [
        event(id="a", time="2026-11-11T08:00:00Z", unit="EUR"),
        event(id="b", time="2026-11-12T08:00:00Z", type="call.held", kind="activity"),
        event(
            id="c", time="2026-11-13T08:00:00Z", team="marketing", value=None,
            offerings=[{"offering": "plus", "value": 1}],
        ),
    ]  # fmt: skip
    recorded = await caller.post("/v1/event-batches", {"events": given})
    assert recorded.json()["recorded"] == 3, recorded.text
    reply = await caller.get("/v1/events", params=filters)
    assert reply.status_code == 200, reply.text
    assert sorted(one["id"] for one in reply.json()["items"]) == expected


async def test_an_unknown_metric_in_a_filter_names_the_nearest(caller):
    refused = await caller.get("/v1/events", params={"metric": "revenu"})
    assert refused.status_code == 422
    assert "'revenue'" in refused.json()["detail"]


async def test_a_retracted_event_stays_readable_and_is_listed_no_more(caller):
    uid = (await caller.post("/v1/events", event())).json()["uid"]
    first = await caller.post(f"/v1/events/{uid}/retraction", {"reason": "Invoiced twice"})
    assert first.status_code == 201, first.text
    assert first.json()["retraction_reason"] == "Invoiced twice"
    again = await caller.post(f"/v1/events/{uid}/retraction", {"reason": "Something else"})
    assert (again.status_code, again.json()) == (200, first.json())
    assert (await caller.get("/v1/events")).json()["items"] == []
    assert (await caller.get(f"/v1/events/{uid}")).json() == first.json()
    revived = await caller.post("/v1/events", event())
    assert revived.status_code == 200
    assert revived.json()["retracted_at"] is not None


async def test_a_retraction_needs_a_reason(caller):
    uid = (await caller.post("/v1/events", event())).json()["uid"]
    for body in ({}, {"reason": ""}, {"reason": None}, {"reason": "x", "by": "y"}):
        assert (await caller.post(f"/v1/events/{uid}/retraction", body)).status_code == 422


async def test_an_events_tag_changes_with_its_retraction(caller):
    made = await caller.post("/v1/events", event())
    address, seen = made.headers["location"], {"If-None-Match": made.headers["etag"]}
    assert (await caller.get(address, headers=seen)).status_code == 304
    await caller.post(f"{address}/retraction", {"reason": "x"})
    assert (await caller.get(address, headers=seen)).status_code == 200


@SERVER
@pytest.mark.parametrize(
    "position",
    [
        "x",
        "x 0192f0c1-7f3a-7c11-9a53-2f6d0e9c1b30",
        "2026-11-23T12:00:00 0192f0c1-7f3a-7c11-9a53-2f6d0e9c1b30",
    ],
)
async def test_a_forged_position_is_refused(forged, position):
    refused = await forged("/v1/events", position)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "cursor")
