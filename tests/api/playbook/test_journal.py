"""The journal over HTTP."""

import ast
from pathlib import Path
from typing import get_args

import pytest

import app
from app.api.playbook import journal
from tests.api.conftest import POSTGRESQL_ONLY


async def test_every_change_is_listed_newest_first_with_before_and_after(admin):
    await admin.put_object("/v1/teams/sales", {"name": "Sales", "function": "sales", "size": 2.5})
    await admin.patch("/v1/teams/sales", {"size": 3})
    latest_change, first_change = (await admin.get("/v1/journal", params={"key": "sales"})).json()[
        "items"
    ]
    assert (
        latest_change["action"],
        latest_change["before"]["size"],
        latest_change["after"]["size"],
    ) == (
        "update",
        2.5,
        3,
    )
    assert (first_change["action"], first_change["before"], first_change["after"]["size"]) == (
        "create",
        None,
        2.5,
    )
    assert latest_change["version"] > first_change["version"]
    assert latest_change["at"] == "2026-11-23T12:00:00Z"


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
    await admin.put_object("/v1/teams/sales", {"name": "Sales", "function": "sales"})
    changes = (await admin.get("/v1/journal", params=filters)).json()["items"]
    assert [change["key"] for change in changes] == expected


async def test_paging_through_the_journal_returns_every_change(api):
    await api.seed_strategy()
    all_changes = (await api.admin.get("/v1/journal")).json()["items"]
    paged_changes, params = [], {"limit": 3}
    while True:
        page = (await api.admin.get("/v1/journal", params=params)).json()
        paged_changes += page["items"]
        if page["next_cursor"] is None:
            break
        params = {"limit": 3, "cursor": page["next_cursor"]}
    assert paged_changes == all_changes
    assert len(all_changes) > 10


async def test_an_invalid_day_is_rejected(admin):
    for day in ("2026-13-01", "0", "-1", "x"):
        assert (await admin.get("/v1/journal", params={"from": day})).status_code == 422


async def test_a_rotated_secret_is_listed(api):
    await api.seed_strategy()
    await api.admin.put_object(
        "/v1/sources/relay", {"name": "Relay", "connector": "standard_webhooks"}
    )
    assert (await api.admin.post("/v1/sources/relay/rotate")).status_code == 200
    reply = await api.admin.get("/v1/journal", params={"key": "relay"})
    assert reply.status_code == 200, reply.text
    assert [change["action"] for change in reply.json()["items"]] == ["rotate", "create"]


def find_action_literals(path, class_name, argument_index):
    """The actions that the code writes there: every text in the argument of that place, or of that name."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id == class_name:
            arguments = [
                *call.args[argument_index : argument_index + 1],
                *(keyword.value for keyword in call.keywords if keyword.arg == "action"),
            ]
            yield from (
                node.value
                for argument in arguments
                for node in ast.walk(argument)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            )


def test_every_action_that_the_code_writes_is_in_the_schema():
    app_folder = Path(app.__file__).parent
    actions = set(
        find_action_literals(
            app_folder / "domain" / "playbook" / "configuration.py", "ConfigurationChange", 2
        )
    )
    for module_path in (app_folder / "services").rglob("*.py"):
        actions |= set(find_action_literals(module_path, "RecordedAction", 3))
    assert {"create", "archive", "rotate"} <= actions <= set(get_args(journal.Action))


@POSTGRESQL_ONLY
@pytest.mark.parametrize("position", ["x", "1", "1 x", "1 2 3", "-1 0", f"{2**63} 0", f"1 {2**31}"])
async def test_a_forged_position_is_refused(get_forged_page, position):
    rejection = await get_forged_page("/v1/journal", position)
    assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (422, "cursor")
