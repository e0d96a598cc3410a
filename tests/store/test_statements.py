"""Every statement keeps to its organization and runs on Citus: the whole service is run, and what it says is read."""

import inspect
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from uuid import uuid4

import pytest
from sqlalchemy import delete
from standardwebhooks.webhooks import Webhook

import app.store
from app.connectors.connector import Delivery
from app.domain.access.actor import Actor
from app.domain.playbook.objectives import Objective
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Organization, Team
from app.domain.playbook.playbooks import Contribution, Signoff
from app.domain.primitives.errors import EventConflictError, NotAuthenticError
from app.domain.sources.sources import Source
from app.services.access import api_keys as keys
from app.services.access import organizations
from app.services.access.api_keys import IssueKey
from app.services.alignment import alignment, comparison, history
from app.services.events import ingestion as events
from app.services.events import metric_restatement as restatement
from app.services.operations import erasure as erasures
from app.services.operations import retention
from app.services.operations import rollup_check as maintenance
from app.services.playbook import configuration, playbooks
from app.services.sources import inbound_webhooks as deliveries
from app.services.sources import replay as replays
from app.services.sources import sources
from app.store.access import api_keys as kept_keys
from app.store.access import organization_version as cursor
from app.store.events import event_queries as kept_events
from app.store.events import ingest_sqlite as embedded_ingest
from app.store.events import metric_counts as metrics
from app.store.events import metric_restatement as restatements
from app.store.events.event_queries import EventFilter
from app.store.operations import migrations
from app.store.operations import privileges as owner
from app.store.playbook import configuration as store
from app.store.playbook import journal
from app.store.playbook.journal import JournalFilter
from app.store.sources import deliveries as kept_deliveries
from app.store.tables.events import SoldRow
from app.store.tables.playbook import Row, table_of
from tests.support.configurations import book
from tests.support.services import (
    NOW,
    ONE,
    PUBLIC,
    House,
    changed,
    created,
    event,
    furnish,
    house,
    hubspot,
    metric,
    record,
)
from tests.support.statements import executed, loose, named, tokens, unfit

SECRET = "a-client-secret-of-the-app"
DAY = date(2026, 11, 23)
UPSERT = "insert into team (organization_id, key) values (?, ?) on conflict (organization_id, key) do update set name ="
EVERY_FILTER = EventFilter(
    type="invoice.paid",
    team="sales",
    source="billing",
    id="a",
    subject="deal/1",
    kind="outcome",
    unit="EUR",
    sold_unit="EUR",
    offering="onboarding",
    metric="arr",
    counts_for="arr",
    objective="win",
    refreshes="win",
    off_playbook="q4",
    other_playbook=True,
    days=((DAY, DAY),),
    first=DAY,
    last=DAY,
    as_of=DAY,
    known_at=DAY,
)
# Store functions that the scenario need not run, and why.
NOT_RUN = {
    "operations.migrations.upgrade": "run by Alembic, as the owner",
    "operations.migrations.downgrade": "the same",
    "operations.migrations.check": "the same",
    "operations.migrations.drift": "the same",
    "operations.migrations.config": "the same",
    "operations.migrations.head": "asks no database",
}
EMBEDDED_ALONE, SERVER_ALONE = {"sql.dialect.at_once"}, {"alignment.evidence_query.settled"}


@contextmanager
def called() -> Iterator[set[CodeType]]:
    """The functions that are called meanwhile."""
    found: set[CodeType] = set()

    def note(frame: FrameType, what: str, _argument: object) -> None:
        if what == "call":
            found.add(frame.f_code)

    before = sys.getprofile()
    sys.setprofile(note)
    yield found
    sys.setprofile(before)


def modules() -> list[ModuleType]:
    folder = Path(app.store.__file__).parent
    return [
        import_module(".".join(("app.store", *path.relative_to(folder).with_suffix("").parts)))
        for path in sorted(folder.rglob("*.py"))
        if path.stem != "__init__"
    ]


def public(module: ModuleType) -> dict[str, CodeType]:
    """The public functions that speak to the database: those that take a connection or are awaited."""
    short = module.__name__.removeprefix("app.store.")
    return {
        f"{short}.{name}": found.__code__
        for name, found in vars(module).items()
        if inspect.isfunction(found)
        and found.__module__ == module.__name__
        and not name.startswith("_")
        and (
            inspect.iscoroutinefunction(found)
            or inspect.isasyncgenfunction(found)
            or short == "operations.migrations"
        )
    }


