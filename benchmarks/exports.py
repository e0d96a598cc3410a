"""What exporting events costs in memory: as much for ten times the events.

`python -m benchmarks.exports [DATABASE_URL] [--small]`: from the root of the repository; without an address an
embedded database of its own, gone after the run. On PostgreSQL the database must be at head.

Both organizations are exported in turn, by HTTP's own interface and read by nobody, so that what is measured is what
the service holds: the peak of what Python allocated meanwhile, medians of the rounds, the first one for warming up.
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

from app.cli.support.local_service import ready
from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.events.metrics import Metric
from app.domain.playbook.organization import Organization, Team
from app.domain.sources.sources import Source
from app.main import create_app
from app.security import identifiers as ids
from app.security.vault import new_keys
from app.services.access import organizations
from app.services.events import ingestion as events
from app.services.playbook import configuration
from app.services.runtime.context import Service
from app.settings import Settings

ONE: Final = 10_000
BATCH: Final = 5_000
START: Final = datetime(2026, 9, 1, tzinfo=UTC)
FORMATS: Final = ("ndjson", "csv")
LIMIT: Final = 1.2
Peaks = dict[tuple[str, str], list[tuple[int, float, int]]]


@dataclass(frozen=True)
class Size:
    """How many events the small organization has, how many times more the large one, and how often both are asked."""

    events: int = 5_000
    times: int = 10
    rounds: int = 4


SMALL: Final = Size(events=505, times=2, rounds=2)


async def furnished(service: Service, count: int) -> str:
    """The admin key of a new organization with so many events."""
    key = f"export-{ids.uuid7(datetime.now(UTC)).hex}"
    secret = await organizations.create(service, Organization(key, "Benchmark"))
    actor = Actor(await organizations.find(service, key), "bench", frozenset({"admin"}))
    for noun in (
        Team("sales", "Sales", "sales"),
        Source("billing", "Billing"),
        Metric("m", "M", ("paid",), "sum"),
    ):
        await configuration.put(service, actor, noun)
    for first in range(0, count, BATCH):
        await events.record(
            service, actor, [_event(n) for n in range(first, min(first + BATCH, count))]
        )
    return secret


def _event(number: int) -> Event:
    at = START + timedelta(seconds=number * 7)
    more = {"segment": "enterprise", "note": f"line {number} of what its sender says besides"}
    return Event(
        f"inv-{number}", "billing", "paid", at, "sales", value=number * ONE, unit="EUR", data=more
    )


async def export(
    app: Any, secret: str, kind: str
) -> tuple[int, float, int]:  # Any: an ASGI application
    """Peak bytes, seconds and lines of one export, thrown away as it comes."""
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
    before, begun = tracemalloc.get_traced_memory()[0], time.perf_counter()
    await app(scope, receive, send)
    return tracemalloc.get_traced_memory()[1] - before, time.perf_counter() - begun, lines


async def measure(url: str, size: Size) -> Peaks:
    """What every export took, by format and organization, but for the first round."""
    keys = new_keys()
    app = create_app(
        Settings(database_url=url, secret_keys=keys, key_pepper=keys, requests_per_minute=0)
    )
    service: Service = app.state.service
    secrets = {
        "few": await furnished(service, size.events),
        "many": await furnished(service, size.events * size.times),
    }
    found: Peaks = {(kind, name): [] for kind in FORMATS for name in secrets}
    tracemalloc.start()
    for turn in range(size.rounds):
        for kind, name in found:
            one = await export(app, secrets[name], kind)
            if turn:
                found[kind, name].append(one)
    tracemalloc.stop()
    await service.database.close()
    return found


def report(peaks: Peaks) -> str:
    """The medians, and the ratio that may not grow."""
    lines = []
    for kind in FORMATS:
        few, many = (
            statistics.median(peak for peak, _, _ in peaks[kind, name]) for name in ("few", "many")
        )
        seconds, count = peaks[kind, "many"][0][1:]
        lines.append(
            f"{kind}: peak {few / 1e6:.2f} MB for {peaks[kind, 'few'][0][2]} lines, {many / 1e6:.2f} MB for {count}: "
            f"{many / few:.2f} (limit {LIMIT}); {count / seconds:.0f} lines/s while traced"
        )
    return "\n".join(lines)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?")
    parser.add_argument("--small", action="store_true")
    asked = parser.parse_args()
    size = SMALL if asked.small else Size()
    with TemporaryDirectory() as folder:
        url = asked.url or f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}"
        if asked.url is None:
            ready(Settings(database_url=url))
        print(report(asyncio.run(measure(url, size))))


if __name__ == "__main__":
    main()
