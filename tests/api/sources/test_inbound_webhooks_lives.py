"""For each CRM, scripted lives of deals through its hook end in the same events and alignment in every order."""

import random
from datetime import datetime

import pytest

from tests.api.conftest import NOW, ApiHarness, Client
from tests.support.deal_scenarios import (
    CRM_SIMULATORS,
    EXPECTED_WON_VALUES,
    CrmSimulator,
    DealStep,
    build_deal_steps,
)

PUBLIC_URL = "http://127.0.0.1:8000"


async def connect_crm(api: ApiHarness, simulator: CrmSimulator) -> tuple[str, str]:
    """The source of the CRM, and a metric that counts what it has won. Shape: the address of its hook, its secret."""
    put_object = api.admin.put_object
    metric = {"name": "Won", "events": ["deal.won"], "aggregation": "sum", "unit": "EUR"}
    await put_object(
        "/v1/metrics/won", {**metric, "activities": ["deal.created", "deal.moved", "deal.lost"]}
    )
    key_result = {"objective": "win", "title": "200", "metric": "won", "baseline": 0, "target": 200}
    await put_object("/v1/key-results/won-200", key_result)
    source_document: dict[str, object] = {
        "name": "CRM",
        "connector": simulator.connector,
        "account": simulator.account,
        "team": "sales",
    }
    source_document |= {"mapping": simulator.mapping or {}, "secret": simulator.secret}
    source = await put_object("/v1/sources/crm", source_document)
    return source["hook_url"], simulator.secret or source["secret"] or ""


async def deliver_steps(
    api: ApiHarness, simulator: CrmSimulator, hook: tuple[str, str], steps: list[DealStep]
) -> None:
    caller = Client(api.app, None)
    for step in steps:
        body = simulator.encode_step(step)
        headers = {**simulator.sign(body, hook[1], NOW, hook[0])}
        reply = await caller.http.post(
            hook[0].removeprefix(PUBLIC_URL), content=body, headers=headers
        )
        assert reply.status_code == 200, reply.text
        if simulator.connector == "salesforce_outbound":
            assert "<Ack>true</Ack>" in reply.text
        else:
            assert reply.json()["state"] == "processed"


async def read_final_state(api: ApiHarness) -> tuple[object, ...]:
    """What stands: the events without their numbers, and the alignment."""
    stored_events = (
        await api.admin.get("/v1/events", params={"source": "crm", "limit": 200})
    ).json()["items"]
    field_names = ("type", "time", "team", "value", "unit", "subject", "data")
    events = sorted(
        str([event["id"].rpartition("/")[0], *(event[field_name] for field_name in field_names)])
        for event in stored_events
    )
    alignment = (await api.admin.get("/v1/alignment")).json()
    scored = {
        field_name: alignment[field_name]
        for field_name in ("score", "floor", "coverage", "components")
    }
    return events, scored


def parse_deal_number(subject: str) -> str:
    """The deal's number in the script, however its CRM writes ids."""
    return subject.removeprefix("deal/")[:15].lstrip("o-p_deal")[-1:]


async def read_won_values(api: ApiHarness) -> dict[str, float | None]:
    params = {"source": "crm", "type": "deal.won", "limit": 200}
    won_events = (await api.admin.get("/v1/events", params=params)).json()["items"]
    return {parse_deal_number(event["subject"]): event["value"] for event in won_events}


def arrange_steps(steps: list[DealStep], seed: int) -> list[DealStep]:
    """In order, backwards, or shuffled with everything said up to three times."""
    if seed == 0:
        return steps
    if seed == 1:
        return steps[::-1]
    random_source = random.Random(seed)
    shuffled_steps = steps * 2 + random_source.sample(steps, len(steps) // 2)
    random_source.shuffle(shuffled_steps)
    return shuffled_steps


@pytest.mark.parametrize(
    "simulator", CRM_SIMULATORS, ids=[simulator.connector for simulator in CRM_SIMULATORS]
)
async def test_the_lives_of_deals_end_in_the_same_alignment_in_every_order(
    api: ApiHarness, simulator: CrmSimulator
):
    final_states = []
    for seed in range(3):
        order_api = ApiHarness(api.app, api.clock, await api.create_organization(f"order-{seed}"))
        await order_api.seed_strategy()
        hook = await connect_crm(order_api, simulator)
        await deliver_steps(
            order_api,
            simulator,
            hook,
            arrange_steps(
                build_deal_steps(
                    supports_merges=simulator.supports_merges,
                    supports_restores=simulator.supports_restores,
                ),
                seed,
            ),
        )
        assert await read_won_values(order_api) == EXPECTED_WON_VALUES
        health = (await order_api.admin.get("/v1/sources/crm")).json()["health"]
        assert (health["wins_without_amount"], health["failures_last_day"]) == (1, 0)
        final_states.append(await read_final_state(order_api))
    assert final_states[0] == final_states[1] == final_states[2]


def test_the_script_covers_every_transition_of_a_deal():
    steps = build_deal_steps(supports_merges=True, supports_restores=True)
    assert {step.verb for step in steps} == {"created", "changed", "deleted", "merged", "restored"}
    assert {step.stage for step in steps} == {"new", "offer", "won", "lost"}
    stages = {deal: [step.stage for step in steps if step.deal == deal] for deal in range(1, 9)}
    assert stages[1][:3] == ["new", "offer", "won"]
    assert stages[4] == ["new", "won", "offer", "won"]
    assert all(
        step.occurred_at < datetime(2026, 11, 1, tzinfo=step.occurred_at.tzinfo) for step in steps
    )


def test_the_simulators_declare_whether_they_merge_and_restore_deals():
    assert {simulator.connector for simulator in CRM_SIMULATORS if simulator.supports_merges} == {
        "hubspot",
        "pipedrive",
    }
    without_restores = {"salesforce_outbound", "close"}  # neither tells of a deal that comes back
    assert {
        simulator.connector for simulator in CRM_SIMULATORS if not simulator.supports_restores
    } == without_restores
