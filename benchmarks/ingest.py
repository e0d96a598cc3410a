"""Measure event ingest, as ratios to simpler programs that are measured in turn in the same run.

`python -m benchmarks.ingest [--small] [--growth] [--to FOLDER]`, or `make bench`. The benchmark
starts a durable PostgreSQL server, the service and the receivers. It prints a table and writes it
as ingest.md and ingest.svg. The figures are medians of interleaved rounds. The targets are
explained in docs/performance.md.
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
from types import SimpleNamespace
from typing import Any, Final
from urllib.request import urlopen

import asyncpg

from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.events.metrics import Metric
from app.domain.playbook.configuration import Configuration, ConfigurationDraft
from app.domain.playbook.organization import Organization, Team
from app.domain.primitives import epoch
from app.domain.sources.sources import Source
from app.main import make_service
from app.security.vault import generate_key
from app.services.access import organizations
from app.services.events.matching import match_events
from app.services.playbook import configuration as configuration_service
from app.services.runtime.compiled_configuration import load_compiled_configuration
from app.services.sources import sources as sources_service
from app.settings import Settings
from app.store.events import ingest, ingest_postgresql
from app.store.events.ingest_batch import IngestBatch
from benchmarks.load import LoadMeasurement, build_post_request, send_requests
from benchmarks.report import (
    RatioRow,
    draw_curves,
    format_number,
    format_table,
    write_files,
    write_report,
)

METRIC_COUNT: Final = 20
PUBLIC_URL: Final = "https://sightline.example"
SECRET: Final = "the-client-secret-of-a-private-app"  # noqa: S105  # a sample
PORTAL: Final = "4242001"
NOW: Final = datetime.now(UTC).replace(microsecond=0)
EVENT_NUMBERS: Final = count()
DURABLE_SETTINGS: Final = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
}


@dataclass(frozen=True)
class BenchmarkSize:
    """The size of the benchmark."""

    rounds: int = 5  # the first of several rounds only warms up
    batches: int = 6
    singles: int = 600
    max_seconds: float = 400  # no round begins later


SMALL_SIZE: Final = BenchmarkSize(rounds=1, batches=1, singles=40)


@dataclass
class IngestBenchmark:
    """The targets and the measurements of one run."""

    url: str
    key: str
    hook: str
    actor: Actor
    service_url: str
    receivers_url: str
    size: BenchmarkSize
    # Events per second of each round, by measurement.
    rates: dict[str, list[float]] = field(default_factory=dict)

    def get_batch_count(self, size: int) -> int:
        """Return the number of batches of that size that a client sends in a round."""
        return max(1, self.size.batches * 1_000 // size)

    def add_rate(self, name: str, rate: float) -> None:
        """Add the rate of one round."""
        self.rates.setdefault(name, []).append(rate)


def make_wire_event() -> dict[str, object]:
    """Make a new event in the form of the API."""
    number = next(EVENT_NUMBERS)
    event_data = {"segment": "enterprise", "seats": number}
    fields = {"time": NOW.isoformat(), "team": "sales", "value": 100.5, "data": event_data}
    return {
        "id": f"e-{number}",
        "source": "billing",
        "type": f"type-{number % METRIC_COUNT}",
        **fields,
    }


def add_configuration(current: Configuration) -> Configuration:
    """Add a team, a source, and one metric per event type."""
    draft = ConfigurationDraft(current)
    draft.put(Team("sales", "Sales", "sales", 10_000))
    draft.put(Source("billing", "Billing"))
    for number in range(METRIC_COUNT):
        draft.put(Metric(f"metric-{number}", f"Metric {number}", (f"type-{number}",), "sum"))
    return draft.configuration


class ArgumentRecorder:
    """A stand-in for a connection that stores the arguments of a statement."""

    dialect = type("Dialect", (), {"name": "postgresql"})
    arguments: tuple[Any, ...] = ()  # Any: columns of every type

    async def exec_driver_sql(
        self, _sql: str, arguments: tuple[Any, ...]
    ) -> SimpleNamespace:  # Any: columns of every type
        """Store the arguments. Return the row of a statement that recorded nothing."""
        self.arguments = arguments
        return SimpleNamespace(one=lambda: (0, None, []))


async def measure_statements(bench: IngestBenchmark, size: int, clients: int, name: str) -> None:
    """Measure batches by the statement alone, through asyncpg, with prepared arguments."""
    service = make_service(
        Settings(database_url=bench.url, secret_keys=generate_key(), key_pepper=generate_key())
    )
    async with service.database.read_transaction() as connection:
        compiled = await load_compiled_configuration(connection, bench.actor.organization)
    await service.database.close()
    statement_arguments = []
    batch_count = bench.get_batch_count(size) * clients
    for _ in range(batch_count + clients):
        events = [_to_event(make_wire_event()) for _ in range(size)]
        recorder = ArgumentRecorder()
        prepared = match_events(events, compiled.matcher, NOW, "UTC")
        day = epoch.to_day_number(NOW.date())
        batch = IngestBatch(bench.actor.organization, prepared, NOW, day, compiled.version)
        await ingest.record_events(recorder, batch)  # type: ignore[arg-type]  # a stand-in
        statement_arguments.append(recorder.arguments)
    connections = [await asyncpg.connect(bench.url.replace("+asyncpg", "")) for _ in range(clients)]
    remaining = iter(statement_arguments[clients:])
    # The first execution prepares the statement.
    for connection, arguments in zip(connections, statement_arguments, strict=False):
        await connection.fetchrow(ingest_postgresql.RECORD_STATEMENT, *arguments)

    async def execute_remaining(connection: asyncpg.Connection) -> None:
        for arguments in remaining:
            await connection.fetchrow(ingest_postgresql.RECORD_STATEMENT, *arguments)

    start = time.perf_counter()
    await asyncio.gather(*map(execute_remaining, connections))
    bench.add_rate(name, batch_count * size / (time.perf_counter() - start))
    for connection in connections:
        await connection.close()


def _to_event(wire_event: dict[str, Any]) -> Event:  # Any: JSON values
    fields = {
        member_name: wire_event[member_name]
        for member_name in ("id", "source", "type", "team", "data")
    }
    return Event(**fields, time=NOW, value=1_005_000)


async def measure_batches(bench: IngestBenchmark, size: int, clients: int, name: str) -> None:
    """Measure batches over HTTP, with prepared bodies."""
    batch_count = bench.get_batch_count(size) * clients
    bodies = [
        json.dumps({"events": [make_wire_event() for _ in range(size)]}).encode()
        for _ in range(batch_count)
    ]
    load = await send_requests(
        bench.service_url,
        [build_post_request("/v1/event-batches", body, bench.key) for body in bodies],
        clients,
    )
    bench.add_rate(name, batch_count * size / load.seconds)


async def measure_single_events(
    bench: IngestBenchmark, address: str, path: str, name: str
) -> LoadMeasurement:
    """Measure one event per request, by 32 clients."""
    key = bench.key if address == bench.service_url else ""
    requests = [
        build_post_request(path, json.dumps(make_wire_event()).encode(), key)
        for _ in range(bench.size.singles)
    ]
    load = await send_requests(address, requests, 32)
    bench.add_rate(name, len(requests) / load.seconds)
    bench.add_rate(f"{name}, p99", 1_000 * load.p99)
    return load


async def measure_deliveries(bench: IngestBenchmark) -> LoadMeasurement:
    """Measure HubSpot deliveries by 32 clients, in changes per second.

    Each delivery has ten changes of two deals that are won.
    """
    path = f"/hooks/{bench.hook}"
    requests = []
    for _ in range(max(1, bench.size.singles // 4)):
        body = json.dumps(
            [change for _ in range(2) for change in make_won_deal_changes(next(EVENT_NUMBERS))]
        ).encode()
        timestamp = str(int(time.time() * 1000))
        signed_text = f"POST{PUBLIC_URL}{path}".encode() + body + timestamp.encode()
        signature = b64encode(hmac.digest(SECRET.encode(), signed_text, "sha256")).decode()
        requests.append(
            build_post_request(
                path, body, x_hubspot_signature_v3=signature, x_hubspot_request_timestamp=timestamp
            )
        )
    load = await send_requests(bench.service_url, requests, 32)
    bench.add_rate("deliveries", 10 * len(requests) / load.seconds)
    return load


def make_won_deal_changes(deal: int) -> list[dict[str, object]]:
    """Make HubSpot's changes of a deal that is created and won."""
    occurred_at = int(NOW.timestamp() * 1000) - 60_000
    properties = {
        "pipeline": "default",
        "amount": "1200.50",
        "closedate": str(occurred_at),
        "dealstage": "closedwon",
    }
    common_fields = {
        "portalId": int(PORTAL),
        "objectId": deal,
        "occurredAt": occurred_at,
        "subscriptionId": 1,
        "attemptNumber": 0,
    }
    property_changes = [
        {
            "subscriptionType": "deal.propertyChange",
            "propertyName": property_name,
            "propertyValue": value,
        }
        for property_name, value in properties.items()
    ]
    changes = [{"subscriptionType": "deal.creation"}, *property_changes]
    return [
        {**common_fields, **change, "eventId": deal * 10 + index}
        for index, change in enumerate(changes)
    ]


