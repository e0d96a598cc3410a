"""Measure answers, as ratios to simpler programs that are measured in turn in the same run.

`python -m benchmarks.reads [--small] [--growth] [--to FOLDER]`, or `make bench`. The benchmark
starts a durable PostgreSQL server, which it deletes after the run. It prints a table and writes it
as reads.md and reads.svg. The figures are medians of interleaved rounds. `--growth` continues to
five million events and to playbooks of other sizes, and writes how answers grow.

An answer is measured from the query to the bytes of the reply, without a cache of answers. After an
event, the process still has the configuration and the evidence of closed days. A new process has
nothing. The compared statements read all evidence. The targets are explained in
docs/performance.md.
"""

import argparse
import asyncio
import gc
import signal
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg

from app.main import GC_THRESHOLDS, make_service
from app.security.vault import generate_key
from app.services.runtime.context import ServiceContext
from app.settings import Settings
from benchmarks import unchanged_answers
from benchmarks.benchmark_company import (
    BenchmarkCompany,
    compute_answer,
    create_company,
    multiply_events,
    record_statements,
    with_empty_cache,
    without_answer_cache,
    without_evidence_cache,
)
from benchmarks.ingest import load_durable_databases, run_server
from benchmarks.past_answers import DAYS, START, FakeClock
from benchmarks.report import (
    RatioRow,
    draw_curves,
    format_number,
    format_table,
    write_files,
    write_report,
)

SERVER_SETTINGS: Final = {
    "jit": "off",
    "plan_cache_mode": "force_custom_plan",
    "timezone": "UTC",
}  # the settings of the service's connections
WINDOW_MICROSECONDS: Final = tuple(
    int((START + timedelta(days=days)).timestamp()) * 1_000_000 for days in (0, DAYS)
)
# Only the columns that the aggregate needs, with the best index for it.
CREATE_RAW_TABLE: Final = (
    "drop table if exists raw",
    "create table raw as select substr(type, strpos(type, '-') + 1) as metric, "  # noqa: ISC004  # one statement
    "kind, source, time_us, value from event where organization_id = '{}'",
    "create index on raw (kind, metric, source, time_us) include (value)",
    "vacuum analyze raw",
)
AGGREGATE_SQL: Final = (
    "select metric, source, count(*), sum(value), min(value), max(value) from raw "
    "where kind = 'outcome' and time_us between $1 and $2 group by metric, source"
)
# Each plan is measured, and an answer is compared with the best one.
PLANNER_SETTINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "as planned": {},
    "by the index": {"enable_seqscan": "off", "enable_bitmapscan": "off"},
    "by one process": {"max_parallel_workers_per_gather": "0"},
}
ANSWER_LABEL: Final = "the answer"
STATEMENTS_LABEL: Final = "the statements that read all evidence"
AGGREGATE_LABEL: Final = "the SQL aggregate"
NEW_PROCESS_LABEL: Final = "in a new process"
NEW_PROCESS_STATEMENTS_LABEL: Final = "these statements in a new process"
OperationTimes = Mapping[str, Sequence[float]]
MedianPoints = list[tuple[int, dict[str, float]]]


@dataclass(frozen=True)
class ReadsSize:
    """The size of the benchmark."""

    events: int = 10_000  # at first
    objectives: int = 100  # of the playbook with these events
    # Two sizes of playbooks that are compared, and more sizes for `--growth`.
    compared_objectives: tuple[int, int] = (1_000, 10_000)
    other_objectives: tuple[int, ...] = (10, 100)
    # Each multiplies the events; the second one and later ones are for `--growth`.
    event_factors: tuple[int, ...] = (100, 5)
    rounds: int = 9
    requests: int = 1_600


SMALL_SIZE: Final = ReadsSize(900, 10, (10, 20), (5,), (2, 2), 1, 32)


async def measure_times(
    rounds: int, operations: Mapping[str, Callable[[], Awaitable[object]]]
) -> OperationTimes:
    """Run the operations in turn, after a round that only warms up. Return milliseconds."""
    times: dict[str, list[float]] = {operation_name: [] for operation_name in operations}
    for number in range(rounds + 1):
        for operation_name, operation in operations.items():
            start = time.perf_counter()
            await operation()
            if number:
                times[operation_name].append(1000 * (time.perf_counter() - start))
    return times


