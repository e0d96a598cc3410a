"""How much of the database's own speed a batch of events keeps on its way through the service.

`python benchmarks/ingest.py [DATABASE_URL]`: both in one run, in turn, 1,000 events a batch; medians of the rounds.
The database must be at head (`sightline db upgrade`); without an argument an embedded one is made for the run.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx

from app.domain.access import Actor
from app.domain.events import Event
from app.domain.teams import Organization
from app.flows import organizations
from app.flows.catalogue import catalogue
from app.flows.service import Service
from app.flows.vault import new_keys
from app.main import create_app
from app.settings import Settings
from app.store import ingest, migrations, types
from app.store.rollups import Prepared

SIZE, ROUNDS, METRICS = 1_000, 7, 20
NOW = datetime.now(UTC).replace(microsecond=0)


def wire(name: str, number: int) -> dict[str, object]:
    """One event as it is sent."""
    return {
        "id": f"{name}-{number}",
        "source": "billing",
        "type": f"type-{number % METRICS}",
        "time": NOW.isoformat(),
        "team": "sales",
        "value": 100.5,
        "data": {"segment": "enterprise", "seats": number},
    }


async def furnish(client: httpx.AsyncClient) -> None:
    """A team, a source and the metrics."""
    await client.put("/v1/teams/sales", json={"name": "Sales", "function": "sales"})
    await client.put("/v1/sources/billing", json={"name": "Billing", "connector": "api"})
    for number in range(METRICS):
        body = {"name": f"Metric {number}", "events": [f"type-{number}"], "aggregation": "sum"}
        (await client.put(f"/v1/metrics/metric-{number}", json=body)).raise_for_status()


async def statement(service: Service, actor: Actor, name: str) -> None:
    """A batch by the statement alone, its events made and matched beforehand."""
    async with service.database.reading() as connection:
        known = await catalogue(connection, actor.organization)
    events = [
        Event(f"{name}-{n}", "billing", f"type-{n % METRICS}", NOW, "sales", value=1_005_000, data={"seats": n})
        for n in range(SIZE)
    ]
    prepared = ingest.prepare(events, known.matcher, NOW, "UTC")
    day = types.day_number(NOW.date())
    TIMES["statement"].append(await timed(lambda: store(service, actor, prepared, day, known.version)))


async def store(service: Service, actor: Actor, prepared: list[Prepared], day: int, version: int) -> None:
    """One transaction with the one statement."""
    async with service.database.writing() as connection:
        recorded = await ingest.record(connection, actor.organization, prepared, NOW, day, version)
    assert len(recorded.uids) == SIZE


async def batch(client: httpx.AsyncClient, name: str) -> None:
    """A batch over HTTP, its body made beforehand."""
    body = json.dumps({"events": [wire(name, n) for n in range(SIZE)]})
    TIMES["http"].append(await timed(lambda: post(client, body)))


async def post(client: httpx.AsyncClient, body: str) -> None:
    """Sends the body."""
    reply = await client.post("/v1/event-batches", content=body, headers={"content-type": "application/json"})
    assert reply.json()["recorded"] == SIZE, reply.text


async def timed(act: Callable[[], Awaitable[None]]) -> float:
    """Seconds that it took."""
    start = time.perf_counter()
    await act()
    return time.perf_counter() - start


TIMES: dict[str, list[float]] = {"statement": [], "http": []}


async def main(url: str) -> None:
    """Runs and prints."""
    app = create_app(Settings(database_url=url, secret_keys=new_keys(), key_pepper=new_keys(), requests_per_minute=0))
    service: Service = app.state.service
    key = f"bench-{os.getpid()}"
    text = await organizations.create(service, Organization(key, "Benchmark"))
    actor = Actor(await organizations.find(service, key), "bench", frozenset({"admin"}))
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {text}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://bench", headers=headers, timeout=60) as client:
        await furnish(client)
        for number in range(ROUNDS + 1):
            await statement(service, actor, f"s{number}")
            await batch(client, f"h{number}")
    await service.database.close()
    medians = {name: statistics.median(found[1:]) for name, found in TIMES.items()}  # the first round warms up
    for name, found in TIMES.items():
        spread = f"{SIZE / max(found[1:]):,.0f} to {SIZE / min(found[1:]):,.0f}"
        print(f"{name:10} {SIZE / medians[name]:>10,.0f} events/s ({spread})")
    print(f"ratio      {medians['statement'] / medians['http']:>10.2f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        address = sys.argv[1] if len(sys.argv) > 1 else f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}"
        if len(sys.argv) == 1:
            migrations.upgrade(address)
        asyncio.run(main(address))
