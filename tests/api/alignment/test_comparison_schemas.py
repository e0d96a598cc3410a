"""The past, the difference of two days, and what if, over HTTP."""

from datetime import timedelta

import pytest

from tests.api.conftest import PLAYBOOK, make_event


@pytest.fixture
async def caller(api):
    """A strategy that changed a week after its publishing, and evidence of both weeks."""
    api.clock.now -= timedelta(days=14)
    api.admin = await api.create_organization(
        "younger"
    )  # a day of an organization never goes backwards
    await api.seed_strategy()
    early_events = [make_event(n, time="2026-11-08T12:00:00Z", value=1000 * n) for n in range(12)]
    assert (await api.admin.post("/v1/event-batches", {"events": early_events})).json()[
        "recorded"
    ] == 12
    api.clock.advance(days=7)
    await api.admin.put(
        "/v1/objectives/win/responsibilities/sales/acceptance", {"accepted": True, "by": "Ada"}
    )
    await api.admin.put_object("/v1/objectives/lose", {"playbook": "fy26-q4", "title": "Lose"})
    api.clock.advance(days=7)
    late_events = [
        make_event(100 + n, time="2026-11-10T12:00:00Z", team="marketing") for n in range(12)
    ]
    assert (await api.admin.post("/v1/event-batches", {"events": late_events})).json()[
        "recorded"
    ] == 12
    return await api.create_client("read")


async def test_a_past_day_is_selected_by_as_of_and_known_at(api, caller):
    past_params = {"as_of": "2026-11-10", "known_at": "2026-11-10"}
    answer = (await caller.get("/v1/alignment", params=past_params)).json()
    assert (answer["as_of"], answer["known_at"], answer["unpublished_changes"]) == (
        "2026-11-10",
        "2026-11-10",
        0,
    )
    present_knowledge = (await caller.get("/v1/alignment", params={"as_of": "2026-11-10"})).json()
    assert present_knowledge["known_at"] == "2026-11-23"
    assert present_knowledge["score"] != answer["score"]
    for path in ("ledger", "teams", "teams/sales", "objectives", "objectives/win", "pairs"):
        reply = await caller.get(f"/v1/alignment/{path}", params=past_params)
        assert reply.status_code == 200, reply.text
        assert (
            await caller.get("/v1/alignment/objectives/lose", params=past_params)
        ).status_code == 404
    await api.admin.delete("/v1/objectives/win")
    assert (await caller.get("/v1/alignment", params=past_params)).json() == answer
    for loss in answer["losses"]:
        assert (await caller.get(loss["evidence"])).status_code == 200, loss


async def test_configuration_is_listed_as_of_a_past_day(api, caller):
    past_params = {"as_of": "2026-11-10"}
    path = "/v1/objectives/win/responsibilities"
    assert (await caller.get(path, params=past_params)).json()["items"][0]["status"] == "proposed"
    await api.admin.delete("/v1/objectives/win")
    assert (await caller.get(path)).status_code == 404
    assert (await caller.get(path, params=past_params)).json()["items"][0]["status"] == "proposed"
    assert (await caller.get(path, params={"as_of": "2026-11-01"})).status_code == 404
    for collection in ("signoffs", "contributions"):
        assert (await caller.get(f"/v1/playbooks/fy26-q4/{collection}", params=past_params)).json()[
            "items"
        ] == []
    key_results = await caller.get("/v1/key-results", params={**past_params, "objective": "win"})
    assert [key_result["key"] for key_result in key_results.json()["items"]] == ["revenue-2m"]
    first_page = await caller.get("/v1/key-results", params={**past_params, "limit": 1})
    assert first_page.json()["next_cursor"] is None


