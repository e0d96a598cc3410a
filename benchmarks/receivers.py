"""Simple receivers of events, which the service is compared with.

`uvicorn benchmarks.receivers:application --factory`, with a URL for asyncpg in
RECEIVER_DATABASE_URL.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiosqlite
import asyncpg
from fastapi import FastAPI, Request
from pydantic import BaseModel
from sqlalchemy import Text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

CREATE_TABLES = """
create table if not exists naive (source text, id text, type text, time timestamptz, team text,
  value float8, data text, primary key (source, id));
create table if not exists raw_body (id bigint generated always as identity primary key,
  body bytea);
create table if not exists mapped (source text, id text, type text, team text, value float8,
  primary key (source, id))
"""
INSERT_EVENT = "insert into naive values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing"


class ReceivedEvent(BaseModel):
    """An event in a request."""

    id: str
    source: str
    type: str
    time: datetime
    team: str
    value: float | None = None
    data: dict[str, Any] = {}  # Any: JSON values


class MappedEvent(SQLModel, table=True):
    """An event as a row of the ORM."""

    __tablename__ = "mapped"
    source: str = Field(primary_key=True, sa_type=Text)
    id: str = Field(primary_key=True, sa_type=Text)
    type: str = Field(sa_type=Text)
    team: str = Field(sa_type=Text)
    value: float | None = None


CREATE_EMBEDDED_TABLES = """
pragma journal_mode = wal; pragma synchronous = full;
create table if not exists naive (source text, id text, type text, time text, team text,
  value real, data text, primary key (source, id))
"""


def embedded() -> FastAPI:
    """Create a receiver that stores events in the SQLite file RECEIVER_FILE, with a commit each."""
    connections: list[aiosqlite.Connection] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        connections.append(await aiosqlite.connect(os.environ["RECEIVER_FILE"]))
        await connections[0].executescript(CREATE_EMBEDDED_TABLES)
        yield
        await connections[0].close()

    app = FastAPI(lifespan=lifespan)
    lock = asyncio.Lock()

    @app.post("/lite", status_code=201)
    async def record_event(event: ReceivedEvent) -> dict[str, str]:
        row = (
            event.source,
            event.id,
            event.type,
            event.time.isoformat(),
            event.team,
            event.value,
            str(event.data),
        )
        async with lock:
            await connections[0].execute(
                "insert into naive values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing", row
            )
            await connections[0].commit()
        return {"id": event.id}

    return app


def application() -> FastAPI:
    """Create the receivers, each at its own path."""
    url = os.environ["RECEIVER_DATABASE_URL"]
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=8)
    pools: list[asyncpg.Pool] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        pools.append(await asyncpg.create_pool(url, min_size=8, max_size=8))
        await pools[0].execute(CREATE_TABLES)
        yield
        await pools[0].close()
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/dropped", status_code=201)
    async def drop_event(event: ReceivedEvent) -> dict[str, str]:
        return {"id": event.id}

    @app.post("/naive", status_code=201)
    async def record_event(event: ReceivedEvent) -> dict[str, str]:
        occurred_at = event.time.astimezone(UTC)
        await pools[0].execute(
            INSERT_EVENT,
            event.source,
            event.id,
            event.type,
            occurred_at,
            event.team,
            event.value,
            str(event.data),
        )
        return {"id": event.id}

    @app.post("/raw-body", status_code=204)
    async def record_body(request: Request) -> None:
        await pools[0].execute("insert into raw_body (body) values ($1)", await request.body())

    @app.post("/mapped", status_code=201)
    async def record_mapped_event(event: ReceivedEvent) -> dict[str, str]:
        async with AsyncSession(engine) as session:
            session.add(
                MappedEvent(**event.model_dump(include={"source", "id", "type", "team", "value"}))
            )
            await session.commit()
        return {"id": event.id}

    return app
