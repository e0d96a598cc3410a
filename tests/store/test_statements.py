"""Every executed statement is limited to its organization and runs on Citus.

A scenario executes every function of the store, and the tests inspect the recorded SQL.
"""

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
from app.services.access import api_keys as api_keys_service
from app.services.access import authentication, organizations
from app.services.access.api_keys import IssueKey
from app.services.alignment import alignment, comparison, history
from app.services.alignment.history import HistoryQuery
from app.services.events import ingestion
from app.services.events import metric_restatement as metric_restatement_service
from app.services.operations import erasure as erasure_service
from app.services.operations import retention, rollup_check
from app.services.playbook import configuration as configuration_service
from app.services.playbook import playbooks
from app.services.playbook.playbooks import ResponsibilityAnswer
from app.services.sources import inbound_webhooks
from app.services.sources import replay as replay_service
from app.services.sources import sources as sources_service
from app.store.access import api_keys as api_keys_store
from app.store.access import organization_version
from app.store.events import event_queries, ingest_sqlite, metric_counts
from app.store.events import metric_restatement as metric_restatement_store
from app.store.events.event_filters_sql import EventFilter
from app.store.operations import migrations, privileges
from app.store.playbook import configuration as configuration_store
from app.store.playbook import journal
from app.store.playbook.configuration import ResourceFilter
from app.store.playbook.journal import JournalFilter
from app.store.sources import deliveries
from app.store.tables.base import Row, get_table
from app.store.tables.rollups import SoldRow
from tests.support.configurations import make_playbook
from tests.support.service_harness import (
    NOW,
    PUBLIC_URL,
    SCALE,
    ServiceHarness,
    make_deal_creation,
    make_event,
    make_hubspot_delivery,
    make_metric,
    make_property_change,
    open_harness,
    record_events,
    seed_playbook,
)
from tests.support.sql_statements import (
    find_citus_violations,
    find_tables,
    find_tenant_violations,
    record_statements,
    tokenize_sql,
)

SECRET = "a-client-secret-of-the-app"
DAY = date(2026, 11, 23)
UPSERT = (
    "insert into team (organization_id, key) values (?, ?) "
    "on conflict (organization_id, key) do update set name ="
)
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
    "operations.migrations.upgrade_database": "run by Alembic, as the owner",
    "operations.migrations.downgrade_database": "the same",
    "operations.migrations.check_schema": "the same",
    "operations.migrations.describe_drift": "the same",
    "operations.migrations.create_alembic_config": "the same",
    "operations.migrations.head_revision": "asks no database",
}
# Store functions that run on one of the databases only.
SQLITE_ONLY = {"sql.dialect.run_in_driver_thread", "events.ingest_sqlite.record_batch"}
POSTGRESQL_ONLY = {
    "alignment.evidence_query.read_closed_days",
    "events.ingest_postgresql.record_batch",
}


@contextmanager
def record_called_functions() -> Iterator[set[CodeType]]:
    """Yield a set that collects the code of all functions called within the block."""
    called_codes: set[CodeType] = set()

    def note_call(frame: FrameType, profile_event: str, _argument: object) -> None:
        if profile_event == "call":
            called_codes.add(frame.f_code)

    before = sys.getprofile()
    sys.setprofile(note_call)
    yield called_codes
    sys.setprofile(before)


def list_store_modules() -> list[ModuleType]:
    folder = Path(app.store.__file__).parent
    return [
        import_module(".".join(("app.store", *path.relative_to(folder).with_suffix("").parts)))
        for path in sorted(folder.rglob("*.py"))
        if path.stem != "__init__"
    ]


def list_public_functions(module: ModuleType) -> dict[str, CodeType]:
    """Return the module's public functions that use the database, by name."""
    short = module.__name__.removeprefix("app.store.")
    return {
        f"{short}.{function_name}": function.__code__
        for function_name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and not function_name.startswith("_")
        and (
            inspect.iscoroutinefunction(function)
            or inspect.isasyncgenfunction(function)
            or short == "operations.migrations"
        )
    }


def fail_on_read(_raw: object) -> object:
    raise AssertionError("HubSpot sends no events of ours")


