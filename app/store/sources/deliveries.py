"""Deliveries as they were received, and their message ids."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from json import dumps
from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping, and_, bindparam, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.sql import column_types
from app.store.sql.dialect import is_embedded, json_recordset, lateral_lookup
from app.store.tables.base import get_table
from app.store.tables.sources import DeliveryRow, MessageRow

delivery_table = get_table(DeliveryRow)
message_table = get_table(MessageRow)
ERASED_BODY_PROBLEM: Final = "It told of what was erased: its body is kept no longer."


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """A delivery of a CRM, and its outcome."""

    uid: UUID
    source: str
    received_at: datetime
    content_type: str
    headers: Mapping[str, str]
    # None once it is deleted.
    body: bytes | None
    # processed, ignored or failed
    state: str
    # None for a delivery without errors.
    problem: str | None
    # The rejected elements, each with its index and problem.
    rejects: Sequence[Mapping[str, object]]
    changes: int
    recorded: int
    retracted: int
    # `hook`, or `records` for imported deals
    origin: str = "hook"


async def add_deliveries(
    connection: AsyncConnection, organization_id: UUID, *deliveries: StoredDelivery
) -> None:
    """Save deliveries."""
    rows = [
        {
            "organization_id": organization_id,
            **{slot_name: getattr(delivery, slot_name) for slot_name in StoredDelivery.__slots__},
            "headers": dict(delivery.headers),
            "rejects": [dict(reject) for reject in delivery.rejects],
        }
        for delivery in deliveries
    ]
    if rows:
        await connection.execute(insert(delivery_table), rows)


async def find_delivery(
    connection: AsyncConnection, organization_id: UUID, source: str, uid: UUID
) -> StoredDelivery | None:
    """Load a delivery with its body. Return None when the source has no such delivery."""
    statement = select(delivery_table).where(
        delivery_table.c.organization_id == organization_id,
        delivery_table.c.source == source,
        delivery_table.c.uid == uid,
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else to_delivery(row)


async def list_deliveries(
    connection: AsyncConnection,
    organization_id: UUID,
    source: str,
    state: str | None,
    after_position: tuple[datetime, UUID] | None,
    limit: int,
) -> list[StoredDelivery]:
    """Return at most `limit` deliveries of the source, newest first, after a position."""
    statement = select(delivery_table).where(
        delivery_table.c.organization_id == organization_id, delivery_table.c.source == source
    )
    if state is not None:
        statement = statement.where(delivery_table.c.state == state)
    if after_position is not None:
        received_at, uid = after_position
        is_tie_before = and_(
            delivery_table.c.received_at == received_at, delivery_table.c.uid < uid
        )
        statement = statement.where(or_(delivery_table.c.received_at < received_at, is_tie_before))
    statement = statement.order_by(
        delivery_table.c.received_at.desc(), delivery_table.c.uid.desc()
    ).limit(limit)
    return [to_delivery(row) for row in (await connection.execute(statement)).mappings()]


def to_delivery(row: RowMapping) -> StoredDelivery:
    """Return the delivery of a row."""
    return StoredDelivery(**{slot_name: row[slot_name] for slot_name in StoredDelivery.__slots__})


async def list_replayable_deliveries(
    connection: AsyncConnection,
    organization_id: UUID,
    source: str,
    since: datetime | None,
    limit: int,
) -> list[StoredDelivery]:
    """Return at most `limit` deliveries to replay, oldest first.

    Without `since`, these are the failed deliveries that still have a body.
    """
    statement = select(delivery_table).where(
        delivery_table.c.organization_id == organization_id, delivery_table.c.source == source
    )
    if since is None:
        statement = statement.where(
            delivery_table.c.state == "failed", delivery_table.c.body.is_not(None)
        )
    else:
        statement = statement.where(delivery_table.c.received_at >= since)
    statement = statement.order_by(delivery_table.c.received_at, delivery_table.c.uid).limit(limit)
    return [to_delivery(row) for row in (await connection.execute(statement)).mappings()]


async def update_outcome(
    connection: AsyncConnection, organization_id: UUID, delivery: StoredDelivery
) -> None:
    """Save the outcome of a delivery."""
    column_names = ("state", "problem", "changes", "recorded", "retracted")
    outcome = {column_name: getattr(delivery, column_name) for column_name in column_names} | {
        "rejects": [dict(reject) for reject in delivery.rejects]
    }
    where = (
        delivery_table.c.organization_id == organization_id,
        delivery_table.c.uid == delivery.uid,
    )
    await connection.execute(update(delivery_table).where(*where).values(**outcome))


async def empty_bodies(
    connection: AsyncConnection, organization_id: UUID, received_before: datetime, max_bodies: int
) -> int:
    """Delete at most `max_bodies` raw bodies received before an instant, oldest first.

    The headers are deleted as well, because those of a CloudEvent are content. Rows that another
    transaction has locked are skipped. Return the number of bodies.
    """
    in_organization = delivery_table.c.organization_id == organization_id
    expired_query = select(delivery_table.c.uid).where(
        in_organization,
        delivery_table.c.received_at < received_before,
        delivery_table.c.body.is_not(None),
    )
    expired_query = (
        expired_query.order_by(delivery_table.c.received_at)
        .limit(max_bodies)
        .with_for_update(skip_locked=True)
    )
    uids = list((await connection.execute(expired_query)).scalars())
    if uids:
        await connection.execute(
            update(delivery_table)
            .where(in_organization, delivery_table.c.uid.in_(uids))
            .values(body=None, headers={})
        )
    return len(uids)


async def find_body_digests(
    connection: AsyncConnection, organization_id: UUID, source: str, message_ids: Collection[str]
) -> Mapping[str, str]:
    """Load the body digests of a source's messages, by message id."""
    if not message_ids:
        return {}
    join_condition = "m.organization_id = :organization and m.source = :source and m.id = d.id"
    lookup = lateral_lookup(
        connection,
        json_recordset(connection, "ids", {"id": "text"}, "d"),
        "message",
        "m",
        join_condition,
    )
    statement = text(f"select m.id, m.digest from {lookup}").bindparams(  # noqa: S608  # constants
        bindparam("organization", organization_id, column_types.UuidColumn())
    )
    parameters = {"source": source, "ids": dumps([[id_] for id_ in sorted(message_ids)])}
    return {
        str(id_): str(digest) for id_, digest in await connection.execute(statement, parameters)
    }


async def save_body_digests(
    connection: AsyncConnection, organization_id: UUID, source: str, digests: Mapping[str, str]
) -> None:
    """Save the body digests of messages; a message id that exists keeps its digest."""
    if not digests:
        return
    insertion = (sqlite.insert if is_embedded(connection) else postgresql.insert)(message_table)
    scope = {"organization_id": organization_id, "source": source}
    rows = [{**scope, "id": id_, "digest": digest} for id_, digest in sorted(digests.items())]
    await connection.execute(insertion.on_conflict_do_nothing(), rows)
