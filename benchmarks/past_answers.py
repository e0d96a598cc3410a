"""Compare the answer for a past day and a history with the present answer.

`python -m benchmarks.past_answers [DATABASE_URL] [--small]`, from the root of the repository, on
PostgreSQL. The database must be at head. Without a URL the benchmark starts a server and deletes it
after the run.

Two organizations have the same configuration and journal. One has a hundred times the events of the
other, with the same roll-up keys. Their answers are measured in turn, as medians of the rounds. The
first round warms up.
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
from app.security import identifiers
from app.security.vault import Vault
from app.services.access import organizations
from app.services.alignment import alignment, history
from app.services.alignment.history import HistoryQuery
from app.services.events import ingestion
from app.services.events.matching import match_events
from app.services.playbook import configuration as configuration_service
from app.services.playbook import playbooks
from app.services.runtime.compiled_configuration import load_compiled_configuration
from app.services.runtime.context import ServiceContext
from app.services.runtime.versioned_cache import VersionedCache
from app.store.events import ingest
from app.store.events.ingest_batch import IngestBatch
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
    """The size of the benchmark."""

    objectives: int = 1_000
    key_results: int = 2_000
    teams: int = 50
    metrics: int = 200
    events: int = 10_000
    copies: int = 100  # the many events repeat the few so often
    writes: int = 40
    rounds: int = 6


SMALL_SIZE: Final = HistorySize(
    objectives=10, key_results=20, teams=5, metrics=10, events=900, copies=2, writes=10, rounds=3
)


@dataclass
class FakeClock:
    """A clock that shows the instant it is set to."""

    now: datetime = START

    def __call__(self) -> datetime:
        """Return the instant."""
        return self.now


def make_nouns(size: HistorySize) -> list[Resource]:
    """Make all resources that exist from the first day."""
    last_day = START.date() + timedelta(days=DAYS + 30)
    teams = [
        Team(f"team-{n}", f"Team {n}", FUNCTIONS[n % 5], (1 + n % 9) * SCALE)
        for n in range(size.teams)
    ]
    nouns: list[Resource] = [*teams, Source("crm", "CRM"), Source("billing", "Billing")]
    for n in range(size.metrics):
        canonical = "crm" if n % 3 == 0 else None
        aggregation = AGGREGATIONS[n % 6]
        nouns.append(
            Metric(
                f"metric-{n}",
                f"Metric {n}",
                (f"won-{n}",),
                aggregation,
                None,
                (f"call-{n}",),
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
        objective_key = f"objective-{n % size.objectives}"
        metric_key = f"metric-{n % size.metrics}"
        nouns.append(
            KeyResult(
                f"result-{n}", objective_key, f"Result {n}", metric_key, 0, (1_000 + n) * SCALE
            )
        )
    nouns += [Contribution("plan", team.key, "x") for team in teams[::2]]
    return nouns


def make_day_events(size: HistorySize, day: int, copy: int) -> list[Event]:
    """Make the events of one day. Copies differ only in id and value, so roll-up keys are equal."""
    rng = Random(day)
    day_events: list[Event] = []
    for n in range(size.events // DAYS):
        metric = rng.randrange(size.metrics)
        is_outcome = rng.random() < 0.6
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
    """Change four objectives and four key results of the playbook."""
    rng = Random(number)
    draft = ConfigurationDraft(current)
    for index in range(4):
        objective = current.objectives[f"objective-{rng.randrange(len(current.objectives))}"]
        key_result = current.key_results[f"result-{rng.randrange(len(current.key_results))}"]
        toggled = replace(objective, state="paused" if objective.state == "active" else "active")
        draft.put(replace(objective, priority=rng.randint(1, 9) * SCALE) if index else toggled)
        draft.put(replace(key_result, target=rng.randint(900, 4_000) * SCALE))
    return draft.configuration


class HistoryCompany:
    """One organization with a history of 90 days."""

    def __init__(
        self, service: ServiceContext, clock: FakeClock, size: HistorySize, copies: int
    ) -> None:
        self.service = service
        self.clock = clock
        self.size = size
        self.copies = copies
        self.actor = Actor(UUID(int=0), "bench", frozenset({"admin"}))

    async def create_history(self, name: str) -> None:
        """Create the organization and record all days."""
        self.clock.now = START
        organization_key = f"{name}-{identifiers.new_uuid7(datetime.now(UTC)).hex}"
        await organizations.create_organization(
            self.service, Organization(organization_key, "Benchmark")
        )
        self.actor = Actor(
            await organizations.find_organization(self.service, organization_key),
            "bench",
            frozenset({"admin"}),
        )
        await configuration_service.write_configuration(
            self.service, self.actor, lambda current: add_nouns(current, make_nouns(self.size))
        )
        await playbooks.publish_playbook(self.service, self.actor, "plan")
        for day in range(DAYS):
            self.clock.now = START + timedelta(days=day, minutes=30)
            await self.record_day(day)
            await self.edit_plan(day)

    async def record_day(self, day: int) -> None:
        """Record the day's events by the service's own statement.

        Retract one event every ninth day.
        """
        async with self.service.database.read_transaction() as connection:
            compiled = await load_compiled_configuration(connection, self.actor.organization)
        day_events = [
            event for copy in range(self.copies) for event in make_day_events(self.size, day, copy)
        ]
        day_number = epoch.to_day_number(self.clock.now.date())
        prepared: Sequence[MatchedEvent] = ()
        for start in range(0, len(day_events), BATCH_SIZE):
            prepared = match_events(
                day_events[start : start + BATCH_SIZE], compiled.matcher, self.clock.now, "UTC"
            )
            async with self.service.database.write_transaction() as connection:
                batch = IngestBatch(
                    self.actor.organization, prepared, self.clock.now, day_number, compiled.version
                )
                recorded = await ingest.record_events(connection, batch)
            assert len(recorded.uids) == len(prepared)
        if day % 9 == 0:
            await ingestion.retract_event(self.service, self.actor, prepared[0].uid, "a mistake")

    async def edit_plan(self, day: int) -> None:
        """Change the playbook, publish it every fortnight, and sign it every fifth day."""
        first_write, last_write = (self.size.writes * n // DAYS for n in (day, day + 1))
        for number in range(first_write, last_write):
            await configuration_service.write_configuration(
                self.service,
                self.actor,
                lambda current, n=number: change_plan(n, current),  # type: ignore[misc]  # a default binds the number
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
        """Get the present answer."""
        await alignment.get_alignment(self.cold_service, self.actor)

    async def past(self) -> None:
        """Get the answer of the middle day, as known on that day."""
        day = (START + timedelta(days=DAYS // 2)).date()
        await alignment.get_alignment(self.cold_service, self.actor, None, day, day)

    async def history(self) -> None:
        """Get the history of all days."""
        series = await history.get_history(
            self.cold_service, self.actor, HistoryQuery(START.date(), self.last_day)
        )
        assert len(series.points) == DAYS

    @property
    def last_day(self) -> date:
        """The last day of the history."""
        return (START + timedelta(days=DAYS - 1)).date()


def add_nouns(current: Configuration, nouns: Sequence[Resource]) -> Configuration:
    """Add the resources to the configuration."""
    draft = ConfigurationDraft(current)
    for noun in nouns:
        draft.put(noun)
    return draft.configuration


async def measure_seconds(operation: Callable[[], Awaitable[None]]) -> float:
    """Return the seconds that the operation took."""
    start = time.perf_counter()
    await operation()
    return time.perf_counter() - start


async def measure_questions(url: str, size: HistorySize) -> QuestionTimes:
    """Return the seconds of every round by (question, number of events)."""
    clock = FakeClock()
    service = ServiceContext(connect(url), clock, Vault({"k": bytes(32)}, {"k": bytes(32)}))
    companies = {
        "few": HistoryCompany(service, clock, size, 1),
        "many": HistoryCompany(service, clock, size, size.copies),
    }
    for size_name, company in companies.items():
        seconds = await measure_seconds(lambda c=company, n=size_name: c.create_history(n))  # type: ignore[misc]  # as above
        print(f"{size_name}: recorded in {seconds:.0f} s", flush=True)
    async with service.database.write_transaction() as connection:
        await connection.exec_driver_sql("analyze")  # the server would do it itself later
    times: QuestionTimes = {}
    for number in range(size.rounds):
        for question in QUESTIONS:
            for size_name, company in companies.items():
                seconds = await measure_seconds(getattr(company, question))
                if number:
                    times.setdefault((question, size_name), []).append(seconds)
    await service.database.close()
    return times


def format_report(times: QuestionTimes) -> str:
    """Format the medians with their spread, and the ratios with their limits, as a table."""
    medians = {size_name: statistics.median(samples) for size_name, samples in times.items()}
    lines = ["| question | events | median ms | range | limit |", "|---|---|---|---|---|"]
    for (question, size_name), samples in times.items():
        spread = f"{min(samples) * 1000:.0f} to {max(samples) * 1000:.0f}"
        lines.append(
            f"| {question} | {size_name} | {medians[question, size_name] * 1000:.1f} | {spread} | |"
        )
    for question in QUESTIONS[1:]:
        for size_name in ("few", "many"):
            ratio = medians[question, size_name] / medians["present", size_name]
            limit = f"{MAX_RATIOS[question]:.0f} x"
            lines.append(f"| {question} / present | {size_name} | {ratio:.2f} x | | {limit} |")
        growth = medians[question, "many"] / medians[question, "few"] - 1
        lines.append(f"| {question} | many / few | {growth:+.0%} | | {MAX_RATIOS['events']:.0%} |")
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?")
    parser.add_argument(
        "--small", action="store_true", help="run at the smallest size, only to show that it works"
    )
    options = parser.parse_args()
    gc.set_threshold(*GC_THRESHOLDS)  # the thresholds of the server
    size = SMALL_SIZE if options.small else HistorySize()
    if options.url:
        print(format_report(asyncio.run(measure_questions(options.url, size))))
        return
    databases = importlib.import_module("tests.support.databases")  # only a checkout has it
    database_run = databases.DatabaseRun()
    try:
        server = databases.PostgresqlServer()
        print(
            format_report(
                asyncio.run(
                    measure_questions(server.get_database_url(server.acquire_database()), size)
                )
            )
        )
        server.close()
    finally:
        database_run.close()


if __name__ == "__main__":
    main()
