"""What a source has beside its configuration: its hook, its sealed secrets, and how it has been doing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, case, delete, exists, func, insert, select, type_coerce, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.silence import WEEKS, silent
from app.store.dialect import embedded
from app.store.evidence_tables import DeliveryRow, EventRow, RetractionRow, UnmappedRow
from app.store.tables import HookRow, table_of
from app.store.types import micros

hook = table_of(HookRow)
delivery, event, retraction = table_of(DeliveryRow), table_of(EventRow), table_of(RetractionRow)
unmapped = table_of(UnmappedRow)
LISTED = 100
HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed secret. None when it is the current one: `until`."""

    text: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Hook:
    """Where a source's deliveries come in. Shape: secrets newest first."""

    source: str
    hook_id: str
    secrets: tuple[Sealed, ...]
    generation: int = 1


@dataclass(frozen=True, slots=True)
class Health:
    """How a source has been doing. None when nothing was ever delivered, or recorded."""

    last_delivery_at: datetime | None
    deliveries_last_day: int
    failures_last_day: int
    silent: bool
    wins_without_amount: int
    unmapped: tuple[tuple[str, str, int], ...]


async def hook_of(connection: AsyncConnection, organization_id: UUID, source: str) -> Hook | None:
    """The source's hook. None when it has none."""
    return await _hook(connection, organization_id, hook.c.source == source)


async def hook_named(connection: AsyncConnection, organization_id: UUID, hook_id: str) -> Hook | None:
    """The hook of that id. None when the organization has none such."""
    return await _hook(connection, organization_id, hook.c.hook_id == hook_id)


async def _hook(connection: AsyncConnection, organization_id: UUID, where: ColumnElement[bool]) -> Hook | None:
    statement = select(hook).where(hook.c.organization_id == organization_id, where)
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        return None
    secrets = [
        Sealed(found["text"], None if found["until"] is None else datetime.fromisoformat(found["until"]))
        for found in row["secrets"]
    ]
    return Hook(row["source"], row["hook_id"], tuple(secrets), row["generation"])


async def keep_hook(connection: AsyncConnection, organization_id: UUID, found: Hook) -> None:
    """The hook is as given."""
    secrets = [
        {"text": sealed.text, "until": None if sealed.until is None else sealed.until.isoformat()}
        for sealed in found.secrets
    ]
    there = await hook_of(connection, organization_id, found.source)
    if there is None:
        values = {"source": found.source, "hook_id": found.hook_id, "secrets": secrets, "generation": 1}
        await connection.execute(insert(hook).values(organization_id=organization_id, **values))
        return
    where = (hook.c.organization_id == organization_id, hook.c.source == found.source)
    await connection.execute(update(hook).where(*where).values(secrets=secrets))


async def generation(connection: AsyncConnection, organization_id: UUID, source: str) -> int:
    """The generation of changes that the source's deals are folded from."""
    where = (hook.c.organization_id == organization_id, hook.c.source == source)
    found = (await connection.execute(select(hook.c.generation).where(*where))).scalar_one_or_none()
    return 1 if found is None else int(found)


async def begin_generation(connection: AsyncConnection, organization_id: UUID, source: str, number: int) -> None:
    """From now on the source's deals are folded from that generation of changes."""
    where = (hook.c.organization_id == organization_id, hook.c.source == source)
    await connection.execute(update(hook).where(*where).values(generation=number))


async def health(connection: AsyncConnection, organization_id: UUID, source: str, now: datetime) -> Health:
    """How the source has been doing until now."""
    mine = (delivery.c.organization_id == organization_id, delivery.c.source == source)
    last = await connection.execute(select(func.max(delivery.c.received_at)).where(*mine))
    day = await connection.execute(
        select(func.count(), func.sum(case((delivery.c.state == "failed", 1), else_=0))).where(
            *mine, delivery.c.received_at > now - timedelta(days=1)
        )
    )
    count, failed = day.one()
    gone = exists().where(
        retraction.c.organization_id == organization_id,
        retraction.c.organization_id == event.c.organization_id,
        retraction.c.uid == event.c.uid,
    )
    wins = await connection.execute(
        select(func.count())
        .select_from(event)
        .where(
            event.c.organization_id == organization_id,
            event.c.source == source,
            event.c.type == "deal.won",
            event.c.value.is_(None),
            ~gone,
        )
    )
    values = await connection.execute(
        select(unmapped.c.property, unmapped.c.value, func.count())
        .where(unmapped.c.organization_id == organization_id, unmapped.c.source == source)
        .group_by(unmapped.c.property, unmapped.c.value)
        .order_by(func.count().desc(), unmapped.c.property, unmapped.c.value)
        .limit(LISTED)
    )
    seen = tuple((name, value, number) for name, value, number in values)
    quiet = await _silent(connection, mine, now)
    return Health(last.scalar_one(), count, failed or 0, quiet, wins.scalar_one(), seen)


async def _silent(connection: AsyncConnection, mine: tuple[ColumnElement[bool], ...], now: datetime) -> bool:
    """Whether nothing was delivered for longer than it ever took in the four weeks before."""
    hours = type_coerce(delivery.c.received_at, BigInteger) // HOUR
    since = delivery.c.received_at > now - timedelta(days=WEEKS * 7)
    statement = select(hours).where(*mine, since, delivery.c.origin == "hook").distinct()
    active = (await connection.execute(statement)).scalars()
    return silent([int(hour) for hour in active], micros(now) // HOUR)


async def note_unmapped(
    connection: AsyncConnection,
    organization_id: UUID,
    source: str,
    found: Mapping[str, Sequence[tuple[str, str]]],
) -> None:
    """The values that the mapping does not know are, for these entities, those."""
    if not found:
        return
    await connection.execute(
        delete(unmapped).where(
            unmapped.c.organization_id == organization_id,
            unmapped.c.source == source,
            unmapped.c.entity.in_(sorted(found)),
        )
    )
    rows = [
        {"organization_id": organization_id, "source": source, "entity": entity, "property": name, "value": value[:512]}
        for entity, pairs in sorted(found.items())
        for name, value in sorted(set(pairs))
    ]
    if rows:
        insertion = (sqlite.insert if embedded(connection) else postgresql.insert)(unmapped)
        await connection.execute(insertion.on_conflict_do_nothing(), rows)