def read_nothing(_raw: object) -> object:
    raise AssertionError("HubSpot sends no events of ours")


async def configure(found: House, actor: Actor) -> None:
    """The configuration is written in every way there is."""
    service = found.service
    await furnish(found, actor)
    await configuration.put(service, actor, Offering("onboarding", "Onboarding", DAY))
    await configuration.put(service, actor, Team("ops", "Ops", "operations"))
    await configuration.patch(
        service, actor, "team", "ops", lambda _: Team("ops", "Operations", "operations")
    )
    await configuration.archive(service, actor, "team", "ops")
    away = Organization("acme", "Acme", "Europe/Berlin")
    await configuration.patch(service, actor, "organization", "acme", lambda _: away)
    other = book("next", date(2026, 11, 1), date(2027, 1, 31))
    await configuration.put(service, actor, other)
    await configuration.put(service, actor, Objective("far", "next", "Far"))
    await playbooks.publish(service, actor, "next")
    await playbooks.publish(service, actor, "q4")
    await playbooks.contribute(service, actor, Contribution("q4", "sales", "Ann"))
    await playbooks.sign(service, actor, Signoff("q4", "sales", 2, "Ann"))
    await playbooks.accept(service, actor, "win", "sales", accepted=True, by="Ann", note="")
    await playbooks.withdraw(service, actor, "contribution", "q4", "sales")
    document = await playbooks.document(service, actor, "q4")
    await playbooks.apply(service, actor, document, dry_run=True, publish=True, prune=True)
    await playbooks.close(service, actor, "next")


async def work(found: House, actor: Actor) -> None:
    """Events come, go, conflict and are matched anew; deliveries too."""
    service = found.service
    some = [event(name, offerings=(("onboarding", ONE),), objective=None) for name in "abc"]
    items = await record(found, actor, *some)
    full = await record(found, actor, *(event(f"n{i}", value=10**16) for i in range(930)))
    assert full[-1].status == "invalid"
    await record(
        found,
        actor,
        event("a"),
        event("a", value=1),
        event("d", type="call.held", subject="person/zoe"),
    )
    assert items[0].uid is not None
    await events.retract_event(service, actor, items[0].uid, "a mistake")
    await configuration.put(service, actor, metric(where=()))
    source = Source(
        "hubspot", "HubSpot", "hubspot", "4242001", "marketing", {"value": {"property": "amount"}}
    )
    hook = (await sources.put(service, actor, source, SECRET)).hook_id or ""
    await sources.rotate(service, actor, "hubspot", SECRET + "-2")
    at = NOW - timedelta(days=9)
    told = [
        created(1, at),
        changed(1, "dealstage", "closedwon", at),
        changed(1, "dealstage", "strange", at),
    ]
    for elements in (told, [changed(1, "amount", "12", at)], b"nothing"):
        delivery = hubspot(hook, SECRET, elements, found.clock.at)
        await deliveries.take(service, hook, delivery, read_nothing)  # type: ignore[arg-type]  # never returns
    with suppress(NotAuthenticError):
        await deliveries.take(
            service,
            hook,
            hubspot(hook, "forged", told, found.clock.at),
            read_nothing,  # type: ignore[arg-type]  # never returns
        )
    relay = await sources.put(
        service, actor, Source("relay", "Relay", "standard_webhooks", team="sales"), None
    )
    for value in (ONE, 2 * ONE):
        body, id_ = json.dumps({"events": [{"value": value}]}), "msg_1"
        signature = Webhook(relay.secret or "").sign(id_, found.clock.at, body)
        signed = {"webhook-id": id_, "webhook-timestamp": str(int(found.clock.at.timestamp()))}
        message = Delivery(
            "POST", f"{PUBLIC}/hooks/x", {**signed, "webhook-signature": signature}, body.encode()
        )
        with suppress(EventConflictError):
            await deliveries.take(
                service,
                relay.hook_id or "",
                message,
                lambda one: event("r", source="relay", value=one["value"]),
            )
    await sources.health(service, actor, [source])
    await record(found, actor, *(event(f"day-{n}", time=NOW - timedelta(days=n)) for n in range(6)))
    service = replace(service, restate_at_once=0)
    for metric_now in (metric(unit="EUR"), metric(unit="USD")):
        await configuration.put(service, actor, metric_now)
        assert await restatement.waiting(service) == [actor.organization]
        await restatement.step(service, actor.organization)
    found.clock.forward(days=1)
    await record(
        found,
        actor,
        event("meanwhile"),
        *(event(f"ago-{n}", time=NOW - timedelta(days=n)) for n in range(20, 24)),
    )
    for _ in range(5):
        await restatement.step(service, actor.organization)
    async with service.database.reading() as connection:
        await restatements.progress(connection, actor.organization)
    await restatement.finish(service, actor.organization)
    await replays.replay(service, actor, "hubspot", None, read_nothing)  # type: ignore[arg-type]  # never returns
    strange = {"value": {"property": "other"}}
    again = Source("hubspot", "HubSpot", "hubspot", "4242001", "marketing", strange)
    await sources.put(service, actor, again, None)
    await replays.replay(service, actor, "hubspot", at, read_nothing)  # type: ignore[arg-type]  # never returns
    await retention.trim(service, actor.organization, 0)
    await record(found, actor, *(event(f"large-{n}", value=10**12 * ONE) for n in range(923)))


