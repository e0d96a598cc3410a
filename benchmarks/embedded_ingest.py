"""Measure event ingest on embedded SQLite, compared with SQLite alone.

`python -m benchmarks.embedded_ingest [--small] [--to FOLDER]`, or `make bench`. The figures are
medians of interleaved rounds.
"""

import argparse
import asyncio
import json
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from app.security.vault import generate_key
from app.settings import Settings
from app.store.operations import migrations
from benchmarks.ingest import (
    SMALL_SIZE,
    BenchmarkSize,
    IngestBenchmark,
    build_environment,
    create_organization,
    make_wire_event,
    measure_batches,
    measure_single_events,
    run_server,
)
from benchmarks.report import RatioRow, write_report

CREATE_TABLES = """
pragma journal_mode = wal; pragma synchronous = full;
create table event (source text, id text, type text, time text, team text, value real,
  data text, primary key (source, id)) strict, without rowid;
create table measure (type text primary key, events integer, value real) strict, without rowid;
"""
INSERT_EVENT = "insert into event values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing"
UPSERT_MEASURE = (
    "insert into measure values (?, ?, ?) on conflict do update set "
    "events = events + excluded.events, value = value + excluded.value"
)


def measure_executemany(bench: IngestBenchmark, folder: Path) -> None:
    """Measure batches of 1,000 with one roll-up by the driver alone, each in one transaction."""
    event_batches = [[make_wire_event() for _ in range(1_000)] for _ in range(bench.size.batches)]
    connection = sqlite3.connect(folder / f"{time.monotonic_ns()}.db")
    connection.executescript(CREATE_TABLES)
    start = time.perf_counter()
    for batch in event_batches:
        names = ("source", "id", "type", "time", "team", "value")
        connection.executemany(
            INSERT_EVENT,
            [
                (*(event[column_name] for column_name in names), json.dumps(event["data"]))
                for event in batch
            ],
        )
        event_counts = Counter(str(event["type"]) for event in batch)
        connection.executemany(
            UPSERT_MEASURE,
            [(kind, number, number * 100.5) for kind, number in event_counts.items()],
        )
        connection.commit()
    bench.add_rate("executemany", 1_000 * len(event_batches) / (time.perf_counter() - start))
    connection.close()


async def measure_all(bench: IngestBenchmark, folder: Path) -> None:
    """Run all measurements in turn. With several rounds, the first one only warms up."""
    for _ in range(bench.size.rounds + (bench.size.rounds > 1)):
        measure_executemany(bench, folder)
        await measure_batches(bench, 1_000, 1, "http")
        await measure_single_events(bench, bench.receivers_url, "/lite", "lite")
        await measure_single_events(bench, bench.service_url, "/v1/events", "single")


def run_benchmark(size: BenchmarkSize) -> list[RatioRow]:
    """Return all rows, measured on a temporary database."""
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        keys = {"secret_keys": generate_key(), "key_pepper": generate_key()}
        url = f"sqlite+aiosqlite:///{folder / 'sightline.db'}"
        migrations.upgrade_database(url)
        actor, ingest_key, hook = asyncio.run(
            create_organization(Settings(database_url=url, requests_per_minute=0, **keys))
        )
        receivers = run_server(
            "uvicorn",
            *("benchmarks.receivers:embedded", "--factory", "--no-access-log"),
            ready_path="/docs",
            RECEIVER_FILE=str(folder / "lite.db"),
        )
        service = run_server(
            "sightline", "serve", ready_path="/readyz", **build_environment(url, keys)
        )
        with receivers as (receivers_url, _, _), service as (service_url, _, _):
            bench = IngestBenchmark(url, ingest_key, hook, actor, service_url, receivers_url, size)
            asyncio.run(measure_all(bench, folder))
    rates = {
        operation_name: samples[1:] or samples for operation_name, samples in bench.rates.items()
    }
    return [
        RatioRow(
            "SQLite: batches of 1,000, and `executemany` with one roll-up",
            rates["http"],
            rates["executemany"],
            0.25,
        ),
        RatioRow(
            "SQLite: single events, and one commit for each", rates["single"], rates["lite"], 5.0
        ),
    ]


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the report and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--small", action="store_true", help="run at the smallest size, only to show that it works"
    )
    parser.add_argument("--to", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stops the started servers too
    write_report(
        options.to, "embedded", run_benchmark(SMALL_SIZE if options.small else BenchmarkSize())
    )


if __name__ == "__main__":
    main(sys.argv[1:])
