"""The journal over HTTP."""

import ast
from pathlib import Path
from typing import get_args

import pytest

from app.api.playbook import journal
from tests.api.conftest import SERVER


async def test_every_change_is_there_newest_first_with_before_and_after(admin):
    await admin.made("/v1/teams/sales", {"name": "Sales", "function": "sales", "size": 2.5})
    await admin.patch("/v1/teams/sales", {"size": 3})
    newest, before = (await admin.get("/v1/journal", params={"key": "sales"})).json()["items"]
    assert (newest["action"], newest["before"]["size"], newest["after"]["size"]) == (
        "update",
        2.5,
        3,
    )
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


async def test_a_rotated_secret_can_be_read_of(world):
    await world.strategy()
    await world.admin.made("/v1/sources/relay", {"name": "Relay", "connector": "standard_webhooks"})
    assert (await world.admin.post("/v1/sources/relay/rotate")).status_code == 200
    found = await world.admin.get("/v1/journal", params={"key": "relay"})
    assert found.status_code == 200, found.text
    assert [entry["action"] for entry in found.json()["items"]] == ["rotate", "create"]


def written(path, maker, place):
    """The actions that the code writes there: every text in the argument of that place, or of that name."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id == maker:
            given = [
                *call.args[place : place + 1],
                *(k.value for k in call.keywords if k.arg == "action"),
            ]
            yield from (
                node.value
                for argument in given
                for node in ast.walk(argument)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            )


def test_every_action_that_the_code_writes_can_be_read():
    app = Path(journal.__file__).parents[1]
    actions = set(written(app / "domain" / "configuration.py", "Change", 2))
    for flow in (app / "flows").glob("*.py"):
        actions |= set(written(flow, "Act", 3))
    assert {"create", "archive", "rotate"} <= actions <= set(get_args(journal.Action))


@SERVER
@pytest.mark.parametrize("position", ["x", "1", "1 x", "1 2 3", "-1 0", f"{2**63} 0", f"1 {2**31}"])
async def test_a_forged_position_is_refused(forged, position):
    refused = await forged("/v1/journal", position)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "cursor")
