"""The computed answer over HTTP."""

from math import isclose

import pytest

from tests.api.conftest import POSTGRESQL_ONLY, make_event


@pytest.fixture
async def caller(api):
    """A strategy with some evidence, part of it off the playbook."""
    await api.seed_strategy()
    await api.admin.put(
        "/v1/objectives/win/responsibilities/sales/acceptance", {"accepted": True, "by": "Ada"}
    )
    await api.admin.put_object("/v1/objectives/lose", {"playbook": "fy26-q4", "title": "Lose"})
    events = [make_event(n, value=1000 * n) for n in range(12)]
    events += [
        make_event(n, id=f"call-{n}", type="call.held", kind="activity", team="marketing")
        for n in range(12)
    ]
    reply = await api.admin.post("/v1/event-batches", {"events": events})
    assert reply.json()["recorded"] == 24, reply.text
    return await api.create_client("read")


async def test_the_answer_says_what_it_is_of_and_explains_itself(caller):
    reply = await caller.get("/v1/alignment")
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    assert (answer["playbook"], answer["revision"], answer["unpublished_changes"]) == (
        "fy26-q4",
        1,
        1,
    )
    assert (answer["as_of"], answer["known_at"], answer["method"]) == (
        "2026-11-23",
        "2026-11-23",
        "1",
    )
    assert [component["name"] for component in answer["components"]] == [
        "playbook", "shared_responsibility", "focus", "outcomes",
        "freshness", "productivity", "deliverability", "agreement",
    ]  # fmt: skip
    assert 0 <= answer["floor"] <= answer["score"] <= 1
    assert 0 < len(answer["losses"]) <= 10
    assert sum(component["weight"] for component in answer["components"]) == 100


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


async def test_a_cursor_of_an_older_answer_is_a_conflict(api, caller):
    cursor = (await caller.get("/v1/alignment/ledger", params={"limit": 1})).json()["next_cursor"]
    await api.admin.post("/v1/events", make_event(99))
    rejection = await caller.get("/v1/alignment/ledger", params={"limit": 1, "cursor": cursor})
    assert (rejection.status_code, rejection.json()["code"]) == (409, "alignment-changed")


async def test_an_unchanged_answer_is_not_sent_twice(api, caller):
    cached_headers = {"If-None-Match": (await caller.get("/v1/alignment")).headers["etag"]}
    assert (await caller.get("/v1/alignment", headers=cached_headers)).status_code == 304
    await api.admin.post("/v1/events", make_event(99))
    assert (await caller.get("/v1/alignment", headers=cached_headers)).status_code == 200


async def test_a_repeated_request_is_answered_like_the_first(api, caller):
    first = await caller.get("/v1/alignment")
    etag = first.headers["etag"]
    for _ in range(2):
        repeated_reply = await caller.get("/v1/alignment")
        assert (repeated_reply.content, repeated_reply.headers["etag"]) == (first.content, etag)
        for if_none_match, status in (
            (etag, 304),
            (f"W/{etag}", 304),
            ("no tag", 422),
            ("x" * 1_001, 422),
            ('"other"', 200),
        ):
            reply = await caller.get("/v1/alignment", headers={"If-None-Match": if_none_match})
            assert reply.status_code == status, if_none_match
    assert (await caller.get("/v1/alignment", params={"nonsense": 1})).status_code == 422
    assert (await caller.get("/v1/alignment", params={"as_of": "2999-01-01"})).status_code == 422
    event_writer = await api.create_client("events:write")
    assert (await event_writer.get("/v1/alignment")).status_code == 403


async def test_each_team_has_its_own_view(caller):
    page = (await caller.get("/v1/alignment/teams")).json()
    assert [view["team"] for view in page["items"]] == ["marketing", "sales"]
    marketing, sales = page["items"]
    assert marketing["work"]["off_playbook"] == 1
    assert sales["work"]["shares"] == [{"objective": "win", "share": 1.0}]
    assert sales["bears"] == [{"objective": "win", "role": "accountable", "share": 1.0}]
    sales_alone = (await caller.get("/v1/alignment/teams/sales")).json()
    assert {**sales_alone, "losses": sales_alone["losses"][:10]} == sales
    rejection = await caller.get("/v1/alignment/teams/slaes")
    assert rejection.status_code == 404
    assert "'sales'" in rejection.json()["detail"]


async def test_each_objective_has_its_own_view(caller):
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


async def test_without_a_current_playbook_the_problem_names_the_existing_ones(admin):
    rejection = await admin.get("/v1/alignment")
    assert (rejection.status_code, rejection.json()["code"]) == (404, "no-current-playbook")
    await admin.put_object(
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


@POSTGRESQL_ONLY
@pytest.mark.parametrize("position", ["x", "1 2", "1 2026-11-23 -1", "1 x 2", "x 2026-11-23 2"])
async def test_a_forged_position_in_the_ledger_is_refused(api, get_forged_page, position):
    await api.seed_strategy()
    rejection = await get_forged_page("/v1/alignment/ledger", position)
    assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (422, "cursor")
