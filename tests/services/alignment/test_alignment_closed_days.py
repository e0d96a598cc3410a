"""Evidence of closed days is read once a day, and caching it changes no result.

Random operations run on two services with a cache. A service without cache gives the expected
result.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest

from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.events.metrics import Metric
from app.domain.playbook.organization import Team
from app.services.alignment import alignment
from app.services.events import ingestion
from app.services.events import metric_restatement as metric_restatement_service
from app.services.operations import erasure as erasure_service
from app.services.operations import rollup_check
from app.services.playbook import configuration as configuration_service
from app.services.runtime.context import ServiceContext
from app.services.runtime.versioned_cache import VersionedCache
from app.store.access import organization_version
from app.store.alignment import evidence_query
from app.store.alignment.evidence_query import ClosedDayEvidence
from tests.services.alignment.test_history import record_quarter
from tests.support.service_harness import (
    SCALE,
    ServiceHarness,
    make_event,
    make_metric,
    record_events,
)

DAY = timedelta(days=1)
KINDS = ("invoice.paid", "call.held", "noise", "deal.won")


async def load_comparable_answer(service: ServiceContext, actor: Actor) -> tuple[object, ...]:
    """Return all parts of a result, and the snapshot that it was computed from."""
    answer = await alignment.get_alignment(service, actor, "q4")
    answer_snapshot = answer.snapshot
    unordered_parts = (
        answer_snapshot.effort_cells,
        answer_snapshot.latest_activities,
        answer_snapshot.sold_values,
    )
    return (
        answer.alignment,
        answer_snapshot.version,
        answer_snapshot.readings,
        *(sorted(map(repr, part)) for part in unordered_parts),
        answer_snapshot.excluded_currencies,
        answer_snapshot.source_activities,
    )


def with_empty_cache(service: ServiceContext) -> ServiceContext:
    return replace(service, answer_cache=VersionedCache())


def make_random_event(harness: ServiceHarness, rng: Random, name: str) -> Event:
    """Return a random event, most likely a recent one."""
    age = timedelta(hours=rng.choice([1, 5, 30, 200, 900]))
    return make_event(
        name,
        type=rng.choice(KINDS),
        source=rng.choice(["billing", "crm"]),
        time=harness.clock.now - age,
        team=rng.choice(["sales", "marketing"]),
        kind=rng.choice(["outcome", "activity"]),
        value=rng.choice([None, -3 * SCALE, rng.randrange(1, 10**9)]),
        effort=rng.choice([None, 0, 7_777]),
        unit=rng.choice([None, "EUR"]),
        objective=rng.choice([None, None, "win", "aside"]),
        subject=rng.choice([None, "ann"]),
        offerings=(("onboarding", rng.randrange(9) * SCALE),) if rng.random() < 0.3 else (),
        data={"segment": rng.choice(["enterprise", "small"])},
    )


class RandomHistory:
    """Random operations on an organization."""

    def __init__(self, harness: ServiceHarness, actor: Actor, seed: int) -> None:
        self.harness = harness
        self.actor = actor
        self.rng = Random(seed)
        self.batch_number = 0
        self.slow_service = replace(harness.service, max_inline_restated_events=0)
        self.live_uids: list[UUID] = []
        self.operations: tuple[Callable[[], Awaitable[object]], ...] = (
            *3 * (self.record_events,),
            *3 * (self.retract_events,),
            self.replace_events,
            self.redefine_metric,
            self.start_redefinition,
            self.run_restatement_steps,
            self.run_restatement_steps,
            self.change_team_size,
            self.erase_subject,
            self.rebuild_rollups,
            self.advance_day,
        )

    async def run_random_operation(self) -> None:
        await self.rng.choice(self.operations)()

    async def record_events(self) -> None:
        self.batch_number += 1
        submitted_events = [
            make_random_event(self.harness, self.rng, f"new-{self.batch_number}-{n}")
            for n in range(4)
        ]
        self.live_uids += [
            outcome.uid
            for outcome in await record_events(self.harness, self.actor, *submitted_events)
            if outcome.uid is not None
        ]

    async def retract_events(self) -> None:
        for _ in range(min(2, len(self.live_uids))):
            uid = self.live_uids.pop(self.rng.randrange(len(self.live_uids)))
            await ingestion.retract_event(self.harness.service, self.actor, uid, "a mistake")

    async def replace_events(self) -> None:
        """Retract events and record new ones, so that effort moves between cells."""
        await self.retract_events()
        await self.record_events()

    def make_other_metric(self) -> Metric:
        metric_key = self.rng.choice(["sum", "max", "last", "count"])
        types = tuple(self.rng.sample(KINDS, 2))
        canonical = self.rng.choice([None, "billing"])
        return make_metric(
            metric_key,
            aggregation=metric_key,
            events=types[:1],
            activities=types[1:],
            where=(),
            canonical_source=canonical,
        )

    async def redefine_metric(self) -> None:
        await configuration_service.put_resource(
            self.harness.service, self.actor, self.make_other_metric()
        )

    async def start_redefinition(self) -> None:
        await configuration_service.put_resource(
            self.slow_service, self.actor, self.make_other_metric()
        )

    async def run_restatement_steps(self) -> None:
        for _ in range(self.rng.randrange(60)):
            await metric_restatement_service.run_step(self.slow_service, self.actor.organization)

    async def change_team_size(self) -> None:
        size = self.rng.randrange(1, 9) * SCALE
        await configuration_service.put_resource(
            self.harness.service, self.actor, Team("sales", "Sales", "sales", size)
        )

    async def erase_subject(self) -> None:
        await erasure_service.erase_subject(self.harness.service, self.actor, "ann", fail_on_read)  # type: ignore[arg-type]  # never returns

    async def rebuild_rollups(self) -> None:
        await rollup_check.rebuild_rollups(self.harness.service, self.actor.organization)

    async def advance_day(self) -> None:
        self.harness.clock.advance(days=1)


async def fail_on_read(*_: object) -> None:
    raise AssertionError


@pytest.mark.parametrize("seed", range(2))
async def test_services_with_and_without_cache_give_the_same_answer_after_random_operations(
    harness: ServiceHarness, seed: int
):
    quarter_actor = await record_quarter(harness)
    random_history = RandomHistory(harness, quarter_actor, seed)
    await random_history.record_events()
    first_service = with_empty_cache(harness.service)
    second_service = with_empty_cache(harness.service)
    for number in range(30):
        await random_history.run_random_operation()
        expected = await load_comparable_answer(with_empty_cache(harness.service), quarter_actor)
        assert await load_comparable_answer(first_service, quarter_actor) == expected, number
        if random_history.rng.random() < 0.4:
            assert await load_comparable_answer(second_service, quarter_actor) == expected, number
    assert await rollup_check.count_rollup_differences(
        harness.service, quarter_actor.organization
    ) == dict.fromkeys(("event", "measure", "attention", "sold"), 0)


async def test_closed_days_are_read_on_the_second_request_and_cached_until_the_day_ends(
    harness: ServiceHarness,
):
    quarter_actor = await record_quarter(harness)
    service = with_empty_cache(harness.service)
    today = harness.clock.now.date()

    async def load_cached_evidence() -> ClosedDayEvidence | None:
        async with service.database.read_transaction() as reader:
            org_version = await organization_version.load_version(
                reader, quarter_actor.organization
            )
        cache_key = "q4", today, today, org_version.recorded_day
        return service.answer_cache.get(
            ("settled", quarter_actor.organization),
            cache_key,
            org_version.configuration_version,
            ClosedDayEvidence,
        )

    await record_events(harness, quarter_actor, make_event("a"))
    await load_comparable_answer(service, quarter_actor)
    assert await load_cached_evidence() is None
    await record_events(harness, quarter_actor, make_event("b"))
    await load_comparable_answer(service, quarter_actor)
    cached_evidence = await load_cached_evidence()
    async with service.database.read_transaction() as connection:
        assert (cached_evidence is not None) == evidence_query.supports_incremental_read(connection)
    if cached_evidence is None:
        return
    assert cached_evidence.day == today - DAY
    await record_events(harness, quarter_actor, make_event("c"))
    await load_comparable_answer(service, quarter_actor)
    assert await load_cached_evidence() is cached_evidence
    await rollup_check.rebuild_rollups(harness.service, quarter_actor.organization)
    await configuration_service.put_resource(
        harness.service, quarter_actor, Team("sales", "Sales", "sales", 3 * SCALE)
    )
    assert await load_cached_evidence() is None


async def test_a_rebuild_of_closed_days_is_visible_immediately(harness: ServiceHarness):
    quarter_actor = await record_quarter(harness)
    service = with_empty_cache(harness.service)
    before = await load_comparable_answer(with_empty_cache(service), quarter_actor)
    async with service.database.write_transaction() as writer:
        for table, sums in (
            ("measure", "counted = counted + 1, total = total + 7"),
            ("sold", "value = value + 7"),
        ):
            await writer.exec_driver_sql(f"update {table} set {sums}")
    for name in "ab":
        await record_events(harness, quarter_actor, make_event(name, type="noise", data=None))
        await load_comparable_answer(service, quarter_actor)
    await rollup_check.rebuild_rollups(harness.service, quarter_actor.organization)
    after = await load_comparable_answer(service, quarter_actor)
    assert after == await load_comparable_answer(with_empty_cache(service), quarter_actor)
    assert after[2] == before[2]


async def test_no_evidence_is_cached_for_an_earlier_known_at(harness: ServiceHarness):
    quarter_actor = await record_quarter(harness)
    service = with_empty_cache(harness.service)
    day = harness.clock.now.date() - 9 * DAY
    for name in "abc":
        await record_events(harness, quarter_actor, make_event(name))
        answer = await alignment.get_alignment(service, quarter_actor, "q4", day, day)
        async with service.database.read_transaction() as reader:
            playbook_index = answer.snapshot.playbook_index
            frame = answer.snapshot.frame
            assert (
                await evidence_query.read_snapshot(
                    reader, quarter_actor.organization, playbook_index, frame
                )
            ).readings == answer.snapshot.readings