async def test_a_history_has_a_point_per_day_each_equal_to_the_answer_of_that_day(caller):
    period = {"from": "2026-11-07", "to": "2026-11-23"}
    history = (await caller.get("/v1/alignment/history", params=period)).json()
    assert [point["as_of"][-2:] for point in history["items"]] == [
        f"{day:02}" for day in range(7, 24)
    ]
    for point in history["items"]:
        answer = (await caller.get("/v1/alignment", params={"as_of": point["as_of"]})).json()
        assert {name: answer[name] for name in point} == point
    assert history["items"][0]["configuration_from"] == "2026-11-09"
    weeks = (await caller.get("/v1/alignment/history", params={**period, "step": "week"})).json()[
        "items"
    ]
    assert [point["as_of"] for point in weeks] == ["2026-11-09", "2026-11-16", "2026-11-23"]
    rejection = await caller.get("/v1/alignment/history", params={"from": "2020-01-01"})
    assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (422, "from")


async def test_what_changed_is_paged_largest_first(caller):
    differences, params = [], {"from": "2026-11-10", "limit": 1}
    while True:
        page = (await caller.get("/v1/alignment/changes", params=params)).json()
        differences += page["items"]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert (page["before"]["as_of"], page["after"]["as_of"]) == ("2026-11-10", "2026-11-23")
    assert len(differences) > 2
    assert [abs(difference["change"]) for difference in differences] == sorted(
        (abs(difference["change"]) for difference in differences), reverse=True
    )
    assert all(
        difference["change"] == difference["after"] - difference["before"]
        for difference in differences
    )
    ends_resolved = {
        difference["detail"].startswith("no longer: ")
        for difference in differences
        if difference["after"] == 0
    }
    assert ends_resolved == {True}
    assert not any(
        difference["detail"].startswith("no longer")
        for difference in differences
        if difference["after"] > 0
    )
    assert (await caller.get("/v1/alignment/changes")).status_code == 422


async def test_a_read_key_may_ask_what_if_and_nothing_is_stored(api, caller):
    document = (await caller.get("/v1/playbooks/fy26-q4/document")).json()
    version = (await caller.get("/v1/organization")).json()["version"]
    unchanged_what_if = (await caller.post("/v1/alignment/what-if", document)).json()
    assert (
        unchanged_what_if["differences"],
        unchanged_what_if["items"],
        unchanged_what_if["before"],
    ) == (0, [], unchanged_what_if["after"])
    document["playbook"]["objectives"][1]["priority"] = 9
    what_if = (await caller.post("/v1/alignment/what-if", document)).json()
    assert what_if["differences"] == len(what_if["items"]) > 0
    assert what_if["before"] == unchanged_what_if["before"]
    new_document = {**document, "playbook": {**PLAYBOOK, "key": "new", "objectives": []}}
    assert (await caller.post("/v1/alignment/what-if", new_document)).json()["before"] is None
    assert (await caller.get("/v1/organization")).json()["version"] == version
    document["playbook"]["objectives"][1]["key_results"][0]["metric"] = "none"
    rejection = await caller.post("/v1/alignment/what-if", document)
    assert rejection.status_code == 422
    assert rejection.json()["errors"][0]["pointer"].startswith(
        "/playbook/objectives/1/key_results/0"
    )


async def test_a_metric_says_how_far_its_history_is_restated(api):
    await api.seed_strategy()
    await api.admin.post("/v1/events", make_event())
    assert (await api.admin.get("/v1/metrics/revenue")).json()["restatement"] is None
    service = api.app.state.service
    object.__setattr__(service, "max_inline_restated_events", 0)
    metric = (await api.admin.patch("/v1/metrics/revenue", {"unit": "EUR"})).json()
    assert metric["restatement"] == {
        "started_at": "2026-11-23T12:00:00Z",
        "days": 1,
        "days_done": 0,
    }
    assert (await api.admin.get("/v1/alignment")).json()["restating"] == ["revenue"]


async def test_the_journal_shows_from_when_on_a_metric_was_restated(api):
    await api.seed_strategy()
    await api.admin.post("/v1/events", make_event())
    await api.admin.patch("/v1/metrics/revenue", {"unit": "EUR"})
    changes = (await api.admin.get("/v1/journal", params={"kind": "metric"})).json()["items"]
    assert [change["action"] for change in changes] == ["restate", "update", "create"]
