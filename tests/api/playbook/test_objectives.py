"""Objectives over HTTP."""

import pytest


@pytest.fixture
async def caller(world):
    await world.strategy()
    return world.admin


async def test_an_objective_comes_back_as_it_was_sent(caller):
    objective = {
        "playbook": "fy26-q4", "title": "Keep", "description": "", "priority": 2.5, "parent": "win", "state": "paused"
    }  # fmt: skip
    made = await caller.made("/v1/objectives/keep", objective)
    assert made == {"key": "keep", **objective, "archived": False}
    changed = await caller.patch("/v1/objectives/keep", {"parent": None, "state": "active"})
    assert changed.json() == {**made, "parent": None, "state": "active"}
    assert (await caller.get("/v1/objectives/keep")).json() == changed.json()


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["a", "b", "win"]),
        ({"playbook": "fy26-q4"}, ["a", "b", "win"]),
        ({"playbook": "fy27"}, []),
        ({"parent": "win"}, ["a"]),
        ({"state": "paused"}, ["b"]),
        ({"team": "sales"}, ["b", "win"]),
        ({"team": "sales", "state": "paused"}, ["b"]),
        ({"team": "sales", "limit": "1"}, ["b"]),
        ({"team": "marketing"}, []),
    ],
)
async def test_objectives_are_found_by(caller, filters, expected):
    await caller.made("/v1/objectives/a", {"playbook": "fy26-q4", "title": "A", "parent": "win"})
    await caller.made("/v1/objectives/b", {"playbook": "fy26-q4", "title": "B", "state": "paused"})
    await caller.made("/v1/objectives/b/responsibilities/sales", {"role": "informed"})
    page = (await caller.get("/v1/objectives", params=filters)).json()
    assert [one["key"] for one in page["items"]] == expected
    assert (page["next_cursor"] is None) is ("limit" not in filters)


async def test_the_objectives_of_a_team_go_on_after_a_page(caller):
    await caller.made("/v1/objectives/a", {"playbook": "fy26-q4", "title": "A"})
    await caller.made("/v1/objectives/a/responsibilities/sales", {"role": "informed"})
    first = (await caller.get("/v1/objectives", params={"team": "sales", "limit": 1})).json()
    params = {"team": "sales", "limit": 1, "cursor": first["next_cursor"]}
    second = (await caller.get("/v1/objectives", params=params)).json()
    assert [one["key"] for one in (*first["items"], *second["items"])] == ["a", "win"]
    assert second["next_cursor"] is None


async def test_an_archived_objective_takes_its_parts_along(caller):
    assert (await caller.delete("/v1/objectives/win")).status_code == 204
    assert (await caller.get("/v1/key-results/revenue-2m")).status_code == 404
    assert (await caller.get("/v1/objectives/win/responsibilities/sales")).status_code == 404
    listed = (
        await caller.get("/v1/objectives", params={"team": "sales", "archived": "true"})
    ).json()["items"]
    assert [(one["key"], one["archived"]) for one in listed] == [("win", True)]
