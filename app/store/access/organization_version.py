"""The organization's cursor: taken first by every write, it orders commits and never goes backwards."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, case, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.events import day_of
from app.domain.primitives.errors import NotFoundError
from app.store.sql import column_types as types
from app.store.tables.playbook import ClosingRow, CursorRow, OrganizationRow, table_of

cursor = table_of(CursorRow)
closing = table_of(ClosingRow)
organization = table_of(OrganizationRow)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a write stands: the version it makes, and the instant and day at which it is recorded."""

    seq: int
    at: datetime
    day: date


async def zone(connection: AsyncConnection, organization_id: UUID) -> str:
    """The organization's time zone. Raises: NotFoundError when the organization is gone."""
    statement = select(organization.c.time_zone).where(
        organization.c.organization_id == organization_id
    )
    found = (await connection.execute(statement)).scalar_one_or_none()
    if found is None:
        raise NotFoundError("There is no such organization.")
    return str(found)


async def begin(
    connection: AsyncConnection, organization_id: UUID, now: datetime, time_zone: str
) -> None:
    """A new organization has a cursor."""
    await connection.execute(
        insert(cursor).values(
            organization_id=organization_id,
            seq=0,
            catalogue=0,
            recorded_us=types.micros(now),
            recorded_day=types.day_number(day_of(now, time_zone)),
        )
    )


async def advance(
    connection: AsyncConnection,
    organization_id: UUID,
    now: datetime,
    time_zone: str,
    *,
    catalogue: bool,
) -> Position:
    """The next position.

    The cursor's row is locked until the transaction ends. `catalogue`: this changes configuration.
    """
    us, day = types.micros(now), types.day_number(day_of(now, time_zone))
    closes = cursor.c.recorded_day < day
    values = {
        "seq": cursor.c.seq + 1,
        "closed_day": case((closes, cursor.c.recorded_day), else_=cursor.c.closed_day),
        "closed_seq": case((closes, cursor.c.seq), else_=cursor.c.closed_seq),
        "recorded_us": case((cursor.c.recorded_us > us, cursor.c.recorded_us), else_=us),
        "recorded_day": case((cursor.c.recorded_day > day, cursor.c.recorded_day), else_=day),
    }
    if catalogue:
        values["catalogue"] = cursor.c.seq + 1
    statement = (
        update(cursor)
        .where(cursor.c.organization_id == organization_id)
        .values(values)
        .returning(
            cursor.c.seq,
            cursor.c.recorded_us,
            cursor.c.recorded_day,
            cursor.c.closed_day,
            cursor.c.closed_seq,
        )
    )
    seq, recorded, recorded_day, closed_day, closed_seq = (
        await connection.execute(statement)
    ).one()
    await close(connection, organization_id, seq, closed_day, closed_seq)
    return Position(seq, types.instant(recorded), types.day(recorded_day))


async def close(
    connection: AsyncConnection,
    organization_id: UUID,
    seq: int,
    closed_day: int | None,
    closed_seq: int | None,
) -> None:
    """The day before is closed, if it was the write of this version that began another."""
    if closed_seq is not None and closed_seq == seq - 1:
        values = {"organization_id": organization_id, "day": closed_day, "seq": closed_seq}
        await connection.execute(insert(closing).values(values))


async def hold(connection: AsyncConnection, organization_id: UUID) -> None:
    """The cursor's row is locked until the transaction ends; the version stays."""
    await connection.execute(
        update(cursor).where(cursor.c.organization_id == organization_id).values(seq=cursor.c.seq)
    )


async def version(connection: AsyncConnection, organization_id: UUID) -> int:
    """The organization's present version."""
    statement = select(cursor.c.seq).where(cursor.c.organization_id == organization_id)
    return int((await connection.execute(statement)).scalar_one())


async def version_on(connection: AsyncConnection, organization_id: UUID, known_at: date) -> int:
    """The organization's version at the end of that day, the present one for today; 0 before it was there."""
    day = types.day_number(known_at)
    statement = select(cursor.c.seq, cursor.c.recorded_day).where(
        cursor.c.organization_id == organization_id
    )
    seq, recorded = (await connection.execute(statement)).one()
    if recorded <= day:
        return int(seq)
    closed = select(func.max(closing.c.seq)).where(
        closing.c.organization_id == organization_id, closing.c.day <= day
    )
    return int((await connection.execute(closed)).scalar_one() or 0)


async def catalogue(connection: AsyncConnection, organization_id: UUID) -> int:
    """The version of the organization's last configuration change.

    Raises: NotFoundError when the organization is gone.
    """
    statement = select(cursor.c.catalogue).where(cursor.c.organization_id == organization_id)
    found = (await connection.execute(statement)).scalar_one_or_none()
    if found is None:
        raise NotFoundError("There is no such organization.")
    return int(found)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an organization stands.

    Shape: `version` is that of its last write, `catalogue` that of its last change of configuration; `recorded_day`
    is the newest day on which it wrote anything.
    """

    version: int
    catalogue: int
    recorded_day: date
    time_zone: str

    def today(self, now: datetime) -> date:
        """The organization's day: it never goes backwards, whatever the clock says."""
        return max(day_of(now, self.time_zone), self.recorded_day)


STANDING: Final = (  # asked at every question, so made once
    select(cursor.c.seq, cursor.c.catalogue, cursor.c.recorded_day, organization.c.time_zone)
    .select_from(
        cursor.join(organization, organization.c.organization_id == cursor.c.organization_id)
    )
    .where(
        cursor.c.organization_id == bindparam("one"),
        organization.c.organization_id == bindparam("one"),
    )
)


async def standing(connection: AsyncConnection, organization_id: UUID) -> Standing:
    """Where the organization stands. Raises: NotFoundError when it is gone."""
    found = (await connection.execute(STANDING, {"one": organization_id})).one_or_none()
    if found is None:
        raise NotFoundError("There is no such organization.")
    version, changed, day, time_zone = found
    return Standing(int(version), int(changed), types.day(day), str(time_zone))
