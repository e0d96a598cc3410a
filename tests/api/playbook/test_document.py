"""The endpoints of playbook as code."""

from typing import Any

import pytest

from tests.api.conftest import SQLITE_ONLY

DOCUMENT: dict[str, Any] = {
    "sightline": 1,
    "sources": [{"key": "billing", "name": "Billing"}],
    "teams": [
        {"key": "sales", "name": "Sales", "function": "sales", "size": 12},
        {"key": "marketing", "name": "Marketing", "function": "marketing"},
    ],
    "metrics": [
        {
            "key": "arr", "name": "New ARR", "unit": "EUR",
            "events": ["deal.won"], "aggregation": "sum",
            "activities": ["call.held"], "canonical_source": "hubspot",
            "where": [{"property": "data.segment", "op": "eq", "value": "enterprise"}],
        }
    ],
    "offerings": [{"key": "plus", "name": "Plus", "available_from": "2026-01-01"}],
    "playbook": {
        "key": "q4", "title": "Win", "starts_on": "2026-10-01", "ends_on": "2026-12-31",
        "objectives": [
            {
                "key": "child", "title": "Below", "parent": "win",
            },
            {
                "key": "win", "title": "Win", "priority": 5,
                "responsibilities": [
                    {"team": "sales", "role": "accountable", "share": 50},
                    {"team": "marketing", "role": "responsible", "share": 50},
                ],
                "key_results": [
                    {
                        "key": "arr-2m", "title": "2M", "metric": "arr",
                        "baseline": 0, "target": 2_000_000,
                    }
                ],
            },
        ],
    },
}  # fmt: skip


WIN_PATH = ("playbook", "objectives", 1)


def list_actions(plan):
    return sorted({step["action"] for step in plan["steps"]})


async def test_a_document_is_applied_once_and_changes_nothing_again(admin):
    first_reply = await admin.post("/v1/apply", DOCUMENT)
    assert first_reply.status_code == 200, first_reply.text
    assert (
        list_actions(first_reply.json()),
        first_reply.json()["revision"],
        first_reply.json()["dry_run"],
    ) == (
        ["create"],
        0,
        False,
    )
    version = (await admin.get("/v1/organization")).json()["version"]
    second_plan = (await admin.post("/v1/apply", DOCUMENT)).json()
    assert list_actions(second_plan) == ["unchanged"]
    assert len(second_plan["steps"]) == len(first_reply.json()["steps"])
    assert (await admin.get("/v1/organization")).json()["version"] == version


async def test_a_dry_run_returns_the_plan_and_stores_nothing(admin):
    plan = (await admin.post("/v1/apply", DOCUMENT, params={"dry_run": "true"})).json()
    assert (list_actions(plan), plan["dry_run"]) == (["create"], True)
    assert (await admin.get("/v1/teams")).json()["items"] == []
    await admin.post("/v1/apply", DOCUMENT)
    larger_document = {
        **DOCUMENT,
        "teams": [{**DOCUMENT["teams"][0], "size": 14}, DOCUMENT["teams"][1]],
    }
    plan = (await admin.post("/v1/apply", larger_document, params={"dry_run": "true"})).json()
    changed_steps = [step for step in plan["steps"] if step["action"] != "unchanged"]
    assert changed_steps == [
        {
            "action": "update",
            "kind": "team",
            "key": "sales",
            "changes": {"size": {"before": 12, "after": 14}},
        }
    ]
    assert (await admin.get("/v1/teams/sales")).json()["size"] == 12


async def test_it_publishes_only_when_asked(admin):
    assert (await admin.post("/v1/apply", DOCUMENT)).json()["revision"] == 0
    assert (await admin.post("/v1/apply", DOCUMENT, params={"publish": "true"})).json()[
        "revision"
    ] == 1
    assert (await admin.get("/v1/playbooks/q4")).json()["state"] == "published"


async def test_the_document_comes_back_and_applying_it_changes_nothing(admin):
    await admin.post("/v1/apply", DOCUMENT)
    reply = await admin.get("/v1/playbooks/q4/document")
    assert reply.status_code == 200
    assert list_actions((await admin.post("/v1/apply", reply.json())).json()) == ["unchanged"]
    headers = {"If-None-Match": reply.headers["etag"]}
    cached_reply = await admin.get("/v1/playbooks/q4/document", headers=headers)
    assert cached_reply.status_code == 304


async def test_objects_missing_from_the_document_are_archived_and_more_than_half_only_with_prune(
    admin,
):
    await admin.post("/v1/apply", DOCUMENT)
    empty_document = {**DOCUMENT, "playbook": {**DOCUMENT["playbook"], "objectives": []}}
    rejection = await admin.post("/v1/apply", empty_document)
    assert (rejection.status_code, rejection.json()["code"]) == (409, "prune-needed")
    pruned_plan = (await admin.post("/v1/apply", empty_document, params={"prune": "true"})).json()
    archived_keys = sorted(
        step["key"] for step in pruned_plan["steps"] if step["action"] == "archive"
    )
    assert archived_keys == ["arr-2m", "child", "win", "win/marketing", "win/sales"]


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("path", "value", "pointer"),
    [
        (("sightline",), 2, "/sightline"),
        (("teams", 0, "size"), 0, "/teams/0/size"),
        (("teams", 1, "key"), "sales", "/teams/1/key"),
        (("metrics", 0, "aggregation"), "median", "/metrics/0/aggregation"),
        (
            (*WIN_PATH, "key_results", 0, "metric"),
            "x",
            "/playbook/objectives/1/key_results/0/metric",
        ),
        (("playbook", "objectives", 0, "parent"), "nowhere", "/playbook/objectives/0/parent"),
        (
            (*WIN_PATH, "responsibilities", 0, "team"),
            "x",
            "/playbook/objectives/1/responsibilities/0/team",
        ),
        (("playbook", "state"), "published", "/playbook/state"),
    ],
)  # fmt: skip
async def test_an_error_points_at_its_location_in_the_document(admin, path, value, pointer):
    document = replace_at(DOCUMENT, path, value)
    rejection = await admin.post("/v1/apply", document)
    assert rejection.status_code == 422, rejection.text
    assert pointer in [error["pointer"] for error in rejection.json()["errors"]]
    assert (await admin.get("/v1/teams")).json()["items"] == []


def replace_at(node, path, new_value):
    """Return a copy of the node with the value at a path replaced."""
    if not path:
        return new_value
    key = path[0]
    remaining_path = path[1:]
    if isinstance(node, list):
        return [
            replace_at(member, remaining_path, new_value) if index == key else member
            for index, member in enumerate(node)
        ]
    return {**node, key: replace_at(node.get(key), remaining_path, new_value)}


async def test_an_acceptance_in_a_document_is_honored_for_an_admin_alone(api):
    path = ("playbook", "objectives", 1, "responsibilities", 0, "accepted")
    accepting_document = replace_at(DOCUMENT, path, new_value=True)
    writer = await api.create_client("playbook:write", "read")
    assert (await writer.post("/v1/apply", accepting_document)).status_code == 403
    assert (await api.admin.post("/v1/apply", accepting_document)).status_code == 200
    responsibility = (await writer.get("/v1/objectives/win/responsibilities/sales")).json()
    assert responsibility["status"] == "accepted"
    assert (await writer.post("/v1/apply", accepting_document)).status_code == 200
