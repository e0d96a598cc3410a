"""Deliveries, kept raw, and the changes that they said."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from json import dumps
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, and_, bindparam, insert, literal, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain import strict_json
from app.domain.changes import Change
from app.domain.desired import DesiredEvent, Slot
from app.store import types
from app.store.dialect import embedded, recordset
from app.store.events import event, retraction, to_event
from app.store.evidence_tables import ChangeRow, DeliveryRow, MessageRow
from app.store.tables import table_of

CHANGE: Final = {
    "key": "text",
    "entity": "text",
    "other": "text",
    "at": "whole",
    "verb": "text",
    "fields": "text",
    "sequence": "text",
}
delivery, change, message = table_of(DeliveryRow), table_of(ChangeRow), table_of(MessageRow)
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


async def add(connection: AsyncConnection, organization_id: UUID, found: StoredDelivery) -> None:
    """The delivery is kept."""
    values = {name: getattr(found, name) for name in StoredDelivery.__slots__}
    values |= {"headers": dict(found.headers), "rejects": [dict(reject) for reject in found.rejects]}
    await connection.execute(insert(delivery).values(organization_id=organization_id, **values))


async def find(connection: AsyncConnection, organization_id: UUID, source: str, uid: UUID) -> StoredDelivery | None:
    """One delivery with its body. None when the source has none such."""
    statement = select(delivery).where(
        delivery.c.organization_id == organization_id, delivery.c.source == source, delivery.c.uid == uid
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
    statement = select(delivery).where(delivery.c.organization_id == organization_id, delivery.c.source == source)
    if state is not None:
        statement = statement.where(delivery.c.state == state)
    if after is not None:
        at, uid = after
        earlier = and_(delivery.c.received_at == at, delivery.c.uid < uid)
        statement = statement.where(or_(delivery.c.received_at < at, earlier))
    statement = statement.order_by(delivery.c.received_at.desc(), delivery.c.uid.desc()).limit(limit)
    return [to_delivery(row) for row in (await connection.execute(statement)).mappings()]


def to_delivery(row: RowMapping) -> StoredDelivery:
    """The delivery that a row keeps."""
    return StoredDelivery(**{name: row[name] for name in StoredDelivery.__slots__})


@dataclass(frozen=True, slots=True)
class Told:
    """Whose changes are meant: those of one source, in the generation that is in force."""

    organization: UUID
    source: str
    generation: int = 1

    def where(self) -> tuple[ColumnElement[bool], ...]:
        """The conditions on `change`, the organization first."""
        return (
            change.c.organization_id == self.organization,
            change.c.source == self.source,
            change.c.generation == self.generation,
        )


async def add_changes(
    connection: AsyncConnection, told: Told, uid: UUID, seq: int, found: Sequence[Change]
) -> frozenset[str]:
    """The changes are kept, each once; returns the keys of those that are new."""
    once = sorted({one.key: one for one in found}.values(), key=lambda one: one.key)
    if not once:
        return frozenset()
    rows = [
        (
            one.key,
            one.entity,
            one.other,
            types.micros(one.at),
            one.verb,
            strict_json.dumps(dict(one.fields)),
            one.sequence,
        )
        for one in once
    ]
    # As one parameter: a statement with values for so many rows takes longer to make than to run.
    names = ", ".join(CHANGE)
    statement = text(
        f"insert into change (organization_id, source, generation, delivery, seq, {names}) "  # noqa: S608  # constants
        f"select :organization, :source, :generation, :delivery, :seq, {', '.join(f'd.{name}' for name in CHANGE)} "
        f"from {recordset(connection, 'rows', CHANGE, 'd')} where true on conflict do nothing returning key"
    ).bindparams(
        bindparam("organization", told.organization, types.Identity()),
        bindparam("generation", told.generation, types.Count),
        bindparam("delivery", uid, types.Identity()),
        bindparam("seq", seq, types.Whole),
        bindparam("source", told.source, types.Words),
    )
    return frozenset((await connection.execute(statement, {"rows": dumps(rows)})).scalars())


async def changes_of(connection: AsyncConnection, told: Told, entities: Collection[str]) -> dict[str, list[Change]]:
    """All changes of these entities, by entity."""
    found: dict[str, list[Change]] = {entity: [] for entity in entities}
    wanted = sorted(entities)
    for start in range(0, len(wanted), 1000):
        statement = select(change).where(*told.where(), change.c.entity.in_(wanted[start : start + 1000]))
        for row in (await connection.execute(statement)).mappings():
            found[row["entity"]].append(_change(row))
    return found


def _change(row: RowMapping) -> Change:
    fields = ("entity", "key", "at", "verb", "fields", "other", "sequence")
    return Change(**{name: row[name] for name in fields})


async def linked(connection: AsyncConnection, told: Told, deals: Collection[str]) -> set[str]:
    """The records that were ever associated with one of these deals, and the deals that went into one of them."""
    wanted, found = sorted(deals), set()
    for start in range(0, len(wanted), 1000):
        some = change.c.other.in_(wanted[start : start + 1000])
        statement = select(change.c.entity).where(*told.where(), some).distinct()
        found |= set((await connection.execute(statement)).scalars())
    return found


async def changes_told_by(connection: AsyncConnection, told: Told, uids: Collection[UUID]) -> list[Change]:
    """The changes that these deliveries were the first to tell."""
    wanted, found = sorted(uids), []
    for start in range(0, len(wanted), 1000):
        statement = select(change).where(*told.where(), change.c.delivery.in_(wanted[start : start + 1000]))
        found += [_change(row) for row in (await connection.execute(statement)).mappings()]
    return found


async def carry_over(connection: AsyncConnection, told: Told, but: Collection[UUID]) -> None:
    """The changes of the generation, but those that these deliveries told, are in the next one too, unless there."""
    names = [column.name for column in change.columns]
    columns = [literal(told.generation + 1) if name == "generation" else change.c[name] for name in names]
    kept = select(*columns).where(*told.where(), change.c.delivery.not_in(sorted(but)))
    insertion = (sqlite.insert if embedded(connection) else postgresql.insert)(change)
    await connection.execute(insertion.from_select(names, kept).on_conflict_do_nothing())


async def replayable(
    connection: AsyncConnection, organization_id: UUID, source: str, since: datetime | None, limit: int
) -> list[StoredDelivery]:
    """At most `limit` deliveries, oldest first: all since an instant, or the failed ones whose body is kept (None)."""
    statement = select(delivery).where(delivery.c.organization_id == organization_id, delivery.c.source == source)
    if since is None:
        statement = statement.where(delivery.c.state == "failed", delivery.c.body.is_not(None))
    else:
        statement = statement.where(delivery.c.received_at >= since)
    statement = statement.order_by(delivery.c.received_at, delivery.c.uid).limit(limit)
    return [to_delivery(row) for row in (await connection.execute(statement)).mappings()]


async def update_outcome(connection: AsyncConnection, organization_id: UUID, found: StoredDelivery) -> None:
    """What became of the delivery is now this."""
    names = ("state", "problem", "changes", "recorded", "retracted")
    values = {name: getattr(found, name) for name in names} | {"rejects": [dict(one) for one in found.rejects]}
    where = (delivery.c.organization_id == organization_id, delivery.c.uid == found.uid)
    await connection.execute(update(delivery).where(*where).values(**values))


async def empty_bodies(connection: AsyncConnection, organization_id: UUID, before: datetime, most: int) -> int:
    """At most so many raw bodies that came in before an instant are kept no longer, oldest first; returns how many.

    Their headers go with them: those of a CloudEvent are what it says. Those that another transaction has in hand are
    left to it.
    """
    mine = delivery.c.organization_id == organization_id
    old = select(delivery.c.uid).where(mine, delivery.c.received_at < before, delivery.c.body.is_not(None))
    old = old.order_by(delivery.c.received_at).limit(most).with_for_update(skip_locked=True)
    uids = list((await connection.execute(old)).scalars())
    if uids:
        await connection.execute(update(delivery).where(mine, delivery.c.uid.in_(uids)).values(body=None, headers={}))
    return len(uids)


async def digest_of(connection: AsyncConnection, organization_id: UUID, source: str, id_: str) -> str | None:
    """The hash of the body that came under that id of the sender's. None when none did."""
    where = (message.c.organization_id == organization_id, message.c.source == source, message.c.id == id_)
    found: str | None = (await connection.execute(select(message.c.digest).where(*where))).scalar_one_or_none()
    return found


