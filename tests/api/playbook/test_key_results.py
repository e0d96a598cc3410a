"""Key results over HTTP."""

import pytest

from tests.api.conftest import SQLITE_ONLY

KEY_RESULT = {
    "objective": "win",
    "title": "1M",
    "metric": "revenue",
    "baseline": -0.5,
    "target": 1_000_000.25,
    "weight": 2,
    "cadence_days": 14,
    "starts_on": "2026-10-15",
    "ends_on": None,
}


@pytest.fixture
async def caller(api):
    await api.seed_strategy()
    return api.admin


async def test_a_key_result_comes_back_as_it_was_sent(caller):
    created = await caller.put_object("/v1/key-results/a", KEY_RESULT)
    assert created == {"key": "a", **KEY_RESULT, "archived": False}
    patch_reply = await caller.patch("/v1/key-results/a", {"starts_on": None, "target": 5})
    assert patch_reply.json() == {**created, "starts_on": None, "target": 5}
    assert (await caller.get("/v1/key-results/a")).json() == patch_reply.json()
    assert (await caller.delete("/v1/key-results/a")).status_code == 204


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["revenue-2m"]),
        ({"objective": "win"}, ["revenue-2m"]),
        ({"metric": "other"}, []),
        ({"objective": "x"}, []),
    ],
)
async def test_key_results_are_found_by(caller, filters, expected):
    key_results = (await caller.get("/v1/key-results", params=filters)).json()["items"]
    assert [key_result["key"] for key_result in key_results] == expected


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("target", -0.5),
        ("target", -1),
        ("metric", "revenu"),
        ("objective", "nowhere"),
        ("weight", 0),
        ("cadence_days", 0),
        ("cadence_days", 7.5),
        ("cadence_days", True),
        ("cadence_days", "7"),
        ("cadence_days", 2**31),
        ("starts_on", "2026-09-30"),
        ("ends_on", "2027-01-01"),
        ("baseline", None),
    ],
)
async def test_a_key_result_that_cannot_be_measured_is_refused_by_name(caller, member, value):
    rejection = await caller.put("/v1/key-results/a", {**KEY_RESULT, member: value})
    assert rejection.status_code == 422, rejection.text
    assert rejection.json()["errors"][0]["pointer"] == f"/{member}"


async def test_a_whole_number_may_be_written_with_a_point(caller):
    assert (await caller.put_object("/v1/key-results/a", {**KEY_RESULT, "cadence_days": 7.0}))[
        "cadence_days"
    ] == 7
