"""The journal over HTTP."""

import pytest


async def test_every_change_is_there_newest_first_with_before_and_after(admin):
    await admin.made("/v1/teams/sales", {"name": "Sales", "function": "sales", "size": 2.5})
    await admin.patch("/v1/teams/sales", {"size": 3})
    newest, before = (await admin.get("/v1/journal", params={"key": "sales"})).json()["items"]
    assert (newest["action"], newest["before"]["size"], newest["after"]["size"]) == ("update", 2.5, 3)
    assert (before["action"], before["before"], before["after"]["size"]) == ("create", None, 2.5)
    assert newest["version"] > before["version"]
    assert newest["at"] == "2026-11-23T12:00:00Z"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"kind": "team"}, ["sales"]),
        ({"key": "sales"}, ["sales"]),
        ({"actor": "nobody"}, []),
        ({"kind": "team", "from": "2026-11-23", "to": "2026-11-23"}, ["sales"]),
        ({"kind": "team", "from": "2026-11-24"}, []),
        ({"kind": "team", "to": "2026-11-22"}, []),
    ],
)
async def test_changes_are_found_by(admin, filters, expected):
    await admin.made("/v1/teams/sales", {"name": "Sales", "function": "sales"})
    found = (await admin.get("/v1/journal", params=filters)).json()["items"]
    assert [entry["key"] for entry in found] == expected


async def test_the_journal_goes_on_after_a_page(world):
    await world.strategy()
    whole = (await world.admin.get("/v1/journal")).json()["items"]
    seen, params = [], {"limit": 3}
    while True:
        page = (await world.admin.get("/v1/journal", params=params)).json()
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        params = {"limit": 3, "cursor": page["next_cursor"]}
    assert seen == whole
    assert len(whole) > 10


async def test_a_page_with_no_day_is_refused(admin):
    for day in ("2026-13-01", "0", "-1", "x"):
        assert (await admin.get("/v1/journal", params={"from": day})).status_code == 422
