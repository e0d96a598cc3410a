"""A service over HTTP for one test: its own database, a clock that stands still, an organization and its keys."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.api.http.pagination import encode
from app.domain.playbook.organization import Organization
from app.main import create_app
from app.services.access import organizations
from app.services.access.api_keys import authenticate
from app.settings import Settings

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KEYS = f"k1:{base64.b64encode(bytes(32)).decode()}"
# What is refused before a database is asked is asked of one kind; what would choke one, of the one that chokes sooner.
EMBEDDED = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SERVER = pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
PLAYBOOK = {"title": "Win the enterprise", "starts_on": "2026-10-01", "ends_on": "2026-12-31"}


@dataclass
class Clock:
    """A clock that is told the time."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_time(self, **span: float) -> None:
        self.now += timedelta(**span)


class Client:
    """A caller with one API key."""

    def __init__(self, app: FastAPI, key: str | None) -> None:
        transport = httpx.ASGITransport(app)
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self.key = key
        self.http = httpx.AsyncClient(
            transport=transport, base_url="http://sightline.test", headers=headers
        )

    async def send(
        self, method: str, path: str, body: object = None, **more: Any
    ) -> httpx.Response:
        if body is not None:
            more["json"] = body
        if method == "PATCH" and "headers" not in more:
            more["headers"] = {"Content-Type": "application/merge-patch+json"}
        elif method == "PATCH":
            more["headers"] = {"Content-Type": "application/merge-patch+json", **more["headers"]}
        return await self.http.request(method, path, **more)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.send("GET", path, **more)

    async def put(self, path: str, body: object, **more: Any) -> httpx.Response:
        return await self.send("PUT", path, body, **more)

    async def patch(self, path: str, body: object, **more: Any) -> httpx.Response:
        return await self.send("PATCH", path, body, **more)

    async def post(self, path: str, body: object = None, **more: Any) -> httpx.Response:
        return await self.send("POST", path, body, **more)

    async def delete(self, path: str, **more: Any) -> httpx.Response:
        return await self.send("DELETE", path, **more)

    async def made(self, path: str, body: object) -> Any:
        """What a PUT made, which must have gone well."""
        reply = await self.put(path, body)
        assert reply.status_code in (200, 201), reply.text
        return reply.json()


@dataclass
class World:
    """A running service and the first organization's callers."""

    app: FastAPI
    clock: Clock
    admin: Client

    async def organization(self, key: str) -> Client:
        """The admin of another organization."""
        secret = await organizations.create(self.app.state.service, Organization(key, key.title()))
        return Client(self.app, secret)

    async def client(
        self, *scopes: str, team: str | None = None, source: str | None = None
    ) -> Client:
        """A caller of the first organization with those scopes."""
        wanted = {"name": "test", "scopes": list(scopes), "team": team, "source": source}
        reply = await self.admin.post("/v1/api-keys", wanted)
        assert reply.status_code == 201, reply.text
        return Client(self.app, reply.json()["api_key"])

    async def strategy(self) -> None:
        """Two teams, a metric, a source, and a published playbook with one objective and one key result."""
        put = self.admin.made
        for team in ("sales", "marketing"):
            await put(f"/v1/teams/{team}", {"name": team.title(), "function": team, "size": 10})
        await put("/v1/sources/billing", {"name": "Billing"})
        await put(
            "/v1/metrics/revenue",
            {"name": "Revenue", "events": ["invoice.paid"], "aggregation": "sum"},
        )
        await put("/v1/playbooks/fy26-q4", PLAYBOOK)
        await put("/v1/objectives/win", {"playbook": "fy26-q4", "title": "Win"})
        result = {
            "objective": "win",
            "title": "2M",
            "metric": "revenue",
            "baseline": 0,
            "target": 2_000_000,
        }
        await put("/v1/key-results/revenue-2m", result)
        await put("/v1/objectives/win/responsibilities/sales", {"role": "accountable", "share": 50})
        assert (await self.admin.post("/v1/playbooks/fy26-q4/publish")).status_code == 200


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """A service on a fresh database, with one organization."""
    clock = Clock()
    settings = Settings(
        database_url=database_url,
        secret_keys=KEYS,
        key_pepper=KEYS,
        requests_per_minute=1_000_000,  # the clock stands still
        failures_per_minute=1_000_000,
    )
    app = create_app(settings, clock)
    async with app.router.lifespan_context(app):
        secret = await organizations.create(app.state.service, Organization("acme", "Acme"))
        yield World(app, clock, Client(app, secret))


@pytest.fixture
def admin(world: World) -> Client:
    """The first organization's admin."""
    return world.admin


def event(number: int = 1, **more: object) -> dict[str, object]:
    """An event as it is sent."""
    return {
        "id": f"inv-{number}",
        "source": "billing",
        "type": "invoice.paid",
        "time": "2026-11-20T12:00:00Z",
        "team": "sales",
        "value": 1200.5,
        **more,
    }


@pytest.fixture
def forged(world: World) -> Callable[[str, str], Awaitable[httpx.Response]]:
    """Asks for the page of a list at a position that somebody made up: the seal of a cursor has no key."""

    async def ask(path: str, position: str) -> httpx.Response:
        actor = await authenticate(world.app.state.service, world.admin.key or "")
        binding = "\n".join([str(actor.organization), path, ""]).encode()
        return await world.admin.get(path, params={"cursor": encode(position, binding)})

    return ask