async def ask(found: House, actor: Actor) -> None:
    """Everything is listed and answered."""
    service, organization = found.service, actor.organization
    for turn in range(
        3
    ):  # at first all is read, then what stays as it is all day, then only what is new
        await record(found, actor, event(f"turn-{turn}"))
        await alignment.read(service, actor)
    await alignment.read(service, actor, "q4", DAY, DAY)
    await history.read(service, actor, DAY - timedelta(days=30), DAY)
    await comparison.changes(service, actor, DAY, playbook="q4")
    document = await playbooks.document(service, actor, "q4")
    await comparison.what_if(service, actor, document)
    lower = [
        replace(one, noun=metric(aggregation="max", events=("deal.won", "x")))
        for one in document.metrics
    ]
    await comparison.what_if(service, actor, replace(document, metrics=tuple(lower)))
    await organizations.find(service, "acme")
    now = datetime(2026, 11, 23, tzinfo=UTC)
    async with service.database.reading() as connection:
        known = await store.load(connection, organization)
        for name in (field.name for field in fields(EventFilter)):
            both = {"off_playbook": "q4"} if name == "other_playbook" else {}
            wanted = replace(EventFilter(**both), **{name: getattr(EVERY_FILTER, name)})  # type: ignore[arg-type]  # a field of it
            await kept_events.page(connection, organization, known, wanted, None, 9)
        await kept_events.page(connection, organization, known, EVERY_FILTER, (now, uuid4()), 9)
        for kind in store.NOUNS:
            for stored in await store.page(
                connection, organization, kind, equals={}, after=None, limit=9, archived=True
            ):
                await store.find(connection, organization, kind, stored.value.key)
                after = stored.value.key if store.identity(kind) else None
                await store.page(connection, organization, kind, equals={}, after=after, limit=9)
        await store.page(
            connection, organization, "objective", equals={"playbook": "q4"}, after=None, limit=9
        )
        for wanted_entry in (JournalFilter(), JournalFilter("team", "ops", "tester", DAY, DAY)):
            await journal.page(connection, organization, wanted_entry, (9, 9), 9)
        (one, *_) = await kept_deliveries.page(
            connection, organization, "hubspot", "processed", (now, uuid4()), 9
        ) or (await kept_deliveries.page(connection, organization, "hubspot", None, None, 9))
        await kept_deliveries.find(connection, organization, "hubspot", one.uid)
        await kept_keys.page(connection, organization, (now, "x"), 9)
        await metrics.figures(connection, organization, ["arr"])
        await cursor.version(connection, organization)
    await migrations.current(service.database)


async def care(found: House, actor: Actor) -> None:
    """Keys are issued, used and revoked; the roll-ups are checked and mended."""
    service = found.service
    key, text = await keys.issue(
        service, actor, IssueKey("mine", frozenset({"read"}), "sales", "billing")
    )
    await keys.authenticate(service, text)
    await keys.revoke(service, actor, key.id)
    await maintenance.organizations(service)
    await maintenance.differences(service, actor.organization)
    await maintenance.unjournaled(service, actor.organization)
    await maintenance.restating(service)
    async with service.database.writing() as connection:
        sold = table_of(SoldRow)
        await connection.execute(delete(sold).where(sold.c.organization_id == actor.organization))
    await maintenance.restore(service, actor.organization)
    for subject in ("deal/1", "person/zoe", "nobody"):
        await erasures.erase(service, actor, subject, read_nothing)  # type: ignore[arg-type]  # never returns
    async with service.database.reading() as connection:
        await owner.owns(connection)


async def scenario(found: House) -> None:
    """All that the service can do, once."""
    actor = await found.organization()
    await found.organization("other")
    await configure(found, actor)
    await work(found, actor)
    await ask(found, actor)
    await care(found, actor)


