"""Every loss of an answer, followed over HTTP to the things that it is made of."""

from collections.abc import Iterable
from typing import Any

import pytest

from tests.api.conftest import Client, World, event

LATE, EARLY = "2026-11-20T12:00:00Z", "2026-10-05T12:00:00Z"
CALL: dict[str, object] = {
    "type": "call.held",
    "kind": "activity",
    "team": "marketing",
    "value": None,
}
KIT, MOON = {"offering": "kit", "value": 10}, {"offering": "moon", "value": 10}
# By component, reason, team, objective and offering: how many things its evidence lists.
EXPECTED = {
    ("playbook", "not_signed", "marketing", None, None): 1,  # the list of those who signed
    ("playbook", "did_not_contribute", "sales", None, None): 1,
    ("shared_responsibility", "single_function", None, "lose", None): 1,
    ("shared_responsibility", "single_function", None, "win", None): 1,
    ("focus", "over_served", "sales", "win", None): 5,
    ("focus", "off_playbook", "marketing", None, None): 4,
    ("focus", "other_playbook", "marketing", None, None): 3,
    ("outcomes", "behind_pace", None, "win", None): 4,
    ("outcomes", "unmeasured", None, "lose", None): 0,
    ("freshness", "stale", None, "lose", None): 0,
    ("productivity", "busy_without_result", "marketing", "win", None): 2,
    ("productivity", "off_playbook", "marketing", None, None): 4,
    ("productivity", "other_playbook", "marketing", None, None): 3,
    ("deliverability", "not_yet_available", None, None, "kit"): 1,
    ("deliverability", "unknown_offering", None, None, "moon"): 2,
    ("agreement", "sources_disagree", None, "win", None): 6,
}


def numbered(*groups: tuple[int, dict[str, object]]) -> Iterable[dict[str, object]]:
    wanted = [more for times, more in groups for _ in range(times)]
    return [event(number, **{"time": LATE, **more}) for number, more in enumerate(wanted)]


async def furnish(world: World) -> None:
    """An organization that does everything wrong that it can: one loss for almost every reason."""
    await world.strategy()
    put = world.admin.made
    await put("/v1/sources/crm", {"name": "CRM"})
    await put("/v1/objectives/lose", {"playbook": "fy26-q4", "title": "Lose"})
    await put("/v1/objectives/lose/responsibilities/sales", {"role": "accountable", "share": 1})
    await put(
        "/v1/playbooks/ventures",
        {"title": "Ventures", "starts_on": "2026-01-01", "ends_on": "2026-12-31"},
    )
    await put("/v1/objectives/fly", {"playbook": "ventures", "title": "Fly"})
    await put("/v1/offerings/kit", {"name": "Kit", "available_from": "2026-11-01"})
    for objective in ("win", "lose"):
        await put(
            f"/v1/objectives/{objective}/responsibilities/sales/acceptance",
            {"accepted": True, "by": "Ada"},
        )
    await put("/v1/playbooks/fy26-q4/contributions/marketing", {"by": "Ada"})
    await put("/v1/playbooks/fy26-q4/signoffs/sales", {"revision": 1, "by": "Ada"})
    for path, body in (
        ("metrics/revenue", {"canonical_source": "billing"}),
        ("policy", {"minimum_events": 2}),
    ):
        assert (await world.admin.patch(f"/v1/{path}", body)).status_code == 200
    assert (await world.admin.post("/v1/playbooks/ventures/publish")).status_code == 200
    events = numbered(
        (2, {"offerings": [KIT, MOON]}),
        (1, {}),
        (1, {"time": EARLY, "offerings": [KIT]}),
        (2, {"source": "crm", "value": 7}),
        (4, CALL),
        (3, {**CALL, "objective": "fly"}),
        (2, {**CALL, "objective": "win"}),
    )
    recorded = await world.admin.post("/v1/event-batches", {"events": events})
    assert recorded.json()["recorded"] == 15, recorded.text


async def everything(reader: Client, address: str) -> list[Any]:
    """What the address lists, two things a page."""
    following: str | None = f"{address}{'&' if '?' in address else '?'}limit=2"
    found: list[Any] = []
    while following is not None:
        reply = await reader.get(following)
        assert reply.status_code == 200, (following, reply.text)
        found += reply.json()["items"]
        following = reply.links["next"]["url"] if "next" in reply.links else None
    return found


@pytest.fixture
async def reader(world: World) -> Client:
    await furnish(world)
    return await world.client("read")


async def test_every_loss_leads_to_what_it_is_made_of(reader: Client):
    ledger = await everything(reader, "/v1/alignment/ledger")
    found = {
        (loss["component"], loss["reason"], loss["team"], loss["objective"], loss["offering"]): len(
            await everything(reader, loss["evidence"])
        )
        for loss in ledger
    }
    assert found == EXPECTED
    assert len(ledger) == len(EXPECTED)


async def test_stretches_of_days_list_what_is_in_any_of_them(reader: Client):
    both = await everything(reader, "/v1/events?days=2026-10-01..2026-10-05,2026-11-20..2026-11-20")
    early = await everything(reader, "/v1/events?days=2026-10-01..2026-10-05")
    between = await everything(
        reader, "/v1/events?days=2026-10-06..2026-11-19,2026-11-21..2026-11-30"
    )
    assert (len(both), len(early), len(between)) == (15, 1, 0)
