"""Measure the memory of event exports, which must not grow with the number of events.

`python -m benchmarks.exports [DATABASE_URL] [--small]`, from the root of the repository. Without a
URL the benchmark uses a temporary SQLite database. A PostgreSQL database must be at head.

The benchmark exports two organizations in turn through ASGI and discards the output. So it measures
the memory of the service alone: the peak of Python's allocations, as the median of the rounds. The
first round warms up.
"""

import argparse
import asyncio
import statistics
import time
import tracemalloc
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from app.cli.support.local_service import prepare_schema
from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.events.metrics import Metric
from app.domain.playbook.organization import Organization, Team
from app.domain.sources.sources import Source
from app.main import create_app
from app.security import identifiers
from app.security.vault import generate_key
from app.services.access import organizations
from app.services.events import ingestion
from app.services.playbook import configuration as configuration_service
from app.services.runtime.context import ServiceContext
from app.settings import Settings

SCALE: Final = 10_000
BATCH_SIZE: Final = 5_000
START: Final = datetime(2026, 9, 1, tzinfo=UTC)
FORMATS: Final = ("ndjson", "csv")
MAX_MEMORY_RATIO: Final = 1.2
ExportMeasurements = dict[tuple[str, str], list[tuple[int, float, int]]]


@dataclass(frozen=True)
class ExportSize:
    """The size of the benchmark."""

    # Events of the small organization.
    events: int = 5_000
    # The large organization has so many times more.
    factor: int = 10
    rounds: int = 4


SMALL_SIZE: Final = ExportSize(events=505, factor=2, rounds=2)


async def create_organization(service: ServiceContext, count: int) -> str:
    """Create an organization with `count` events. Return its admin key."""
    organization_key = f"export-{identifiers.new_uuid7(datetime.now(UTC)).hex}"
    secret = await organizations.create_organization(
        service, Organization(organization_key, "Benchmark")
    )
    actor = Actor(
        await organizations.find_organization(service, organization_key),
        "bench",
        frozenset({"admin"}),
    )
    for noun in (
        Team("sales", "Sales", "sales"),
        Source("billing", "Billing"),
        Metric("m", "M", ("paid",), "sum"),
    ):
        await configuration_service.put_resource(service, actor, noun)
    for start in range(0, count, BATCH_SIZE):
        await ingestion.ingest_events(
            service, actor, [_make_event(n) for n in range(start, min(start + BATCH_SIZE, count))]
        )
    return secret


def _make_event(number: int) -> Event:
    occurred_at = START + timedelta(seconds=number * 7)
    event_data = {
        "segment": "enterprise",
        "note": f"line {number} of the additional data of the sender",
    }
    return Event(
        f"inv-{number}",
        "billing",
        "paid",
        occurred_at,
        "sales",
        value=number * SCALE,
        unit="EUR",
        data=event_data,
    )


async def measure_export(
    app: Any, secret: str, kind: str
) -> tuple[int, float, int]:  # Any: an ASGI application
    """Return peak bytes, seconds and lines of one export."""
    lines = 0
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": f"/v1/events.{kind}",
        "raw_path": f"/v1/events.{kind}".encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {secret}".encode()), (b"host", b"bench")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> MutableMapping[str, Any]:  # Any: ASGI's messages
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:  # Any: ASGI's messages
        nonlocal lines
        lines += message.get("body", b"").count(b"\n")

    tracemalloc.reset_peak()
    start_bytes = tracemalloc.get_traced_memory()[0]
    started_at = time.perf_counter()
    await app(scope, receive, send)
    return tracemalloc.get_traced_memory()[1] - start_bytes, time.perf_counter() - started_at, lines


async def measure_exports(url: str, size: ExportSize) -> ExportMeasurements:
    """Return the measurements by format and organization, without the first round."""
    keys = generate_key()
    app = create_app(
        Settings(database_url=url, secret_keys=keys, key_pepper=keys, requests_per_minute=0)
    )
    service: ServiceContext = app.state.service
    secrets = {
        "few": await create_organization(service, size.events),
        "many": await create_organization(service, size.events * size.factor),
    }
    measurements: ExportMeasurements = {
        (kind, size_name): [] for kind in FORMATS for size_name in secrets
    }
    tracemalloc.start()
    for round_number in range(size.rounds):
        for kind, size_name in measurements:
            measurement = await measure_export(app, secrets[size_name], kind)
            if round_number:
                measurements[kind, size_name].append(measurement)
    tracemalloc.stop()
    await service.database.close()
    return measurements


def format_report(peaks: ExportMeasurements) -> str:
    """Format the medians, and the ratio that has a limit."""
    lines = []
    for kind in FORMATS:
        few, many = (
            statistics.median(peak for peak, _, _ in peaks[kind, size_name])
            for size_name in ("few", "many")
        )
        seconds, count = peaks[kind, "many"][0][1:]
        lines.append(
            f"{kind}: peak {few / 1e6:.2f} MB for {peaks[kind, 'few'][0][2]} lines, "
            f"{many / 1e6:.2f} MB for {count}: {many / few:.2f} (limit {MAX_MEMORY_RATIO}); "
            f"{count / seconds:.0f} lines/s while traced"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    size = SMALL_SIZE if options.small else ExportSize()
    with TemporaryDirectory() as folder:
        url = options.url or f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}"
        if options.url is None:
            prepare_schema(Settings(database_url=url))
        print(format_report(asyncio.run(measure_exports(url, size))))


if __name__ == "__main__":
    main()
