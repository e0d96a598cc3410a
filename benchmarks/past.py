"""What a past day's answer and a history cost against the present one, and that events do not make either dearer.

`python -m benchmarks.past [DATABASE_URL] [--small]`: from the root of the repository, on PostgreSQL. The
database must be at head; without an address a server of this machine is started for the run, and is gone after it.

Two organizations of the same configuration and journal, one with a hundred times the events of the other under the
same roll-up keys; their answers are asked in turn, medians of the rounds, the first one for warming up.
"""

import argparse
import asyncio
import gc
import importlib
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.events.metrics import AGGREGATIONS, Metric
from app.domain.playbook.configuration import Configuration, Draft, Noun
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Organization, Team
from app.domain.playbook.playbooks import Contribution, Playbook, Signoff
from app.domain.sources.sources import Source
from app.main import GARBAGE
from app.security import identifiers as ids
from app.security.vault import Vault
from app.services.access import organizations
from app.services.alignment import alignment, history
from app.services.events import ingestion as events
from app.services.playbook import configuration, playbooks
from app.services.runtime.context import Service
from app.services.runtime.matcher_cache import catalogue
from app.services.runtime.versioned_cache import Kept
from app.store.events import ingest
from app.store.events.rollups import Prepared
from app.store.sql import column_types as types
from app.store.sql.database import connect

ONE: Final = 10_000
DAYS: Final = 90
START: Final = datetime(2026, 8, 1, 9, tzinfo=UTC)
BATCH: Final = 5_000
LIMITS: Final = {"past": 3.0, "history": 10.0, "events": 0.2}
FUNCTIONS: Final = ("sales", "marketing", "operations", "product", "executive")
ASKED: Final = ("present", "past", "history")
Times = dict[tuple[str, str], list[float]]


@dataclass(frozen=True)
class Size:
    """How large it all is. Shape: `copies` is how often the many events repeat the few."""

    objectives: int = 1_000
    results: int = 2_000
    teams: int = 50
    metrics: int = 200
    events: int = 10_000
    copies: int = 100
    writes: int = 40
    rounds: int = 6


SMALL: Final = Size(
    objectives=10, results=20, teams=5, metrics=10, events=900, copies=2, writes=10, rounds=3
)


@dataclass
class Clock:
    """A clock that stands where it is put."""

    at: datetime = START

    def __call__(self) -> datetime:
        """The instant at which it stands."""
        return self.at


def nouns(size: Size) -> list[Noun]:
    """Everything that is there from the first day on."""
    last = START.date() + timedelta(days=DAYS + 30)
    teams = [
        Team(f"team-{n}", f"Team {n}", FUNCTIONS[n % 5], (1 + n % 9) * ONE)
        for n in range(size.teams)
    ]
    found: list[Noun] = [*teams, Source("crm", "CRM"), Source("billing", "Billing")]
    for n in range(size.metrics):
        canonical = "crm" if n % 3 == 0 else None
        aggregation = AGGREGATIONS[n % 6]
        kinds = (f"won-{n}",), (f"call-{n}",)
        found.append(
            Metric(
                f"metric-{n}",
                f"Metric {n}",
                kinds[0],
                aggregation,
                None,
                kinds[1],
                (),
                "value",
                canonical,
            )
        )
    found += [Offering(f"offering-{n}", f"Offering {n}", START.date()) for n in range(5)]
    found.append(Playbook("plan", "Plan", "", START.date(), last))
    for n in range(size.objectives):
        found.append(Objective(f"objective-{n}", "plan", f"Objective {n}", "", (1 + n % 5) * ONE))
        for m, role in ((n, "accountable"), (n + 1, "responsible")):
            part = Responsibility(f"objective-{n}", f"team-{m % size.teams}", role, ONE, "accepted")
            found.append(part)
    for n in range(size.results):
        aim, metric = f"objective-{n % size.objectives}", f"metric-{n % size.metrics}"
        found.append(KeyResult(f"result-{n}", aim, f"Result {n}", metric, 0, (1_000 + n) * ONE))
    found += [Contribution("plan", team.key, "x") for team in teams[::2]]
    return found


