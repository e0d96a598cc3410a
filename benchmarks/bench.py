"""How fast the service takes events, as ratios to simpler things that are measured in turn in the same run.

`python -m benchmarks.bench [--small] [--growth] [--to FOLDER]`, or `make bench`: starts a durable PostgreSQL of this
machine, the service and the receivers, prints a table, and writes it as ingest.md and ingest.svg. Medians of
interleaved rounds.
Source of the bars: quality.md.
"""

import argparse
import asyncio
import hmac
import importlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import asyncpg

from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.events.metrics import Metric
from app.domain.playbook.configuration import Configuration, Draft
from app.domain.playbook.organization import Organization, Team
from app.domain.sources.sources import Source
from app.main import make_service
from app.security.vault import new_keys
from app.services.access import organizations
from app.services.playbook import configuration
from app.services.runtime.matcher_cache import catalogue
from app.services.sources import sources
from app.settings import Settings
from app.store.events import ingest
from app.store.sql import column_types as types
from benchmarks.load import Load, request, send
from benchmarks.report import Row, curves, keep, shown, table, write

METRICS: Final = 20
PUBLIC, SECRET, PORTAL = (
    "https://sightline.example",
    "the-client-secret-of-a-private-app",
    "4242001",
)
NOW: Final = datetime.now(UTC).replace(microsecond=0)
NUMBERS: Final = count()
DURABLE: Final = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
}


@dataclass(frozen=True)
class Size:
    """How much is measured. Shape: the first of several rounds only warms up."""

    rounds: int = 5
    batches: int = 6
    singles: int = 600
    seconds: float = 400  # after which no other round begins


SMALL: Final = Size(rounds=1, batches=1, singles=40)