async def measure_all(bench: IngestBenchmark) -> list[RatioRow]:
    """Return every row, measured in interleaved rounds.

    The first of several rounds only warms up.
    """
    steps: list[Callable[[], Awaitable[object]]] = []
    for size, clients in ((1_000, 1), (10_000, 1), (1_000, 2)):
        label = f"{size}x{clients}"
        steps.append(partial(measure_statements, bench, size, clients, f"statement {label}"))
        steps.append(partial(measure_batches, bench, size, clients, f"http {label}"))
    steps += [
        partial(
            measure_single_events, bench, bench.receivers_url, f"/{operation_name}", operation_name
        )
        for operation_name in ("naive", "dropped", "mapped")
    ]
    steps.append(partial(measure_single_events, bench, bench.service_url, "/v1/events", "single"))
    steps.append(
        partial(measure_single_events, bench, bench.receivers_url, "/raw-body", "raw bodies")
    )
    steps.append(partial(measure_deliveries, bench))
    deadline = time.monotonic() + bench.size.max_seconds
    for _ in range(bench.size.rounds + (bench.size.rounds > 1)):
        for step in steps:
            await step()
        if time.monotonic() > deadline:
            break
    rates = {
        operation_name: samples[1:] or samples for operation_name, samples in bench.rates.items()
    }
    rates["raw changes"] = [10 * rate for rate in rates["raw bodies"]]
    comparisons = [
        ("batches of 1,000", "http 1000x1", "statement 1000x1", 0.75),
        ("batches of 10,000", "http 10000x1", "statement 10000x1", 0.75),
        ("two clients, batches of 1,000", "http 1000x2", "statement 1000x2", 0.75),
        ("single events, 32 clients, and the naive receiver", "single", "naive", 1.4),
        ("the same, and one that drops them", "single", "dropped", 0.65),
        ("the same, and a SQLModel session each", "single", "mapped", 5.0),
        ("the same, 99th percentile of the wait", "single, p99", "naive, p99", 0.4),
        (
            "HubSpot's changes, ten per delivery, and ten times the bodies a naive receiver stores",
            "deliveries",
            "raw changes",
            0.4,
        ),
    ]
    return [
        RatioRow(
            label,
            rates[measured_name],
            rates[reference_name],
            target,
            "slower" if measured_name.endswith("p99") else "rate",
        )
        for label, measured_name, reference_name, target in comparisons
    ]


