"""Events over HTTP: one, a batch, the list, retractions."""

import pytest

from tests.api.conftest import POSTGRESQL_ONLY, make_event


@pytest.fixture
async def caller(api):
    await api.seed_strategy()
    return await api.create_client("read", "events:write")


async def test_a_repeated_event_is_recorded_once_and_gets_the_same_answer(caller):
    first = await caller.post(
        "/v1/events",
        make_event(offerings=[{"offering": "plus", "value": 3.25}], data={"a": {"b": 1.5}}),
    )
    assert first.status_code == 201, first.text
    recorded_event = first.json()
    assert first.headers["location"] == f"/v1/events/{recorded_event['uid']}"
    assert (recorded_event["value"], recorded_event["metrics"], recorded_event["retracted_at"]) == (
        1200.5,
        ["revenue"],
        None,
    )
    assert recorded_event["offerings"] == [{"offering": "plus", "value": 3.25}]
    assert recorded_event["data"] == {"a": {"b": 1.5}}
    repeated_reply = await caller.post(
        "/v1/events",
        make_event(offerings=[{"offering": "plus", "value": 3.25}], data={"a": {"b": 1.5}}),
    )
    assert (repeated_reply.status_code, repeated_reply.json()) == (200, recorded_event)
    assert (await caller.get(first.headers["location"])).json() == recorded_event


async def test_the_same_event_id_with_other_content_is_a_conflict_and_the_first_stays(caller):
    await caller.post("/v1/events", make_event())
    rejection = await caller.post("/v1/events", make_event(value=7))
    assert (rejection.status_code, rejection.json()["code"]) == (409, "event-conflict")
    (event,) = (await caller.get("/v1/events")).json()["items"]
    assert event["value"] == 1200.5


async def test_a_batch_records_valid_events_and_reports_each_of_the_others(caller):
    await caller.post("/v1/events", make_event(1))
    submitted = [
        make_event(1),
        make_event(2),
        make_event(2, value=1),
        make_event(3, team="slaes"),
        {"id": 7},
        "nonsense",
        make_event(4),
        make_event(4),
    ]
    reply = await caller.post("/v1/event-batches", {"events": submitted})
    assert reply.status_code == 200, reply.text
    outcome = reply.json()
    assert (outcome["recorded"], outcome["duplicates"], outcome["rejected"]) == (2, 2, 4)
    problems_by_index = {problem["index"]: problem for problem in outcome["problems"]}
    assert {index: problem["status"] for index, problem in problems_by_index.items()} == {
        0: "duplicate", 2: "conflict", 3: "invalid", 4: "invalid", 5: "invalid", 7: "duplicate"
    }  # fmt: skip
    assert "'sales'" in problems_by_index[3]["problem"]["detail"]
    assert (
        problems_by_index[3]["problem"]["errors"][0]["pointer"],
        problems_by_index[3]["id"],
    ) == ("/team", "inv-3")
    assert problems_by_index[4]["id"] is None
    assert problems_by_index[0]["problem"] is None
    events = (await caller.get("/v1/events")).json()["items"]
    assert sorted(event["id"] for event in events) == ["inv-1", "inv-2", "inv-4"]


async def test_a_batch_is_not_empty_not_too_long_and_an_object(caller):
    bodies: tuple[object, ...] = (
        {"events": []},
        {"events": [1] * 10_001},
        [],
        {},
        {"events": {}},
        {"events": [make_event()], "more": 1},
    )
    for body in bodies:
        rejection = await caller.post("/v1/event-batches", body)
        assert rejection.status_code == 422, rejection.text
        assert rejection.json()["errors"]


async def test_a_bound_keys_foreign_team_or_source_is_forbidden_one_by_one(api, caller):
    bound_client = await api.create_client("events:write", team="marketing")
    reply = await bound_client.post(
        "/v1/event-batches", {"events": [make_event(1), make_event(2, team="marketing")]}
    )
    assert [(problem["index"], problem["status"]) for problem in reply.json()["problems"]] == [
        (0, "forbidden")
    ]
    assert reply.json()["recorded"] == 1
    assert (await bound_client.post("/v1/events", make_event(3))).status_code == 403


