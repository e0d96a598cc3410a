"""Deliveries that come at once leave what they leave one by one: every event, retraction, change and figure."""

import asyncio
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import count, pairwise
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, RowMapping, Table, select

from app.connectors.connector import Delivery
from app.domain.access.actor import Actor
from app.domain.sources.sources import Source
from app.services.runtime.hook_cache import Hooked
from app.services.sources import inbound_webhooks as deliveries
from app.services.sources import sources
from app.services.sources.delivery_processing import Reader
from app.services.sources.inbound_webhooks import Arrival
from app.store.events.event_queries import event, retraction
from app.store.sources.changes import change
from app.store.sources.deliveries import delivery
from app.store.sources.sources import unmapped
from tests.flows.test_deliveries import MAPPING, SECRET, read, read_nothing
from tests.flows.test_events import clean
from tests.support.services import NOW, PUBLIC, House, furnish, house

AT = NOW - timedelta(days=10)
ITEMS = {"line_items": {"offering": {"property": "hs_sku"}, "value": {"property": "amount"}}}
# What tells one run from another, and nothing of what it left.
TIMES = {"organization_id", "uid", "seq", "recorded_us", "recorded_day", "received_at"}
NAMES = count()
# FLUSH_EXAMPLES=500 is the deep run. Shrinking goes through hundreds of databases: only where someone waits for it.
laws = settings(
    max_examples=int(os.environ.get("FLUSH_EXAMPLES", "10")),
    phases=tuple(
        set(Phase) - (set() if "FLUSH_SHRINK" in os.environ else {Phase.shrink, Phase.explain})
    ),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as found:
        yield found


def said(hour: int, kind: str, **more: object) -> dict[str, object]:
    """One thing that HubSpot says."""
    occurred = int((AT + timedelta(hours=hour)).timestamp() * 1000)
    return {"subscriptionType": kind, "portalId": 4242001, "occurredAt": occurred, **more}


hours, deals = st.integers(0, 40), st.integers(1, 3)
values = st.sampled_from(
    [
        ("dealstage", stage)
        for stage in ("qualifiedtobuy", "contractsent", "closedwon", "closedlost", "no-stage")
    ]
    + [("amount", "100"), ("amount", "200"), ("amount", "much"), ("amount", "")]
    + [("pipeline", "default"), ("pipeline", "no-team"), ("customer_segment", "enterprise")]
)
ofcall = st.sampled_from(
    [("hs_timestamp", str(int(AT.timestamp() * 1000))), ("hs_call_status", "COMPLETED")]
)
ofitem = st.sampled_from(
    [("amount", "70"), ("amount", "30"), ("hs_sku", "onboarding"), ("hs_sku", "support")]
)


def changing(
    kind: str, id_: int, pair: tuple[str, str], hour: int, **more: object
) -> dict[str, object]:
    name, value = pair
    return said(hour, kind, objectId=id_, propertyName=name, propertyValue=value, **more)


def object_of(type_: str, id_: int, pair: tuple[str, str], hour: int) -> dict[str, object]:
    return changing("object.propertyChange", id_, pair, hour, objectTypeId=type_)


def linking(type_: str, id_: int, deal: int, hour: int, *, removed: bool) -> dict[str, object]:
    ends = {
        "fromObjectTypeId": type_,
        "toObjectTypeId": "0-3",
        "fromObjectId": id_,
        "toObjectId": deal,
    }
    return said(hour, "object.associationChange", **ends, associationRemoved=removed)


def merging(hour: int, deal: int, new: int | None) -> dict[str, object]:
    more = {} if new is None else {"newObjectId": new}
    return said(hour, "deal.merge", primaryObjectId=deal, mergedObjectIds=[deal % 3 + 1], **more)


elements = st.one_of(
    st.builds(changing, st.just("deal.propertyChange"), deals, values, hours),
    st.builds(changing, st.just("deal.propertyChange"), deals, values, hours),
    st.builds(
        said,
        hours,
        st.sampled_from(["deal.creation", "deal.deletion", "deal.restore"]),
        objectId=deals,
    ),
    st.builds(object_of, st.just("0-48"), st.integers(7, 8), ofcall, hours),
    st.builds(object_of, st.just("0-8"), st.just(5), ofitem, hours),
    st.builds(
        linking,
        st.sampled_from(["0-48", "0-8"]),
        st.sampled_from([5, 7]),
        deals,
        hours,
        removed=st.booleans(),
    ),
    st.builds(merging, hours, deals, st.sampled_from([None, None, 4])),
    st.sampled_from(
        [{}, said(0, "deal.creation", objectId="?"), said(1_000, "deal.creation", objectId=1)]
    ),
    st.just({**said(0, "deal.creation", objectId=1), "portalId": 1}),
)
bodies = st.one_of(st.lists(elements, max_size=4).map(json.dumps), st.just("[{"), st.just("{}"))
relayed = st.lists(
    st.fixed_dictionaries({}, optional={"id": st.sampled_from("abc"), "value": deals}), max_size=3
)


@st.composite
def stories(draw: st.DrawFn, told: st.SearchStrategy[str]) -> list[str]:
    """Some that are told, some of them again."""
    some = draw(st.lists(told, min_size=1, max_size=8))
    return some + draw(st.lists(st.sampled_from(some), max_size=2))


def cut(some: Sequence[Arrival], places: set[int]) -> Iterator[Sequence[Arrival]]:
    """What comes at once, in order."""
    ends = [0, *sorted(place for place in places if 0 < place < len(some)), len(some)]
    return (some[first:last] for first, last in pairwise(ends))


async def connected(built: House, source: Source, secret: str | None) -> tuple[Actor, Hooked]:
    actor = await built.organization(f"o{next(NAMES)}")
    await furnish(built, actor)
    await sources.put(built.service, actor, source, secret)
    return actor, Hooked(actor.organization, source, (), NOW)


async def left(built: House, actor: Actor) -> Mapping[str, object]:
    """All that is in the tables of what was delivered, but when it came there."""
    async with built.service.database.reading() as connection:
        found = {
            table.name: (await connection.execute(select(table).where(owned(table, actor))))
            .mappings()
            .all()
            for table in (event, retraction, change, delivery, unmapped)
        }
    names = {row["uid"]: row["id"] for row in found["event"]}
    return {
        table: sorted(
            (names.get(row["uid"], str(row["uid"])) if "uid" in row else "", str(bare(row)))
            for row in rows
        )
        for table, rows in found.items()
    }


def bare(row: RowMapping) -> Mapping[str, object]:
    return {name: value for name, value in row.items() if name not in TIMES}


def owned(table: Table, actor: Actor) -> ColumnElement[bool]:
    return table.c.organization_id == actor.organization


async def both(
    url: str,
    source: Source,
    secret: str | None,
    came: Sequence[tuple[Delivery, Reader]],
    places: set[int],
) -> list[Mapping[str, object]]:
    """What is left of deliveries that came one by one, and of the same ones that came at once."""
    async with house(url) as built:
        found = []
        for ends in (set(range(len(came))), places):
            actor, hooked = await connected(built, source, secret)
            arrivals = [
                Arrival(hooked, one, UUID(int=place + 1), NOW, reader)
                for place, (one, reader) in enumerate(came)
            ]
            for some in cut(arrivals, ends):
                async with (
                    built.service.database.writing() as connection
                ):  # nothing is done again one by one
                    await deliveries._Flush(built.service, connection, actor.organization).perform(
                        some
                    )
            assert await clean(built, actor)
            found.append(await left(built, actor))
    return found


@laws
@given(told=stories(bodies), places=st.sets(st.integers(1, 9), max_size=3))
def test_what_hubspot_tells_at_once_leaves_what_it_leaves_one_by_one(
    database_url: str, runner: asyncio.Runner, told: list[str], places: set[int]
) -> None:
    source = Source("hubspot", "HubSpot", "hubspot", "4242001", "marketing", MAPPING | ITEMS)
    headers = {"content-type": "application/json"}
    came = [
        (Delivery("POST", f"{PUBLIC}/hooks/x", headers, body.encode()), read_nothing)
        for body in told
    ]
    apart, together = runner.run(both(database_url, source, SECRET, came, places))
    assert together == apart


@laws
@given(
    told=stories(st.tuples(st.sampled_from("xyz"), relayed).map(json.dumps)),
    places=st.sets(st.integers(1, 9), max_size=3),
)
def test_events_that_are_relayed_at_once_leave_what_they_leave_one_by_one(
    database_url: str, runner: asyncio.Runner, told: list[str], places: set[int]
) -> None:
    came = []
    for message, some in map(json.loads, told):
        body = json.dumps({"events": some}).encode()
        came.append((Delivery("POST", f"{PUBLIC}/hooks/x", {"webhook-id": message}, body), read))
    source = Source("relay", "Relay", "standard_webhooks", team="sales")
    apart, together = runner.run(both(database_url, source, None, came, places))
    assert together == apart
