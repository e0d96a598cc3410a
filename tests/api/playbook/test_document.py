"""Playbook as code over HTTP."""

from typing import Any

import pytest

from tests.api.conftest import EMBEDDED

DOCUMENT: dict[str, Any] = {
    "sightline": 1,
    "sources": [{"key": "billing", "name": "Billing"}],
    "teams": [
        {"key": "sales", "name": "Sales", "function": "sales", "size": 12},
        {"key": "marketing", "name": "Marketing", "function": "marketing"},
    ],
    "metrics": [
        {
            "key": "arr", "name": "New ARR", "unit": "EUR", "events": ["deal.won"], "aggregation": "sum",
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
                "key_results": [{"key": "arr-2m", "title": "2M", "metric": "arr", "baseline": 0, "target": 2_000_000}],
            },
        ],
    },
}  # fmt: skip


WIN = ("playbook", "objectives", 1)


def actions(plan):
    return sorted({step["action"] for step in plan["steps"]})


async def test_a_document_is_applied_once_and_changes_nothing_again(admin):
    done = await admin.post("/v1/apply", DOCUMENT)
    assert done.status_code == 200, done.text
    assert (actions(done.json()), done.json()["revision"], done.json()["dry_run"]) == (
        ["create"],
        0,
        False,
    )
    version = (await admin.get("/v1/organization")).json()["version"]
    again = (await admin.post("/v1/apply", DOCUMENT)).json()
    assert actions(again) == ["unchanged"]
    assert len(again["steps"]) == len(done.json()["steps"])
    assert (await admin.get("/v1/organization")).json()["version"] == version


async def test_a_dry_run_tells_the_plan_and_stores_nothing(admin):
    plan = (await admin.post("/v1/apply", DOCUMENT, params={"dry_run": "true"})).json()
    assert (actions(plan), plan["dry_run"]) == (["create"], True)
    assert (await admin.get("/v1/teams")).json()["items"] == []
    await admin.post("/v1/apply", DOCUMENT)
    larger = {**DOCUMENT, "teams": [{**DOCUMENT["teams"][0], "size": 14}, DOCUMENT["teams"][1]]}
    plan = (await admin.post("/v1/apply", larger, params={"dry_run": "true"})).json()
    changed = [step for step in plan["steps"] if step["action"] != "unchanged"]
    assert changed == [
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
    assert actions((await admin.post("/v1/apply", reply.json())).json()) == ["unchanged"]
    (again,) = [
        await admin.get(
            "/v1/playbooks/q4/document", headers={"If-None-Match": reply.headers["etag"]}
        )
    ]
    assert again.status_code == 304


async def test_what_the_document_names_no_more_is_archived_more_than_half_only_when_told(admin):
    await admin.post("/v1/apply", DOCUMENT)
    empty = {**DOCUMENT, "playbook": {**DOCUMENT["playbook"], "objectives": []}}
    refused = await admin.post("/v1/apply", empty)
    assert (refused.status_code, refused.json()["code"]) == (409, "prune-needed")
    done = (await admin.post("/v1/apply", empty, params={"prune": "true"})).json()
    archived = sorted(step["key"] for step in done["steps"] if step["action"] == "archive")
    assert archived == ["arr-2m", "child", "win", "win/marketing", "win/sales"]


@EMBEDDED
@pytest.mark.parametrize(
    ("place", "value", "pointer"),
    [
        (("sightline",), 2, "/sightline"),
        (("teams", 0, "size"), 0, "/teams/0/size"),
        (("teams", 1, "key"), "sales", "/teams/1/key"),
        (("metrics", 0, "aggregation"), "median", "/metrics/0/aggregation"),
        ((*WIN, "key_results", 0, "metric"), "x", "/playbook/objectives/1/key_results/0/metric"),
        (("playbook", "objectives", 0, "parent"), "nowhere", "/playbook/objectives/0/parent"),
        ((*WIN, "responsibilities", 0, "team"), "x", "/playbook/objectives/1/responsibilities/0/team"),
        (("playbook", "state"), "published", "/playbook/state"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_named_by_its_place_in_the_document(admin, place, value, pointer):
    document = changed(DOCUMENT, place, value)
    refused = await admin.post("/v1/apply", document)
    assert refused.status_code == 422, refused.text
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]
    assert (await admin.get("/v1/teams")).json()["items"] == []


def changed(node, place, value):
    """The node with another value at that place."""
    if not place:
        return value
    head, rest = place[0], place[1:]
    if isinstance(node, list):
        return [
            changed(item, rest, value) if index == head else item for index, item in enumerate(node)
        ]
    return {**node, head: changed(node.get(head), rest, value)}


async def test_an_acceptance_in_a_document_is_honored_for_an_admin_alone(world):
    place = ("playbook", "objectives", 1, "responsibilities", 0, "accepted")
    accepting = changed(DOCUMENT, place, value=True)
    writer = await world.client("playbook:write", "read")
    assert (await writer.post("/v1/apply", accepting)).status_code == 403
    assert (await world.admin.post("/v1/apply", accepting)).status_code == 200
    found = (await writer.get("/v1/objectives/win/responsibilities/sales")).json()
    assert found["status"] == "accepted"
    assert (await writer.post("/v1/apply", accepting)).status_code == 200