async def configure_organization(harness: ServiceHarness, actor: Actor) -> None:
    """Write every kind of configuration change."""
    service = harness.service
    await seed_playbook(harness, actor)
    await configuration_service.put_resource(
        service, actor, Offering("onboarding", "Onboarding", DAY)
    )
    await configuration_service.put_resource(service, actor, Team("ops", "Ops", "operations"))
    await configuration_service.patch_resource(
        service, actor, "team", "ops", lambda _: Team("ops", "Operations", "operations")
    )
    await configuration_service.archive_resource(service, actor, "team", "ops")
    moved_organization = Organization("acme", "Acme", "Europe/Berlin")
    await configuration_service.patch_resource(
        service, actor, "organization", "acme", lambda _: moved_organization
    )
    next_playbook = make_playbook("next", date(2026, 11, 1), date(2027, 1, 31))
    await configuration_service.put_resource(service, actor, next_playbook)
    await configuration_service.put_resource(service, actor, Objective("far", "next", "Far"))
    await playbooks.publish_playbook(service, actor, "next")
    await playbooks.publish_playbook(service, actor, "q4")
    await playbooks.record_contribution(service, actor, Contribution("q4", "sales", "Ann"))
    await playbooks.record_signoff(service, actor, Signoff("q4", "sales", 2, "Ann"))
    await playbooks.record_answer(
        service, actor, ResponsibilityAnswer("win", "sales", True, "Ann", "")
    )
    await playbooks.withdraw_participation(service, actor, "contribution", "q4", "sales")
    document = await playbooks.export_document(service, actor, "q4")
    await playbooks.apply_document(service, actor, document, dry_run=True, publish=True, prune=True)
    await playbooks.close_playbook(service, actor, "next")


async def exercise_events(harness: ServiceHarness, actor: Actor) -> None:
    """Record, retract and rematch events, and receive deliveries."""
    service = harness.service
    submitted_events = [
        make_event(name, offerings=(("onboarding", SCALE),), objective=None) for name in "abc"
    ]
    outcomes = await record_events(harness, actor, *submitted_events)
    overflowing = await record_events(
        harness, actor, *(make_event(f"n{i}", value=10**16) for i in range(930))
    )
    assert overflowing[-1].status == "invalid"
    await record_events(
        harness,
        actor,
        make_event("a"),
        make_event("a", value=1),
        make_event("d", type="call.held", subject="person/zoe"),
    )
    assert outcomes[0].uid is not None
    await ingestion.retract_event(service, actor, outcomes[0].uid, "a mistake")
    await configuration_service.put_resource(service, actor, make_metric(where=()))
    source = Source(
        "hubspot", "HubSpot", "hubspot", "4242001", "marketing", {"value": {"property": "amount"}}
    )
    hook = (await sources_service.put_source(service, actor, source, SECRET)).hook_id or ""
    await sources_service.rotate_secret(service, actor, "hubspot", SECRET + "-2")
    occurred_at = NOW - timedelta(days=9)
    deal_changes = [
        make_deal_creation(1, occurred_at),
        make_property_change(1, "dealstage", "closedwon", occurred_at),
        make_property_change(1, "dealstage", "strange", occurred_at),
    ]
    for elements in (
        deal_changes,
        [make_property_change(1, "amount", "12", occurred_at)],
        b"nothing",
    ):
        delivery = make_hubspot_delivery(hook, SECRET, elements, harness.clock.now)
        await inbound_webhooks.receive_delivery(service, hook, delivery, fail_on_read)  # type: ignore[arg-type]  # never returns
    with suppress(NotAuthenticError):
        await inbound_webhooks.receive_delivery(
            service,
            hook,
            make_hubspot_delivery(hook, "forged", deal_changes, harness.clock.now),
            fail_on_read,  # type: ignore[arg-type]  # never returns
        )
    relay = await sources_service.put_source(
        service, actor, Source("relay", "Relay", "standard_webhooks", team="sales"), None
    )
    for value in (SCALE, 2 * SCALE):
        body = json.dumps({"events": [{"value": value}]})
        id_ = "msg_1"
        signature = Webhook(relay.secret or "").sign(id_, harness.clock.now, body)
        signature_headers = {
            "webhook-id": id_,
            "webhook-timestamp": str(int(harness.clock.now.timestamp())),
        }
        message = Delivery(
            "POST",
            f"{PUBLIC_URL}/hooks/x",
            {**signature_headers, "webhook-signature": signature},
            body.encode(),
        )
        with suppress(EventConflictError):
            await inbound_webhooks.receive_delivery(
                service,
                relay.hook_id or "",
                message,
                lambda element: make_event("r", source="relay", value=element["value"]),
            )
    await sources_service.get_health(service, actor, [source])
    await record_events(
        harness, actor, *(make_event(f"day-{n}", time=NOW - timedelta(days=n)) for n in range(6))
    )
    service = replace(service, max_inline_restated_events=0)
    for redefined_metric in (make_metric(unit="EUR"), make_metric(unit="USD")):
        await configuration_service.put_resource(service, actor, redefined_metric)
        assert await metric_restatement_service.list_restating_organizations(service) == [
            actor.organization
        ]
        await metric_restatement_service.run_step(service, actor.organization)
    harness.clock.advance(days=1)
    await record_events(
        harness,
        actor,
        make_event("meanwhile"),
        *(make_event(f"ago-{n}", time=NOW - timedelta(days=n)) for n in range(20, 24)),
    )
    for _ in range(5):
        await metric_restatement_service.run_step(service, actor.organization)
    async with service.database.read_transaction() as reader:
        await metric_restatement_store.load_progress(reader, actor.organization)
    await metric_restatement_service.finish_restatement(service, actor.organization)
    await replay_service.replay_deliveries(service, actor, "hubspot", None, fail_on_read)  # type: ignore[arg-type]  # never returns
    new_mapping = {"value": {"property": "other"}}
    remapped_source = Source("hubspot", "HubSpot", "hubspot", "4242001", "marketing", new_mapping)
    await sources_service.put_source(service, actor, remapped_source, None)
    await replay_service.replay_deliveries(service, actor, "hubspot", occurred_at, fail_on_read)  # type: ignore[arg-type]  # never returns
    await retention.empty_old_bodies(service, actor.organization, 0)
    await record_events(
        harness, actor, *(make_event(f"large-{n}", value=10**12 * SCALE) for n in range(923))
    )


