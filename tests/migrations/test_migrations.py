"""One lineage for both databases: up, down and up again, without drift, and what is append-only stays so."""

import asyncio

import pytest
from sqlalchemy import Column, Integer, inspect, text
from sqlalchemy.exc import DBAPIError

from app.domain.sources.sources import Source
from app.services.events import ingestion as events
from app.services.sources import inbound_webhooks as deliveries
from app.services.sources import sources
from app.store.operations import migrations
from app.store.sql import column_types as types
from app.store.sql.database import connect
from app.store.tables.playbook import Row
from tests.support.services import (
    NOW,
    House,
    changed,
    created,
    event,
    furnish,
    house,
    hubspot,
    record,
)

APPEND_ONLY = ("event", "retraction", "journal", "change")
DERIVED = {("event", "matching")}
SECRET = "a-client-secret-of-the-app"


async def tables(url: str) -> set[str]:
    database = connect(url)
    async with database.reading() as connection:
        found = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    await database.close()
    return set(found) - {"alembic_version"}


async def revision(url: str) -> str | None:
    database = connect(url)
    found = await migrations.current(database)
    await database.close()
    return found


def other(column: Column[object]) -> str:
    """A value of the column's type that no row has there."""
    if isinstance(column.type, types.Identity):
        return "'00000000-0000-7000-8000-000000000000'"
    if isinstance(column.type, types.Instant | types.Day | Integer):
        return "12345"
    return "'{\"another\"\\:1}'"


def read_nothing(_raw: object) -> object:
    raise AssertionError("HubSpot sends no events of ours")


def test_up_down_and_up_again_without_drift(database_url: str):
    everything = set(Row.metadata.tables)
    assert asyncio.run(tables(database_url)) == everything
    assert migrations.drift(database_url) is None
    migrations.downgrade(database_url, "base")
    assert (asyncio.run(tables(database_url)), asyncio.run(revision(database_url))) == (set(), None)
    migrations.upgrade(database_url)
    assert (asyncio.run(tables(database_url)), asyncio.run(revision(database_url))) == (
        everything,
        migrations.head(),
    )
    assert migrations.drift(database_url) is None


def test_a_table_that_differs_from_its_rows_is_seen(database_url: str):
    async def alter() -> None:
        database = connect(database_url)
        async with database.writing() as connection:
            await connection.execute(text("alter table team add column mood text"))
        await database.close()

    asyncio.run(alter())
    assert "mood" in (migrations.drift(database_url) or "")


async def furnished(built: House) -> None:
    """There is a row in every table that is append-only."""
    actor = await built.organization()
    await furnish(built, actor)
    (item,) = await record(built, actor, event("a"))
    assert item.uid is not None
    await events.retract_event(built.service, actor, item.uid, "a mistake")
    hook = (
        await sources.put(
            built.service, actor, Source("crm", "CRM", "hubspot", None, "sales"), SECRET
        )
    ).hook_id
    told = [created(1, NOW), changed(1, "dealstage", "closedwon", NOW)]
    delivery = hubspot(hook or "", SECRET, told, NOW)
    await deliveries.take(built.service, hook or "", delivery, read_nothing)  # type: ignore[arg-type]  # never returns


async def test_what_is_append_only_can_be_neither_changed_nor_deleted(database_url: str):
    async with house(database_url) as built:
        await furnished(built)

        async def run(statement: str) -> int:
            async with built.service.database.writing() as connection:
                return int((await connection.execute(text(statement))).rowcount)

        for table in APPEND_ONLY:
            for column in Row.metadata.tables[table].columns:
                statement = f'update {table} set "{column.name}" = {other(column)}'
                if (table, column.name) in DERIVED:
                    assert await run(statement) > 0
                    continue
                with pytest.raises(DBAPIError, match=f"{table} is append-only"):
                    await run(statement)
            with pytest.raises(DBAPIError, match=f"{table} is append-only"):
                await run(f"delete from {table}")


async def test_a_win_without_an_amount_from_before_its_deal_noted_it_is_noted(database_url: str):
    async with house(database_url) as built:
        await furnished(built)
    await asyncio.to_thread(migrations.downgrade, database_url, "0003")
    await asyncio.to_thread(migrations.upgrade, database_url)
    async with house(database_url) as built, built.service.database.reading() as connection:
        rows = await connection.execute(
            text("select source, entity from unmapped where property = ''")
        )
        assert [tuple(row) for row in rows] == [("crm", "deal:1")]