def happened(size: Size, day: int, copy: int) -> list[Event]:
    """The events of one day; copies differ in their names and values alone, so they have the same roll-up keys."""
    chance = Random(day)
    count, found = size.events // DAYS, []
    for n in range(count):
        metric, outcome = chance.randrange(size.metrics), chance.random() < 0.6
        at = START + timedelta(days=day, seconds=chance.randrange(600))
        sold = ((f"offering-{n % 5}", (5 + copy) * ONE),) if outcome and n % 4 == 0 else ()
        found.append(
            Event(
                id=f"{day}-{n}-{copy}",
                source=chance.choice(["crm", "billing"]),
                type=f"{'won' if outcome else 'call'}-{metric}",
                time=at,
                team=f"team-{chance.randrange(size.teams)}",
                kind="outcome" if outcome else "activity",
                value=(1 + (n + copy) % 50) * ONE if outcome else None,
                offerings=sold,
            )
        )
    return found


def changed(number: int, known: Configuration) -> Configuration:
    """Eight changes of an organization that thinks about its plan."""
    chance, draft = Random(number), Draft(known)
    for turn in range(4):
        objective = known.objectives[f"objective-{chance.randrange(len(known.objectives))}"]
        result = known.key_results[f"result-{chance.randrange(len(known.key_results))}"]
        states = replace(objective, state="paused" if objective.state == "active" else "active")
        draft.put(replace(objective, priority=chance.randint(1, 9) * ONE) if turn else states)
        draft.put(replace(result, target=chance.randint(900, 4_000) * ONE))
    return draft.present


