"""How fast the service takes events on embedded SQLite, beside what SQLite does without it.

`python -m benchmarks.embedded [--small] [--to FOLDER]`, or `make bench`. Medians of interleaved rounds.
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

from app.security.vault import new_keys
from app.settings import Settings
from app.store.operations import migrations
from benchmarks.bench import (
    SMALL,
    Bench,
    Size,
    batches,
    environment,
    furnish,
    served,
    singles,
    wire,
)
from benchmarks.report import Row, write

TABLES = """
pragma journal_mode = wal; pragma synchronous = full;
create table event (source text, id text, type text, time text, team text, value real, data text,
  primary key (source, id)) strict, without rowid;
create table measure (type text primary key, events integer, value real) strict, without rowid;
"""
EVENT = "insert into event values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing"
MEASURE = (
    "insert into measure values (?, ?, ?) on conflict do update set events = events + excluded.events, "
    "value = value + excluded.value"
)


def executemany(bench: Bench, folder: Path) -> None:
    """Batches of 1,000 with one roll-up by the driver alone, each its own transaction."""
    taken = [[wire() for _ in range(1_000)] for _ in range(bench.size.batches)]
    connection = sqlite3.connect(folder / f"{time.monotonic_ns()}.db")
    connection.executescript(TABLES)
    start = time.perf_counter()
    for batch in taken:
        names = ("source", "id", "type", "time", "team", "value")
        connection.executemany(
            EVENT, [(*(one[name] for name in names), json.dumps(one["data"])) for one in batch]
        )
        found = Counter(str(one["type"]) for one in batch)
        connection.executemany(
            MEASURE, [(kind, number, number * 100.5) for kind, number in found.items()]
        )
        connection.commit()
    bench.note("executemany", 1_000 * len(taken) / (time.perf_counter() - start))
    connection.close()


async def measure(bench: Bench, folder: Path) -> None:
    """All in turn; the first round only warms up when there are more."""
    for _ in range(bench.size.rounds + (bench.size.rounds > 1)):
        executemany(bench, folder)
        await batches(bench, 1_000, 1, "http")
        await singles(bench, bench.receivers, "/lite", "lite")
        await singles(bench, bench.service, "/v1/events", "single")


def run(size: Size) -> list[Row]:
    """All rows, on a database of their own."""
    with tempfile.TemporaryDirectory() as place:
        folder, keys = Path(place), {"secret_keys": new_keys(), "key_pepper": new_keys()}
        url = f"sqlite+aiosqlite:///{folder / 'sightline.db'}"
        migrations.upgrade(url)
        actor, key, hook = asyncio.run(
            furnish(Settings(database_url=url, requests_per_minute=0, **keys))
        )
        receivers = served(
            "uvicorn", "benchmarks.receivers:embedded", "--factory", "--no-access-log", ready="/docs",
            RECEIVER_FILE=str(folder / "lite.db"),
        )  # fmt: skip
        service = served("sightline", "serve", ready="/readyz", **environment(url, keys))
        with receivers as (other, _, _), service as (mine, _, _):
            bench = Bench(url, key, hook, actor, mine, other, size)
            asyncio.run(measure(bench, folder))
    taken = {name: found[1:] or found for name, found in bench.taken.items()}
    return [
        Row(
            "SQLite: batches of 1,000, and `executemany` with one roll-up",
            taken["http"],
            taken["executemany"],
            0.25,
        ),
        Row("SQLite: single events, and one commit for each", taken["single"], taken["lite"], 5.0),
    ]


def main(words: Sequence[str]) -> None:
    """Runs, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--small", action="store_true", help="everything small: only shows that it runs"
    )
    parser.add_argument("--to", type=Path, default=Path("benchmarks/results"))
    asked = parser.parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    write(asked.to, "embedded", run(SMALL if asked.small else Size()))


if __name__ == "__main__":
    main(sys.argv[1:])
