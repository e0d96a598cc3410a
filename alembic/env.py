"""Runs the migrations: on the database that the caller names, or else that the environment does."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection

from app.settings import load_settings
from app.store.sql.dialect import create_migration_engine
from app.store.tables import events as evidence_tables
from app.store.tables import playbook as tables

assert (
    evidence_tables.MatchingRow.metadata is tables.Row.metadata
)  # both files fill the one metadata


def run_migrations(connection: Connection) -> None:
    """Runs what was asked for in one transaction a migration."""
    context.configure(
        connection=connection,
        target_metadata=tables.Row.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transaction_per_migration=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_migrate() -> None:
    """Connects and migrates."""
    url = context.config.attributes.get("url") or load_settings(os.environ).database_url
    engine = create_migration_engine(url)
    async with engine.connect() as connection:
        await connection.run_sync(run_migrations)
        await connection.commit()
    await engine.dispose()


asyncio.run(connect_and_migrate())
