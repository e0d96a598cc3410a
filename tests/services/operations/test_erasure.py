"""Erasing a subject: what was said of it is gone from every table, and no number moves."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from unittest.mock import ANY

import pytest
from sqlalchemy import select

from app.api.events.event_parsing import read_event
from app.connectors.connector import Delivery
from app.domain.access.actor import Actor
from app.domain.events.metrics import Condition
from app.domain.primitives.errors import ForbiddenError
from app.domain.sources.sources import Source
from app.services.alignment import alignment
from app.services.events import ingestion as events
from app.services.operations import erasure as erasures
from app.services.operations import retention
from app.services.operations import rollup_check as maintenance
from app.services.operations.erasure import Erased
from app.services.playbook import configuration
from app.services.sources import inbound_webhooks as deliveries
from app.services.sources import replay as replays
from app.services.sources import sources
from app.store.playbook import journal
from app.store.playbook.journal import JournalFilter
from app.store.sources import deliveries as kept_deliveries
from app.store.tables.events import EventRow, RetractionRow
from app.store.tables.playbook import Row, table_of
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

SECRET = "a-client-secret-of-the-app"
READS = {"segment": {"property": "customer_segment"}, "contact": {"property": "contact"}}
CRM = Source("crm", "CRM", "hubspot", None, "sales", {"data": READS})
PRIVATE = "zoe@example.com"
SUBJECT = "person/zoe"
BEFORE = NOW - timedelta(days=3)
TOLD = [
    created(42, BEFORE),
    changed(42, "customer_segment", "enterprise", BEFORE),
    changed(42, "contact", PRIVATE, BEFORE),
    changed(42, "amount", "1200", BEFORE),
    changed(42, "dealstage", "closedwon", BEFORE + timedelta(days=1)),
]


def read_nothing(_raw: object) -> object:
    raise AssertionError("HubSpot sends no events of ours")


async def deliver(built: House, hook: str, *told: dict[str, object]) -> deliveries.Taken:
    delivery = hubspot(hook, SECRET, told, built.clock.at)
    return await deliveries.take(built.service, hook, delivery, read_nothing)  # type: ignore[arg-type]  # never returns


async def erase(built: House, actor: Actor, subject: str) -> Erased:
    return await erasures.erase(built.service, actor, subject, read_nothing)  # type: ignore[arg-type]  # never returns


async def crm(built: House, actor: Actor) -> str:
    return (await sources.put(built.service, actor, CRM, SECRET)).hook_id or ""


@dataclass
class Bearer:
    """A sender that does not sign."""

    built: House
    hook: str
    secret: str

    async def send(self, body: bytes, **headers: str) -> deliveries.Taken:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        told = {
            "content-type": "application/json",
            "authorization": f"Bearer {self.secret}",
            **named,
        }
        delivery = Delivery("POST", f"{PUBLIC}/hooks/{self.hook}", told, body)
        return await deliveries.take(self.built.service, self.hook, delivery, read_event)


async def connected(built: House, actor: Actor, source: Source) -> Bearer:
    """The hook of a source whose sender bears its secret."""
    made = await sources.put(built.service, actor, source, None)
    return Bearer(built, made.hook_id or "", made.secret or "")


def merged(primary: int, absorbed: int, at: datetime) -> dict[str, object]:
    more = {
        "subscriptionType": "deal.merge",
        "primaryObjectId": primary,
        "mergedObjectIds": [absorbed],
    }
    return {**created(primary, at), **more}


def call(at: datetime, **more: object) -> dict[str, object]:
    return {
        **created(7, at),
        "subscriptionType": "object.propertyChange",
        "objectTypeId": "0-48",
        **more,
    }


def put_to(deal: int, at: datetime, *, removed: bool = False) -> dict[str, object]:
    more = {"subscriptionType": "deal.associationChange", "associationType": "CALL_TO_DEAL"}
    return {
        **created(deal, at),
        **more,
        "fromObjectId": 7,
        "toObjectId": deal,
        "associationRemoved": removed,
    }


async def score(built: House, actor: Actor) -> object:
    """All that is answered of the present, but the version that it is of."""
    found = await alignment.read(built.service, actor)
    return replace(found.alignment, version=0)


async def everything(built: House) -> str:
    """All rows of all tables, as text."""
    found = []
    async with built.service.database.reading() as connection:
        for table in Row.metadata.tables.values():
            found += [
                f"{table.name} {dict(row)}"
                for row in (await connection.execute(select(table))).mappings()
            ]
    return "\n".join(found)


async def rows(built: House) -> list[dict[str, object]]:
    table = table_of(EventRow)
    async with built.service.database.reading() as connection:
        return [
            dict(row)
            for row in (await connection.execute(select(table).order_by(table.c.id))).mappings()
        ]


async def sound(built: House, actor: Actor) -> None:
    """The roll-ups are what the events say, erased ones too."""
    assert not any((await maintenance.differences(built.service, actor.organization)).values())
    assert await maintenance.unjournaled(built.service, actor.organization) == 0


async def test_the_content_of_a_subjects_events_is_gone_and_no_number_moves(database_url: str):
    async with house(database_url) as built:
        actor = await built.organization()
        await furnish(built, actor)
        private = {"segment": "enterprise", "email": PRIVATE}
        await record(
            built,
            actor,
            event("a", subject=SUBJECT, data=private),
            event("b", subject=SUBJECT, data={"segment": "x"}),
        )
        await record(built, actor, event("c", subject="person/other", data=private))
        before, kept = await score(built, actor), await rows(built)
        done = await erase(built, actor, SUBJECT)
        assert (done.events, done.changes, done.deliveries) == (2, 0, 0)
        assert done.subject.startswith("erased/")
        assert len(done.subject) == len("erased/") + 32
        assert await score(built, actor) == before
        await sound(built, actor)
        after = await rows(built)
        assert [row["subject"] for row in after] == [done.subject, done.subject, "person/other"]
        assert [row["data"] for row in after[:2]] == [None, None]
        taken = {"subject", "data", "fingerprint", "erased"}
        for was, now in zip(kept, after, strict=True):
            assert {name: was[name] for name in was.keys() - taken} == {
                name: now[name] for name in now.keys() - taken
            }
        assert SUBJECT not in await everything(built)
        again = await erase(built, actor, SUBJECT)
        assert (again.subject, again.events) == (done.subject, 0)


async def test_the_journal_says_that_something_was_erased_and_not_what(database_url: str):
    async with house(database_url) as built:
        actor = await built.organization()
        await furnish(built, actor)
        await record(built, actor, event("a", subject=SUBJECT))
        done = await erase(built, actor, SUBJECT)
        async with built.service.database.reading() as connection:
            wanted = JournalFilter(kind="erasure")
            (entry,) = await journal.page(connection, actor.organization, wanted, None, 9)
        assert (entry.key, entry.action, entry.before) == (done.subject, "erase", None)
        assert entry.after == {"events": 1, "changes": 0, "deliveries": 0}


async def test_an_erased_event_that_is_sent_again_is_a_duplicate_and_another_content_a_conflict(
    database_url: str,
):
    async with house(database_url) as built:
        actor = await built.organization()
        await furnish(built, actor)
        mine = event("a", subject=SUBJECT)
        (first,) = await record(built, actor, mine)
        await erase(built, actor, SUBJECT)
        (again,) = await record(built, actor, mine)
        assert (again.status, again.uid) == ("duplicate", first.uid)
        (other,) = await record(built, actor, event("a", subject=SUBJECT, value=7 * ONE))
        assert other.status == "conflict"
        (row,) = await rows(built)
        assert (row["data"], row["value"]) == (None, 100 * ONE)
        (new,) = await record(built, actor, event("b", subject=SUBJECT))
        assert new.status == "recorded"


async def test_an_erased_event_can_be_retracted_and_takes_away_what_it_added(database_url: str):
    async with house(database_url) as built:
        actor = await built.organization()
        await furnish(built, actor)
        (item,) = await record(built, actor, event("a", subject=SUBJECT))
        await record(built, actor, event("b", value=3 * ONE))
        await erase(built, actor, SUBJECT)
        assert item.uid is not None
        await events.retract_event(built.service, actor, item.uid, "a mistake")
        await sound(built, actor)
        await erase(built, actor, "a subject that nobody has")
        await sound(built, actor)


async def test_a_metric_that_is_redefined_and_back_counts_an_erased_event_as_before(
    database_url: str,
):
    async with house(database_url) as built:
        actor = await built.organization()
        await furnish(built, actor)
        await record(built, actor, event("a", subject=SUBJECT))
        before = await score(built, actor)
        await erase(built, actor, SUBJECT)
        await configuration.put(
            built.service, actor, metric(where=(Condition("data.segment", "eq", "retail"),))
        )
        await sound(built, actor)
        assert await score(built, actor) != before
        await configuration.put(built.service, actor, metric(name="arr"))
        await sound(built, actor)
        assert await score(built, actor) == before


async def test_a_deal_is_erased_with_all_that_told_of_it_and_takes_nothing_more(database_url: str):
    async with house(database_url) as built:
        actor = await built.organization()
        await furnish(built, actor)
        hook = await crm(built, actor)
        await deliver(built, hook, *TOLD, changed(42, "pipeline", "Zoes pipeline", BEFORE))
        await deliver(
            built, hook, created(43, BEFORE), changed(43, "dealstage", "closedwon", BEFORE)
        )
        await deliver(built, hook, changed(43, "customer_segment", "smb", BEFORE), TOLD[2])
        before, kept = await score(built, actor), await rows(built)
        done = await erase(built, actor, "deal/42")
        assert (done.events > 0, done.changes, done.deliveries) == (True, 6, 2)
        assert await score(built, actor) == before
        await sound(built, actor)
        told = await everything(built)
        assert "Zoes pipeline" not in told
        assert PRIVATE not in told
        assert "deal/42'" not in told
        for late in (TOLD, [changed(42, "dealstage", "closedlost", built.clock.at)], TOLD[2:3]):
            taken = await deliver(built, hook, *late)
            assert taken.state == "processed"
        assert [row["uid"] for row in await rows(built)] == [row["uid"] for row in kept]
        assert await score(built, actor) == before
        assert PRIVATE not in await everything(built)
        await deliver(built, hook, changed(43, "amount", "77", built.clock.at))
        assert len(await rows(built)) > len(kept)
        await sound(built, actor)
        assert (await erase(built, actor, "deal/42")).changes == 0


async def test_a_replay_after_an_erasure_brings_nothing_back(database_url: str):
    async with house(database_url) as built:
        actor = await built.organization()
        await furnish(built, actor)
        hook = await crm(built, actor)
        await deliver(built, hook, *TOLD)
        await deliver(
            built, hook, created(43, BEFORE), changed(43, "dealstage", "closedwon", BEFORE)
        )
        await erase(built, actor, "deal/42")
        kept = await rows(built)
        mapped = replace(CRM, mapping={"data": {"branch": {"property": "dealstage"}}})
        await sources.put(built.service, actor, mapped, None)
        since = BEFORE - timedelta(days=9)
        done = await replays.replay(built.service, actor, "crm", since, read_nothing)  # type: ignore[arg-type]  # never returns
        assert (done.without_body, done.recorded > 0) == (1, True)
        mine = [row for row in await rows(built) if str(row["id"]).startswith("deal/42/")]
        assert mine == [row for row in kept if str(row["id"]).startswith("deal/42/")]
        await deliver(built, hook, *TOLD)
        assert PRIVATE not in await everything(built)
        assert [row for row in await rows(built) if str(row["id"]).startswith("deal/42/")] == mine
        await sound(built, actor)


@pytest.mark.parametrize(
    "more", [{"scopes": frozenset({"playbook:write"})}, {"team": "sales"}, {"source": "billing"}]
)
async def test_only_an_unbound_admin_key_erases(sqlite_url: str, more: dict[str, object]):
    async with house(sqlite_url) as built:
        actor = await built.organization()
        with pytest.raises(ForbiddenError):
            await erase(built, replace(actor, **more), SUBJECT)  # type: ignore[arg-type]  # any of its fields


async def test_another_organizations_events_of_the_same_subject_stay(database_url: str):
    async with house(database_url) as built:
        actor, other = await built.organization(), await built.organization("other")
        for each in (actor, other):
            await furnish(built, each)
            await record(built, each, event("a", subject=SUBJECT))
        mine, theirs = (
            await erase(built, actor, SUBJECT),
            await erase(built, replace(other), "person/nobody"),
        )
        assert (mine.events, theirs.events) == (1, 0)
        assert [
            row["subject"]
            for row in await rows(built)
            if row["organization_id"] == other.organization
        ] == [SUBJECT]
        assert (await erase(built, other, SUBJECT)).subject != mine.subject


async def test_what_cannot_be_read_stays_unless_it_names_the_subject(sqlite_url: str):
    async with house(sqlite_url) as built:
        actor = await built.organization()
        await furnish(built, actor)
        hook = await crm(built, actor)
        odd: dict[str, object] = {**created(42, BEFORE), "subscriptionType": 7}
        await deliver(built, hook, created(43, BEFORE), odd)
        assert (await erase(built, actor, "deal/8888")).deliveries == 0
        assert (await erase(built, actor, "deal/42")).deliveries == 1


async def test_what_a_cloud_event_tells_in_headers_alone_is_erased_and_ages_like_a_body(
    database_url: str,
):
    async with house(database_url) as built:
        actor = await built.organization()
        await furnish(built, actor)
        shop = await connected(built, actor, Source("shop", "Shop", "cloudevents", None, "sales"))
        said = {
            "ce_specversion": "1.0",
            "ce_source": "/b",
            "ce_type": "invoice.paid",
            "ce_subject": SUBJECT,
        }
        told = {**said, "ce_time": BEFORE.isoformat(), "ce_who": PRIVATE}
        assert (await shop.send(b'{"value": 5}', ce_id="1", **told)).state == "processed"
        assert await erasures.erase(built.service, actor, SUBJECT, read_event) == Erased(
            ANY, 1, 0, 1
        )
        assert PRIVATE not in await everything(built)
        assert (await shop.send(b'{"value": 5}', ce_id="2", **told)).state == "processed"
        built.clock.forward(days=40)
        assert await retention.trim(built.service, actor.organization, 30) == 1
        assert PRIVATE not in await everything(built)


async def test_a_deal_that_went_into_another_is_erased_with_it(database_url: str):
    async with house(database_url) as built:
        actor = await built.organization()
        await furnish(built, actor)
        hook = await crm(built, actor)
        await record(built, actor, event("a", subject="deal/43"))
        await deliver(built, hook, *TOLD)
        await deliver(built, hook, created(43, BEFORE), changed(43, "contact", PRIVATE, BEFORE))
        await deliver(built, hook, merged(43, 42, BEFORE + timedelta(days=1)))
        done = await erase(built, actor, "deal/42")
        assert (done.events, done.deliveries) == (3, 3)
        assert PRIVATE not in await everything(built)
        assert [row["subject"] for row in await rows(built)] == [
            "deal/43",
            done.subject,
            done.subject,
            done.subject,
        ]
        await sound(built, actor)


async def test_a_call_that_was_put_to_another_deal_since_is_followed_still(sqlite_url: str):
    async with house(sqlite_url) as built:
        actor = await built.organization()
        await furnish(built, actor)
        hook = await crm(built, actor)
        later = BEFORE + timedelta(hours=1)
        await deliver(built, hook, created(42, BEFORE), created(43, BEFORE), put_to(42, BEFORE))
        await deliver(
            built, hook, call(BEFORE, propertyName="hs_call_status", propertyValue="COMPLETED")
        )
        await deliver(
            built, hook, call(BEFORE, propertyName="hs_timestamp", propertyValue=BEFORE.isoformat())
        )
        await deliver(built, hook, put_to(42, later, removed=True), put_to(43, later))
        await erase(built, actor, "deal/42")
        calls = [row["subject"] for row in await rows(built) if row["type"] == "call.held"]
        assert len(calls) == 2
        assert calls[1] == "deal/43"
        await deliver(built, hook, call(built.clock.at, subscriptionType="object.deletion"))
        async with built.service.database.reading() as connection:
            found = await connection.execute(select(table_of(RetractionRow).c.reason))
        assert len(found.all()) == 2
        await sound(built, actor)


async def test_what_was_read_under_an_earlier_mapping_is_erased_too(database_url: str):
    async with house(database_url) as built:
        actor = await built.organization()
        await furnish(built, actor)
        reads = {
            "stage": {"property": "stage"},
            "stages": {"w": "won"},
            "data": {"who": {"property": "who"}},
        }
        when = {"property": "at", "format": "rfc3339"}
        told = {**reads, "entity": {"type": "deal", "id": {"property": "id"}}, "occurred_at": when}
        erp = Source("erp", "ERP", "generic", None, "sales", told)
        sender = await connected(built, actor, erp)
        body = {"id": "42", "number": "99", "at": BEFORE.isoformat(), "stage": "w", "who": PRIVATE}
        assert (await sender.send(json.dumps(body).encode())).state == "processed"
        other = {**told, "entity": {"type": "deal", "id": {"property": "number"}}, "data": {}}
        await sources.put(built.service, actor, replace(erp, mapping=other), None)
        await replays.replay(built.service, actor, "erp", BEFORE, read_event)
        assert await erase(built, actor, "deal/42") == Erased(ANY, 1, 1, 1)
        assert PRIVATE not in await everything(built)


async def test_a_body_that_cannot_be_read_stays_where_only_a_time_in_it_holds_the_subjects_number(
    sqlite_url: str,
):
    async with house(sqlite_url) as built:
        actor = await built.organization()
        await furnish(built, actor)
        hook = await crm(built, actor)
        odd: dict[str, object] = {**created(9, BEFORE), "occurredAt": "1795442000000"}
        taken = await deliver(built, hook, odd)
        assert taken.state == "failed"
        assert (await erase(built, actor, "deal/42")).deliveries == 0
        assert (await erase(built, actor, "person/")).deliveries == 0
        assert (await erase(built, actor, "deal/9")).deliveries == 1


async def test_a_delivery_says_that_its_body_was_erased(sqlite_url: str):
    async with house(sqlite_url) as built:
        actor = await built.organization()
        await furnish(built, actor)
        hook = await crm(built, actor)
        first = await deliver(built, hook, *TOLD)
        await erase(built, actor, "deal/42")
        late = await deliver(built, hook, *TOLD)
        async with built.service.database.reading() as connection:
            found = [
                await kept_deliveries.find(connection, actor.organization, "crm", one.uid)
                for one in (first, late)
            ]
        gone = "It told of what was erased: its body is kept no longer."
        assert [(one.state, one.body, one.problem) for one in found if one] == [
            ("processed", None, gone)
        ] * 2
