"""The version of an organization.

Every write first locks the organization's cursor row, so versions follow the order of the commits.
Neither the version nor the recorded instant and day ever decrease.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, case, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.events import to_local_day
from app.domain.primitives import epoch
from app.domain.primitives.errors import NotFoundError
from app.store.tables.base import get_table
from app.store.tables.organizations import ClosingRow, CursorRow, OrganizationRow

cursor_table = get_table(CursorRow)
closing_table = get_table(ClosingRow)
organization_table = get_table(OrganizationRow)


@dataclass(frozen=True, slots=True)
class WritePosition:
    """The version of a write, with the instant and the day at which it is recorded."""

    seq: int
    recorded_at: datetime
    day: date


async def time_zone(connection: AsyncConnection, organization_id: UUID) -> str:
    """Return the organization's time zone. Raises: NotFoundError when there is no organization."""
    statement = select(organization_table.c.time_zone).where(
        organization_table.c.organization_id == organization_id
    )
    zone_name = (await connection.execute(statement)).scalar_one_or_none()
    if zone_name is None:
        raise NotFoundError("There is no such organization.")
    return str(zone_name)


async def create_cursor(
    connection: AsyncConnection, organization_id: UUID, now: datetime, time_zone: str
) -> None:
    """Create the cursor row of a new organization."""
    await connection.execute(
        insert(cursor_table).values(
            organization_id=organization_id,
            seq=0,
            catalogue=0,
            recorded_us=epoch.to_microseconds(now),
            recorded_day=epoch.to_day_number(to_local_day(now, time_zone)),
        )
    )


async def advance_version(
    connection: AsyncConnection,
    organization_id: UUID,
    now: datetime,
    time_zone: str,
    *,
    changes_configuration: bool,
) -> WritePosition:
    """Advance the organization's version and return the new position.

    The cursor row stays locked until the transaction ends.
    """
    now_us = epoch.to_microseconds(now)
    day = epoch.to_day_number(to_local_day(now, time_zone))
    is_new_day = cursor_table.c.recorded_day < day
    updated_columns = {
        "seq": cursor_table.c.seq + 1,
        "closed_day": case(
            (is_new_day, cursor_table.c.recorded_day), else_=cursor_table.c.closed_day
        ),
        "closed_seq": case((is_new_day, cursor_table.c.seq), else_=cursor_table.c.closed_seq),
        "recorded_us": case(
            (cursor_table.c.recorded_us > now_us, cursor_table.c.recorded_us), else_=now_us
        ),
        "recorded_day": case(
            (cursor_table.c.recorded_day > day, cursor_table.c.recorded_day), else_=day
        ),
    }
    if changes_configuration:
        updated_columns["catalogue"] = cursor_table.c.seq + 1
    statement = (
        update(cursor_table)
        .where(cursor_table.c.organization_id == organization_id)
        .values(updated_columns)
        .returning(
            cursor_table.c.seq,
            cursor_table.c.recorded_us,
            cursor_table.c.recorded_day,
            cursor_table.c.closed_day,
            cursor_table.c.closed_seq,
        )
    )
    seq, recorded_us, recorded_day, closed_day, closed_seq = (
        await connection.execute(statement)
    ).one()
    await close_day(connection, organization_id, seq, closed_day, closed_seq)
    return WritePosition(
        seq, epoch.from_microseconds(recorded_us), epoch.from_day_number(recorded_day)
    )


async def close_day(
    connection: AsyncConnection,
    organization_id: UUID,
    seq: int,
    closed_day: int | None,
    closed_seq: int | None,
) -> None:
    """Save the version at the end of the closed day, if version `seq` is the first after it."""
    if closed_seq is not None and closed_seq == seq - 1:
        closing_row = {"organization_id": organization_id, "day": closed_day, "seq": closed_seq}
        await connection.execute(insert(closing_table).values(closing_row))


async def lock(connection: AsyncConnection, organization_id: UUID) -> None:
    """Lock the cursor row until the transaction ends, without a new version."""
    await connection.execute(
        update(cursor_table)
        .where(cursor_table.c.organization_id == organization_id)
        .values(seq=cursor_table.c.seq)
    )


async def current_version(connection: AsyncConnection, organization_id: UUID) -> int:
    """Return the organization's current version."""
    statement = select(cursor_table.c.seq).where(cursor_table.c.organization_id == organization_id)
    return int((await connection.execute(statement)).scalar_one())


async def version_at_end_of_day(
    connection: AsyncConnection, organization_id: UUID, known_at: date
) -> int:
    """Return the organization's version at the end of a day.

    Return the current version for today, and 0 for a day before the first write.
    """
    day = epoch.to_day_number(known_at)
    statement = select(cursor_table.c.seq, cursor_table.c.recorded_day).where(
        cursor_table.c.organization_id == organization_id
    )
    seq, recorded_day = (await connection.execute(statement)).one()
    if recorded_day <= day:
        return int(seq)
    closing_query = select(func.max(closing_table.c.seq)).where(
        closing_table.c.organization_id == organization_id, closing_table.c.day <= day
    )
    return int((await connection.execute(closing_query)).scalar_one() or 0)


async def load_configuration_version(connection: AsyncConnection, organization_id: UUID) -> int:
    """Return the version of the last configuration change.

    Raises: NotFoundError when there is no organization.
    """
    statement = select(cursor_table.c.catalogue).where(
        cursor_table.c.organization_id == organization_id
    )
    configuration_version = (await connection.execute(statement)).scalar_one_or_none()
    if configuration_version is None:
        raise NotFoundError("There is no such organization.")
    return int(configuration_version)


@dataclass(frozen=True, slots=True)
class OrganizationVersion:
    """The version of an organization, and the facts needed to answer a request at that version."""

    # The version of the last write.
    version: int
    # The version of the last configuration change.
    configuration_version: int
    # The latest day with a write.
    recorded_day: date
    time_zone: str

    def today(self, now: datetime) -> date:
        """Return the organization's current day. Days never decrease, even if the clock does."""
        return max(to_local_day(now, self.time_zone), self.recorded_day)


# Built once, because every request executes it.
LOAD_VERSION_QUERY: Final = (
    select(
        cursor_table.c.seq,
        cursor_table.c.catalogue,
        cursor_table.c.recorded_day,
        organization_table.c.time_zone,
    )
    .select_from(
        cursor_table.join(
            organization_table,
            organization_table.c.organization_id == cursor_table.c.organization_id,
        )
    )
    .where(
        cursor_table.c.organization_id == bindparam("organization"),
        organization_table.c.organization_id == bindparam("organization"),
    )
)


async def load_version(connection: AsyncConnection, organization_id: UUID) -> OrganizationVersion:
    """Load the organization's version. Raises: NotFoundError when there is no organization."""
    row = (
        await connection.execute(LOAD_VERSION_QUERY, {"organization": organization_id})
    ).one_or_none()
    if row is None:
        raise NotFoundError("There is no such organization.")
    version, configuration_version, recorded_day, time_zone = row
    return OrganizationVersion(
        int(version),
        int(configuration_version),
        epoch.from_day_number(recorded_day),
        str(time_zone),
    )
