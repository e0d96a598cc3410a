"""Erasure deletes a subject's content from every table, and changes no number."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from unittest.mock import ANY

import pytest
from sqlalchemy import select

from app.api.events.event_parsing import parse_event
from app.connectors.connector import Delivery
from app.domain.access.actor import Actor
from app.domain.events.metrics import Condition
from app.domain.primitives.errors import ForbiddenError
from app.domain.sources.sources import Source
from app.services.alignment import alignment
from app.services.events import ingestion
from app.services.operations import erasure as erasure_service
from app.services.operations import retention, rollup_check
from app.services.operations.erasure import ErasureResult
from app.services.playbook import configuration as configuration_service
from app.services.sources import inbound_webhooks
from app.services.sources import replay as replay_service
from app.services.sources import sources as sources_service
from app.store.playbook import journal
from app.store.playbook.journal import JournalFilter
from app.store.sources import deliveries
from app.store.tables.base import Row, get_table
from app.store.tables.events import EventRow, RetractionRow
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
    record_events,
    seed_playbook,
)

SECRET = "a-client-secret-of-the-app"
DATA_MAPPING = {"segment": {"property": "customer_segment"}, "contact": {"property": "contact"}}
CRM = Source("crm", "CRM", "hubspot", None, "sales", {"data": DATA_MAPPING})
PRIVATE = "zoe@example.com"
SUBJECT = "person/zoe"
CHANGED_AT = NOW - timedelta(days=3)
DEAL_CHANGES = [
    make_deal_creation(42, CHANGED_AT),
    make_property_change(42, "customer_segment", "enterprise", CHANGED_AT),
    make_property_change(42, "contact", PRIVATE, CHANGED_AT),
    make_property_change(42, "amount", "1200", CHANGED_AT),
    make_property_change(42, "dealstage", "closedwon", CHANGED_AT + timedelta(days=1)),
]


def fail_on_read(_raw: object) -> object:
    raise AssertionError("HubSpot sends no events")


async def deliver_changes(
    harness: ServiceHarness, hook: str, *changes: dict[str, object]
) -> inbound_webhooks.DeliveryReceipt:
    delivery = make_hubspot_delivery(hook, SECRET, changes, harness.clock.now)
    return await inbound_webhooks.receive_delivery(harness.service, hook, delivery, fail_on_read)  # type: ignore[arg-type]  # never returns


async def erase_subject(harness: ServiceHarness, actor: Actor, subject: str) -> ErasureResult:
    return await erasure_service.erase_subject(harness.service, actor, subject, fail_on_read)  # type: ignore[arg-type]  # never returns


async def connect_crm(harness: ServiceHarness, actor: Actor) -> str:
    return (await sources_service.put_source(harness.service, actor, CRM, SECRET)).hook_id or ""


@dataclass
class BearerSender:
    """A sender that sends its secret instead of a signature."""

    harness: ServiceHarness
    hook: str
    secret: str

    async def send(self, body: bytes, **headers: str) -> inbound_webhooks.DeliveryReceipt:
        extra_headers = {
            header_name.replace("_", "-"): value for header_name, value in headers.items()
        }
        all_headers = {
            "content-type": "application/json",
            "authorization": f"Bearer {self.secret}",
            **extra_headers,
        }
        delivery = Delivery("POST", f"{PUBLIC_URL}/hooks/{self.hook}", all_headers, body)
        return await inbound_webhooks.receive_delivery(
            self.harness.service, self.hook, delivery, parse_event
        )


async def connect_bearer_source(
    harness: ServiceHarness, actor: Actor, source: Source
) -> BearerSender:
    """Connect a source whose sender sends its secret."""
    connected_source = await sources_service.put_source(harness.service, actor, source, None)
    return BearerSender(harness, connected_source.hook_id or "", connected_source.secret or "")


def make_merge(primary: int, absorbed: int, occurred_at: datetime) -> dict[str, object]:
    fields = {
        "subscriptionType": "deal.merge",
        "primaryObjectId": primary,
        "mergedObjectIds": [absorbed],
    }
    return {**make_deal_creation(primary, occurred_at), **fields}


def make_call_change(occurred_at: datetime, **fields: object) -> dict[str, object]:
    return {
        **make_deal_creation(7, occurred_at),
        "subscriptionType": "object.propertyChange",
        "objectTypeId": "0-48",
        **fields,
    }


def make_call_association(
    deal: int, occurred_at: datetime, *, removed: bool = False
) -> dict[str, object]:
    fields = {"subscriptionType": "deal.associationChange", "associationType": "CALL_TO_DEAL"}
    return {
        **make_deal_creation(deal, occurred_at),
        **fields,
        "fromObjectId": 7,
        "toObjectId": deal,
        "associationRemoved": removed,
    }


async def load_alignment(harness: ServiceHarness, actor: Actor) -> object:
    """Return the current alignment without its version."""
    answer = await alignment.get_alignment(harness.service, actor)
    return replace(answer.alignment, version=0)


async def dump_all_tables(harness: ServiceHarness) -> str:
    """Return all rows of all tables as text."""
    lines = []
    async with harness.service.database.read_transaction() as reader:
        for table in Row.metadata.tables.values():
            lines += [
                f"{table.name} {dict(row)}"
                for row in (await reader.execute(select(table))).mappings()
            ]
    return "\n".join(lines)


async def list_event_rows(harness: ServiceHarness) -> list[dict[str, object]]:
    table = get_table(EventRow)
    async with harness.service.database.read_transaction() as reader:
        return [
            dict(row)
            for row in (await reader.execute(select(table).order_by(table.c.id))).mappings()
        ]


async def assert_rollups_match_events(harness: ServiceHarness, actor: Actor) -> None:
    """Check that roll-ups match the events, and tables match the journal."""
    assert not any(
        (await rollup_check.count_rollup_differences(harness.service, actor.organization)).values()
    )
    assert await rollup_check.count_journal_differences(harness.service, actor.organization) == 0


async def test_the_content_of_a_subjects_events_is_erased_and_no_score_changes(
    harness: ServiceHarness, actor: Actor
):
    private = {"segment": "enterprise", "email": PRIVATE}
    await record_events(
        harness,
        actor,
        make_event("a", subject=SUBJECT, data=private),
        make_event("b", subject=SUBJECT, data={"segment": "x"}),
    )
    await record_events(harness, actor, make_event("c", subject="person/other", data=private))
    alignment_before = await load_alignment(harness, actor)
    rows_before = await list_event_rows(harness)
    erasure = await erase_subject(harness, actor, SUBJECT)
    assert (erasure.events, erasure.changes, erasure.deliveries) == (2, 0, 0)
    assert erasure.subject.startswith("erased/")
    assert len(erasure.subject) == len("erased/") + 32
    assert await load_alignment(harness, actor) == alignment_before
    await assert_rollups_match_events(harness, actor)
    rows_after = await list_event_rows(harness)
    assert [row["subject"] for row in rows_after] == [
        erasure.subject,
        erasure.subject,
        "person/other",
    ]
    assert [row["data"] for row in rows_after[:2]] == [None, None]
    erased_columns = {"subject", "data", "fingerprint", "erased"}
    for row_before, row_after in zip(rows_before, rows_after, strict=True):
        assert {
            column_name: row_before[column_name]
            for column_name in row_before.keys() - erased_columns
        } == {
            column_name: row_after[column_name] for column_name in row_after.keys() - erased_columns
        }
    assert SUBJECT not in await dump_all_tables(harness)
    repeated = await erase_subject(harness, actor, SUBJECT)
    assert (repeated.subject, repeated.events) == (erasure.subject, 0)


async def test_the_journal_records_an_erasure_without_its_subject(
    harness: ServiceHarness, actor: Actor
):
    await record_events(harness, actor, make_event("a", subject=SUBJECT))
    erasure = await erase_subject(harness, actor, SUBJECT)
    async with harness.service.database.read_transaction() as connection:
        journal_filter = JournalFilter(kind="erasure")
        (journal_entry,) = await journal.list_journal_records(
            connection, actor.organization, journal_filter, None, 9
        )
    assert (journal_entry.key, journal_entry.action, journal_entry.before) == (
        erasure.subject,
        "erase",
        None,
    )
    assert journal_entry.after == {"events": 1, "changes": 0, "deliveries": 0}


async def test_an_erased_event_that_is_sent_again_is_a_duplicate_and_another_content_a_conflict(
    harness: ServiceHarness,
    actor: Actor,
):
    submitted = make_event("a", subject=SUBJECT)
    (original,) = await record_events(harness, actor, submitted)
    await erase_subject(harness, actor, SUBJECT)
    (repeated,) = await record_events(harness, actor, submitted)
    assert (repeated.status, repeated.uid) == ("duplicate", original.uid)
    (conflicting,) = await record_events(
        harness, actor, make_event("a", subject=SUBJECT, value=7 * SCALE)
    )
    assert conflicting.status == "conflict"
    (row,) = await list_event_rows(harness)
    assert (row["data"], row["value"]) == (None, 100 * SCALE)
    (new_outcome,) = await record_events(harness, actor, make_event("b", subject=SUBJECT))
    assert new_outcome.status == "recorded"


async def test_an_erased_event_can_be_retracted_and_its_value_is_subtracted(
    harness: ServiceHarness, actor: Actor
):
    (outcome,) = await record_events(harness, actor, make_event("a", subject=SUBJECT))
    await record_events(harness, actor, make_event("b", value=3 * SCALE))
    await erase_subject(harness, actor, SUBJECT)
    assert outcome.uid is not None
    await ingestion.retract_event(harness.service, actor, outcome.uid, "a mistake")
    await assert_rollups_match_events(harness, actor)
    await erase_subject(harness, actor, "a subject that nobody has")
    await assert_rollups_match_events(harness, actor)


async def test_a_metric_that_is_redefined_and_back_counts_an_erased_event_as_before(
    harness: ServiceHarness,
    actor: Actor,
):
    await record_events(harness, actor, make_event("a", subject=SUBJECT))
    before = await load_alignment(harness, actor)
    await erase_subject(harness, actor, SUBJECT)
    await configuration_service.put_resource(
        harness.service, actor, make_metric(where=(Condition("data.segment", "eq", "retail"),))
    )
    await assert_rollups_match_events(harness, actor)
    assert await load_alignment(harness, actor) != before
    await configuration_service.put_resource(harness.service, actor, make_metric(name="arr"))
    await assert_rollups_match_events(harness, actor)
    assert await load_alignment(harness, actor) == before


async def test_a_deal_is_erased_with_its_deliveries_and_accepts_no_further_changes(
    harness: ServiceHarness,
    actor: Actor,
):
    hook = await connect_crm(harness, actor)
    await deliver_changes(
        harness,
        hook,
        *DEAL_CHANGES,
        make_property_change(42, "pipeline", "Zoes pipeline", CHANGED_AT),
    )
    await deliver_changes(
        harness,
        hook,
        make_deal_creation(43, CHANGED_AT),
        make_property_change(43, "dealstage", "closedwon", CHANGED_AT),
    )
    await deliver_changes(
        harness,
        hook,
        make_property_change(43, "customer_segment", "smb", CHANGED_AT),
        DEAL_CHANGES[2],
    )
    before = await load_alignment(harness, actor)
    rows_before = await list_event_rows(harness)
    erasure = await erase_subject(harness, actor, "deal/42")
    assert (erasure.events > 0, erasure.changes, erasure.deliveries) == (True, 6, 2)
    assert await load_alignment(harness, actor) == before
    await assert_rollups_match_events(harness, actor)
    table_dump = await dump_all_tables(harness)
    assert "Zoes pipeline" not in table_dump
    assert PRIVATE not in table_dump
    assert "deal/42'" not in table_dump
    for late in (
        DEAL_CHANGES,
        [make_property_change(42, "dealstage", "closedlost", harness.clock.now)],
        DEAL_CHANGES[2:3],
    ):
        receipt = await deliver_changes(harness, hook, *late)
        assert receipt.state == "processed"
    assert [row["uid"] for row in await list_event_rows(harness)] == [
        row["uid"] for row in rows_before
    ]
    assert await load_alignment(harness, actor) == before
    assert PRIVATE not in await dump_all_tables(harness)
    await deliver_changes(
        harness, hook, make_property_change(43, "amount", "77", harness.clock.now)
    )
    assert len(await list_event_rows(harness)) > len(rows_before)
    await assert_rollups_match_events(harness, actor)
    assert (await erase_subject(harness, actor, "deal/42")).changes == 0


async def test_a_replay_after_an_erasure_restores_nothing(harness: ServiceHarness, actor: Actor):
    hook = await connect_crm(harness, actor)
    await deliver_changes(harness, hook, *DEAL_CHANGES)
    await deliver_changes(
        harness,
        hook,
        make_deal_creation(43, CHANGED_AT),
        make_property_change(43, "dealstage", "closedwon", CHANGED_AT),
    )
    await erase_subject(harness, actor, "deal/42")
    rows_before = await list_event_rows(harness)
    mapped = replace(CRM, mapping={"data": {"branch": {"property": "dealstage"}}})
    await sources_service.put_source(harness.service, actor, mapped, None)
    since = CHANGED_AT - timedelta(days=9)
    replayed = await replay_service.replay_deliveries(
        harness.service,
        actor,
        "crm",
        since,
        fail_on_read,  # type: ignore[arg-type]  # never returns
    )
    assert (replayed.without_body_count, replayed.recorded_count > 0) == (1, True)
    deal_rows = [
        row for row in await list_event_rows(harness) if str(row["id"]).startswith("deal/42/")
    ]
    assert deal_rows == [row for row in rows_before if str(row["id"]).startswith("deal/42/")]
    await deliver_changes(harness, hook, *DEAL_CHANGES)
    assert PRIVATE not in await dump_all_tables(harness)
    assert [
        row for row in await list_event_rows(harness) if str(row["id"]).startswith("deal/42/")
    ] == deal_rows
    await assert_rollups_match_events(harness, actor)


@pytest.mark.parametrize(
    "overrides",
    [{"scopes": frozenset({"playbook:write"})}, {"team": "sales"}, {"source": "billing"}],
)
async def test_only_an_unbound_admin_key_erases(
    sqlite_harness: ServiceHarness, overrides: dict[str, object]
):
    actor = await sqlite_harness.create_organization()
    with pytest.raises(ForbiddenError):
        await erase_subject(sqlite_harness, replace(actor, **overrides), SUBJECT)  # type: ignore[arg-type]  # any of its fields


async def test_another_organizations_events_of_the_same_subject_stay(harness: ServiceHarness):
    actor = await harness.create_organization()
    other_actor = await harness.create_organization("other")
    for tenant in (actor, other_actor):
        await seed_playbook(harness, tenant)
        await record_events(harness, tenant, make_event("a", subject=SUBJECT))
    acme_erasure = await erase_subject(harness, actor, SUBJECT)
    other_erasure = await erase_subject(harness, replace(other_actor), "person/nobody")
    assert (acme_erasure.events, other_erasure.events) == (1, 0)
    assert [
        row["subject"]
        for row in await list_event_rows(harness)
        if row["organization_id"] == other_actor.organization
    ] == [SUBJECT]
    assert (await erase_subject(harness, other_actor, SUBJECT)).subject != acme_erasure.subject


async def test_an_unreadable_delivery_is_erased_only_if_it_names_the_subject(
    sqlite_harness: ServiceHarness,
):
    actor = await sqlite_harness.create_organization()
    await seed_playbook(sqlite_harness, actor)
    hook = await connect_crm(sqlite_harness, actor)
    odd: dict[str, object] = {**make_deal_creation(42, CHANGED_AT), "subscriptionType": 7}
    await deliver_changes(sqlite_harness, hook, make_deal_creation(43, CHANGED_AT), odd)
    assert (await erase_subject(sqlite_harness, actor, "deal/8888")).deliveries == 0
    assert (await erase_subject(sqlite_harness, actor, "deal/42")).deliveries == 1


async def test_a_cloud_event_with_content_only_in_headers_is_erased_and_expires_like_a_body(
    harness: ServiceHarness,
    actor: Actor,
):
    sender = await connect_bearer_source(
        harness, actor, Source("shop", "Shop", "cloudevents", None, "sales")
    )
    event_headers = {
        "ce_specversion": "1.0",
        "ce_source": "/b",
        "ce_type": "invoice.paid",
        "ce_subject": SUBJECT,
    }
    cloud_headers = {**event_headers, "ce_time": CHANGED_AT.isoformat(), "ce_who": PRIVATE}
    assert (await sender.send(b'{"value": 5}', ce_id="1", **cloud_headers)).state == "processed"
    assert await erasure_service.erase_subject(
        harness.service, actor, SUBJECT, parse_event
    ) == ErasureResult(ANY, 1, 0, 1)
    assert PRIVATE not in await dump_all_tables(harness)
    assert (await sender.send(b'{"value": 5}', ce_id="2", **cloud_headers)).state == "processed"
    harness.clock.advance(days=40)
    assert await retention.empty_old_bodies(harness.service, actor.organization, 30) == 1
    assert PRIVATE not in await dump_all_tables(harness)


async def test_a_deal_merged_into_another_is_erased_with_it(harness: ServiceHarness, actor: Actor):
    hook = await connect_crm(harness, actor)
    await record_events(harness, actor, make_event("a", subject="deal/43"))
    await deliver_changes(harness, hook, *DEAL_CHANGES)
    await deliver_changes(
        harness,
        hook,
        make_deal_creation(43, CHANGED_AT),
        make_property_change(43, "contact", PRIVATE, CHANGED_AT),
    )
    await deliver_changes(harness, hook, make_merge(43, 42, CHANGED_AT + timedelta(days=1)))
    erasure = await erase_subject(harness, actor, "deal/42")
    assert (erasure.events, erasure.deliveries) == (3, 3)
    assert PRIVATE not in await dump_all_tables(harness)
    assert [row["subject"] for row in await list_event_rows(harness)] == [
        "deal/43",
        erasure.subject,
        erasure.subject,
        erasure.subject,
    ]
    await assert_rollups_match_events(harness, actor)


async def test_a_call_moved_to_another_deal_is_still_updated_after_the_erasure(
    sqlite_harness: ServiceHarness,
):
    actor = await sqlite_harness.create_organization()
    await seed_playbook(sqlite_harness, actor)
    hook = await connect_crm(sqlite_harness, actor)
    later = CHANGED_AT + timedelta(hours=1)
    await deliver_changes(
        sqlite_harness,
        hook,
        make_deal_creation(42, CHANGED_AT),
        make_deal_creation(43, CHANGED_AT),
        make_call_association(42, CHANGED_AT),
    )
    await deliver_changes(
        sqlite_harness,
        hook,
        make_call_change(CHANGED_AT, propertyName="hs_call_status", propertyValue="COMPLETED"),
    )
    await deliver_changes(
        sqlite_harness,
        hook,
        make_call_change(
            CHANGED_AT, propertyName="hs_timestamp", propertyValue=CHANGED_AT.isoformat()
        ),
    )
    await deliver_changes(
        sqlite_harness,
        hook,
        make_call_association(42, later, removed=True),
        make_call_association(43, later),
    )
    await erase_subject(sqlite_harness, actor, "deal/42")
    calls = [
        row["subject"]
        for row in await list_event_rows(sqlite_harness)
        if row["type"] == "call.held"
    ]
    assert len(calls) == 2
    assert calls[1] == "deal/43"
    await deliver_changes(
        sqlite_harness,
        hook,
        make_call_change(sqlite_harness.clock.now, subscriptionType="object.deletion"),
    )
    async with sqlite_harness.service.database.read_transaction() as reader:
        retractions = await reader.execute(select(get_table(RetractionRow).c.reason))
    assert len(retractions.all()) == 2
    await assert_rollups_match_events(sqlite_harness, actor)


async def test_records_parsed_with_an_earlier_mapping_are_erased_too(
    harness: ServiceHarness, actor: Actor
):
    stage_mapping = {
        "stage": {"property": "stage"},
        "stages": {"w": "won"},
        "data": {"who": {"property": "who"}},
    }
    occurred_mapping = {"property": "at", "format": "rfc3339"}
    mapping = {
        **stage_mapping,
        "entity": {"type": "deal", "id": {"property": "id"}},
        "occurred_at": occurred_mapping,
    }
    erp = Source("erp", "ERP", "generic", None, "sales", mapping)
    sender = await connect_bearer_source(harness, actor, erp)
    body = {
        "id": "42",
        "number": "99",
        "at": CHANGED_AT.isoformat(),
        "stage": "w",
        "who": PRIVATE,
    }
    assert (await sender.send(json.dumps(body).encode())).state == "processed"
    new_mapping = {
        **mapping,
        "entity": {"type": "deal", "id": {"property": "number"}},
        "data": {},
    }
    await sources_service.put_source(
        harness.service, actor, replace(erp, mapping=new_mapping), None
    )
    await replay_service.replay_deliveries(harness.service, actor, "erp", CHANGED_AT, parse_event)
    assert await erase_subject(harness, actor, "deal/42") == ErasureResult(ANY, 1, 1, 1)
    assert PRIVATE not in await dump_all_tables(harness)


async def test_an_unreadable_body_stays_if_only_a_timestamp_contains_the_subjects_id(
    sqlite_harness: ServiceHarness,
):
    actor = await sqlite_harness.create_organization()
    await seed_playbook(sqlite_harness, actor)
    hook = await connect_crm(sqlite_harness, actor)
    odd: dict[str, object] = {
        **make_deal_creation(9, CHANGED_AT),
        "occurredAt": "1795442000000",
    }
    receipt = await deliver_changes(sqlite_harness, hook, odd)
    assert receipt.state == "failed"
    assert (await erase_subject(sqlite_harness, actor, "deal/42")).deliveries == 0
    assert (await erase_subject(sqlite_harness, actor, "person/")).deliveries == 0
    assert (await erase_subject(sqlite_harness, actor, "deal/9")).deliveries == 1


async def test_a_delivery_tells_that_its_body_was_erased(sqlite_harness: ServiceHarness):
    actor = await sqlite_harness.create_organization()
    await seed_playbook(sqlite_harness, actor)
    hook = await connect_crm(sqlite_harness, actor)
    first_receipt = await deliver_changes(sqlite_harness, hook, *DEAL_CHANGES)
    await erase_subject(sqlite_harness, actor, "deal/42")
    late_receipt = await deliver_changes(sqlite_harness, hook, *DEAL_CHANGES)
    async with sqlite_harness.service.database.read_transaction() as connection:
        stored_deliveries = [
            await deliveries.find_delivery(connection, actor.organization, "crm", receipt.uid)
            for receipt in (first_receipt, late_receipt)
        ]
    problem = "It told of what was erased: its body is kept no longer."
    assert [
        (stored_delivery.state, stored_delivery.body, stored_delivery.problem)
        for stored_delivery in stored_deliveries
        if stored_delivery
    ] == [("processed", None, problem)] * 2