async def query_everything(harness: ServiceHarness, actor: Actor) -> None:
    """Call every listing and every answer."""
    service = harness.service
    organization = actor.organization
    # The first request reads everything, the second the closed days, the third recent rows only.
    for turn in range(3):
        await record_events(harness, actor, make_event(f"turn-{turn}"))
        await alignment.get_alignment(service, actor)
    await alignment.get_alignment(service, actor, "q4", DAY, DAY)
    await history.get_history(service, actor, HistoryQuery(DAY - timedelta(days=30), DAY))
    await comparison.compare_days(service, actor, DAY, playbook="q4")
    document = await playbooks.export_document(service, actor, "q4")
    await comparison.evaluate_what_if(service, actor, document)
    located_metrics = [
        replace(candidate, resource=make_metric(aggregation="max", events=("deal.won", "x")))
        for candidate in document.metrics
    ]
    await comparison.evaluate_what_if(
        service, actor, replace(document, metrics=tuple(located_metrics))
    )
    await organizations.find_organization(service, "acme")
    now = datetime(2026, 11, 23, tzinfo=UTC)
    async with service.database.read_transaction() as reader:
        current_configuration = await configuration_store.load_configuration(reader, organization)
        for filter_name in (field.name for field in fields(EventFilter)):
            required_fields = {"off_playbook": "q4"} if filter_name == "other_playbook" else {}
            event_filter = replace(
                EventFilter(**required_fields),  # type: ignore[arg-type]  # a field of it
                **{filter_name: getattr(EVERY_FILTER, filter_name)},
            )
            await event_queries.list_events(
                reader, organization, current_configuration, event_filter, None, 9
            )
        await event_queries.list_events(
            reader, organization, current_configuration, EVERY_FILTER, (now, uuid4()), 9
        )
        for kind in configuration_store.ROW_CLASSES:
            for stored in await configuration_store.list_resources(
                reader, organization, ResourceFilter(kind, include_archived=True), None, 9
            ):
                await configuration_store.find_resource(
                    reader, organization, kind, stored.resource.key
                )
                after = stored.resource.key if configuration_store.key_columns(kind) else None
                await configuration_store.list_resources(
                    reader, organization, ResourceFilter(kind), after, 9
                )
        objectives_of_playbook = ResourceFilter("objective", {"playbook": "q4"})
        await configuration_store.list_resources(
            reader, organization, objectives_of_playbook, None, 9
        )
        for journal_filter in (JournalFilter(), JournalFilter("team", "ops", "tester", DAY, DAY)):
            await journal.list_journal_records(reader, organization, journal_filter, (9, 9), 9)
        (candidate, *_) = await deliveries.list_deliveries(
            reader, organization, "hubspot", "processed", (now, uuid4()), 9
        ) or (await deliveries.list_deliveries(reader, organization, "hubspot", None, None, 9))
        await deliveries.find_delivery(reader, organization, "hubspot", candidate.uid)
        await api_keys_store.list_api_keys(reader, organization, (now, "x"), 9)
        await metric_counts.count_by_metric(reader, organization, ["arr"])
        await organization_version.current_version(reader, organization)
    await migrations.current_revision(service.database)


