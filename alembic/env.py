"""Run the migrations on the database that the caller names, else on the one of the environment."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection

from app.settings import load_settings
from app.store.sql.dialect import create_migration_engine
from app.store.tables.base import Row


def run_migrations(connection: Connection) -> None:
    """Run the requested migrations, each in a transaction of its own."""
    context.configure(
        connection=connection,
        target_metadata=Row.metadata,  # complete: the package app.store.tables imports its modules
        render_as_batch=connection.dialect.name == "sqlite",
        transaction_per_migration=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_migrate() -> None:
    """Connect to the database and run the migrations."""
    url = context.config.attributes.get("url") or load_settings(os.environ).database_url
    engine = create_migration_engine(url)
    async with engine.connect() as connection:
        await connection.run_sync(run_migrations)
        await connection.commit()
    await engine.dispose()


asyncio.run(connect_and_migrate())