async def test_events_are_listed_newest_first_in_pages(caller):
    times = {number: f"2026-11-{number:02}T08:00:00Z" for number in range(1, 8)}
    await caller.post(
        "/v1/event-batches", {"events": [make_event(n, time=time) for n, time in times.items()]}
    )
    event_ids, cursor = [], None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = await caller.get("/v1/events", params=params)
        event_ids += [event["id"] for event in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        assert ('rel="next"' in page.headers.get("link", "")) is (cursor is not None)
        if cursor is None:
            break
    assert event_ids == [f"inv-{number}" for number in range(7, 0, -1)]


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
    submitted = [
        make_event(id="a", time="2026-11-11T08:00:00Z", unit="EUR"),
        make_event(id="b", time="2026-11-12T08:00:00Z", type="call.held", kind="activity"),
        make_event(
            id="c", time="2026-11-13T08:00:00Z", team="marketing", value=None,
            offerings=[{"offering": "plus", "value": 1}],
        ),
    ]  # fmt: skip
    batch_reply = await caller.post("/v1/event-batches", {"events": submitted})
    assert batch_reply.json()["recorded"] == 3, batch_reply.text
    reply = await caller.get("/v1/events", params=filters)
    assert reply.status_code == 200, reply.text
    assert sorted(event["id"] for event in reply.json()["items"]) == expected


async def test_an_unknown_metric_in_a_filter_names_the_nearest(caller):
    rejection = await caller.get("/v1/events", params={"metric": "revenu"})
    assert rejection.status_code == 422
    assert "'revenue'" in rejection.json()["detail"]


async def test_a_retracted_event_stays_readable_and_is_not_listed(caller):
    uid = (await caller.post("/v1/events", make_event())).json()["uid"]
    first = await caller.post(f"/v1/events/{uid}/retraction", {"reason": "Invoiced twice"})
    assert first.status_code == 201, first.text
    assert first.json()["retraction_reason"] == "Invoiced twice"
    repeated_reply = await caller.post(f"/v1/events/{uid}/retraction", {"reason": "Something else"})
    assert (repeated_reply.status_code, repeated_reply.json()) == (200, first.json())
    assert (await caller.get("/v1/events")).json()["items"] == []
    assert (await caller.get(f"/v1/events/{uid}")).json() == first.json()
    resent_reply = await caller.post("/v1/events", make_event())
    assert resent_reply.status_code == 200
    assert resent_reply.json()["retracted_at"] is not None


async def test_a_retraction_needs_a_reason(caller):
    uid = (await caller.post("/v1/events", make_event())).json()["uid"]
    for body in ({}, {"reason": ""}, {"reason": None}, {"reason": "x", "by": "y"}):
        assert (await caller.post(f"/v1/events/{uid}/retraction", body)).status_code == 422


async def test_an_events_tag_changes_with_its_retraction(caller):
    created_reply = await caller.post("/v1/events", make_event())
    event_path, cached_headers = (
        created_reply.headers["location"],
        {"If-None-Match": created_reply.headers["etag"]},
    )
    assert (await caller.get(event_path, headers=cached_headers)).status_code == 304
    await caller.post(f"{event_path}/retraction", {"reason": "x"})
    assert (await caller.get(event_path, headers=cached_headers)).status_code == 200


@POSTGRESQL_ONLY
@pytest.mark.parametrize(
    "position",
    [
        "x",
        "x 0192f0c1-7f3a-7c11-9a53-2f6d0e9c1b30",
        "2026-11-23T12:00:00 0192f0c1-7f3a-7c11-9a53-2f6d0e9c1b30",
    ],
)
async def test_a_forged_position_is_refused(get_forged_page, position):
    rejection = await get_forged_page("/v1/events", position)
    assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (422, "cursor")
