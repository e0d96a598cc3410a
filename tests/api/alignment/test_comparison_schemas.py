"""The past, the difference of two days, and what if, over HTTP."""

from datetime import timedelta

import pytest

from tests.api.conftest import PLAYBOOK, event


@pytest.fixture
async def caller(world):
    """A strategy that changed a week after its publishing, and evidence of both weeks."""
    world.clock.now -= timedelta(days=14)
    world.admin = await world.organization(
        "younger"
    )  # a day of an organization never goes backwards
    await world.strategy()
    early = [event(n, time="2026-11-08T12:00:00Z", value=1000 * n) for n in range(12)]
    assert (await world.admin.post("/v1/event-batches", {"events": early})).json()["recorded"] == 12
    world.clock.pass_time(days=7)
    await world.admin.put(
        "/v1/objectives/win/responsibilities/sales/acceptance", {"accepted": True, "by": "Ada"}
    )
    await world.admin.made("/v1/objectives/lose", {"playbook": "fy26-q4", "title": "Lose"})
    world.clock.pass_time(days=7)
    late = [event(100 + n, time="2026-11-10T12:00:00Z", team="marketing") for n in range(12)]
    assert (await world.admin.post("/v1/event-batches", {"events": late})).json()["recorded"] == 12
    return await world.client("read")


async def test_a_past_day_is_asked_for_by_both_clocks(world, caller):
    then = {"as_of": "2026-11-10", "known_at": "2026-11-10"}
    answer = (await caller.get("/v1/alignment", params=then)).json()
    assert (answer["as_of"], answer["known_at"], answer["unpublished_changes"]) == (
        "2026-11-10",
        "2026-11-10",
        0,
    )
    now = (await caller.get("/v1/alignment", params={"as_of": "2026-11-10"})).json()
    assert now["known_at"] == "2026-11-23"
    assert now["score"] != answer["score"]
    for path in ("ledger", "teams", "teams/sales", "objectives", "objectives/win", "pairs"):
        reply = await caller.get(f"/v1/alignment/{path}", params=then)
        assert reply.status_code == 200, reply.text
        assert (await caller.get("/v1/alignment/objectives/lose", params=then)).status_code == 404
    await world.admin.delete("/v1/objectives/win")
    assert (await caller.get("/v1/alignment", params=then)).json() == answer
    for loss in answer["losses"]:
        assert (await caller.get(loss["evidence"])).status_code == 200, loss


async def test_what_was_configured_is_listed_as_it_stood(world, caller):
    then = {"as_of": "2026-11-10"}
    path = "/v1/objectives/win/responsibilities"
    assert (await caller.get(path, params=then)).json()["items"][0]["status"] == "proposed"
    await world.admin.delete("/v1/objectives/win")
    assert (await caller.get(path)).status_code == 404
    assert (await caller.get(path, params=then)).json()["items"][0]["status"] == "proposed"
    assert (await caller.get(path, params={"as_of": "2026-11-01"})).status_code == 404
    for way in ("signoffs", "contributions"):
        assert (await caller.get(f"/v1/playbooks/fy26-q4/{way}", params=then)).json()["items"] == []
    results = await caller.get("/v1/key-results", params={**then, "objective": "win"})
    assert [one["key"] for one in results.json()["items"]] == ["revenue-2m"]
    first = await caller.get("/v1/key-results", params={**then, "limit": 1})
    assert first.json()["next_cursor"] is None


async def test_a_history_has_a_point_a_day_and_none_is_another_than_the_answer(caller):
    asked = {"from": "2026-11-07", "to": "2026-11-23"}
    found = (await caller.get("/v1/alignment/history", params=asked)).json()
    assert [point["as_of"][-2:] for point in found["items"]] == [
        f"{day:02}" for day in range(7, 24)
    ]
    for point in found["items"]:
        single = (await caller.get("/v1/alignment", params={"as_of": point["as_of"]})).json()
        assert {name: single[name] for name in point} == point
    assert found["items"][0]["configuration_from"] == "2026-11-09"
    weeks = (await caller.get("/v1/alignment/history", params={**asked, "step": "week"})).json()[
        "items"
    ]
    assert [point["as_of"] for point in weeks] == ["2026-11-09", "2026-11-16", "2026-11-23"]
    refused = await caller.get("/v1/alignment/history", params={"from": "2020-01-01"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "from")


async def test_what_changed_is_paged_largest_first(caller):
    items, params = [], {"from": "2026-11-10", "limit": 1}
    while True:
        page = (await caller.get("/v1/alignment/changes", params=params)).json()
        items += page["items"]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert (page["before"]["as_of"], page["after"]["as_of"]) == ("2026-11-10", "2026-11-23")
    assert len(items) > 2
    assert [abs(one["change"]) for one in items] == sorted(
        (abs(one["change"]) for one in items), reverse=True
    )
    assert all(one["change"] == one["after"] - one["before"] for one in items)
    gone = {one["detail"].startswith("no longer: ") for one in items if one["after"] == 0}
    assert gone == {True}
    assert not any(one["detail"].startswith("no longer") for one in items if one["after"] > 0)
    assert (await caller.get("/v1/alignment/changes")).status_code == 422


async def test_a_read_key_may_ask_what_if_and_nothing_is_stored(world, caller):
    document = (await caller.get("/v1/playbooks/fy26-q4/document")).json()
    version = (await caller.get("/v1/organization")).json()["version"]
    same = (await caller.post("/v1/alignment/what-if", document)).json()
    assert (same["differences"], same["items"], same["before"]) == (0, [], same["after"])
    document["playbook"]["objectives"][1]["priority"] = 9
    found = (await caller.post("/v1/alignment/what-if", document)).json()
    assert found["differences"] == len(found["items"]) > 0
    assert found["before"] == same["before"]
    other = {**document, "playbook": {**PLAYBOOK, "key": "new", "objectives": []}}
    assert (await caller.post("/v1/alignment/what-if", other)).json()["before"] is None
    assert (await caller.get("/v1/organization")).json()["version"] == version
    document["playbook"]["objectives"][1]["key_results"][0]["metric"] = "none"
    refused = await caller.post("/v1/alignment/what-if", document)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"].startswith("/playbook/objectives/1/key_results/0")


async def test_a_metric_says_how_far_its_history_is_restated(world):
    await world.strategy()
    await world.admin.post("/v1/events", event())
    assert (await world.admin.get("/v1/metrics/revenue")).json()["restatement"] is None
    service = world.app.state.service
    object.__setattr__(service, "restate_at_once", 0)
    found = (await world.admin.patch("/v1/metrics/revenue", {"unit": "EUR"})).json()
    assert found["restatement"] == {"started_at": "2026-11-23T12:00:00Z", "days": 1, "days_done": 0}
    assert (await world.admin.get("/v1/alignment")).json()["restating"] == ["revenue"]


async def test_the_journal_shows_from_when_on_a_metric_was_restated(world):
    await world.strategy()
    await world.admin.post("/v1/events", event())
    await world.admin.patch("/v1/metrics/revenue", {"unit": "EUR"})
    entries = (await world.admin.get("/v1/journal", params={"kind": "metric"})).json()["items"]
    assert [entry["action"] for entry in entries] == ["restate", "update", "create"]
