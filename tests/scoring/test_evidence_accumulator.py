"""What was recorded on days that are over is read once a day, and no answer is another one for it.

Two services that keep it stand on one database, and a third one that keeps nothing says what is true.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest

from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.playbook.organization import Team
from app.services.alignment import alignment
from app.services.events import ingestion as events
from app.services.events import metric_restatement as restatement
from app.services.operations import erasure as erasures
from app.services.operations import rollup_check as maintenance
from app.services.playbook import configuration
from app.services.runtime.context import Service
from app.services.runtime.versioned_cache import Kept
from app.store.access import organization_version as cursor
from app.store.alignment import evidence_query as snapshot
from app.store.alignment.evidence_query import Settled
from tests.flows.test_history import quarter
from tests.support.services import ONE, House, event, metric, record

DAY = timedelta(days=1)
KINDS = ("invoice.paid", "call.held", "noise", "deal.won")


async def said(service: Service, actor: Actor) -> tuple[object, ...]:
    """All of an answer, and of what it was made of."""
    answer = await alignment.read(service, actor, "q4")
    of = answer.snapshot
    parts = (of.attention, of.newest, of.sold)
    return (
        answer.alignment,
        of.version,
        of.said,
        *(sorted(map(repr, part)) for part in parts),
        of.currencies,
        of.heard,
    )


def fresh(service: Service) -> Service:
    return replace(service, kept=Kept())


def happened(built: House, chance: Random, name: str) -> Event:
    """Anything at all, mostly of late."""
    ago = timedelta(hours=chance.choice([1, 5, 30, 200, 900]))
    return event(
        name,
        type=chance.choice(KINDS),
        source=chance.choice(["billing", "crm"]),
        time=built.clock.at - ago,
        team=chance.choice(["sales", "marketing"]),
        kind=chance.choice(["outcome", "activity"]),
        value=chance.choice([None, -3 * ONE, chance.randrange(1, 10**9)]),
        effort=chance.choice([None, 0, 7_777]),
        unit=chance.choice([None, "EUR"]),
        objective=chance.choice([None, None, "win", "aside"]),
        subject=chance.choice([None, "ann"]),
        offerings=(("onboarding", chance.randrange(9) * ONE),) if chance.random() < 0.3 else (),
        data={"segment": chance.choice(["enterprise", "small"])},
    )


class Life:
    """What may happen to an organization."""

    def __init__(self, built: House, actor: Actor, seed: int) -> None:
        self.built, self.actor, self.chance, self.number = built, actor, Random(seed), 0
        self.slow = replace(built.service, restate_at_once=0)
        self.there: list[UUID] = []
        self.ways: tuple[Callable[[], Awaitable[object]], ...] = (
            *3 * (self.record,),
            *3 * (self.retract,),
            self.correct,
            self.redefine,
            self.redefine_slowly,
            self.step,
            self.step,
            self.configure,
            self.erase,
            self.rebuild,
            self.tomorrow,
        )

    async def live(self) -> None:
        await self.chance.choice(self.ways)()

    async def record(self) -> None:
        self.number += 1
        wanted = [happened(self.built, self.chance, f"new-{self.number}-{n}") for n in range(4)]
        self.there += [
            item.uid
            for item in await record(self.built, self.actor, *wanted)
            if item.uid is not None
        ]

    async def retract(self) -> None:
        for _ in range(min(2, len(self.there))):
            uid = self.there.pop(self.chance.randrange(len(self.there)))
            await events.retract_event(self.built.service, self.actor, uid, "a mistake")

    async def correct(self) -> None:
        """One of these goes, and another comes in its place with other effort: of the cell only that changes."""
        await self.retract()
        await self.record()

    def other(self) -> object:
        key = self.chance.choice(["sum", "max", "last", "count"])
        types = tuple(self.chance.sample(KINDS, 2))
        canonical = self.chance.choice([None, "billing"])
        return metric(
            key,
            aggregation=key,
            events=types[:1],
            activities=types[1:],
            where=(),
            canonical_source=canonical,
        )

    async def redefine(self) -> None:
        await configuration.put(self.built.service, self.actor, self.other())  # type: ignore[arg-type]  # a metric

    async def redefine_slowly(self) -> None:
        await configuration.put(self.slow, self.actor, self.other())  # type: ignore[arg-type]  # a metric

    async def step(self) -> None:
        for _ in range(self.chance.randrange(60)):
            await restatement.step(self.slow, self.actor.organization)

    async def configure(self) -> None:
        size = self.chance.randrange(1, 9) * ONE
        await configuration.put(
            self.built.service, self.actor, Team("sales", "Sales", "sales", size)
        )

    async def erase(self) -> None:
        await erasures.erase(self.built.service, self.actor, "ann", nothing)  # type: ignore[arg-type]  # never returns

    async def rebuild(self) -> None:
        await maintenance.restore(self.built.service, self.actor.organization)

    async def tomorrow(self) -> None:
        self.built.clock.forward(days=1)


async def nothing(*_: object) -> None:
    raise AssertionError


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_happens_all_services_say_the_same(built: House, seed: int):
    actor = await quarter(built)
    life = Life(built, actor, seed)
    await life.record()
    one, other = fresh(built.service), fresh(built.service)
    for number in range(30):
        await life.live()
        true = await said(fresh(built.service), actor)
        assert await said(one, actor) == true, number
        if life.chance.random() < 0.4:
            assert await said(other, actor) == true, number
    assert await maintenance.differences(built.service, actor.organization) == dict.fromkeys(
        ("event", "measure", "attention", "sold"), 0
    )


async def test_it_is_read_when_the_second_one_asks_and_kept_until_the_day_is_over(built: House):
    actor = await quarter(built)
    service, today = fresh(built.service), built.clock.at.date()

    async def kept() -> Settled | None:
        async with service.database.reading() as connection:
            at = await cursor.standing(connection, actor.organization)
        asked = "q4", today, today, at.recorded_day
        return service.kept.find(("settled", actor.organization), asked, at.catalogue, Settled)

    await record(built, actor, event("a"))
    await said(service, actor)
    assert await kept() is None
    await record(built, actor, event("b"))
    await said(service, actor)
    first = await kept()
    async with service.database.reading() as connection:
        assert (first is not None) == snapshot.settles(connection)
    if first is None:
        return
    assert first.day == today - DAY
    await record(built, actor, event("c"))
    await said(service, actor)
    assert await kept() is first
    await maintenance.restore(built.service, actor.organization)
    await configuration.put(built.service, actor, Team("sales", "Sales", "sales", 3 * ONE))
    assert await kept() is None


async def test_a_rebuild_that_mends_days_that_are_over_shows_at_once(built: House):
    actor = await quarter(built)
    service = fresh(built.service)
    before = await said(fresh(service), actor)
    async with service.database.writing() as connection:
        for table, sums in (
            ("measure", "counted = counted + 1, total = total + 7"),
            ("sold", "value = value + 7"),
        ):
            await connection.exec_driver_sql(f"update {table} set {sums}")
    for name in "ab":
        await record(built, actor, event(name, type="noise", data=None))
        await said(service, actor)
    await maintenance.restore(built.service, actor.organization)
    after = await said(service, actor)
    assert after == await said(fresh(service), actor)
    assert after[2] == before[2]


async def test_nothing_is_kept_of_a_day_on_which_less_was_known(built: House):
    actor = await quarter(built)
    service, day = fresh(built.service), built.clock.at.date() - 9 * DAY
    for name in "abc":
        await record(built, actor, event(name))
        answer = await alignment.read(service, actor, "q4", day, day)
        async with service.database.reading() as connection:
            plan, frame = answer.snapshot.plan, answer.snapshot.frame
            assert (
                await snapshot.read(connection, actor.organization, plan, frame)
            ).said == answer.snapshot.said