@contextmanager
def run_server(
    *command: str, ready_path: str, **environment: str
) -> Iterator[tuple[str, float, int]]:
    """Run a program that serves HTTP.

    Yield its URL, the seconds until it was ready, and its process id.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started_at = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        arguments = [
            str(Path(sys.executable).parent / command[0]),
            *command[1:],
            "--port",
            str(port),
        ]
        process = subprocess.Popen(
            arguments, env={**os.environ, **environment}, stdout=log, stderr=log
        )
        try:
            address = f"http://127.0.0.1:{port}"
            while not _is_ready(address + ready_path):
                if process.poll() is not None or time.perf_counter() - started_at > 120:
                    log.seek(0)
                    raise RuntimeError(log.read().decode()[-2000:])
                time.sleep(0.02)
            yield address, time.perf_counter() - started_at, process.pid
        finally:
            process.terminate()
            process.wait(30)


def _is_ready(address: str) -> bool:
    try:
        with urlopen(address, timeout=5) as reply:
            return reply.status == 200
    except OSError:
        return False


def measure_resident_memory(process_id: int) -> float:
    """Return the resident memory of a process in MiB."""
    return (
        int(Path(f"/proc/{process_id}/statm").read_text("ascii").split()[1])
        * os.sysconf("SC_PAGE_SIZE")
        / 2**20
    )


def measure_bare_imports() -> tuple[float, float]:
    """Return the seconds and MiB that importing the libraries takes."""
    code = (
        "import fastapi, sqlmodel, asyncpg; print(int(open('/proc/self/statm').read().split()[1]))"
    )
    started_at = time.perf_counter()
    pages = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    return time.perf_counter() - started_at, int(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


def build_environment(url: str, keys: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the service."""
    variables = {f"SIGHTLINE_{setting_name.upper()}": value for setting_name, value in keys.items()}
    variables |= {
        "SIGHTLINE_DATABASE_URL": url,
        "SIGHTLINE_REQUESTS_PER_MINUTE": "0",
        "SIGHTLINE_LOG_FORMAT": "json",
    }
    return {**variables, "SIGHTLINE_PUBLIC_URL": PUBLIC_URL}


