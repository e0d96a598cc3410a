"""Personal data that goes: what events, changes and raw bodies say of a subject. Their names and numbers stay."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from json import dumps
from typing import Final
from uuid import UUID

from sqlalchemy import Text, bindparam, cast, delete, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.events import Remembered, canonical
from app.domain.sources.crm.changes import ERASED
from app.store.access.organization_version import Position
from app.store.events.event_queries import StoredEvent, event, find_some
from app.store.operations.privileges import lifted
from app.store.sources.changes import ENTITY, Told, change
from app.store.sources.deliveries import GONE, StoredDelivery, delivery, to_delivery
from app.store.sql import column_types as types
from app.store.sql.dialect import each, embedded, holds, recordset
from app.store.tables.events import UnmappedRow
from app.store.tables.playbook import table_of

unmapped = table_of(UnmappedRow)
CHUNK: Final = 1_000
BODIES: Final = 200


@dataclass(frozen=True, slots=True)
class Bare:
    """An event without its content: a digest of what it was, and what the rules made of it."""

    uid: UUID
    fingerprint: str
    rules: Remembered


async def events_of(
    connection: AsyncConnection, organization_id: UUID, subject: str, source: str | None = None
) -> AsyncIterator[list[StoredEvent]]:
    """The events of the subject that have their content, retracted ones too, some at a time; of all sources (None)."""
    where = [
        event.c.organization_id == organization_id,
        event.c.subject == subject,
        event.c.erased.is_(None),
    ]
    where += [] if source is None else [event.c.source == source]
    uids = sorted((await connection.execute(select(event.c.uid).where(*where))).scalars())
    for start in range(0, len(uids), CHUNK):
        yield await find_some(connection, organization_id, uids[start : start + CHUNK])


async def erase_events(
    connection: AsyncConnection, organization_id: UUID, pseudonym: str, found: Sequence[Bare]
) -> None:
    """The events have no data, and the pseudonym for their subject."""
    rows = [(one.uid, one.fingerprint, canonical(one.rules)) for one in found]
    if not embedded(connection):
        arguments = (organization_id, pseudonym, *map(list, zip(*rows, strict=True)))
        await connection.exec_driver_sql("select erase_events($1, $2, $3, $4, $5)", arguments)
        return
    async with lifted(connection):
        for uid, fingerprint, rules in rows:
            values = {
                "subject": pseudonym,
                "data": None,
                "fingerprint": fingerprint,
                "erased": rules,
            }
            where = event.c.organization_id == organization_id, event.c.uid == uid
            await connection.execute(update(event).where(*where).values(**values))


async def told(
    connection: AsyncConnection, organization_id: UUID, source: str, entities: Collection[str]
) -> frozenset[str]:
    """Those of these records of which anything is known, in any generation: none that was erased."""
    wanted, found = sorted(entities), set()
    for start in range(0, len(wanted), CHUNK):
        some = change.c.entity.in_(wanted[start : start + CHUNK]), change.c.verb != ERASED
        where = change.c.organization_id == organization_id, change.c.source == source, *some
        found |= set(
            (await connection.execute(select(change.c.entity).where(*where).distinct())).scalars()
        )
    return frozenset(found)


async def tellers(
    connection: AsyncConnection, organization_id: UUID, source: str, entities: Collection[str]
) -> set[UUID]:
    """The deliveries that were the first to tell a change of one of these records, in any generation."""
    wanted, found = sorted(entities), set()
    for start in range(0, len(wanted), CHUNK):
        some = change.c.entity.in_(wanted[start : start + CHUNK])
        where = change.c.organization_id == organization_id, change.c.source == source, some
        found |= set(
            (await connection.execute(select(change.c.delivery).where(*where).distinct())).scalars()
        )
    return found


async def erase_changes(  # changes are of all of these
    connection: AsyncConnection, told: Told, entities: Collection[str], position: Position, by: UUID
) -> int:
    """Nothing is known of these records but that they were erased; how many changes went."""
    wanted, gone = sorted(entities), 0
    for start in range(0, len(wanted), CHUNK):
        some = wanted[start : start + CHUNK]
        gone += await _delete_changes(connection, told, some)
        where = unmapped.c.organization_id == told.organization, unmapped.c.source == told.source
        await connection.execute(delete(unmapped).where(*where, unmapped.c.entity.in_(some)))
        rows = [_mark(told, entity, position, by) for entity in some]
        await connection.execute(insert(change), rows)
    return gone


async def _delete_changes(connection: AsyncConnection, told: Told, entities: Sequence[str]) -> int:
    if not embedded(connection):
        arguments = (told.organization, told.source, list(entities))
        found = await connection.exec_driver_sql("select erase_changes($1, $2, $3)", arguments)
        return int(found.scalar_one())
    where = change.c.organization_id == told.organization, change.c.source == told.source
    async with lifted(connection):
        return int(
            (
                await connection.execute(
                    delete(change).where(*where, change.c.entity.in_(entities))
                )
            ).rowcount
        )


def _mark(told: Told, entity: str, position: Position, by: UUID) -> dict[str, object]:
    return {
        "organization_id": told.organization,
        "source": told.source,
        "generation": told.generation,
        "key": f"{ERASED}/{entity}",
        "entity": entity,
        "other": None,
        "at": position.at,
        "verb": ERASED,
        "fields": {},
        "delivery": by,
        "seq": position.seq,
        "sequence": "",
    }


async def erased(
    connection: AsyncConnection, told: Told, entities: Collection[str]
) -> frozenset[str]:
    """Those of these records that were erased."""
    if not entities:
        return frozenset()
    mine = "c.organization_id = :organization and c.source = :source and c.entity = d.entity"
    found = each(connection, recordset(connection, "entities", ENTITY, "d"), "change", "c", mine)
    statement = text(
        f"select c.entity from {found} where c.generation = :generation and c.verb = '{ERASED}'"  # noqa: S608  # constants
    ).bindparams(bindparam("organization", told.organization, types.Identity()))
    named = dumps([[entity] for entity in sorted(entities)])
    values = {"source": told.source, "generation": told.generation, "entities": named}
    return frozenset((await connection.execute(statement, values)).scalars())


async def bodies(
    connection: AsyncConnection, organization_id: UUID, source: str, needles: Collection[str]
) -> AsyncIterator[list[StoredDelivery]]:
    """The source's deliveries whose raw body or headers hold one of these, some at a time; all of them for none.

    A CloudEvent may be told by headers alone, which were kept longer than bodies once.
    """
    after: UUID | None = None
    headers = cast(delivery.c.headers, Text)
    kept = [delivery.c.body.is_not(None), headers != "{}"]
    held = [holds(connection, delivery.c.body, needle.encode()) for needle in sorted(needles)]
    held += [headers.contains(needle, autoescape=True) for needle in sorted(needles)]
    where = [
        delivery.c.organization_id == organization_id,
        delivery.c.source == source,
        or_(*(held or kept)),
    ]
    while True:
        more = [] if after is None else [delivery.c.uid > after]
        statement = select(delivery).where(*where, *more).order_by(delivery.c.uid).limit(BODIES)
        found = [to_delivery(row) for row in (await connection.execute(statement)).mappings()]
        if found:
            yield found
        if len(found) < BODIES:
            return
        after = found[-1].uid


async def erase_bodies(
    connection: AsyncConnection, organization_id: UUID, uids: Collection[UUID]
) -> int:
    """Of these deliveries neither body nor headers are kept, nor what was wrong with them; how many had a body.

    They say so.
    """
    wanted, found = sorted(uids), 0
    gone: dict[str, object] = {"body": None, "headers": {}, "rejects": [], "problem": GONE}
    for start in range(0, len(wanted), CHUNK):
        where = (
            delivery.c.organization_id == organization_id,
            delivery.c.uid.in_(wanted[start : start + CHUNK]),
        )
        bare = select(func.count(delivery.c.body)).where(*where)
        found += int((await connection.execute(bare)).scalar_one())
        await connection.execute(update(delivery).where(*where).values(**gone))
    return found