async def maintain_organization(harness: ServiceHarness, actor: Actor) -> None:
    """Issue, use and revoke keys; check and rebuild roll-ups; erase subjects."""
    service = harness.service
    issued_key, text = await api_keys_service.issue_key(
        service, actor, IssueKey("mine", frozenset({"read"}), "sales", "billing")
    )
    await authentication.authenticate_key(service, text)
    await api_keys_service.revoke_key(service, actor, issued_key.id)
    await rollup_check.list_organizations(service)
    await rollup_check.count_rollup_differences(service, actor.organization)
    await rollup_check.count_journal_differences(service, actor.organization)
    await rollup_check.list_restatements(service)
    async with service.database.write_transaction() as connection:
        sold = get_table(SoldRow)
        await connection.execute(delete(sold).where(sold.c.organization_id == actor.organization))
    await rollup_check.rebuild_rollups(service, actor.organization)
    for subject in ("deal/1", "person/zoe", "nobody"):
        await erasure_service.erase_subject(service, actor, subject, fail_on_read)  # type: ignore[arg-type]  # never returns
    async with service.database.read_transaction() as connection:
        await privileges.is_table_owner(connection)


async def run_scenario(harness: ServiceHarness) -> None:
    """Do everything that the service can do, once."""
    actor = await harness.create_organization()
    await harness.create_organization("other")
    await configure_organization(harness, actor)
    await exercise_events(harness, actor)
    await query_everything(harness, actor)
    await maintain_organization(harness, actor)


async def test_every_statement_stays_within_its_organization_and_runs_on_citus(database_url: str):
    async with open_harness(database_url) as harness:
        with (
            record_statements(harness.service.database) as statements,
            record_called_functions() as functions,
        ):
            await run_scenario(harness)
            await organizations.delete_organization(harness.service, "acme", lambda _: None)
            async with harness.service.database.write_transaction() as writer:
                await privileges.grant_service(writer, None)
    assert (
        sorted(
            {
                (statement, violation)
                for statement in statements
                for violation in find_tenant_violations(statement)
            }
        )
        == []
    )
    assert (
        sorted(
            {
                (statement, violation)
                for statement in statements
                for violation in find_citus_violations(statement)
            }
        )
        == []
    )
    seen_tables = {
        name for statement in statements for name, _, _ in find_tables(tokenize_sql(statement))
    }
    assert seen_tables >= set(Row.metadata.tables), "tables of which nothing was seen"
    unused_functions = {
        name
        for module in list_store_modules()
        for name, code in list_public_functions(module).items()
        if code not in functions
    }
    expected_unused = POSTGRESQL_ONLY if database_url.startswith("sqlite") else SQLITE_ONLY
    assert unused_functions == set(NOT_RUN) | expected_unused, (
        "store functions that the scenario never ran"
    )


def test_direct_driver_statements_stay_within_their_organization():
    driver_statements = (
        ingest_sqlite.BUMP_VERSION,
        ingest_sqlite.SELECT_RECORDED,
        ingest_sqlite.INSERT_CLOSING,
        ingest_sqlite.INSERT_MATCHING,
    )
    assert [
        violation
        for statement in driver_statements
        for violation in find_tenant_violations(statement)
    ] == []


@pytest.mark.parametrize(
    ("statement", "expected_violations"),
    [
        ("select * from event where uid = ?", ["event as event"]),
        ("select * from event", ["event as event"]),
        ("SELECT e.uid FROM event AS e WHERE e.organization_id = $1::UUID", []),
        ("select * from event e where e.organization_id = ?", []),
        ('select * from "cursor" where "cursor".organization_id = ?', []),
        (
            (
                "select * from event join retraction on retraction.uid = event.uid "
                "where event.organization_id = ?"
            ),
            ["retraction as retraction"],
        ),
        (
            (
                "select * from event "
                "join retraction on retraction.organization_id = event.organization_id "
                "where event.organization_id = ?"
            ),
            ["retraction as retraction"],
        ),
        (
            (
                "select * from event join retraction on retraction.organization_id = ? and "
                "retraction.uid = event.uid "
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
def test_the_statement_checker_detects_queries_across_organizations(
    statement: str, expected_violations: list[str]
):
    assert find_tenant_violations(statement) == expected_violations


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
def test_the_statement_checker_detects_what_citus_rejects(statement: str):
    assert find_citus_violations(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "select * from cursor where organization_id = ? for update",
        f"{UPSERT} case when excluded.name is null then r.name else excluded.name end",
        "select known from nowhere",
    ],
)
def test_the_statement_checker_accepts_valid_statements(statement: str):
    assert find_citus_violations(statement) == []