class UncachedBenchmark:
    """Answers without a cache, on one database."""

    def __init__(
        self, url: str, service: ServiceContext, clock: FakeClock, extent: ReadsSize
    ) -> None:
        self.dsn = url.replace("+asyncpg", "")
        self.service = service
        self.clock = clock
        self.extent = extent
        # Medians by the number of events, and by the number of objectives.
        self.events: MedianPoints = []
        self.objectives: MedianPoints = []

    async def connect(self, **settings: str) -> asyncpg.Connection:
        """Open a connection with the settings of the service."""
        return await asyncpg.connect(self.dsn, server_settings={**SERVER_SETTINGS, **settings})

    async def run_and_analyze(self, *steps: str) -> None:
        """Execute the statements, then update the statistics, as the server itself does later."""
        connection = await self.connect()
        for step in (*steps, "vacuum analyze", "checkpoint"):
            await connection.execute(step)
        await connection.close()

    async def create_company(self, objectives: int) -> BenchmarkCompany:
        """Create an organization with a playbook of that size, and update the statistics."""
        company = await create_company(self.service, self.clock, objectives, self.extent.events)
        await self.run_and_analyze()
        return company

    async def measure_by_events(self, many: BenchmarkCompany, *, growth: bool) -> list[RatioRow]:
        """Measure answers from the same roll-ups with more and more events."""
        few = await self.create_company(self.extent.objectives)
        rows: list[RatioRow] = []
        event_count = self.extent.events
        for index, factor in enumerate(self.extent.event_factors[: None if growth else 1]):
            connection = await self.connect()
            await multiply_events(connection, many.organization, factor)
            await connection.close()
            await self.run_and_analyze(
                *(step.format(many.organization) for step in CREATE_RAW_TABLE)
            )
            event_count *= factor
            times = await self.compare_answers(few, many)
            best_times = min(
                (times[plan_name] for plan_name in PLANNER_SETTINGS), key=statistics.median
            )
            label = f"{2 * self.extent.objectives} key results, {event_count:,} events"
            rows.append(
                RatioRow(
                    f"{label}: {AGGREGATE_LABEL} over them",
                    times["many"],
                    best_times,
                    25 if index else 8,
                    "faster",
                )
            )
            rows.append(
                RatioRow(
                    f"{label}: {self.extent.events:,} of them",
                    times["many"],
                    times["few"],
                    1.2,
                    "slower",
                )
            )
            if not index:
                self.events.append(
                    (self.extent.events, {ANSWER_LABEL: statistics.median(times["few"])})
                )
            medians = {
                ANSWER_LABEL: statistics.median(times["many"]),
                AGGREGATE_LABEL: statistics.median(best_times),
            }
            self.events.append((event_count, medians))
        return rows

    async def compare_answers(
        self, few: BenchmarkCompany, many: BenchmarkCompany
    ) -> OperationTimes:
        """Measure both answers, and the aggregate over the many events by each plan."""
        connections = {
            plan_name: await self.connect(work_mem="64MB", **settings)
            for plan_name, settings in PLANNER_SETTINGS.items()
        }
        aggregates = {
            plan_name: partial(connection.fetch, AGGREGATE_SQL, *WINDOW_MICROSECONDS)
            for plan_name, connection in connections.items()
        }
        uncached_service = without_answer_cache(self.service)
        answers = {
            company_name: partial(compute_answer, company, lambda _: uncached_service)
            for company_name, company in (("few", few), ("many", many))
        }
        # The second answer reads the evidence of closed days, and later ones use its cache.
        for compute in answers.values():
            await compute()
        times = await measure_times(self.extent.rounds, {**answers, **aggregates})
        for connection in connections.values():
            await connection.close()
        return times

    async def measure_by_objectives(self, *, growth: bool) -> list[RatioRow]:
        """Measure answers of playbooks with more and more objectives."""
        times_by_size = {}
        sizes = {
            *self.extent.compared_objectives,
            *(self.extent.other_objectives if growth else ()),
        }
        companies = {size: await self.create_company(size) for size in sorted(sizes)}
        for size, company in companies.items():
            times_by_size[size] = await self.measure_company(company)
            self.objectives.append(
                (
                    size,
                    {
                        operation_name: statistics.median(samples)
                        for operation_name, samples in times_by_size[size].items()
                    },
                )
            )
        smaller, larger = self.extent.compared_objectives
        operations = {
            size: partial(compute_answer, companies[size], with_empty_cache)
            for size in self.extent.compared_objectives
        }
        compared_times = await measure_times(
            self.extent.rounds, {str(size): operation for size, operation in operations.items()}
        )
        factor = larger // smaller
        smaller_times = times_by_size[smaller]
        label = f"{smaller:,} objectives"
        expected_times = [duration * factor for duration in compared_times[str(smaller)]]
        return [
            RatioRow(
                f"{label}, after an event: {STATEMENTS_LABEL}",
                smaller_times[ANSWER_LABEL],
                smaller_times[STATEMENTS_LABEL],
                2,
                "slower",
            ),
            RatioRow(
                f"{label}, {NEW_PROCESS_LABEL}: {STATEMENTS_LABEL}",
                smaller_times[NEW_PROCESS_LABEL],
                smaller_times[NEW_PROCESS_STATEMENTS_LABEL],
                2,
                "slower",
            ),
            RatioRow(
                f"{larger:,} objectives, {NEW_PROCESS_LABEL}: {factor} times {smaller:,}",
                compared_times[str(larger)],
                expected_times,
                1,
                "slower",
            ),
        ]

    async def measure_company(self, company: BenchmarkCompany) -> OperationTimes:
        """Measure the answer after an event and in a new process, and its statements alone."""
        connection = await self.connect()
        uncached_service = without_answer_cache(company.service)
        reading_service = without_evidence_cache(company.service)
        operations: dict[str, Callable[[], Awaitable[object]]] = {}
        # The compared statements read all evidence. After an event, the service reads only today's.
        for answer_label, statements_label, prepare_service, prepare_reading_service in (
            (ANSWER_LABEL, STATEMENTS_LABEL, lambda _: uncached_service, lambda _: reading_service),
            (NEW_PROCESS_LABEL, NEW_PROCESS_STATEMENTS_LABEL, with_empty_cache, with_empty_cache),
        ):
            await compute_answer(company, prepare_service)
            await compute_answer(company, prepare_reading_service)
            with record_statements(self.service) as recorded:
                await compute_answer(company, prepare_reading_service)
            operations[answer_label] = partial(compute_answer, company, prepare_service)
            operations[statements_label] = partial(execute_statements, connection, list(recorded))
        times = await measure_times(self.extent.rounds, operations)
        await connection.close()
        return times


