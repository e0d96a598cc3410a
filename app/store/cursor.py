"""The organization's cursor: taken first by every write, it orders commits and never goes backwards."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import case, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.errors import NotFoundError
from app.domain.events import day_of
from app.store import types
from app.store.tables import CursorRow, OrganizationRow, table_of

cursor = table_of(CursorRow)
organization = table_of(OrganizationRow)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a write stands: the version it makes, and the instant and day at which it is recorded."""

    seq: int
    at: datetime
    day: date


async def zone(connection: AsyncConnection, organization_id: UUID) -> str:
    """The organization's time zone. Raises: NotFoundError when the organization is gone."""
    statement = select(organization.c.time_zone).where(organization.c.organization_id == organization_id)
    found = (await connection.execute(statement)).scalar_one_or_none()
    if found is None:
        raise NotFoundError("There is no such organization.")
    return str(found)


async def begin(connection: AsyncConnection, organization_id: UUID, now: datetime, time_zone: str) -> None:
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
    connection: AsyncConnection, organization_id: UUID, now: datetime, time_zone: str, *, catalogue: bool
) -> Position:
    """The next position.

    The cursor's row is locked until the transaction ends. `catalogue`: this changes configuration.
    """
    us, day = types.micros(now), types.day_number(day_of(now, time_zone))
    values = {
        "seq": cursor.c.seq + 1,
        "recorded_us": case((cursor.c.recorded_us > us, cursor.c.recorded_us), else_=us),
        "recorded_day": case((cursor.c.recorded_day > day, cursor.c.recorded_day), else_=day),
    }
    if catalogue:
        values["catalogue"] = cursor.c.seq + 1
    statement = (
        update(cursor)
        .where(cursor.c.organization_id == organization_id)
        .values(values)
        .returning(cursor.c.seq, cursor.c.recorded_us, cursor.c.recorded_day)
    )
    seq, recorded, recorded_day = (await connection.execute(statement)).one()
    return Position(seq, types.instant(recorded), types.day(recorded_day))


async def version(connection: AsyncConnection, organization_id: UUID) -> int:
    """The organization's present version."""
    statement = select(cursor.c.seq).where(cursor.c.organization_id == organization_id)
    return int((await connection.execute(statement)).scalar_one())


async def catalogue(connection: AsyncConnection, organization_id: UUID) -> int:
    """The version of the organization's last configuration change.

    Raises: NotFoundError when the organization is gone.
    """
    statement = select(cursor.c.catalogue).where(cursor.c.organization_id == organization_id)
    found = (await connection.execute(statement)).scalar_one_or_none()
    if found is None:
        raise NotFoundError("There is no such organization.")
    return int(found)


async def recorded_day(connection: AsyncConnection, organization_id: UUID) -> date:
    """The newest day on which the organization wrote anything."""
    statement = select(cursor.c.recorded_day).where(cursor.c.organization_id == organization_id)
    return types.day((await connection.execute(statement)).scalar_one())
