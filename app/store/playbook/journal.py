"""The journal: every change of the configuration, and the history that is read from it.

The journal is append-only and contains no secrets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import RowMapping, and_, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.playbook import serialization
from app.domain.playbook.configuration import Resource
from app.domain.playbook.history import CHANGE_ACTIONS, ChangeToRevert
from app.store.access.organization_version import WritePosition
from app.store.playbook.configuration import ROW_CLASSES
from app.store.tables.base import get_table
from app.store.tables.organizations import JournalRow

journal_table = get_table(JournalRow)


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """A journal record: an action, with the resource before and after it."""

    seq: int
    position: int
    at: datetime
    actor: str
    kind: str
    key: str
    action: str
    # None for a new resource.
    before: Mapping[str, object] | None
    # None for an archived resource.
    after: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class RecordedAction:
    """An action on an object outside the configuration, such as an API key or a secret."""

    actor: str
    kind: str
    key: str
    action: str
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """The conditions on the journal records to list."""

    kind: str | None = None
    key: str | None = None
    actor: str | None = None
    # Days of the organization, inclusive.
    first: date | None = None
    last: date | None = None


async def add_action(
    connection: AsyncConnection,
    organization_id: UUID,
    position: WritePosition,
    action: RecordedAction,
    preceding_changes: int = 0,
) -> None:
    """Add an action to the journal, after the configuration changes of the same write."""
    action_columns = {
        slot_name: getattr(action, slot_name) for slot_name in RecordedAction.__slots__
    }
    position_columns = {
        "seq": position.seq,
        "position": preceding_changes,
        "at": position.recorded_at,
        "day": position.day,
    }
    await connection.execute(
        insert(journal_table).values(
            organization_id=organization_id, **position_columns, **action_columns
        )
    )


async def list_journal_records(
    connection: AsyncConnection,
    organization_id: UUID,
    journal_filter: JournalFilter,
    after_position: tuple[int, int] | None,
    limit: int,
) -> list[JournalRecord]:
    """Return at most `limit` records, newest first, after a position."""
    statement = select(journal_table).where(journal_table.c.organization_id == organization_id)
    for filter_name in ("kind", "key", "actor"):
        if getattr(journal_filter, filter_name) is not None:
            statement = statement.where(
                journal_table.c[filter_name] == getattr(journal_filter, filter_name)
            )
    if journal_filter.first is not None:
        statement = statement.where(journal_table.c.day >= journal_filter.first)
    if journal_filter.last is not None:
        statement = statement.where(journal_table.c.day <= journal_filter.last)
    if after_position is not None:
        seq, position = after_position
        is_tie_before = and_(journal_table.c.seq == seq, journal_table.c.position < position)
        statement = statement.where(or_(journal_table.c.seq < seq, is_tie_before))
    statement = statement.order_by(
        journal_table.c.seq.desc(), journal_table.c.position.desc()
    ).limit(limit)
    rows = (await connection.execute(statement)).mappings()
    return [
        JournalRecord(**{filter_name: row[filter_name] for filter_name in JournalRecord.__slots__})
        for row in rows
    ]


async def load_account_history(
    connection: AsyncConnection, organization_id: UUID, source: str
) -> list[tuple[datetime, str | None]]:
    """Return the accounts of a source with their start times, oldest first.

    An account of None stands for any account.
    """
    statement = select(journal_table.c.at, journal_table.c.after).where(
        journal_table.c.organization_id == organization_id,
        journal_table.c.kind == "source",
        journal_table.c.key == source,
        journal_table.c.action.in_(CHANGE_ACTIONS),
        journal_table.c.after.is_not(None),
    )
    statement = statement.order_by(journal_table.c.seq, journal_table.c.position)
    return [(row.at, row.after["account"]) for row in await connection.execute(statement)]


async def load_changes_between(
    connection: AsyncConnection, organization_id: UUID, after_day: date, until_day: date
) -> Mapping[date, Sequence[ChangeToRevert]]:
    """Return the first change of each resource, for each day with changes after `after_day`.

    Reverting the changes of one day after another, the latest day first, gives the configuration
    at the beginning of each day.
    """
    columns = (
        journal_table.c.day,
        journal_table.c.kind,
        journal_table.c.key,
        journal_table.c.action,
        journal_table.c.before,
    )
    statement = (
        select(*columns)
        .where(
            journal_table.c.organization_id == organization_id,
            journal_table.c.day > after_day,
            journal_table.c.day <= until_day,
            journal_table.c.kind.in_(tuple(ROW_CLASSES)),
            journal_table.c.action.in_(CHANGE_ACTIONS),
        )
        .order_by(journal_table.c.seq.desc(), journal_table.c.position.desc())
    )
    earliest: dict[date, dict[tuple[str, str], RowMapping]] = {}
    for row in (await connection.execute(statement)).mappings():
        earliest.setdefault(row["day"], {})[row["kind"], row["key"]] = row
    return {
        changed_on: [_to_change_to_revert(row) for row in rows.values()]
        for changed_on, rows in earliest.items()
    }


def _to_change_to_revert(row: RowMapping) -> ChangeToRevert:
    before = None if row["before"] is None else serialization.from_json(row["kind"], row["before"])
    return ChangeToRevert(row["kind"], row["key"], row["action"], before)


async def load_publication_days(
    connection: AsyncConnection, organization_id: UUID
) -> Mapping[str, date]:
    """Return the day of each playbook's first publication, by its key; drafts are left out."""
    columns = (journal_table.c.day, journal_table.c.key, journal_table.c.after)
    statement = (
        select(*columns)
        .where(
            journal_table.c.organization_id == organization_id,
            journal_table.c.kind == "playbook",
            journal_table.c.after.is_not(None),
        )
        .order_by(journal_table.c.seq, journal_table.c.position)
    )
    days_by_playbook: dict[str, date] = {}
    for row in await connection.execute(statement):
        if row.after["state"] != "draft":
            days_by_playbook.setdefault(row.key, row.day)
    return days_by_playbook


async def replay_journal(
    connection: AsyncConnection, organization_id: UUID
) -> Mapping[tuple[str, str], Resource | None]:
    """Return the last state of every resource by kind and key, None for an archived one."""
    statement = (
        select(journal_table.c.kind, journal_table.c.key, journal_table.c.after)
        .where(
            journal_table.c.organization_id == organization_id,
            journal_table.c.kind.in_(tuple(ROW_CLASSES)),
            journal_table.c.action.in_(CHANGE_ACTIONS),
        )
        .order_by(journal_table.c.seq, journal_table.c.position)
    )
    last_states = {(row.kind, row.key): row.after for row in await connection.execute(statement)}
    return {
        (kind, resource_key): None if state is None else serialization.from_json(kind, state)
        for (kind, resource_key), state in last_states.items()
    }
