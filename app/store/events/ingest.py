"""The entry of the ingest path: records matched events with their roll-ups."""

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.events import ingest_postgresql, ingest_sqlite
from app.store.events.ingest_batch import IngestBatch, IngestOutcome
from app.store.events.rollups import overflow_translated
from app.store.sql.dialect import is_embedded


async def record_events(connection: AsyncConnection, batch: IngestBatch) -> IngestOutcome:
    """Record the events of a batch that are new, with their roll-ups, at the next version.

    Record nothing if the `catalogue` of the organization's cursor row is not the configuration
    version of the batch. The events were then matched with old metrics.

    Raises: BucketFullError when a sum does not fit in 64 bits; then nothing is recorded.
    """
    with overflow_translated():
        if is_embedded(connection):
            return await ingest_sqlite.record_batch(connection, batch)
        return await ingest_postgresql.record_batch(connection, batch)