def run_benchmark(url: str, size: BenchmarkSize) -> list[RatioRow]:
    """Return all rows, measured on a database at head."""
    keys = {"secret_keys": generate_key(), "key_pepper": generate_key()}
    settings = Settings(database_url=url, requests_per_minute=0, **keys)
    actor, ingest_key, hook = asyncio.run(create_organization(settings))
    driver_url = url.replace("+asyncpg", "")
    measure_bare_imports()  # fills the file cache
    seconds, memory = measure_bare_imports()
    receivers = run_server(
        "uvicorn",
        *("benchmarks.receivers:application", "--factory", "--no-access-log"),
        ready_path="/docs",
        RECEIVER_DATABASE_URL=driver_url,
    )
    service = run_server("sightline", "serve", ready_path="/readyz", **build_environment(url, keys))
    with receivers as (receivers_url, _, _), service as (service_url, startup_seconds, process_id):
        idle_memory = measure_resident_memory(process_id)
        rows = asyncio.run(
            measure_all(
                IngestBenchmark(url, ingest_key, hook, actor, service_url, receivers_url, size)
            )
        )
        loaded_memory = measure_resident_memory(process_id)
    rows.append(
        RatioRow(
            "start-up to ready, and bare imports", [startup_seconds], [seconds], 3, "slower", "s"
        )
    )
    rows.append(
        RatioRow(
            "memory when idle, and of bare imports", [idle_memory], [memory], 1.5, "slower", "MiB"
        )
    )
    rows.append(
        RatioRow(
            "memory after the load, and of bare imports",
            [loaded_memory],
            [memory],
            2.5,
            "slower",
            "MiB",
        )
    )
    return rows


CLIENT_COUNTS: Final = (1, 2, 5, 10, 20, 50, 100, 200)


