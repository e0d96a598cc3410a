"""What a past day's answer and a history cost against the present one, and that events do not make either dearer.

`python -m benchmarks.past_answers [DATABASE_URL] [--small]`: from the root of the repository, on PostgreSQL. The
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
from app.domain.events.matched_event import MatchedEvent
from app.domain.events.metrics import AGGREGATIONS, Metric
from app.domain.playbook.configuration import Configuration, ConfigurationDraft, Resource
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Organization, Team
from app.domain.playbook.playbooks import Contribution, Playbook, Signoff
from app.domain.primitives import epoch
from app.domain.sources.sources import Source
from app.main import GC_THRESHOLDS
from app.security import identifiers as ids
from app.security.vault import Vault
from app.services.access import organizations
from app.services.alignment import alignment, history
from app.services.events import ingestion as events
from app.services.playbook import configuration, playbooks
from app.services.runtime.context import ServiceContext
from app.services.runtime.matcher_cache import load_compiled_configuration
from app.services.runtime.versioned_cache import VersionedCache
from app.store.events import ingest
from app.store.sql.database import connect

SCALE: Final = 10_000
DAYS: Final = 90
START: Final = datetime(2026, 8, 1, 9, tzinfo=UTC)
BATCH_SIZE: Final = 5_000
MAX_RATIOS: Final = {"past": 3.0, "history": 10.0, "events": 0.2}
FUNCTIONS: Final = ("sales", "marketing", "operations", "product", "executive")
QUESTIONS: Final = ("present", "past", "history")
QuestionTimes = dict[tuple[str, str], list[float]]


@dataclass(frozen=True)
class HistorySize:
    """How large it all is. Shape: `copies` is how often the many events repeat the few."""

    objectives: int = 1_000
    key_results: int = 2_000
    teams: int = 50
    metrics: int = 200
    events: int = 10_000
    copies: int = 100
    writes: int = 40
    rounds: int = 6


SMALL_SIZE: Final = HistorySize(
    objectives=10, key_results=20, teams=5, metrics=10, events=900, copies=2, writes=10, rounds=3
)


@dataclass
class FakeClock:
    """A clock that stands where it is put."""

    now: datetime = START

    def __call__(self) -> datetime:
        """The instant at which it stands."""
        return self.now


def make_nouns(size: HistorySize) -> list[Resource]:
    """Everything that is there from the first day on."""
    last_day = START.date() + timedelta(days=DAYS + 30)
    teams = [
        Team(f"team-{n}", f"Team {n}", FUNCTIONS[n % 5], (1 + n % 9) * SCALE)
        for n in range(size.teams)
    ]
    nouns: list[Resource] = [*teams, Source("crm", "CRM"), Source("billing", "Billing")]
    for n in range(size.metrics):
        canonical = "crm" if n % 3 == 0 else None
        aggregation = AGGREGATIONS[n % 6]
        event_types = (f"won-{n}",), (f"call-{n}",)
        nouns.append(
            Metric(
                f"metric-{n}",
                f"Metric {n}",
                event_types[0],
                aggregation,
                None,
                event_types[1],
                (),
                "value",
                canonical,
            )
        )
    nouns += [Offering(f"offering-{n}", f"Offering {n}", START.date()) for n in range(5)]
    nouns.append(Playbook("plan", "Plan", "", START.date(), last_day))
    for n in range(size.objectives):
        nouns.append(Objective(f"objective-{n}", "plan", f"Objective {n}", "", (1 + n % 5) * SCALE))
        for m, role in ((n, "accountable"), (n + 1, "responsible")):
            responsibility = Responsibility(
                f"objective-{n}", f"team-{m % size.teams}", role, SCALE, "accepted"
            )
            nouns.append(responsibility)
    for n in range(size.key_results):
        objective_key, metric_key = f"objective-{n % size.objectives}", f"metric-{n % size.metrics}"
        nouns.append(
            KeyResult(
                f"result-{n}", objective_key, f"Result {n}", metric_key, 0, (1_000 + n) * SCALE
            )
        )
    nouns += [Contribution("plan", team.key, "x") for team in teams[::2]]
    return nouns


def make_day_events(size: HistorySize, day: int, copy: int) -> list[Event]:
    """The events of one day; copies differ in their names and values alone, so they have the same roll-up keys."""
    rng = Random(day)
    count, day_events = size.events // DAYS, []
    for n in range(count):
        metric, is_outcome = rng.randrange(size.metrics), rng.random() < 0.6
        occurred_at = START + timedelta(days=day, seconds=rng.randrange(600))
        sold_offerings = (
            ((f"offering-{n % 5}", (5 + copy) * SCALE),) if is_outcome and n % 4 == 0 else ()
        )
        day_events.append(
            Event(
                id=f"{day}-{n}-{copy}",
                source=rng.choice(["crm", "billing"]),
                type=f"{'won' if is_outcome else 'call'}-{metric}",
                time=occurred_at,
                team=f"team-{rng.randrange(size.teams)}",
                kind="outcome" if is_outcome else "activity",
                value=(1 + (n + copy) % 50) * SCALE if is_outcome else None,
                offerings=sold_offerings,
            )
        )
    return day_events


def change_plan(number: int, current: Configuration) -> Configuration:
    """Eight changes of an organization that thinks about its plan."""
    rng, draft = Random(number), ConfigurationDraft(current)
    for index in range(4):
        objective = current.objectives[f"objective-{rng.randrange(len(current.objectives))}"]
        key_result = current.key_results[f"result-{rng.randrange(len(current.key_results))}"]
        toggled = replace(objective, state="paused" if objective.state == "active" else "active")
        draft.put(replace(objective, priority=rng.randint(1, 9) * SCALE) if index else toggled)
        draft.put(replace(key_result, target=rng.randint(900, 4_000) * SCALE))
    return draft.configuration


class HistoryCompany:
    """One organization that lives through the days."""

    def __init__(
        self, service: ServiceContext, clock: FakeClock, size: HistorySize, copies: int
    ) -> None:
        """It is not in the database yet."""
        self.service, self.clock, self.size, self.copies = service, clock, size, copies
        self.actor = Actor(UUID(int=0), "bench", frozenset({"admin"}))

    async def create_history(self, name: str) -> None:
        """The days are over, and everything is recorded."""
        self.clock.now = START
        key = f"{name}-{ids.new_uuid7(datetime.now(UTC)).hex}"
        await organizations.create_organization(self.service, Organization(key, "Benchmark"))
        self.actor = Actor(
            await organizations.find_organization(self.service, key), "bench", frozenset({"admin"})
        )
        await configuration.write_configuration(
            self.service, self.actor, lambda current: add_nouns(current, make_nouns(self.size))
        )
        await playbooks.publish_playbook(self.service, self.actor, "plan")
        for day in range(DAYS):
            self.clock.now = START + timedelta(days=day, minutes=30)
            await self.record_day(day)
            await self.edit_plan(day)

    async def record_day(self, day: int) -> None:
        """The day's events are recorded, and one of every ninth day is retracted: by the service's own statement."""
        async with self.service.database.read_transaction() as connection:
            compiled = await load_compiled_configuration(connection, self.actor.organization)
        day_events = [
            event for copy in range(self.copies) for event in make_day_events(self.size, day, copy)
        ]
        day_number = epoch.to_day_number(self.clock.now.date())
        prepared: Sequence[MatchedEvent] = ()
        for start in range(0, len(day_events), BATCH_SIZE):
            prepared = ingest.match_events(
                day_events[start : start + BATCH_SIZE], compiled.matcher, self.clock.now, "UTC"
            )
            async with self.service.database.write_transaction() as connection:
                arguments = (prepared, self.clock.now, day_number, compiled.version)
                recorded = await ingest.record_events(
                    connection, self.actor.organization, *arguments
                )
            assert len(recorded.uids) == len(prepared)
        if day % 9 == 0:
            await events.retract_event(self.service, self.actor, prepared[0].uid, "a mistake")

    async def edit_plan(self, day: int) -> None:
        """The plan changes some, is published every fortnight, and a team signs it."""
        first_write, last_write = (self.size.writes * n // DAYS for n in (day, day + 1))
        for number in range(first_write, last_write):
            await configuration.write_configuration(
                self.service,
                self.actor,
                lambda current, n=number: change_plan(n, current),  # type: ignore[misc]  # a default binds the loop's number
            )
        if day % 14 == 13:
            await playbooks.publish_playbook(self.service, self.actor, "plan")
        if day % 5:
            return
        revision = (
            await playbooks.export_document(self.service, self.actor, "plan")
        ).playbook.revision
        signoff = Signoff("plan", f"team-{day % self.size.teams}", revision, "x")
        await playbooks.record_signoff(self.service, self.actor, signoff)

    @property
    def cold_service(self) -> ServiceContext:
        """The service of a process that has answered nothing yet."""
        return replace(self.service, answer_cache=VersionedCache())

    async def present(self) -> None:
        """The present answer."""
        await alignment.get_alignment(self.cold_service, self.actor)

    async def past(self) -> None:
        """The answer of the middle of the days, as it was known then."""
        day = (START + timedelta(days=DAYS // 2)).date()
        await alignment.get_alignment(self.cold_service, self.actor, None, day, day)

    async def history(self) -> None:
        """All the days."""
        series = await history.get_history(
            self.cold_service, self.actor, START.date(), self.last_day, "day"
        )
        assert len(series.points) == DAYS

    @property
    def last_day(self) -> date:
        """The last day."""
        return (START + timedelta(days=DAYS - 1)).date()


def add_nouns(current: Configuration, nouns: Sequence[Resource]) -> Configuration:
    """The configuration with all of it."""
    draft = ConfigurationDraft(current)
    for noun in nouns:
        draft.put(noun)
    return draft.configuration


async def measure_seconds(operation: Callable[[], Awaitable[None]]) -> float:
    """Seconds that it took."""
    start = time.perf_counter()
    await operation()
    return time.perf_counter() - start


async def measure_questions(url: str, size: HistorySize) -> QuestionTimes:
    """The seconds of every round by (what was asked, how many events there were)."""
    clock = FakeClock()
    service = ServiceContext(connect(url), clock, Vault({"k": bytes(32)}, {"k": bytes(32)}))
    companies = {
        "few": HistoryCompany(service, clock, size, 1),
        "many": HistoryCompany(service, clock, size, size.copies),
    }
    for name, company in companies.items():
        seconds = await measure_seconds(lambda c=company, n=name: c.create_history(n))  # type: ignore[misc]  # as above
        print(f"{name}: played in {seconds:.0f} s", flush=True)
    async with service.database.write_transaction() as connection:
        await connection.exec_driver_sql("analyze")  # as the server itself would soon
    times: QuestionTimes = {}
    for number in range(size.rounds):
        for question in QUESTIONS:
            for name, company in companies.items():
                seconds = await measure_seconds(getattr(company, question))
                if number:
                    times.setdefault((question, name), []).append(seconds)
    await service.database.close()
    return times


def format_report(times: QuestionTimes) -> str:
    """A table in Markdown: the medians with their spread, and the ratios with their limits."""
    medians = {name: statistics.median(samples) for name, samples in times.items()}
    lines = ["| asked | events | median ms | from to | limit |", "|---|---|---|---|---|"]
    for (question, name), samples in times.items():
        spread = f"{min(samples) * 1000:.0f} to {max(samples) * 1000:.0f}"
        lines.append(f"| {question} | {name} | {medians[question, name] * 1000:.1f} | {spread} | |")
    for question in QUESTIONS[1:]:
        for name in ("few", "many"):
            ratio = medians[question, name] / medians["present", name]
            lines.append(
                f"| {question} / present | {name} | {ratio:.2f} x | | {MAX_RATIOS[question]:.0f} x |"
            )
        growth = medians[question, "many"] / medians[question, "few"] - 1
        lines.append(f"| {question} | many / few | {growth:+.0%} | | {MAX_RATIOS['events']:.0%} |")
    return "\n".join(lines)


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?")
    parser.add_argument(
        "--small", action="store_true", help="everything small: only shows that it runs"
    )
    options = parser.parse_args()
    gc.set_threshold(*GC_THRESHOLDS)  # as it is served
    size = SMALL_SIZE if options.small else HistorySize()
    if options.url:
        print(format_report(asyncio.run(measure_questions(options.url, size))))
        return
    databases = importlib.import_module("tests.support.databases")  # only of a checkout
    database_run = databases.Run()
    try:
        server = databases.PostgresqlServer()
        print(
            format_report(
                asyncio.run(measure_questions(server.address(server.acquire_database()), size))
            )
        )
        server.close()
    finally:
        database_run.close()


if __name__ == "__main__":
    main()
