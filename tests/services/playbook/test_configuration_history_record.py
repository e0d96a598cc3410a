"""What the journal says is what there is, and asking for the past leaves no trace."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import text

from app.domain.playbook import serialization as codec
from app.domain.playbook.configuration import TABLES
from app.store.playbook import configuration, journal
from app.store.playbook.journal import JournalFilter
from app.store.tables.playbook import Row
from tests.reference_model.chronicle import timelines
from tests.reference_model.relive import Life
from tests.reference_model.timeline import Timeline

laws = settings(
    max_examples=5,
    phases=tuple(set(Phase) - {Phase.shrink, Phase.explain}),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
Things = dict[tuple[str, str], Mapping[str, object]]


@pytest.fixture
def life(database_url: str) -> Iterator[Life]:
    with asyncio.Runner() as runner:
        found = Life(database_url, runner)
        yield found
        runner.run(found.service.database.close())


async def replayed(life: Life) -> Things:
    """What is there by the journal alone, its entries in their order."""
    there: Things = {}
    async with life.service.database.reading() as connection:
        entries = await journal.page(
            connection, life.actor.organization, JournalFilter(), None, 100_000
        )
    for entry in reversed(entries):
        if (
            entry.action == "restate"
        ):  # says from when on history is as the metric makes it, and changes nothing
            continue
        if entry.kind in TABLES and entry.after is not None:
            assert there.get((entry.kind, entry.key)) == (
                entry.before if entry.action == "update" else None
            )
            there[entry.kind, entry.key] = entry.after
        elif entry.kind in TABLES:
            assert there.pop((entry.kind, entry.key)) == entry.before
    return there


async def stored(life: Life) -> Things:
    """What is there by the tables."""
    async with life.service.database.reading() as connection:
        known = await configuration.load(connection, life.actor.organization)
    return {
        (kind, key): codec.to_json(noun) for kind in TABLES for key, noun in known.of(kind).items()
    }


async def dump(life: Life) -> dict[str, list[str]]:
    """Every row of every table."""
    async with life.service.database.reading() as connection:
        return {
            name: sorted(
                map(str, await connection.execute(text(f'select * from "{name}"')))
            )  # a table's name
            for name in sorted(Row.metadata.tables)
        }


@laws
@given(found=timelines())
def test_replaying_the_whole_journal_gives_the_present_tables(life: Life, found: Timeline) -> None:
    async def both() -> tuple[Things, Things]:
        await life.relive(found)
        return await replayed(life), await stored(life)

    by_journal, by_tables = life.runner.run(both())
    assert by_journal == by_tables


@laws
@given(found=timelines())
def test_asking_for_the_past_changes_nothing(life: Life, found: Timeline) -> None:
    async def ask() -> tuple[object, object]:
        await life.relive(found)
        before = await dump(life)
        first, last = found.days()[0], found.days()[-1]
        for age in range((last - first).days + 3):
            day = last - timedelta(days=age)
            for playbook in (None, "main", "nothing"):
                await life.ask(playbook, day, day)
                await life.ask(playbook, day, last)
        return before, await dump(life)

    before, after = life.runner.run(ask())
    assert before == after
