"""The past of the configuration, read from the journal: what changed after a day, and when a playbook was published."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.playbook import serialization as codec
from app.domain.playbook.configuration import Resource
from app.domain.playbook.history import CHANGE_ACTIONS, ChangeToRevert
from app.store.playbook.configuration import ROW_CLASSES
from app.store.tables.playbook import JournalRow, get_table

journal_table = get_table(JournalRow)


async def load_changes_between(
    connection: AsyncConnection, organization_id: UUID, after_day: date, until_day: date
) -> Mapping[date, Sequence[ChangeToRevert]]:
    """What changed after that day and up to the other: for each day on which anything did, each thing's first change.

    Taking back those of one day after the other, the last one first, gives the configuration of each day's beginning.
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
    before = None if row["before"] is None else codec.from_json(row["kind"], row["before"])
    return ChangeToRevert(row["kind"], row["key"], row["action"], before)


async def load_publication_days(
    connection: AsyncConnection, organization_id: UUID
) -> Mapping[str, date]:
    """The day on which each playbook was first published, by its key; drafts are not in it."""
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
    """Every thing as its last entry in the journal left it, by kind and key; None for one that was archived."""
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
        (kind, key): None if state is None else codec.from_json(kind, state)
        for (kind, key), state in last_states.items()
    }