@dataclass
class Bench:
    """What is measured, and where. Shape: `taken` has the events a second of each round by name."""

    url: str
    key: str
    hook: str
    actor: Actor
    service: str
    receivers: str
    size: Size
    taken: dict[str, list[float]] = field(default_factory=dict)

    def many(self, size: int) -> int:
        """How many batches of that size a client sends in a round."""
        return max(1, self.size.batches * 1_000 // size)

    def note(self, name: str, value: float) -> None:
        """One more round of it is done."""
        self.taken.setdefault(name, []).append(value)


def wire() -> dict[str, object]:
    """One new event as it is sent."""
    number = next(NUMBERS)
    data = {"segment": "enterprise", "seats": number}
    more = {"time": NOW.isoformat(), "team": "sales", "value": 100.5, "data": data}
    return {"id": f"e-{number}", "source": "billing", "type": f"type-{number % METRICS}", **more}


def furnished(known: Configuration) -> Configuration:
    """A team, a source, and as many metrics as there are types."""
    draft = Draft(known)
    draft.put(Team("sales", "Sales", "sales", 10_000))
    draft.put(Source("billing", "Billing"))
    for number in range(METRICS):
        draft.put(Metric(f"metric-{number}", f"Metric {number}", (f"type-{number}",), "sum"))
    return draft.present


class Recorder:
    """Stands where a connection does, and only keeps what the statement is asked with."""

    dialect = type("Dialect", (), {"name": "postgresql"})
    arguments: tuple[Any, ...] = ()  # Any: columns of every type

    async def exec_driver_sql(
        self, _sql: str, arguments: tuple[Any, ...]
    ) -> "Recorder":  # Any: the same
        """Keeps the arguments."""
        self.arguments = arguments
        return self

    def one(self) -> tuple[int, None, list[Any]]:  # Any: none in it
        """Nothing was recorded."""
        return 0, None, []


async def statements(bench: Bench, size: int, clients: int, name: str) -> None:
    """Batches by the statement alone, through asyncpg, everything made beforehand."""
    service = make_service(
        Settings(database_url=bench.url, secret_keys=new_keys(), key_pepper=new_keys())
    )
    async with service.database.reading() as connection:
        known = await catalogue(connection, bench.actor.organization)
    await service.database.close()
    asked = []
    number = bench.many(size) * clients
    for _ in range(number + clients):
        events = [_event(wire()) for _ in range(size)]
        recorder = Recorder()
        prepared = ingest.prepare(events, known.matcher, NOW, "UTC")
        day = types.day_number(NOW.date())
        await ingest.record(recorder, bench.actor.organization, prepared, NOW, day, known.version)  # type: ignore[arg-type]  # it stands for one
        asked.append(recorder.arguments)
    connections = [await asyncpg.connect(bench.url.replace("+asyncpg", "")) for _ in range(clients)]
    left = iter(asked[clients:])
    for connection, arguments in zip(connections, asked, strict=False):  # prepares the statement
        await connection.fetchrow(ingest.RECORD, *arguments)

    async def run(connection: asyncpg.Connection) -> None:
        for arguments in left:
            await connection.fetchrow(ingest.RECORD, *arguments)

    start = time.perf_counter()
    await asyncio.gather(*map(run, connections))
    bench.note(name, number * size / (time.perf_counter() - start))
    for connection in connections:
        await connection.close()


def _event(sent: dict[str, Any]) -> Event:  # Any: JSON values
    known = {name: sent[name] for name in ("id", "source", "type", "team", "data")}
    return Event(**known, time=NOW, value=1_005_000)


async def batches(bench: Bench, size: int, clients: int, name: str) -> None:
    """The same over HTTP, the bodies made beforehand."""
    number = bench.many(size) * clients
    bodies = [json.dumps({"events": [wire() for _ in range(size)]}).encode() for _ in range(number)]
    load = await send(
        bench.service, [request("/v1/event-batches", body, bench.key) for body in bodies], clients
    )
    bench.note(name, number * size / load.took)


async def singles(bench: Bench, address: str, path: str, name: str) -> Load:
    """One event a request, by 32 clients."""
    key = bench.key if address == bench.service else ""
    asked = [request(path, json.dumps(wire()).encode(), key) for _ in range(bench.size.singles)]
    load = await send(address, asked, 32)
    bench.note(name, len(asked) / load.took)
    bench.note(f"{name}, p99", 1_000 * load.p99)
    return load


async def deliveries(bench: Bench) -> Load:
    """Deliveries of HubSpot, ten changes of two deals that are won in each, by 32 clients; counted in changes."""
    path = f"/hooks/{bench.hook}"
    asked = []
    for _ in range(max(1, bench.size.singles // 4)):
        body = json.dumps([change for _ in range(2) for change in won(next(NUMBERS))]).encode()
        stamp = str(int(time.time() * 1000))
        told = f"POST{PUBLIC}{path}".encode() + body + stamp.encode()
        signature = b64encode(hmac.digest(SECRET.encode(), told, "sha256")).decode()
        asked.append(
            request(path, body, x_hubspot_signature_v3=signature, x_hubspot_request_timestamp=stamp)
        )
    load = await send(bench.service, asked, 32)
    bench.note("deliveries", 10 * len(asked) / load.took)
    return load


def won(deal: int) -> list[dict[str, object]]:
    """What HubSpot says of a deal that is made and won."""
    at = int(NOW.timestamp() * 1000) - 60_000
    said = {
        "pipeline": "default",
        "amount": "1200.50",
        "closedate": str(at),
        "dealstage": "closedwon",
    }
    about = {
        "portalId": int(PORTAL),
        "objectId": deal,
        "occurredAt": at,
        "subscriptionId": 1,
        "attemptNumber": 0,
    }
    changes = [
        {"subscriptionType": "deal.propertyChange", "propertyName": name, "propertyValue": value}
        for name, value in said.items()
    ]
    told = [{"subscriptionType": "deal.creation"}, *changes]
    return [{**about, **change, "eventId": deal * 10 + place} for place, change in enumerate(told)]


async def measure(bench: Bench) -> list[Row]:
    """Every row, in interleaved rounds; the first round of each only warms up when there are more."""
    steps: list[Callable[[], Awaitable[object]]] = []
    for size, clients in ((1_000, 1), (10_000, 1), (1_000, 2)):
        what = f"{size}x{clients}"
        steps.append(partial(statements, bench, size, clients, f"statement {what}"))
        steps.append(partial(batches, bench, size, clients, f"http {what}"))
    steps += [
        partial(singles, bench, bench.receivers, f"/{name}", name)
        for name in ("naive", "dropped", "mapped")
    ]
    steps.append(partial(singles, bench, bench.service, "/v1/events", "single"))
    steps.append(partial(singles, bench, bench.receivers, "/kept", "kept"))
    steps.append(partial(deliveries, bench))
    end = time.monotonic() + bench.size.seconds
    for _ in range(bench.size.rounds + (bench.size.rounds > 1)):
        for step in steps:
            await step()
        if time.monotonic() > end:
            break
    taken = {name: found[1:] or found for name, found in bench.taken.items()}
    taken["kept changes"] = [10 * rate for rate in taken["kept"]]
    asked = [
        ("batches of 1,000", "http 1000x1", "statement 1000x1", 0.75),
        ("batches of 10,000", "http 10000x1", "statement 10000x1", 0.75),
        ("two clients, batches of 1,000", "http 1000x2", "statement 1000x2", 0.75),
        ("single events, 32 clients, and the naive receiver", "single", "naive", 1.4),
        ("the same, and one that drops them", "single", "dropped", 0.65),
        ("the same, and a SQLModel session each", "single", "mapped", 5.0),
        ("the same, what 99 of 100 wait at most", "single, p99", "naive, p99", 0.4),
        (
            "HubSpot's changes, ten a delivery, and ten times the bodies a naive receiver keeps",
            "deliveries",
            "kept changes",
            0.4,
        ),
    ]
    return [
        Row(what, taken[mine], taken[other], bar, "slower" if mine.endswith("p99") else "rate")
        for what, mine, other, bar in asked
    ]


@contextmanager
def served(*command: str, ready: str, **environment: str) -> Iterator[tuple[str, float, int]]:
    """Where a program serves, the seconds until it did, and its process."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        words = [str(Path(sys.executable).parent / command[0]), *command[1:], "--port", str(port)]
        program = subprocess.Popen(
            words, env={**os.environ, **environment}, stdout=said, stderr=said
        )
        try:
            address = f"http://127.0.0.1:{port}"
            while not _answers(address + ready):
                if program.poll() is not None or time.perf_counter() - begun > 120:
                    said.seek(0)
                    raise RuntimeError(said.read().decode()[-2000:])
                time.sleep(0.02)
            yield address, time.perf_counter() - begun, program.pid
        finally:
            program.terminate()
            program.wait(30)


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=5) as reply:
            return reply.status == 200
    except OSError:
        return False


def resident(process: int) -> float:
    """The memory that a process holds. Units: MiB."""
    return (
        int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1])
        * os.sysconf("SC_PAGE_SIZE")
        / 2**20
    )


def bare() -> tuple[float, float]:
    """What the libraries alone take to be there: seconds and MiB."""
    code = (
        "import fastapi, sqlmodel, asyncpg; print(int(open('/proc/self/statm').read().split()[1]))"
    )
    begun = time.perf_counter()
    pages = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    return time.perf_counter() - begun, int(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


def environment(url: str, keys: Mapping[str, str]) -> dict[str, str]:
    """What the service is told."""
    more = {f"SIGHTLINE_{name.upper()}": value for name, value in keys.items()}
    more |= {
        "SIGHTLINE_DATABASE_URL": url,
        "SIGHTLINE_REQUESTS_PER_MINUTE": "0",
        "SIGHTLINE_LOG_FORMAT": "json",
    }
    return {**more, "SIGHTLINE_PUBLIC_URL": PUBLIC}


def run(url: str, size: Size) -> list[Row]:
    """All rows, on that database, which is at head."""
    keys = {"secret_keys": new_keys(), "key_pepper": new_keys()}
    settings = Settings(database_url=url, requests_per_minute=0, **keys)
    actor, key, hook = asyncio.run(furnish(settings))
    raw = url.replace("+asyncpg", "")
    bare()  # reads the libraries into the machine's cache
    seconds, memory = bare()
    receivers = served(
        "uvicorn", "benchmarks.receivers:application", "--factory", "--no-access-log", ready="/docs",
        RECEIVER_DATABASE_URL=raw,
    )  # fmt: skip
    service = served("sightline", "serve", ready="/readyz", **environment(url, keys))
    with receivers as (other, _, _), service as (mine, begun, process):
        idle = resident(process)
        rows = asyncio.run(measure(Bench(url, key, hook, actor, mine, other, size)))
        loaded = resident(process)
    rows.append(Row("start-up to ready, and bare imports", [begun], [seconds], 3, "slower", "s"))
    rows.append(
        Row("memory when idle, and of bare imports", [idle], [memory], 1.5, "slower", "MiB")
    )
    rows.append(
        Row("memory after the load, and of bare imports", [loaded], [memory], 2.5, "slower", "MiB")
    )
    return rows


CLIENTS: Final = (1, 2, 5, 10, 20, 50, 100, 200)


def by_clients(url: str, size: Size) -> list[tuple[int, float, float, float]]:
    """Single events a second, and what half and 99 of 100 wait, by how many send at once. Units: milliseconds."""
    keys, found = {"secret_keys": new_keys(), "key_pepper": new_keys()}, []
    _, key, _ = asyncio.run(furnish(Settings(database_url=url, requests_per_minute=0, **keys)))
    with served("sightline", "serve", ready="/readyz", **environment(url, keys)) as (mine, _, _):
        for clients in (CLIENTS[0], *CLIENTS):  # the first warms up
            asked = [
                request("/v1/events", json.dumps(wire()).encode(), key)
                for _ in range(2 * size.singles)
            ]
            load = asyncio.run(send(mine, asked, clients))
            found.append(
                (
                    clients,
                    len(asked) / load.took,
                    1_000 * load.waits[len(asked) // 2],
                    1_000 * load.p99,
                )
            )
    return found[1:]


async def furnish(settings: Settings) -> tuple[Actor, str, str]:
    """An organization to send to: who may, the key, and its hook for HubSpot."""
    service = make_service(settings)
    name = f"bench-{os.getpid()}"
    key = await organizations.create(service, Organization(name, "Benchmark"))
    actor = Actor(await organizations.find(service, name), "bench", frozenset({"admin"}))
    await configuration.write(service, actor, furnished)
    hubspot = Source("hubspot", "HubSpot", "hubspot", PORTAL, "sales")
    found = await sources.put(service, actor, hubspot, SECRET)
    await service.database.close()
    return actor, key, found.hook_id or ""


def durable() -> Any:  # Any: the suite's own server, which only a checkout has
    """The suite's way to a PostgreSQL, made durable and put on a disk."""
    postgres = importlib.import_module("tests.support.postgres")
    postgres.SETTINGS.update(DURABLE)
    postgres.ROOM = 1 << 62
    return importlib.import_module("tests.support.databases")


def main(words: Sequence[str]) -> None:
    """Runs, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--small", action="store_true", help="everything small: only shows that it runs"
    )
    parser.add_argument(
        "--growth", action="store_true", help="how single events fare with 1 to 200 clients"
    )
    parser.add_argument(
        "--seconds", type=float, default=Size.seconds, help="after which no other round begins"
    )
    parser.add_argument("--to", type=Path, default=Path("benchmarks/results"))
    asked = parser.parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    databases = durable()
    held = databases.Run()
    try:
        server = databases.Postgresql()
        size = SMALL if asked.small else Size(seconds=asked.seconds)
        rows = run(server.address(server.fresh()), size)
        points = by_clients(server.address(server.fresh()), size) if asked.growth else []
        server.close()
    finally:
        held.close()
    write(asked.to, "ingest", rows)
    if points:
        cells = [
            [f"{clients}", shown(rate), f"{p50:.1f} ms", f"{p99:.1f} ms"]
            for clients, rate, p50, p99 in points
        ]
        waits = {
            "half of them": [(c, p50) for c, _, p50, _ in points],
            "99 of 100": [(c, p99) for c, _, _, p99 in points],
        }
        keep(
            asked.to,
            "clients",
            table(["clients", "single events a second", "half wait", "99 of 100 wait"], cells),
            curves("clients", waits),
        )
    assert all(statistics.median(row.mine) > 0 for row in rows)


if __name__ == "__main__":
    main(sys.argv[1:])