class Company:
    """One organization that lives through the days."""

    def __init__(self, service: Service, clock: Clock, size: Size, copies: int) -> None:
        """It is not in the database yet."""
        self.service, self.clock, self.size, self.copies = service, clock, size, copies
        self.actor = Actor(UUID(int=0), "bench", frozenset({"admin"}))

    async def live(self, name: str) -> None:
        """The days are over, and everything is recorded."""
        self.clock.at = START
        key = f"{name}-{ids.uuid7(datetime.now(UTC)).hex}"
        await organizations.create(self.service, Organization(key, "Benchmark"))
        self.actor = Actor(
            await organizations.find(self.service, key), "bench", frozenset({"admin"})
        )
        await configuration.write(
            self.service, self.actor, lambda known: everything(known, nouns(self.size))
        )
        await playbooks.publish(self.service, self.actor, "plan")
        for day in range(DAYS):
            self.clock.at = START + timedelta(days=day, minutes=30)
            await self.record(day)
            await self.think(day)

    async def record(self, day: int) -> None:
        """The day's events are recorded, and one of every ninth day is retracted: by the service's own statement."""
        async with self.service.database.reading() as connection:
            known = await catalogue(connection, self.actor.organization)
        found = [event for copy in range(self.copies) for event in happened(self.size, day, copy)]
        number = types.day_number(self.clock.at.date())
        prepared: Sequence[Prepared] = ()
        for first in range(0, len(found), BATCH):
            prepared = ingest.prepare(
                found[first : first + BATCH], known.matcher, self.clock.at, "UTC"
            )
            async with self.service.database.writing() as connection:
                how = (prepared, self.clock.at, number, known.version)
                recorded = await ingest.record(connection, self.actor.organization, *how)
            assert len(recorded.uids) == len(prepared)
        if day % 9 == 0:
            await events.retract_event(self.service, self.actor, prepared[0].uid, "a mistake")

    async def think(self, day: int) -> None:
        """The plan changes some, is published every fortnight, and a team signs it."""
        first, last = (self.size.writes * n // DAYS for n in (day, day + 1))
        for number in range(first, last):
            await configuration.write(
                self.service,
                self.actor,
                lambda known, n=number: changed(n, known),  # type: ignore[misc]  # a default binds the loop's number
            )
        if day % 14 == 13:
            await playbooks.publish(self.service, self.actor, "plan")
        if day % 5:
            return
        revision = (await playbooks.document(self.service, self.actor, "plan")).playbook.revision
        signoff = Signoff("plan", f"team-{day % self.size.teams}", revision, "x")
        await playbooks.sign(self.service, self.actor, signoff)

    @property
    def cold(self) -> Service:
        """The service of a process that has answered nothing yet."""
        return replace(self.service, kept=Kept())

    async def present(self) -> None:
        """The present answer."""
        await alignment.read(self.cold, self.actor)

    async def past(self) -> None:
        """The answer of the middle of the days, as it was known then."""
        day = (START + timedelta(days=DAYS // 2)).date()
        await alignment.read(self.cold, self.actor, None, day, day)

    async def history(self) -> None:
        """All the days."""
        found = await history.read(self.cold, self.actor, START.date(), self.last, "day")
        assert len(found.points) == DAYS

    @property
    def last(self) -> date:
        """The last day."""
        return (START + timedelta(days=DAYS - 1)).date()


def everything(known: Configuration, found: Sequence[Noun]) -> Configuration:
    """The configuration with all of it."""
    draft = Draft(known)
    for noun in found:
        draft.put(noun)
    return draft.present


async def timed(act: Callable[[], Awaitable[None]]) -> float:
    """Seconds that it took."""
    start = time.perf_counter()
    await act()
    return time.perf_counter() - start


async def measure(url: str, size: Size) -> Times:
    """The seconds of every round by (what was asked, how many events there were)."""
    clock = Clock()
    service = Service(connect(url), clock, Vault({"k": bytes(32)}, {"k": bytes(32)}))
    companies = {
        "few": Company(service, clock, size, 1),
        "many": Company(service, clock, size, size.copies),
    }
    for name, company in companies.items():
        seconds = await timed(lambda c=company, n=name: c.live(n))  # type: ignore[misc]  # as above
        print(f"{name}: played in {seconds:.0f} s", flush=True)
    async with service.database.writing() as connection:
        await connection.exec_driver_sql("analyze")  # as the server itself would soon
    times: Times = {}
    for number in range(size.rounds):
        for what in ASKED:
            for name, company in companies.items():
                seconds = await timed(getattr(company, what))
                if number:
                    times.setdefault((what, name), []).append(seconds)
    await service.database.close()
    return times


def report(times: Times) -> str:
    """A table in Markdown: the medians with their spread, and the ratios with their limits."""
    middle = {name: statistics.median(found) for name, found in times.items()}
    lines = ["| asked | events | median ms | from to | limit |", "|---|---|---|---|---|"]
    for (what, name), found in times.items():
        spread = f"{min(found) * 1000:.0f} to {max(found) * 1000:.0f}"
        lines.append(f"| {what} | {name} | {middle[what, name] * 1000:.1f} | {spread} | |")
    for what in ASKED[1:]:
        for name in ("few", "many"):
            ratio = middle[what, name] / middle["present", name]
            lines.append(f"| {what} / present | {name} | {ratio:.2f} x | | {LIMITS[what]:.0f} x |")
        more = middle[what, "many"] / middle[what, "few"] - 1
        lines.append(f"| {what} | many / few | {more:+.0%} | | {LIMITS['events']:.0%} |")
    return "\n".join(lines)


def main() -> None:
    """Runs and prints."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("url", nargs="?")
    words.add_argument(
        "--small", action="store_true", help="everything small: only shows that it runs"
    )
    asked = words.parse_args()
    gc.set_threshold(*GARBAGE)  # as it is served
    size = SMALL if asked.small else Size()
    if asked.url:
        print(report(asyncio.run(measure(asked.url, size))))
        return
    databases = importlib.import_module("tests.support.databases")  # only of a checkout
    run = databases.Run()
    try:
        server = databases.Postgresql()
        print(report(asyncio.run(measure(server.address(server.fresh()), size))))
        server.close()
    finally:
        run.close()


if __name__ == "__main__":
    main()
