"""Migrations run up and down on both databases without drift, and append-only tables stay so."""

import asyncio

import pytest
from sqlalchemy import Column, Integer, inspect, text
from sqlalchemy.exc import DBAPIError

from app.domain.sources.sources import Source
from app.services.events import ingestion
from app.services.sources import inbound_webhooks
from app.services.sources import sources as sources_service
from app.store.operations import migrations
from app.store.sql import column_types
from app.store.sql.database import connect
from app.store.tables.base import Row
from tests.support.service_harness import (
    NOW,
    ServiceHarness,
    make_deal_creation,
    make_event,
    make_hubspot_delivery,
    make_property_change,
    open_harness,
    record_events,
    seed_playbook,
)

APPEND_ONLY = ("event", "retraction", "journal", "change")
MUTABLE_COLUMNS = {("event", "matching")}
SECRET = "a-client-secret-of-the-app"


async def list_tables(url: str) -> set[str]:
    database = connect(url)
    async with database.read_transaction() as reader:
        table_names = await reader.run_sync(
            lambda sync_connection: inspect(sync_connection).get_table_names()
        )
    await database.close()
    return set(table_names) - {"alembic_version"}


async def get_revision(url: str) -> str | None:
    database = connect(url)
    revision = await migrations.current_revision(database)
    await database.close()
    return revision


def make_different_value(column: Column[object]) -> str:
    """Return a value of the column's type that no row has."""
    if isinstance(column.type, column_types.UuidColumn):
        return "'00000000-0000-7000-8000-000000000000'"
    if isinstance(column.type, column_types.InstantColumn | column_types.DayColumn | Integer):
        return "12345"
    return "'{\"another\"\\:1}'"


def reject_body(_raw: object) -> object:
    raise AssertionError("HubSpot sends no events of ours")


def test_up_down_and_up_again_without_drift(database_url: str):
    all_tables = set(Row.metadata.tables)
    assert asyncio.run(list_tables(database_url)) == all_tables
    assert migrations.describe_drift(database_url) is None
    migrations.downgrade_database(database_url, "base")
    assert (asyncio.run(list_tables(database_url)), asyncio.run(get_revision(database_url))) == (
        set(),
        None,
    )
    migrations.upgrade_database(database_url)
    assert (asyncio.run(list_tables(database_url)), asyncio.run(get_revision(database_url))) == (
        all_tables,
        migrations.head_revision(),
    )
    assert migrations.describe_drift(database_url) is None


def test_a_table_that_differs_from_its_rows_is_seen(database_url: str):
    async def alter() -> None:
        database = connect(database_url)
        async with database.write_transaction() as writer:
            await writer.execute(text("alter table team add column mood text"))
        await database.close()

    asyncio.run(alter())
    assert "mood" in (migrations.describe_drift(database_url) or "")


async def insert_append_only_rows(harness: ServiceHarness) -> None:
    """Insert a row into every append-only table."""
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    (submission,) = await record_events(harness, actor, make_event("a"))
    assert submission.uid is not None
    await ingestion.retract_event(harness.service, actor, submission.uid, "a mistake")
    hook_id = (
        await sources_service.put_source(
            harness.service, actor, Source("crm", "CRM", "hubspot", None, "sales"), SECRET
        )
    ).hook_id
    elements = [make_deal_creation(1, NOW), make_property_change(1, "dealstage", "closedwon", NOW)]
    delivery = make_hubspot_delivery(hook_id or "", SECRET, elements, NOW)
    await inbound_webhooks.receive_delivery(harness.service, hook_id or "", delivery, reject_body)  # type: ignore[arg-type]  # never returns


async def test_what_is_append_only_can_be_neither_changed_nor_deleted(database_url: str):
    async with open_harness(database_url) as harness:
        await insert_append_only_rows(harness)

        async def execute(statement: str) -> int:
            async with harness.service.database.write_transaction() as writer:
                return int((await writer.execute(text(statement))).rowcount)

        for table in APPEND_ONLY:
            for column in Row.metadata.tables[table].columns:
                statement = f'update {table} set "{column.name}" = {make_different_value(column)}'
                if (table, column.name) in MUTABLE_COLUMNS:
                    assert await execute(statement) > 0
                    continue
                with pytest.raises(DBAPIError, match=f"{table} is append-only"):
                    await execute(statement)
            with pytest.raises(DBAPIError, match=f"{table} is append-only"):
                await execute(f"delete from {table}")


async def test_the_migration_notes_an_earlier_won_deal_without_an_amount(database_url: str):
    async with open_harness(database_url) as harness:
        await insert_append_only_rows(harness)
    await asyncio.to_thread(migrations.downgrade_database, database_url, "0003")
    await asyncio.to_thread(migrations.upgrade_database, database_url)
    async with (
        open_harness(database_url) as harness,
        harness.service.database.read_transaction() as reader,
    ):
        rows = await reader.execute(text("select source, entity from unmapped where property = ''"))
        assert [tuple(row) for row in rows] == [("crm", "deal:1")]
