"""For each CRM, scripted lives of deals through its hook end in the same events and alignment in every order."""

import random
from datetime import datetime

import pytest

from tests.api.conftest import NOW, Client, World
from tests.support.lives import TELLERS, WON, Step, Teller, script

ADDRESS = "http://127.0.0.1:8000"


async def connect(world: World, teller: Teller) -> tuple[str, str]:
    """The source of the CRM, and a metric that counts what it has won. Shape: the address of its hook, its secret."""
    put = world.admin.made
    wins = {"name": "Won", "events": ["deal.won"], "aggregation": "sum", "unit": "EUR"}
    await put(
        "/v1/metrics/won", {**wins, "activities": ["deal.created", "deal.moved", "deal.lost"]}
    )
    result = {"objective": "win", "title": "200", "metric": "won", "baseline": 0, "target": 200}
    await put("/v1/key-results/won-200", result)
    wanted: dict[str, object] = {
        "name": "CRM",
        "connector": teller.connector,
        "account": teller.account,
        "team": "sales",
    }
    wanted |= {"mapping": teller.mapping or {}, "secret": teller.secret}
    made = await put("/v1/sources/crm", wanted)
    return made["hook_url"], teller.secret or made["secret"] or ""


async def deliver(world: World, teller: Teller, hook: tuple[str, str], steps: list[Step]) -> None:
    caller = Client(world.app, None)
    for step in steps:
        body = teller.tell(step)
        headers = {**teller.sign(body, hook[1], NOW, hook[0])}
        reply = await caller.http.post(hook[0].removeprefix(ADDRESS), content=body, headers=headers)
        assert reply.status_code == 200, reply.text
        if teller.connector == "salesforce_outbound":
            assert "<Ack>true</Ack>" in reply.text
        else:
            assert reply.json()["state"] == "processed"


async def ending(world: World) -> tuple[object, ...]:
    """What stands: the events without their numbers, and the alignment."""
    found = (await world.admin.get("/v1/events", params={"source": "crm", "limit": 200})).json()[
        "items"
    ]
    names = ("type", "time", "team", "value", "unit", "subject", "data")
    events = sorted(
        str([one["id"].rpartition("/")[0], *(one[name] for name in names)]) for one in found
    )
    alignment = (await world.admin.get("/v1/alignment")).json()
    scored = {name: alignment[name] for name in ("score", "floor", "coverage", "components")}
    return events, scored


def number(subject: str) -> str:
    """The deal's number in the script, however its CRM writes ids."""
    return subject.removeprefix("deal/")[:15].lstrip("o-p_deal")[-1:]


async def won(world: World) -> dict[str, float | None]:
    params = {"source": "crm", "type": "deal.won", "limit": 200}
    found = (await world.admin.get("/v1/events", params=params)).json()["items"]
    return {number(one["subject"]): one["value"] for one in found}


def orders(steps: list[Step], seed: int) -> list[Step]:
    """In order, backwards, or shuffled with everything said up to three times."""
    if seed == 0:
        return steps
    if seed == 1:
        return steps[::-1]
    dice = random.Random(seed)
    mixed = steps * 2 + dice.sample(steps, len(steps) // 2)
    dice.shuffle(mixed)
    return mixed


@pytest.mark.parametrize("teller", TELLERS, ids=[one.connector for one in TELLERS])
async def test_the_lives_of_deals_end_in_the_same_alignment_in_every_order(
    world: World, teller: Teller
):
    endings = []
    for seed in range(3):
        here = World(world.app, world.clock, await world.organization(f"order-{seed}"))
        await here.strategy()
        hook = await connect(here, teller)
        await deliver(
            here, teller, hook, orders(script(merges=teller.merges, restores=teller.restores), seed)
        )
        assert await won(here) == WON
        health = (await here.admin.get("/v1/sources/crm")).json()["health"]
        assert (health["wins_without_amount"], health["failures_last_day"]) == (1, 0)
        endings.append(await ending(here))
    assert endings[0] == endings[1] == endings[2]


def test_the_script_has_every_turn_of_a_deal():
    steps = script(merges=True, restores=True)
    assert {step.verb for step in steps} == {"created", "changed", "deleted", "merged", "restored"}
    assert {step.stage for step in steps} == {"new", "offer", "won", "lost"}
    stages = {deal: [step.stage for step in steps if step.deal == deal] for deal in range(1, 9)}
    assert stages[1][:3] == ["new", "offer", "won"]
    assert stages[4] == ["new", "won", "offer", "won"]
    assert all(step.at < datetime(2026, 11, 1, tzinfo=step.at.tzinfo) for step in steps)


def test_who_merges_and_restores_deals_tells_so():
    assert {one.connector for one in TELLERS if one.merges} == {"hubspot", "pipedrive"}
    never = {"salesforce_outbound", "close"}  # neither tells of a deal that comes back
    assert {one.connector for one in TELLERS if not one.restores} == never