async def execute_statements(
    connection: asyncpg.Connection, statements: Sequence[tuple[str, Sequence[object]]]
) -> None:
    """Execute the statements in one snapshot, and discard their rows."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        for sql, parameters in statements:
            await connection.fetch(sql, *parameters)


def format_points(label: str, points: MedianPoints) -> str:
    """Format a table of medians."""
    names = list(dict.fromkeys(curve_name for _, medians in points for curve_name in medians))
    cells = [
        [
            f"{number:,}",
            *(
                f"{format_number(medians[curve_name])} ms" if curve_name in medians else ""
                for curve_name in names
            ),
        ]
        for number, medians in points
    ]
    return format_table([label, *names], cells)


def draw_points(label: str, points: MedianPoints) -> str:
    """Draw the medians as curves."""
    names = dict.fromkeys(curve_name for _, medians in points for curve_name in medians)
    return draw_curves(
        label,
        {
            curve_name: [(n, medians[curve_name]) for n, medians in points if curve_name in medians]
            for curve_name in names
        },
    )


async def measure_all(
    url: str, keys: Mapping[str, str], extent: ReadsSize, *, growth: bool
) -> tuple[list[RatioRow], UncachedBenchmark]:
    """Return all rows, and the benchmark with its other measurements, on a database at head."""
    clock = FakeClock()
    service = make_service(Settings(database_url=url, **keys), clock)
    uncached = UncachedBenchmark(url, service, clock, extent)
    many = await uncached.create_company(extent.objectives)
    connection = await uncached.connect()
    await unchanged_answers.create_marks(connection)
    await connection.close()
    rows = await asyncio.to_thread(measure_over_http, url, keys, many, extent)
    rows += await uncached.measure_by_events(many, growth=growth)
    rows += await uncached.measure_by_objectives(growth=growth)
    await service.database.close()
    return rows, uncached


def measure_over_http(
    url: str, keys: Mapping[str, str], company: BenchmarkCompany, extent: ReadsSize
) -> list[RatioRow]:
    """Measure cached answers of the running service."""
    variables = {f"SIGHTLINE_{setting_name.upper()}": value for setting_name, value in keys.items()}
    variables |= {
        "SIGHTLINE_DATABASE_URL": url,
        "SIGHTLINE_REQUESTS_PER_MINUTE": "0",
        "SIGHTLINE_LOG_FORMAT": "json",
    }
    with run_server("sightline", "serve", ready_path="/readyz", **variables) as (service_url, _, _):
        size, etag = asyncio.run(unchanged_answers.get_answer(service_url, company.secret))
        receiver_variables = {
            "RECEIVER_DATABASE_URL": url.replace("+asyncpg", ""),
            "REPLY_BYTES": str(size),
        }
        receiver_command = (
            "uvicorn",
            "benchmarks.unchanged_answers:replies",
            "--factory",
            "--no-access-log",
        )
        with run_server(*receiver_command, ready_path="/docs", **receiver_variables) as receiver:
            receiver_url = receiver[0]
            measurement = unchanged_answers.measure_unchanged_answers(
                service_url, receiver_url, company.secret, etag, extent.rounds, extent.requests
            )
            return asyncio.run(measurement)


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the report and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--small", action="store_true", help="run at the smallest size, only to show that it works"
    )
    parser.add_argument(
        "--growth", action="store_true", help="measure growth too, up to five million events"
    )
    parser.add_argument("--to", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stops the started servers too
    gc.set_threshold(*GC_THRESHOLDS)  # the thresholds of the server
    extent = SMALL_SIZE if options.small else ReadsSize()
    keys = {"secret_keys": generate_key(), "key_pepper": generate_key()}
    databases: Any = load_durable_databases()  # Any: a module that only a checkout has
    database_run = databases.DatabaseRun()
    try:
        server = databases.PostgresqlServer()
        url = server.get_database_url(server.acquire_database())
        rows, uncached = asyncio.run(measure_all(url, keys, extent, growth=options.growth))
        server.close()
    finally:
        database_run.close()
    write_report(options.to, "reads", rows)
    if options.growth:
        write_files(
            options.to,
            "events",
            format_points("events", uncached.events),
            draw_points("events", uncached.events),
        )
        write_files(
            options.to,
            "objectives",
            format_points("objectives", uncached.objectives),
            draw_points("objectives", uncached.objectives),
        )


if __name__ == "__main__":
    main(sys.argv[1:])
