"""Erasure of personal data: the content of events, changes and raw bodies of a subject.

The ids and numbers of events stay.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from json import dumps
from typing import Final
from uuid import UUID

from sqlalchemy import Text, bindparam, cast, delete, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.events import ErasedMatches, to_canonical_json
from app.domain.sources.crm.changes import ERASED_VERB
from app.store.access.organization_version import WritePosition
from app.store.events.event_queries import StoredEvent, event_table, load_events_by_uid
from app.store.operations.privileges import append_only_suspended
from app.store.sources.changes import ENTITY_COLUMN_TYPES, SourceGeneration, change_table
from app.store.sources.deliveries import (
    ERASED_BODY_PROBLEM,
    StoredDelivery,
    delivery_table,
    to_delivery,
)
from app.store.sql import column_types
from app.store.sql.dialect import contains_bytes, is_embedded, json_recordset, lateral_lookup
from app.store.tables.base import get_table
from app.store.tables.sources import UnmappedRow

unmapped_table = get_table(UnmappedRow)
CHUNK_SIZE: Final = 1_000
BODY_PAGE_SIZE: Final = 200


@dataclass(frozen=True, slots=True)
class AnonymizedEvent:
    """An event without its content."""

    uid: UUID
    # A keyed digest that recognizes a repetition of the event.
    fingerprint: str
    # The matches of the erased content.
    rules: ErasedMatches


async def load_subject_events(
    connection: AsyncConnection, organization_id: UUID, subject: str, source: str | None = None
) -> AsyncIterator[list[StoredEvent]]:
    """Yield the subject's events that are not erased yet, retracted ones too, in chunks.

    All sources are searched when `source` is None.
    """
    where = [
        event_table.c.organization_id == organization_id,
        event_table.c.subject == subject,
        event_table.c.erased.is_(None),
    ]
    where += [] if source is None else [event_table.c.source == source]
    uids = sorted((await connection.execute(select(event_table.c.uid).where(*where))).scalars())
    for start in range(0, len(uids), CHUNK_SIZE):
        yield await load_events_by_uid(
            connection, organization_id, uids[start : start + CHUNK_SIZE]
        )


async def erase_events(
    connection: AsyncConnection,
    organization_id: UUID,
    pseudonym: str,
    anonymized_events: Sequence[AnonymizedEvent],
) -> None:
    """Delete the data of events, and replace their subject with the pseudonym."""
    rows = [
        (anonymized.uid, anonymized.fingerprint, to_canonical_json(anonymized.rules))
        for anonymized in anonymized_events
    ]
    if not is_embedded(connection):
        arguments = (organization_id, pseudonym, *map(list, zip(*rows, strict=True)))
        await connection.exec_driver_sql("select erase_events($1, $2, $3, $4, $5)", arguments)
        return
    async with append_only_suspended(connection):
        for uid, fingerprint, rules in rows:
            erased_columns = {
                "subject": pseudonym,
                "data": None,
                "fingerprint": fingerprint,
                "erased": rules,
            }
            where = event_table.c.organization_id == organization_id, event_table.c.uid == uid
            await connection.execute(update(event_table).where(*where).values(**erased_columns))


async def find_known_records(
    connection: AsyncConnection, organization_id: UUID, source: str, entities: Collection[str]
) -> frozenset[str]:
    """Return the records with changes in any generation, erasure markers left out."""
    sorted_entities = sorted(entities)
    known_records: set[str] = set()
    for start in range(0, len(sorted_entities), CHUNK_SIZE):
        chunk_conditions = (
            change_table.c.entity.in_(sorted_entities[start : start + CHUNK_SIZE]),
            change_table.c.verb != ERASED_VERB,
        )
        where = (
            change_table.c.organization_id == organization_id,
            change_table.c.source == source,
            *chunk_conditions,
        )
        known_records |= set(
            (
                await connection.execute(select(change_table.c.entity).where(*where).distinct())
            ).scalars()
        )
    return frozenset(known_records)


async def find_reporting_deliveries(
    connection: AsyncConnection, organization_id: UUID, source: str, entities: Collection[str]
) -> set[UUID]:
    """Return the deliveries that first reported a change of the records, in any generation."""
    sorted_entities = sorted(entities)
    delivery_ids: set[UUID] = set()
    for start in range(0, len(sorted_entities), CHUNK_SIZE):
        in_chunk = change_table.c.entity.in_(sorted_entities[start : start + CHUNK_SIZE])
        where = (
            change_table.c.organization_id == organization_id,
            change_table.c.source == source,
            in_chunk,
        )
        delivery_ids |= set(
            (
                await connection.execute(select(change_table.c.delivery).where(*where).distinct())
            ).scalars()
        )
    return delivery_ids


async def erase_changes(
    connection: AsyncConnection,
    source_generation: SourceGeneration,
    entities: Collection[str],
    position: WritePosition,
    delivery_id: UUID,
) -> int:
    """Replace all changes of the records with erasure markers. Return the number of changes."""
    sorted_entities = sorted(entities)
    deleted_count = 0
    for start in range(0, len(sorted_entities), CHUNK_SIZE):
        chunk = sorted_entities[start : start + CHUNK_SIZE]
        deleted_count += await _delete_changes(connection, source_generation, chunk)
        where = (
            unmapped_table.c.organization_id == source_generation.organization_id,
            unmapped_table.c.source == source_generation.source,
        )
        await connection.execute(
            delete(unmapped_table).where(*where, unmapped_table.c.entity.in_(chunk))
        )
        rows = [
            _erasure_marker(source_generation, entity, position, delivery_id) for entity in chunk
        ]
        await connection.execute(insert(change_table), rows)
    return deleted_count


async def _delete_changes(
    connection: AsyncConnection, source_generation: SourceGeneration, entities: Sequence[str]
) -> int:
    if not is_embedded(connection):
        arguments = (source_generation.organization_id, source_generation.source, list(entities))
        deletion = await connection.exec_driver_sql("select erase_changes($1, $2, $3)", arguments)
        return int(deletion.scalar_one())
    where = (
        change_table.c.organization_id == source_generation.organization_id,
        change_table.c.source == source_generation.source,
    )
    async with append_only_suspended(connection):
        return int(
            (
                await connection.execute(
                    delete(change_table).where(*where, change_table.c.entity.in_(entities))
                )
            ).rowcount
        )


def _erasure_marker(
    source_generation: SourceGeneration, entity: str, position: WritePosition, delivery_id: UUID
) -> dict[str, object]:
    return {
        "organization_id": source_generation.organization_id,
        "source": source_generation.source,
        "generation": source_generation.generation,
        "key": f"{ERASED_VERB}/{entity}",
        "entity": entity,
        "other": None,
        "at": position.recorded_at,
        "verb": ERASED_VERB,
        "fields": {},
        "delivery": delivery_id,
        "seq": position.seq,
        "sequence": "",
    }


async def find_erased_records(
    connection: AsyncConnection, source_generation: SourceGeneration, entities: Collection[str]
) -> frozenset[str]:
    """Return the records that were erased."""
    if not entities:
        return frozenset()
    join_condition = (
        "c.organization_id = :organization and c.source = :source and c.entity = d.entity"
    )
    lookup = lateral_lookup(
        connection,
        json_recordset(connection, "entities", ENTITY_COLUMN_TYPES, "d"),
        "change",
        "c",
        join_condition,
    )
    statement = text(
        f"select c.entity from {lookup} "  # noqa: S608  # constants
        f"where c.generation = :generation and c.verb = '{ERASED_VERB}'"
    ).bindparams(
        bindparam("organization", source_generation.organization_id, column_types.UuidColumn())
    )
    entities_json = dumps([[entity] for entity in sorted(entities)])
    parameters = {
        "source": source_generation.source,
        "generation": source_generation.generation,
        "entities": entities_json,
    }
    return frozenset((await connection.execute(statement, parameters)).scalars())


async def find_deliveries_containing(
    connection: AsyncConnection, organization_id: UUID, source: str, needles: Collection[str]
) -> AsyncIterator[list[StoredDelivery]]:
    """Yield pages of the source's deliveries whose raw body or headers contain a needle.

    Without needles, all deliveries with content are yielded. Headers count because a CloudEvent can
    consist of headers only, and older versions stored them longer than bodies.
    """
    after_uid: UUID | None = None
    headers = cast(delivery_table.c.headers, Text)
    has_content = [delivery_table.c.body.is_not(None), headers != "{}"]
    contains_needle = [
        contains_bytes(connection, delivery_table.c.body, needle.encode())
        for needle in sorted(needles)
    ]
    contains_needle += [headers.contains(needle, autoescape=True) for needle in sorted(needles)]
    where = [
        delivery_table.c.organization_id == organization_id,
        delivery_table.c.source == source,
        or_(*(contains_needle or has_content)),
    ]
    while True:
        page_condition = [] if after_uid is None else [delivery_table.c.uid > after_uid]
        statement = (
            select(delivery_table)
            .where(*where, *page_condition)
            .order_by(delivery_table.c.uid)
            .limit(BODY_PAGE_SIZE)
        )
        deliveries = [to_delivery(row) for row in (await connection.execute(statement)).mappings()]
        if deliveries:
            yield deliveries
        if len(deliveries) < BODY_PAGE_SIZE:
            return
        after_uid = deliveries[-1].uid


async def erase_bodies(
    connection: AsyncConnection, organization_id: UUID, uids: Collection[UUID]
) -> int:
    """Delete bodies, headers and problems of deliveries, and say so in `problem`.

    Return the number of deliveries that had a body.
    """
    sorted_uids = sorted(uids)
    body_count = 0
    erased_columns: dict[str, object] = {
        "body": None,
        "headers": {},
        "rejects": [],
        "problem": ERASED_BODY_PROBLEM,
    }
    for start in range(0, len(sorted_uids), CHUNK_SIZE):
        where = (
            delivery_table.c.organization_id == organization_id,
            delivery_table.c.uid.in_(sorted_uids[start : start + CHUNK_SIZE]),
        )
        count_query = select(func.count(delivery_table.c.body)).where(*where)
        body_count += int((await connection.execute(count_query)).scalar_one())
        await connection.execute(update(delivery_table).where(*where).values(**erased_columns))
    return body_count
