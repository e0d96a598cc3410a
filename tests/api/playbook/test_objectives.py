"""Objectives over HTTP."""

import pytest


@pytest.fixture
async def caller(api):
    await api.seed_strategy()
    return api.admin


async def test_an_objective_comes_back_as_it_was_sent(caller):
    objective = {
        "playbook": "fy26-q4", "title": "Keep", "description": "", "priority": 2.5, "parent": "win", "state": "paused"
    }  # fmt: skip
    created = await caller.put_object("/v1/objectives/keep", objective)
    assert created == {"key": "keep", **objective, "archived": False}
    patch_reply = await caller.patch("/v1/objectives/keep", {"parent": None, "state": "active"})
    assert patch_reply.json() == {**created, "parent": None, "state": "active"}
    assert (await caller.get("/v1/objectives/keep")).json() == patch_reply.json()


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
    await caller.put_object(
        "/v1/objectives/a", {"playbook": "fy26-q4", "title": "A", "parent": "win"}
    )
    await caller.put_object(
        "/v1/objectives/b", {"playbook": "fy26-q4", "title": "B", "state": "paused"}
    )
    await caller.put_object("/v1/objectives/b/responsibilities/sales", {"role": "informed"})
    page = (await caller.get("/v1/objectives", params=filters)).json()
    assert [objective["key"] for objective in page["items"]] == expected
    assert (page["next_cursor"] is None) is ("limit" not in filters)


async def test_the_objectives_of_a_team_are_paged(caller):
    await caller.put_object("/v1/objectives/a", {"playbook": "fy26-q4", "title": "A"})
    await caller.put_object("/v1/objectives/a/responsibilities/sales", {"role": "informed"})
    first_page = (await caller.get("/v1/objectives", params={"team": "sales", "limit": 1})).json()
    params = {"team": "sales", "limit": 1, "cursor": first_page["next_cursor"]}
    second_page = (await caller.get("/v1/objectives", params=params)).json()
    assert [objective["key"] for objective in (*first_page["items"], *second_page["items"])] == [
        "a",
        "win",
    ]
    assert second_page["next_cursor"] is None


async def test_archiving_an_objective_archives_its_parts(caller):
    assert (await caller.delete("/v1/objectives/win")).status_code == 204
    assert (await caller.get("/v1/key-results/revenue-2m")).status_code == 404
    assert (await caller.get("/v1/objectives/win/responsibilities/sales")).status_code == 404
    objectives = (
        await caller.get("/v1/objectives", params={"team": "sales", "archived": "true"})
    ).json()["items"]
    assert [(objective["key"], objective["archived"]) for objective in objectives] == [
        ("win", True)
    ]