async def keep_message(connection: AsyncConnection, organization_id: UUID, source: str, id_: str, digest: str) -> None:
    """A body of that hash came under that id; the first stands."""
    insertion = (sqlite.insert if embedded(connection) else postgresql.insert)(message)
    values = {"organization_id": organization_id, "source": source, "id": id_, "digest": digest}
    await connection.execute(insertion.values(**values).on_conflict_do_nothing())


async def slots_of(
    connection: AsyncConnection, organization_id: UUID, source: str, entities: Collection[str]
) -> tuple[dict[str, dict[str, Slot]], dict[str, UUID]]:
    """By entity the slots that it has, and by event id the uid of each live event."""
    slots: dict[str, dict[str, Slot]] = {entity: {} for entity in entities}
    uids: dict[str, UUID] = {}
    wanted = sorted(entities)
    for start in range(0, len(wanted), 100):
        for row in await _events_of(connection, organization_id, source, wanted[start : start + 100]):
            name, number = row["id"].rsplit("/", 1)
            kind, identity, _ = name.split("/", 2)
            mine = slots[f"{kind}:{identity}"]
            was = mine.get(name, Slot(0))
            live = was.live
            if row["gone"] is None:
                live, uids[row["id"]] = _desired(name, row), row["uid"]
            mine[name] = Slot(max(was.recorded, int(number)), live)
    return slots, uids


async def _events_of(
    connection: AsyncConnection, organization_id: UUID, source: str, entities: Sequence[str]
) -> Sequence[RowMapping]:
    both = and_(
        retraction.c.organization_id == organization_id,
        retraction.c.organization_id == event.c.organization_id,
        retraction.c.uid == event.c.uid,
    )
    prefixes = [entity.replace(":", "/", 1) for entity in entities]
    # '0' is the character after '/': the range is that of all ids that begin with the prefix and a slash
    ranges = [and_(event.c.id >= f"{prefix}/", event.c.id < f"{prefix}0") for prefix in prefixes]
    statement = (
        select(event, retraction.c.uid.label("gone"))
        .select_from(event.outerjoin(retraction, both))
        .where(event.c.organization_id == organization_id, event.c.source == source, or_(*ranges))
    )
    return (await connection.execute(statement)).mappings().all()


def _desired(slot: str, row: RowMapping) -> DesiredEvent:
    found = to_event(row)
    return DesiredEvent(
        slot=slot,
        type=found.type,
        time=found.time,
        team=found.team,
        kind=found.kind,
        value=found.value,
        unit=found.unit,
        subject=found.subject,
        offerings=found.offerings,
        data=found.data,
    )