def measure_by_clients(url: str, size: BenchmarkSize) -> list[tuple[int, float, float, float]]:
    """Return rate, median wait and 99th percentile of single events by number of clients.

    Waits are in milliseconds.
    """
    keys = {"secret_keys": generate_key(), "key_pepper": generate_key()}
    points: list[tuple[int, float, float, float]] = []
    _, ingest_key, _ = asyncio.run(
        create_organization(Settings(database_url=url, requests_per_minute=0, **keys))
    )
    with run_server("sightline", "serve", ready_path="/readyz", **build_environment(url, keys)) as (
        service_url,
        _,
        _,
    ):
        for clients in (CLIENT_COUNTS[0], *CLIENT_COUNTS):  # the first warms up
            requests = [
                build_post_request("/v1/events", json.dumps(make_wire_event()).encode(), ingest_key)
                for _ in range(2 * size.singles)
            ]
            load = asyncio.run(send_requests(service_url, requests, clients))
            points.append(
                (
                    clients,
                    len(requests) / load.seconds,
                    1_000 * load.wait_seconds[len(requests) // 2],
                    1_000 * load.p99,
                )
            )
    return points[1:]


async def create_organization(settings: Settings) -> tuple[Actor, str, str]:
    """Create an organization. Return an actor, the key, and the id of its HubSpot hook."""
    service = make_service(settings)
    organization_key = f"bench-{os.getpid()}"
    key = await organizations.create_organization(
        service, Organization(organization_key, "Benchmark")
    )
    actor = Actor(
        await organizations.find_organization(service, organization_key),
        "bench",
        frozenset({"admin"}),
    )
    await configuration_service.write_configuration(service, actor, add_configuration)
    hubspot = Source("hubspot", "HubSpot", "hubspot", PORTAL, "sales")
    stored_source = await sources_service.put_source(service, actor, hubspot, SECRET)
    await service.database.close()
    return actor, key, stored_source.hook_id or ""


def load_durable_databases() -> Any:  # Any: the suite's own server, which only a checkout has
    """Return the suite's databases module, with a durable PostgreSQL server on disk."""
    postgres = importlib.import_module("tests.support.postgres_server")
    postgres.SERVER_SETTINGS.update(DURABLE_SETTINGS)
    postgres.MIN_FREE_BYTES = 1 << 62
    return importlib.import_module("tests.support.databases")


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the report and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--small", action="store_true", help="run at the smallest size, only to show that it works"
    )
    parser.add_argument(
        "--growth", action="store_true", help="measure single events with 1 to 200 clients too"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=BenchmarkSize.max_seconds,
        help="no round begins later",
    )
    parser.add_argument("--to", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stops the started servers too
    databases = load_durable_databases()
    database_run = databases.DatabaseRun()
    try:
        server = databases.PostgresqlServer()
        size = SMALL_SIZE if options.small else BenchmarkSize(max_seconds=options.seconds)
        rows = run_benchmark(server.get_database_url(server.acquire_database()), size)
        points = (
            measure_by_clients(server.get_database_url(server.acquire_database()), size)
            if options.growth
            else []
        )
        server.close()
    finally:
        database_run.close()
    write_report(options.to, "ingest", rows)
    if points:
        cells = [
            [f"{clients}", format_number(rate), f"{p50:.1f} ms", f"{p99:.1f} ms"]
            for clients, rate, p50, p99 in points
        ]
        wait_curves = {
            "median": [(c, p50) for c, _, p50, _ in points],
            "99th percentile": [(c, p99) for c, _, _, p99 in points],
        }
        write_files(
            options.to,
            "clients",
            format_table(
                ["clients", "single events per second", "median wait", "99th percentile"], cells
            ),
            draw_curves("clients", wait_curves),
        )
    assert all(statistics.median(row.measured) > 0 for row in rows)


if __name__ == "__main__":
    main(sys.argv[1:])
