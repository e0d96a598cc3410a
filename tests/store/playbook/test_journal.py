"""The journal has every change, in order, with what was before and after, and never a secret."""

from datetime import date, timedelta

from sqlalchemy import text

from app.domain.access.actor import Actor
from app.domain.playbook import serialization as codec
from app.domain.playbook.configuration import TABLES, Configuration
from app.domain.playbook.organization import Team
from app.domain.sources.sources import Source
from app.services.access import api_keys as keys
from app.services.access.api_keys import IssueKey
from app.services.playbook import configuration, playbooks
from app.services.sources import sources
from app.store.playbook import configuration as store
from app.store.playbook import journal
from app.store.playbook.journal import Entry, JournalFilter
from tests.support.services import NOW, House, furnish

SECRET = "a-client-secret-of-the-app"


async def listed(
    built: House, actor: Actor, wanted: JournalFilter | None = None, limit: int = 200
) -> list[Entry]:
    """All pages, one after the other."""
    found: list[Entry] = []
    async with built.service.database.reading() as connection:
        while True:
            after = (found[-1].seq, found[-1].position) if found else None
            page = await journal.page(
                connection, actor.organization, wanted or JournalFilter(), after, limit
            )
            found += page
            if len(page) < limit:
                return found


async def busy(built: House) -> Actor:
    """An organization that was changed in every way."""
    actor = await built.organization()
    await furnish(built, actor)
    await configuration.put(built.service, actor, Team("ops", "Ops", "operations"))
    await configuration.patch(
        built.service, actor, "team", "ops", lambda _: Team("ops", "Operations", "operations")
    )
    await configuration.archive(built.service, actor, "team", "ops")
    built.clock.forward(days=1)
    await configuration.put(built.service, actor, Team("ops", "Ops", "operations"))
    await playbooks.publish(built.service, actor, "q4")
    await configuration.archive(built.service, actor, "objective", "win")
    return actor


async def test_every_change_is_an_entry_with_before_and_after(built: House):
    actor = await busy(built)
    found = await listed(built, actor, JournalFilter(kind="team", key="ops"))
    shown = [
        (entry.action, (entry.before or {}).get("name"), (entry.after or {}).get("name"))
        for entry in found
    ]
    assert shown == [
        ("restore", "Operations", "Ops"),
        ("archive", "Operations", None),
        ("update", "Ops", "Operations"),
        ("create", None, "Ops"),
    ]
    assert {entry.actor for entry in found} == {"tester"}
    assert [entry.at for entry in found] == [NOW + timedelta(days=1), NOW, NOW, NOW]


async def test_replaying_the_journal_gives_the_tables(built: House):
    actor = await busy(built)
    replayed: dict[str, dict[str, object]] = {kind: {} for kind in TABLES}
    for entry in reversed(await listed(built, actor)):
        if entry.kind not in TABLES:
            continue
        if entry.after is None:
            del replayed[entry.kind][entry.key]
        else:
            replayed[entry.kind][entry.key] = codec.from_json(entry.kind, entry.after)
    async with built.service.database.reading() as connection:
        found: Configuration = await store.load(connection, actor.organization)
    assert {kind: dict(found.of(kind)) for kind in TABLES} == replayed


async def test_a_write_that_changes_nothing_is_no_entry(built: House):
    actor = await busy(built)
    before = await listed(built, actor)
    await configuration.put(built.service, actor, Team("ops", "Ops", "operations"))
    assert await listed(built, actor) == before


async def test_pages_are_complete_and_newest_first(built: House):
    actor = await busy(built)
    everything = [(entry.seq, entry.position) for entry in await listed(built, actor)]
    assert everything == sorted(set(everything), reverse=True)
    assert len(everything) > 10
    for limit in (1, 3):
        assert [
            (entry.seq, entry.position) for entry in await listed(built, actor, limit=limit)
        ] == everything


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


async def test_a_filter_lists_exactly_what_it_says(built: House):
    actor = await busy(built)
    everything = await listed(built, actor)
    for wanted in FILTERS:
        expected = [
            entry
            for entry in everything
            if wanted.kind in (None, entry.kind)
            and wanted.key in (None, entry.key)
            and wanted.actor in (None, entry.actor)
            and (wanted.first is None or entry.at.date() >= wanted.first)
            and (wanted.last is None or entry.at.date() <= wanted.last)
        ]
        assert await listed(built, actor, wanted) == expected, wanted
        assert bool(expected) == (wanted.key != "nothing"), wanted


async def test_no_secret_is_ever_in_the_journal(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    await sources.put(built.service, actor, Source("crm", "CRM", "hubspot", "42", "sales"), SECRET)
    await sources.rotate(built.service, actor, "crm", SECRET + "-2")
    made = await sources.put(
        built.service, actor, Source("hooks", "Hooks", "standard_webhooks"), None
    )
    key, shown = await keys.issue(built.service, actor, IssueKey("mine", frozenset({"read"})))
    await keys.revoke(built.service, actor, key.id)
    async with built.service.database.reading() as connection:
        rows = [str(tuple(row)) for row in await connection.execute(text("select * from journal"))]
        hooks = [str(tuple(row)) for row in await connection.execute(text("select * from hook"))]
        stored = [
            str(tuple(row)) for row in await connection.execute(text("select * from api_key"))
        ]
    assert made.secret is not None
    for secret in (SECRET, made.secret, shown, shown[21:64], key.digest):
        assert not any(secret in row for row in rows)
    for secret in (SECRET, made.secret, shown, shown[21:64]):
        assert not any(secret in row for row in [*hooks, *stored])
    acts = [(entry.kind, entry.action) for entry in await listed(built, actor)]
    assert {("source", "rotate"), ("api_key", "create"), ("api_key", "archive")} <= set(acts)


async def test_another_organization_s_journal_is_not_shown(built: House):
    await busy(built)
    other = await built.organization("other")
    assert {entry.key for entry in await listed(built, other)} & {"ops", "q4", "win"} == set()
