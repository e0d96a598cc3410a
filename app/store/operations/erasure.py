"""Personal data that goes: what events, changes and raw bodies say of a subject. Their names and numbers stay."""

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
from app.store.events.event_queries import StoredEvent, event_table, find_events
from app.store.operations.privileges import append_only_suspended
from app.store.sources.changes import ENTITY_COLUMN_TYPES, SourceGeneration, change_table
from app.store.sources.deliveries import (
    ERASED_BODY_PROBLEM,
    StoredDelivery,
    delivery_table,
    to_delivery,
)
from app.store.sql import column_types as types
from app.store.sql.dialect import contains_bytes, is_embedded, json_recordset, lateral_lookup
from app.store.tables.events import UnmappedRow
from app.store.tables.playbook import get_table

unmapped_table = get_table(UnmappedRow)
CHUNK_SIZE: Final = 1_000
BODY_PAGE_SIZE: Final = 200


@dataclass(frozen=True, slots=True)
class AnonymizedEvent:
    """An event without its content: a digest of what it was, and what the rules made of it."""

    uid: UUID
    fingerprint: str
    rules: ErasedMatches


async def load_subject_events(
    connection: AsyncConnection, organization_id: UUID, subject: str, source: str | None = None
) -> AsyncIterator[list[StoredEvent]]:
    """The events of the subject that have their content, retracted ones too, some at a time; of all sources (None)."""
    where = [
        event_table.c.organization_id == organization_id,
        event_table.c.subject == subject,
        event_table.c.erased.is_(None),
    ]
    where += [] if source is None else [event_table.c.source == source]
    uids = sorted((await connection.execute(select(event_table.c.uid).where(*where))).scalars())
    for start in range(0, len(uids), CHUNK_SIZE):
        yield await find_events(connection, organization_id, uids[start : start + CHUNK_SIZE])


async def erase_events(
    connection: AsyncConnection,
    organization_id: UUID,
    pseudonym: str,
    anonymized_events: Sequence[AnonymizedEvent],
) -> None:
    """The events have no data, and the pseudonym for their subject."""
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
    """Those of these records of which anything is known, in any generation: none that was erased."""
    sorted_entities, known_records = sorted(entities), set()
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
    """The deliveries that were the first to tell a change of one of these records, in any generation."""
    sorted_entities, delivery_ids = sorted(entities), set()
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


async def erase_changes(  # changes are of all of these
    connection: AsyncConnection,
    source_generation: SourceGeneration,
    entities: Collection[str],
    position: WritePosition,
    delivery_id: UUID,
) -> int:
    """Nothing is known of these records but that they were erased; how many changes went."""
    sorted_entities, deleted_count = sorted(entities), 0
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
    """Those of these records that were erased."""
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
        f"select c.entity from {lookup} where c.generation = :generation and c.verb = '{ERASED_VERB}'"  # constants  # noqa: S608  # constants
    ).bindparams(bindparam("organization", source_generation.organization_id, types.UuidColumn()))
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
    """The source's deliveries whose raw body or headers hold one of these, some at a time; all of them for none.

    A CloudEvent may be told by headers alone, which were kept longer than bodies once.
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
    """Of these deliveries neither body nor headers are kept, nor what was wrong with them; how many had a body.

    They say so.
    """
    sorted_uids, body_count = sorted(uids), 0
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