async def test_every_statement_keeps_to_its_organization_and_runs_on_citus(database_url: str):
    async with house(database_url) as found:
        with executed(found.service.database) as statements, called() as functions:
            await scenario(found)
            await organizations.delete(found.service, "acme", lambda _: None)
            async with found.service.database.writing() as connection:
                await owner.grant_service(connection, None)
    assert (
        sorted({(statement, what) for statement in statements for what in loose(statement)}) == []
    )
    assert (
        sorted({(statement, what) for statement in statements for what in unfit(statement)}) == []
    )
    seen = {name for statement in statements for name, _, _ in named(tokens(statement))}
    assert seen >= set(Row.metadata.tables), "tables of which nothing was seen"
    silent = {
        name
        for module in modules()
        for name, code in public(module).items()
        if code not in functions
    }
    other = SERVER_ALONE if database_url.startswith("sqlite") else EMBEDDED_ALONE
    assert silent == set(NOT_RUN) | other, "store functions that the scenario never ran"


def test_what_the_driver_is_asked_directly_keeps_to_its_organization_too():
    asked = (
        embedded_ingest.MOVE,
        embedded_ingest.KNOWN,
        embedded_ingest.CLOSE,
        embedded_ingest.NOTE,
    )
    assert [what for statement in asked for what in loose(statement)] == []


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("select * from event where uid = ?", ["event as event"]),
        ("select * from event", ["event as event"]),
        ("SELECT e.uid FROM event AS e WHERE e.organization_id = $1::UUID", []),
        ("select * from event e where e.organization_id = ?", []),
        ('select * from "cursor" where "cursor".organization_id = ?', []),
        (
            "select * from event join retraction on retraction.uid = event.uid where event.organization_id = ?",
            ["retraction as retraction"],
        ),
        (
            (
                "select * from event join retraction on retraction.organization_id = event.organization_id "
                "where event.organization_id = ?"
            ),
            ["retraction as retraction"],
        ),
        (
            (
                "select * from event join retraction on retraction.organization_id = ? and retraction.uid = event.uid "
                "where event.organization_id = ?"
            ),
            [],
        ),
        (
            "select * from event, retraction where event.organization_id = ?",
            ["retraction as retraction"],
        ),
        (
            (
                "select * from event where event.organization_id = ? and not exists "
                "(select 1 from retraction where retraction.uid = event.uid)"
            ),
            ["retraction as retraction"],
        ),
        (
            "select * from (select uid from event) as e where e.organization_id = ?",
            ["event as event"],
        ),
        (
            "select uid from event where organization_id = ? union select uid from retraction",
            ["retraction as retraction"],
        ),
        ("update event set organization_id = ?", ["event as event"]),
        ("update team set name = ? where organization_id = ?", []),
        ("delete from team where key = ?", ["team as team"]),
        ("delete from team where organization_id = ? and key = ?", []),
        ("insert into team (key, name) values (?, ?)", ["team as team"]),
        ("insert into team (organization_id, key) values (?, ?) on conflict do nothing", []),
        ("insert into team (organization_id, key) select ?, key from team", ["team as team"]),
        ("with x as (delete from team where key = ?) select * from x", ["team as team"]),
        ("select organization_id from directory where id = ?", []),
        ("select version_num from alembic_version", []),
        ("select * from unnest($1::text[]) as u, event where event.organization_id = ?", []),
        ("select 'from event' from directory", []),
    ],
)
def test_the_reader_of_statements_sees_who_leaves_the_organization(statement: str, what: list[str]):
    assert loose(statement) == what


@pytest.mark.parametrize(
    "statement",
    [
        "update api_key set last_used_at = now() where organization_id = ?",
        "select current_timestamp",
        "select random()",
        "insert into event (organization_id, uid) values (?, gen_random_uuid())",
        "merge into team using x on true when matched then delete",
        "select * from cursor for update",
        "select * from team for no key update skip locked",
        "insert into team (organization_id, key) values (?, ?) on conflict (key) do nothing",
        f"{UPSERT} (select name from team where organization_id = ?)",
    ],
)
def test_the_reader_of_statements_sees_what_citus_refuses(statement: str):
    assert unfit(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "select * from cursor where organization_id = ? for update",
        f"{UPSERT} case when excluded.name is null then r.name else excluded.name end",
        "select known from nowhere",
    ],
)
def test_the_reader_of_statements_lets_the_rest_be(statement: str):
    assert unfit(statement) == []
