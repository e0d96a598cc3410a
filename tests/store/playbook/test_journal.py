"""The journal contains every change in order, and no secrets."""

from datetime import date, timedelta

from sqlalchemy import text

from app.domain.access.actor import Actor
from app.domain.playbook import serialization
from app.domain.playbook.configuration import TABLE_NAMES, Configuration
from app.domain.playbook.organization import Team
from app.domain.sources.sources import Source
from app.services.access import api_keys as api_keys_service
from app.services.access.api_keys import IssueKey
from app.services.playbook import configuration as configuration_service
from app.services.playbook import playbooks
from app.services.sources import sources as sources_service
from app.store.playbook import configuration as configuration_store
from app.store.playbook import journal
from app.store.playbook.journal import JournalFilter, JournalRecord
from tests.support.service_harness import NOW, ServiceHarness, seed_playbook

SECRET = "a-client-secret-of-the-app"


async def list_all_pages(
    harness: ServiceHarness,
    actor: Actor,
    journal_filter: JournalFilter | None = None,
    limit: int = 200,
) -> list[JournalRecord]:
    """Return the records of all pages."""
    journal_entries: list[JournalRecord] = []
    async with harness.service.database.read_transaction() as reader:
        while True:
            after = (
                (journal_entries[-1].seq, journal_entries[-1].position) if journal_entries else None
            )
            page = await journal.list_journal_records(
                reader, actor.organization, journal_filter or JournalFilter(), after, limit
            )
            journal_entries += page
            if len(page) < limit:
                return journal_entries


async def create_changed_organization(harness: ServiceHarness) -> Actor:
    """Create an organization and change it in every way."""
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    await configuration_service.put_resource(
        harness.service, actor, Team("ops", "Ops", "operations")
    )
    await configuration_service.patch_resource(
        harness.service, actor, "team", "ops", lambda _: Team("ops", "Operations", "operations")
    )
    await configuration_service.archive_resource(harness.service, actor, "team", "ops")
    harness.clock.advance(days=1)
    await configuration_service.put_resource(
        harness.service, actor, Team("ops", "Ops", "operations")
    )
    await playbooks.publish_playbook(harness.service, actor, "q4")
    await configuration_service.archive_resource(harness.service, actor, "objective", "win")
    return actor


async def test_every_change_is_an_entry_with_before_and_after(harness: ServiceHarness):
    actor = await create_changed_organization(harness)
    journal_entries = await list_all_pages(harness, actor, JournalFilter(kind="team", key="ops"))
    actions = [
        (
            journal_entry.action,
            (journal_entry.before or {}).get("name"),
            (journal_entry.after or {}).get("name"),
        )
        for journal_entry in journal_entries
    ]
    assert actions == [
        ("restore", "Operations", "Ops"),
        ("archive", "Operations", None),
        ("update", "Ops", "Operations"),
        ("create", None, "Ops"),
    ]
    assert {journal_entry.actor for journal_entry in journal_entries} == {"tester"}
    assert [journal_entry.at for journal_entry in journal_entries] == [
        NOW + timedelta(days=1),
        NOW,
        NOW,
        NOW,
    ]


async def test_replaying_the_journal_gives_the_tables(harness: ServiceHarness):
    actor = await create_changed_organization(harness)
    replayed: dict[str, dict[str, object]] = {kind: {} for kind in TABLE_NAMES}
    for journal_entry in reversed(await list_all_pages(harness, actor)):
        if journal_entry.kind not in TABLE_NAMES:
            continue
        if journal_entry.after is None:
            del replayed[journal_entry.kind][journal_entry.key]
        else:
            replayed[journal_entry.kind][journal_entry.key] = serialization.from_json(
                journal_entry.kind, journal_entry.after
            )
    async with harness.service.database.read_transaction() as reader:
        stored_configuration: Configuration = await configuration_store.load_configuration(
            reader, actor.organization
        )
    assert {kind: dict(stored_configuration.resources_of(kind)) for kind in TABLE_NAMES} == replayed


