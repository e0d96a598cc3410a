"""A service over HTTP for one test: its own database, a clock that stands still, an organization and its keys."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.api.http.pagination import encode_cursor
from app.domain.playbook.organization import Organization
from app.main import create_app
from app.services.access import organizations
from app.services.access.authentication import authenticate_key
from app.settings import Settings

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ENCRYPTION_KEYS = f"k1:{base64.b64encode(bytes(32)).decode()}"
# What is refused before a database is asked is asked of one kind; what would choke one, of the one that chokes sooner.
SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
POSTGRESQL_ONLY = pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
PLAYBOOK = {"title": "Win the enterprise", "starts_on": "2026-10-01", "ends_on": "2026-12-31"}


@dataclass
class ManualClock:
    """A clock that is told the time."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


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
        self, method: str, path: str, body: object = None, **options: Any
    ) -> httpx.Response:
        if body is not None:
            options["json"] = body
        if method == "PATCH" and "headers" not in options:
            options["headers"] = {"Content-Type": "application/merge-patch+json"}
        elif method == "PATCH":
            options["headers"] = {
                "Content-Type": "application/merge-patch+json",
                **options["headers"],
            }
        return await self.http.request(method, path, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.send("GET", path, **options)

    async def put(self, path: str, body: object, **options: Any) -> httpx.Response:
        return await self.send("PUT", path, body, **options)

    async def patch(self, path: str, body: object, **options: Any) -> httpx.Response:
        return await self.send("PATCH", path, body, **options)

    async def post(self, path: str, body: object = None, **options: Any) -> httpx.Response:
        return await self.send("POST", path, body, **options)

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        return await self.send("DELETE", path, **options)

    async def put_object(self, path: str, body: object) -> Any:
        """What a PUT made, which must have gone well."""
        reply = await self.put(path, body)
        assert reply.status_code in (200, 201), reply.text
        return reply.json()


@dataclass
class ApiHarness:
    """A running service and the first organization's callers."""

    app: FastAPI
    clock: ManualClock
    admin: Client

    async def create_organization(self, key: str) -> Client:
        """The admin of another organization."""
        secret = await organizations.create_organization(
            self.app.state.service, Organization(key, key.title())
        )
        return Client(self.app, secret)

    async def create_client(
        self, *scopes: str, team: str | None = None, source: str | None = None
    ) -> Client:
        """A caller of the first organization with those scopes."""
        key_request = {"name": "test", "scopes": list(scopes), "team": team, "source": source}
        reply = await self.admin.post("/v1/api-keys", key_request)
        assert reply.status_code == 201, reply.text
        return Client(self.app, reply.json()["api_key"])

    async def seed_strategy(self) -> None:
        """Two teams, a metric, a source, and a published playbook with one objective and one key result."""
        put_object = self.admin.put_object
        for team in ("sales", "marketing"):
            await put_object(
                f"/v1/teams/{team}", {"name": team.title(), "function": team, "size": 10}
            )
        await put_object("/v1/sources/billing", {"name": "Billing"})
        await put_object(
            "/v1/metrics/revenue",
            {"name": "Revenue", "events": ["invoice.paid"], "aggregation": "sum"},
        )
        await put_object("/v1/playbooks/fy26-q4", PLAYBOOK)
        await put_object("/v1/objectives/win", {"playbook": "fy26-q4", "title": "Win"})
        key_result = {
            "objective": "win",
            "title": "2M",
            "metric": "revenue",
            "baseline": 0,
            "target": 2_000_000,
        }
        await put_object("/v1/key-results/revenue-2m", key_result)
        await put_object(
            "/v1/objectives/win/responsibilities/sales", {"role": "accountable", "share": 50}
        )
        assert (await self.admin.post("/v1/playbooks/fy26-q4/publish")).status_code == 200


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiHarness]:
    """A service on a fresh database, with one organization."""
    clock = ManualClock()
    settings = Settings(
        database_url=database_url,
        secret_keys=ENCRYPTION_KEYS,
        key_pepper=ENCRYPTION_KEYS,
        requests_per_minute=1_000_000,  # the clock stands still
        failures_per_minute=1_000_000,
    )
    app = create_app(settings, clock)
    async with app.router.lifespan_context(app):
        secret = await organizations.create_organization(
            app.state.service, Organization("acme", "Acme")
        )
        yield ApiHarness(app, clock, Client(app, secret))


@pytest.fixture
def admin(api: ApiHarness) -> Client:
    """The first organization's admin."""
    return api.admin


def make_event(number: int = 1, **overrides: object) -> dict[str, object]:
    """An event as it is sent."""
    return {
        "id": f"inv-{number}",
        "source": "billing",
        "type": "invoice.paid",
        "time": "2026-11-20T12:00:00Z",
        "team": "sales",
        "value": 1200.5,
        **overrides,
    }


@pytest.fixture
def get_forged_page(api: ApiHarness) -> Callable[[str, str], Awaitable[httpx.Response]]:
    """Asks for the page of a list at a position that somebody made up: the seal of a cursor has no key."""

    async def get_page(path: str, position: str) -> httpx.Response:
        actor = await authenticate_key(api.app.state.service, api.admin.key or "")
        binding = "\n".join([str(actor.organization), path, ""]).encode()
        return await api.admin.get(path, params={"cursor": encode_cursor(position, binding)})

    return get_page
