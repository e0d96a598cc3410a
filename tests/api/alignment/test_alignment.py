"""The computed answer over HTTP."""

from math import isclose

import pytest

from tests.api.conftest import SERVER, event


@pytest.fixture
async def caller(world):
    """A strategy with some evidence, part of it off the playbook."""
    await world.strategy()
    await world.admin.put(
        "/v1/objectives/win/responsibilities/sales/acceptance", {"accepted": True, "by": "Ada"}
    )
    await world.admin.made("/v1/objectives/lose", {"playbook": "fy26-q4", "title": "Lose"})
    given = [event(n, value=1000 * n) for n in range(12)]
    given += [
        event(n, id=f"call-{n}", type="call.held", kind="activity", team="marketing")
        for n in range(12)
    ]
    recorded = await world.admin.post("/v1/event-batches", {"events": given})
    assert recorded.json()["recorded"] == 24, recorded.text
    return await world.client("read")


async def test_the_answer_says_what_it_is_of_and_explains_itself(caller):
    reply = await caller.get("/v1/alignment")
    assert reply.status_code == 200, reply.text
    found = reply.json()
    assert (found["playbook"], found["revision"], found["unpublished_changes"]) == ("fy26-q4", 1, 1)
    assert (found["as_of"], found["known_at"], found["method"]) == ("2026-11-23", "2026-11-23", "1")
    assert [one["name"] for one in found["components"]] == [
        "playbook", "shared_responsibility", "focus", "outcomes",
        "freshness", "productivity", "deliverability", "agreement",
    ]  # fmt: skip
    assert 0 <= found["floor"] <= found["score"] <= 1
    assert 0 < len(found["losses"]) <= 10
    assert sum(one["weight"] for one in found["components"]) == 100


async def test_the_ledger_explains_every_missing_point_and_its_evidence_can_be_read(caller):
    score = (await caller.get("/v1/alignment")).json()["score"]
    losses, params = [], {"limit": 3}
    while True:
        page = (await caller.get("/v1/alignment/ledger", params=params)).json()
        assert page["score"] == score
        losses += page["items"]
        if page["next_cursor"] is None:
            break
        params = {"limit": 3, "cursor": page["next_cursor"]}
    assert len(losses) > 3
    assert isclose(sum(loss["points"] for loss in losses), 1 - score, abs_tol=1e-9)
    assert losses == sorted(losses, key=lambda loss: -loss["points"])
    for loss in losses:
        evidence = await caller.get(loss["evidence"])
        assert evidence.status_code == 200, (loss["evidence"], evidence.text)


async def test_a_cursor_of_an_older_answer_is_a_conflict(world, caller):
    cursor = (await caller.get("/v1/alignment/ledger", params={"limit": 1})).json()["next_cursor"]
    await world.admin.post("/v1/events", event(99))
    refused = await caller.get("/v1/alignment/ledger", params={"limit": 1, "cursor": cursor})
    assert (refused.status_code, refused.json()["code"]) == (409, "alignment-changed")


async def test_an_unchanged_answer_is_not_sent_twice(world, caller):
    seen = {"If-None-Match": (await caller.get("/v1/alignment")).headers["etag"]}
    assert (await caller.get("/v1/alignment", headers=seen)).status_code == 304
    await world.admin.post("/v1/events", event(99))
    assert (await caller.get("/v1/alignment", headers=seen)).status_code == 200


async def test_a_question_that_is_asked_again_is_answered_as_at_first(world, caller):
    first = await caller.get("/v1/alignment")
    etag = first.headers["etag"]
    for _ in range(2):
        again = await caller.get("/v1/alignment")
        assert (again.content, again.headers["etag"]) == (first.content, etag)
        for seen, status in (
            (etag, 304),
            (f"W/{etag}", 304),
            ("no tag", 422),
            ("x" * 1_001, 422),
            ('"other"', 200),
        ):
            reply = await caller.get("/v1/alignment", headers={"If-None-Match": seen})
            assert reply.status_code == status, seen
    assert (await caller.get("/v1/alignment", params={"nonsense": 1})).status_code == 422
    assert (await caller.get("/v1/alignment", params={"as_of": "2999-01-01"})).status_code == 422
    writes = await world.client("events:write")
    assert (await writes.get("/v1/alignment")).status_code == 403


async def test_each_team_is_seen_by_itself(caller):
    page = (await caller.get("/v1/alignment/teams")).json()
    assert [view["team"] for view in page["items"]] == ["marketing", "sales"]
    marketing, sales = page["items"]
    assert marketing["work"]["off_playbook"] == 1
    assert sales["work"]["shares"] == [{"objective": "win", "share": 1.0}]
    assert sales["bears"] == [{"objective": "win", "role": "accountable", "share": 1.0}]
    alone = (await caller.get("/v1/alignment/teams/sales")).json()
    assert {**alone, "losses": alone["losses"][:10]} == sales
    missing = await caller.get("/v1/alignment/teams/slaes")
    assert missing.status_code == 404
    assert "'sales'" in missing.json()["detail"]


async def test_each_objective_is_seen_by_itself(caller):
    first = (await caller.get("/v1/alignment/objectives", params={"limit": 1})).json()
    params = {"limit": 1, "cursor": first["next_cursor"]}
    second = (await caller.get("/v1/alignment/objectives", params=params)).json()
    assert [view["objective"] for view in (*first["items"], *second["items"])] == ["lose", "win"]
    win = (await caller.get("/v1/alignment/objectives/win")).json()
    assert win["key_results"][0]["value"] == 66_000
    assert win["bearers"] == [{"team": "sales", "role": "accountable", "share": 1.0}]
    assert (await caller.get(win["evidence"])).json()["items"]
    assert (await caller.get("/v1/alignment/objectives/nowhere")).status_code == 404


async def test_pairs_of_teams_say_how_far_they_work_on_the_same(caller):
    page = (await caller.get("/v1/alignment/pairs")).json()
    assert page["items"] == [{"one": "marketing", "other": "sales", "overlap": 0.0}]


async def test_without_a_current_playbook_the_problem_names_what_there_is(admin):
    nothing = await admin.get("/v1/alignment")
    assert (nothing.status_code, nothing.json()["code"]) == (404, "no-current-playbook")
    await admin.made(
        "/v1/playbooks/next", {"title": "Next", "starts_on": "2027-01-01", "ends_on": "2027-12-31"}
    )
    assert "'next'" in (await admin.get("/v1/alignment")).json()["detail"]
    assert (await admin.get("/v1/alignment", params={"playbook": "next"})).status_code == 200
    assert (await admin.get("/v1/alignment", params={"playbook": "nowhere"})).status_code == 404


@pytest.mark.parametrize(
    "params",
    [
        {"as_of": "2026-11-24"},
        {"as_of": "2026-11-23", "known_at": "2026-11-22"},
        {"as_of": "x"},
        {"known_at": "2999-12-31"},
    ],
)
async def test_days_that_cannot_be_answered_are_refused(caller, params):
    assert (await caller.get("/v1/alignment", params=params)).status_code == 422


@SERVER
@pytest.mark.parametrize("position", ["x", "1 2", "1 2026-11-23 -1", "1 x 2", "x 2026-11-23 2"])
async def test_a_forged_position_in_the_ledger_is_refused(world, forged, position):
    await world.strategy()
    refused = await forged("/v1/alignment/ledger", position)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "cursor")
