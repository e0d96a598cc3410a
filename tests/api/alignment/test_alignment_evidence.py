"""Every loss of an answer, followed over HTTP to the things that it is made of."""

from collections.abc import Iterable
from typing import Any

import pytest

from tests.api.conftest import ApiHarness, Client, make_event

LATE_TIME, EARLY_TIME = "2026-11-20T12:00:00Z", "2026-10-05T12:00:00Z"
CALL_FIELDS: dict[str, object] = {
    "type": "call.held",
    "kind": "activity",
    "team": "marketing",
    "value": None,
}
KIT_SALE, MOON_SALE = {"offering": "kit", "value": 10}, {"offering": "moon", "value": 10}
# By component, reason, team, objective and offering: how many things its evidence lists.
EXPECTED_COUNTS = {
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


def make_numbered_events(*groups: tuple[int, dict[str, object]]) -> Iterable[dict[str, object]]:
    all_overrides = [overrides for count, overrides in groups for _ in range(count)]
    return [
        make_event(number, **{"time": LATE_TIME, **overrides})
        for number, overrides in enumerate(all_overrides)
    ]


async def seed_lossy_organization(api: ApiHarness) -> None:
    """An organization that does everything wrong that it can: one loss for almost every reason."""
    await api.seed_strategy()
    put_object = api.admin.put_object
    await put_object("/v1/sources/crm", {"name": "CRM"})
    await put_object("/v1/objectives/lose", {"playbook": "fy26-q4", "title": "Lose"})
    await put_object(
        "/v1/objectives/lose/responsibilities/sales", {"role": "accountable", "share": 1}
    )
    await put_object(
        "/v1/playbooks/ventures",
        {"title": "Ventures", "starts_on": "2026-01-01", "ends_on": "2026-12-31"},
    )
    await put_object("/v1/objectives/fly", {"playbook": "ventures", "title": "Fly"})
    await put_object("/v1/offerings/kit", {"name": "Kit", "available_from": "2026-11-01"})
    for objective in ("win", "lose"):
        await put_object(
            f"/v1/objectives/{objective}/responsibilities/sales/acceptance",
            {"accepted": True, "by": "Ada"},
        )
    await put_object("/v1/playbooks/fy26-q4/contributions/marketing", {"by": "Ada"})
    await put_object("/v1/playbooks/fy26-q4/signoffs/sales", {"revision": 1, "by": "Ada"})
    for path, body in (
        ("metrics/revenue", {"canonical_source": "billing"}),
        ("policy", {"minimum_events": 2}),
    ):
        assert (await api.admin.patch(f"/v1/{path}", body)).status_code == 200
    assert (await api.admin.post("/v1/playbooks/ventures/publish")).status_code == 200
    events = make_numbered_events(
        (2, {"offerings": [KIT_SALE, MOON_SALE]}),
        (1, {}),
        (1, {"time": EARLY_TIME, "offerings": [KIT_SALE]}),
        (2, {"source": "crm", "value": 7}),
        (4, CALL_FIELDS),
        (3, {**CALL_FIELDS, "objective": "fly"}),
        (2, {**CALL_FIELDS, "objective": "win"}),
    )
    reply = await api.admin.post("/v1/event-batches", {"events": events})
    assert reply.json()["recorded"] == 15, reply.text


async def read_all_pages(reader: Client, address: str) -> list[Any]:
    """What the address lists, two things a page."""
    next_url: str | None = f"{address}{'&' if '?' in address else '?'}limit=2"
    rows: list[Any] = []
    while next_url is not None:
        reply = await reader.get(next_url)
        assert reply.status_code == 200, (next_url, reply.text)
        rows += reply.json()["items"]
        next_url = reply.links["next"]["url"] if "next" in reply.links else None
    return rows


@pytest.fixture
async def reader(api: ApiHarness) -> Client:
    await seed_lossy_organization(api)
    return await api.create_client("read")


async def test_the_evidence_of_every_loss_can_be_read(reader: Client):
    ledger = await read_all_pages(reader, "/v1/alignment/ledger")
    evidence_counts = {
        (loss["component"], loss["reason"], loss["team"], loss["objective"], loss["offering"]): len(
            await read_all_pages(reader, loss["evidence"])
        )
        for loss in ledger
    }
    assert evidence_counts == EXPECTED_COUNTS
    assert len(ledger) == len(EXPECTED_COUNTS)


async def test_several_day_ranges_list_the_events_of_all_of_them(reader: Client):
    both_ranges = await read_all_pages(
        reader, "/v1/events?days=2026-10-01..2026-10-05,2026-11-20..2026-11-20"
    )
    early_range = await read_all_pages(reader, "/v1/events?days=2026-10-01..2026-10-05")
    gaps = await read_all_pages(
        reader, "/v1/events?days=2026-10-06..2026-11-19,2026-11-21..2026-11-30"
    )
    assert (len(both_ranges), len(early_range), len(gaps)) == (15, 1, 0)
