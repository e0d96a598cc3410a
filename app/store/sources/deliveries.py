"""Deliveries, kept raw, and the ids that their senders gave them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from json import dumps
from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping, and_, bindparam, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.sql import column_types as types
from app.store.sql.dialect import each, embedded, recordset
from app.store.tables.events import DeliveryRow, MessageRow
from app.store.tables.playbook import table_of

delivery, message = table_of(DeliveryRow), table_of(MessageRow)
GONE: Final = "It told of what was erased: its body is kept no longer."


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """What a CRM sent and what became of it.

    Shape: `state` is processed, ignored or failed; `rejects` are index and problem; `origin` is `hook`, or `records`
    for deals that were imported.

    None when all went well and nothing of it was erased: `problem`; when it is kept no longer: `body`.
    """

    uid: UUID
    source: str
    received_at: datetime
    content_type: str
    headers: Mapping[str, str]
    body: bytes | None
    state: str
    problem: str | None
    rejects: Sequence[Mapping[str, object]]
    changes: int
    recorded: int
    retracted: int
    origin: str = "hook"


async def add(connection: AsyncConnection, organization_id: UUID, *found: StoredDelivery) -> None:
    """The deliveries are kept."""
    rows = [
        {
            "organization_id": organization_id,
            **{name: getattr(one, name) for name in StoredDelivery.__slots__},
            "headers": dict(one.headers),
            "rejects": [dict(reject) for reject in one.rejects],
        }
        for one in found
    ]
    if rows:
        await connection.execute(insert(delivery), rows)


async def find(
    connection: AsyncConnection, organization_id: UUID, source: str, uid: UUID
) -> StoredDelivery | None:
    """One delivery with its body. None when the source has none such."""
    statement = select(delivery).where(
        delivery.c.organization_id == organization_id,
        delivery.c.source == source,
        delivery.c.uid == uid,
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else to_delivery(row)


async def page(  # a page is its filters
    connection: AsyncConnection,
    organization_id: UUID,
    source: str,
    state: str | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[StoredDelivery]:
    """At most `limit` deliveries of the source, newest first, after a position."""
    statement = select(delivery).where(
        delivery.c.organization_id == organization_id, delivery.c.source == source
    )
    if state is not None:
        statement = statement.where(delivery.c.state == state)
    if after is not None:
        at, uid = after
        earlier = and_(delivery.c.received_at == at, delivery.c.uid < uid)
        statement = statement.where(or_(delivery.c.received_at < at, earlier))
    statement = statement.order_by(delivery.c.received_at.desc(), delivery.c.uid.desc()).limit(
        limit
    )
    return [to_delivery(row) for row in (await connection.execute(statement)).mappings()]


def to_delivery(row: RowMapping) -> StoredDelivery:
    """The delivery that a row keeps."""
    return StoredDelivery(**{name: row[name] for name in StoredDelivery.__slots__})


async def replayable(
    connection: AsyncConnection,
    organization_id: UUID,
    source: str,
    since: datetime | None,
    limit: int,
) -> list[StoredDelivery]:
    """At most `limit` deliveries, oldest first: all since an instant, or the failed ones whose body is kept (None)."""
    statement = select(delivery).where(
        delivery.c.organization_id == organization_id, delivery.c.source == source
    )
    if since is None:
        statement = statement.where(delivery.c.state == "failed", delivery.c.body.is_not(None))
    else:
        statement = statement.where(delivery.c.received_at >= since)
    statement = statement.order_by(delivery.c.received_at, delivery.c.uid).limit(limit)
    return [to_delivery(row) for row in (await connection.execute(statement)).mappings()]


async def update_outcome(
    connection: AsyncConnection, organization_id: UUID, found: StoredDelivery
) -> None:
    """What became of the delivery is now this."""
    names = ("state", "problem", "changes", "recorded", "retracted")
    values = {name: getattr(found, name) for name in names} | {
        "rejects": [dict(one) for one in found.rejects]
    }
    where = (delivery.c.organization_id == organization_id, delivery.c.uid == found.uid)
    await connection.execute(update(delivery).where(*where).values(**values))


async def empty_bodies(
    connection: AsyncConnection, organization_id: UUID, before: datetime, most: int
) -> int:
    """At most so many raw bodies that came in before an instant are kept no longer, oldest first; returns how many.

    Their headers go with them: those of a CloudEvent are what it says. Those that another transaction has in hand are
    left to it.
    """
    mine = delivery.c.organization_id == organization_id
    old = select(delivery.c.uid).where(
        mine, delivery.c.received_at < before, delivery.c.body.is_not(None)
    )
    old = old.order_by(delivery.c.received_at).limit(most).with_for_update(skip_locked=True)
    uids = list((await connection.execute(old)).scalars())
    if uids:
        await connection.execute(
            update(delivery).where(mine, delivery.c.uid.in_(uids)).values(body=None, headers={})
        )
    return len(uids)


async def digests_of(
    connection: AsyncConnection, organization_id: UUID, source: str, wanted: Collection[str]
) -> Mapping[str, str]:
    """The hashes of the bodies that came under those ids of the sender's, by id."""
    if not wanted:
        return {}
    mine = "m.organization_id = :organization and m.source = :source and m.id = d.id"
    found = each(
        connection, recordset(connection, "ids", {"id": "text"}, "d"), "message", "m", mine
    )
    statement = text(f"select m.id, m.digest from {found}").bindparams(  # noqa: S608  # constants
        bindparam("organization", organization_id, types.Identity())
    )
    values = {"source": source, "ids": dumps([[id_] for id_ in sorted(wanted)])}
    return {str(id_): str(digest) for id_, digest in await connection.execute(statement, values)}


async def keep_messages(
    connection: AsyncConnection, organization_id: UUID, source: str, found: Mapping[str, str]
) -> None:
    """Bodies of those hashes came under those ids; the first under each stands."""
    if not found:
        return
    insertion = (sqlite.insert if embedded(connection) else postgresql.insert)(message)
    own = {"organization_id": organization_id, "source": source}
    rows = [{**own, "id": id_, "digest": digest} for id_, digest in sorted(found.items())]
    await connection.execute(insertion.on_conflict_do_nothing(), rows)
