"""Replaying the journal gives the tables, and queries about the past change nothing."""

from collections.abc import Mapping
from datetime import timedelta

from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import text

from app.domain.playbook import serialization
from app.domain.playbook.configuration import TABLE_NAMES
from app.store.playbook import configuration as configuration_store
from app.store.playbook import journal
from app.store.playbook.journal import JournalFilter
from app.store.tables.base import Row
from tests.reference_model.timeline import Timeline
from tests.reference_model.timeline_runner import TimelineRunner
from tests.reference_model.timeline_strategies import timelines

property_settings = settings(
    max_examples=5,
    phases=tuple(set(Phase) - {Phase.shrink, Phase.explain}),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ConfigurationByKey = dict[tuple[str, str], Mapping[str, object]]


async def replay_journal(timeline_runner: TimelineRunner) -> ConfigurationByKey:
    """Return the configuration that the journal's entries give in their order."""
    objects: ConfigurationByKey = {}
    async with timeline_runner.service.database.read_transaction() as reader:
        entries = await journal.list_journal_records(
            reader, timeline_runner.actor.organization, JournalFilter(), None, 100_000
        )
    for journal_entry in reversed(entries):
        if journal_entry.action == "restate":  # changes no resource
            continue
        if journal_entry.kind in TABLE_NAMES and journal_entry.after is not None:
            assert objects.get((journal_entry.kind, journal_entry.key)) == (
                journal_entry.before if journal_entry.action == "update" else None
            )
            objects[journal_entry.kind, journal_entry.key] = journal_entry.after
        elif journal_entry.kind in TABLE_NAMES:
            assert objects.pop((journal_entry.kind, journal_entry.key)) == journal_entry.before
    return objects


async def load_stored_configuration(timeline_runner: TimelineRunner) -> ConfigurationByKey:
    """Return the configuration that the tables hold."""
    async with timeline_runner.service.database.read_transaction() as reader:
        current_configuration = await configuration_store.load_configuration(
            reader, timeline_runner.actor.organization
        )
    return {
        (kind, key): serialization.to_json(noun)
        for kind in TABLE_NAMES
        for key, noun in current_configuration.resources_of(kind).items()
    }


async def dump_tables(timeline_runner: TimelineRunner) -> dict[str, list[str]]:
    """Return every row of every table."""
    async with timeline_runner.service.database.read_transaction() as reader:
        return {
            table_name: sorted(
                map(str, await reader.execute(text(f'select * from "{table_name}"')))
            )
            for table_name in sorted(Row.metadata.tables)
        }


@property_settings
@given(timeline=timelines())
def test_replaying_the_whole_journal_gives_the_present_tables(
    timeline_runner: TimelineRunner, timeline: Timeline
) -> None:
    async def load_both() -> tuple[ConfigurationByKey, ConfigurationByKey]:
        await timeline_runner.run_timeline(timeline)
        return await replay_journal(timeline_runner), await load_stored_configuration(
            timeline_runner
        )

    by_journal, by_tables = timeline_runner.runner.run(load_both())
    assert by_journal == by_tables


@property_settings
@given(timeline=timelines())
def test_queries_about_the_past_change_nothing(
    timeline_runner: TimelineRunner, timeline: Timeline
) -> None:
    async def query_past() -> tuple[object, object]:
        await timeline_runner.run_timeline(timeline)
        before = await dump_tables(timeline_runner)
        first = timeline.list_days()[0]
        last = timeline.list_days()[-1]
        for age in range((last - first).days + 3):
            day = last - timedelta(days=age)
            for playbook in (None, "main", "nothing"):
                await timeline_runner.get_answer(playbook, day, day)
                await timeline_runner.get_answer(playbook, day, last)
        return before, await dump_tables(timeline_runner)

    before, after = timeline_runner.runner.run(query_past())
    assert before == after