async def test_a_write_that_changes_nothing_is_no_entry(harness: ServiceHarness):
    actor = await create_changed_organization(harness)
    before = await list_all_pages(harness, actor)
    await configuration_service.put_resource(
        harness.service, actor, Team("ops", "Ops", "operations")
    )
    assert await list_all_pages(harness, actor) == before


async def test_pages_are_complete_and_newest_first(harness: ServiceHarness):
    actor = await create_changed_organization(harness)
    all_positions = [
        (journal_entry.seq, journal_entry.position)
        for journal_entry in await list_all_pages(harness, actor)
    ]
    assert all_positions == sorted(set(all_positions), reverse=True)
    assert len(all_positions) > 10
    for limit in (1, 3):
        assert [
            (journal_entry.seq, journal_entry.position)
            for journal_entry in await list_all_pages(harness, actor, limit=limit)
        ] == all_positions


FILTERS = (
    JournalFilter(kind="team"),
    JournalFilter(key="ops"),
    JournalFilter(actor="operator"),
    JournalFilter(first=date(2026, 11, 24)),
    JournalFilter(last=date(2026, 11, 23)),
    JournalFilter(
        kind="team", key="ops", actor="tester", first=date(2026, 11, 23), last=date(2026, 11, 23)
    ),
    JournalFilter(key="nothing"),
)


async def test_a_filter_lists_exactly_what_it_says(harness: ServiceHarness):
    actor = await create_changed_organization(harness)
    all_entries = await list_all_pages(harness, actor)
    for journal_filter in FILTERS:
        expected = [
            journal_entry
            for journal_entry in all_entries
            if journal_filter.kind in (None, journal_entry.kind)
            and journal_filter.key in (None, journal_entry.key)
            and journal_filter.actor in (None, journal_entry.actor)
            and (journal_filter.first is None or journal_entry.at.date() >= journal_filter.first)
            and (journal_filter.last is None or journal_entry.at.date() <= journal_filter.last)
        ]
        assert await list_all_pages(harness, actor, journal_filter) == expected, journal_filter
        assert bool(expected) == (journal_filter.key != "nothing"), journal_filter


async def test_no_secret_is_ever_in_the_journal(harness: ServiceHarness):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    await sources_service.put_source(
        harness.service, actor, Source("crm", "CRM", "hubspot", "42", "sales"), SECRET
    )
    await sources_service.rotate_secret(harness.service, actor, "crm", SECRET + "-2")
    connected = await sources_service.put_source(
        harness.service, actor, Source("hooks", "Hooks", "standard_webhooks"), None
    )
    issued_key, plain_key = await api_keys_service.issue_key(
        harness.service, actor, IssueKey("mine", frozenset({"read"}))
    )
    await api_keys_service.revoke_key(harness.service, actor, issued_key.id)
    async with harness.service.database.read_transaction() as reader:
        journal_rows = [
            str(tuple(row)) for row in await reader.execute(text("select * from journal"))
        ]
        hook_rows = [str(tuple(row)) for row in await reader.execute(text("select * from hook"))]
        key_rows = [str(tuple(row)) for row in await reader.execute(text("select * from api_key"))]
    assert connected.secret is not None
    for secret in (SECRET, connected.secret, plain_key, plain_key[21:64], issued_key.digest):
        assert not any(secret in row for row in journal_rows)
    for secret in (SECRET, connected.secret, plain_key, plain_key[21:64]):
        assert not any(secret in row for row in [*hook_rows, *key_rows])
    actions = [
        (journal_entry.kind, journal_entry.action)
        for journal_entry in await list_all_pages(harness, actor)
    ]
    assert {("source", "rotate"), ("api_key", "create"), ("api_key", "archive")} <= set(actions)


async def test_another_organization_s_journal_is_not_shown(harness: ServiceHarness):
    await create_changed_organization(harness)
    other_actor = await harness.create_organization("other")
    assert {journal_entry.key for journal_entry in await list_all_pages(harness, other_actor)} & {
        "ops",
        "q4",
        "win",
    } == set()
