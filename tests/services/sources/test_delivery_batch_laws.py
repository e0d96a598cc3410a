"""Deliveries in one batch leave the same events, retractions, changes and figures as one by one."""

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
from app.services.runtime.cache_entries import CachedHook
from app.services.sources import sources as sources_service
from app.services.sources.delivery_batch import VerifiedDelivery, process_together
from app.services.sources.delivery_parsing import EventReader
from app.store.events.event_queries import event_table, retraction_table
from app.store.sources.changes import change_table
from app.store.sources.deliveries import delivery_table
from app.store.sources.sources import unmapped_table
from tests.services.events.test_ingestion import has_consistent_rollups
from tests.support.hubspot_source import MAPPING, SECRET, fail_on_read
from tests.support.relay_source import parse_relay_event
from tests.support.service_harness import (
    NOW,
    PUBLIC_URL,
    ServiceHarness,
    open_harness,
    seed_playbook,
)

START = NOW - timedelta(days=10)
LINE_ITEM_MAPPING = {
    "line_items": {"offering": {"property": "hs_sku"}, "value": {"property": "amount"}}
}
# Columns that differ between runs of the same deliveries.
RUN_DEPENDENT_COLUMNS = {
    "organization_id",
    "uid",
    "seq",
    "recorded_us",
    "recorded_day",
    "received_at",
}
ORGANIZATION_NUMBERS = count()
# FLUSH_EXAMPLES=500 is the deep run. FLUSH_SHRINK=1 shrinks a failure, in hundreds of databases.
flush_settings = settings(
    max_examples=int(os.environ.get("FLUSH_EXAMPLES", "10")),
    phases=tuple(
        set(Phase) - (set() if "FLUSH_SHRINK" in os.environ else {Phase.shrink, Phase.explain})
    ),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as started_runner:
        yield started_runner


def make_crm_change(hour: int, kind: str, **fields: object) -> dict[str, object]:
    """Build one element of a HubSpot delivery."""
    occurred = int((START + timedelta(hours=hour)).timestamp() * 1000)
    return {"subscriptionType": kind, "portalId": 4242001, "occurredAt": occurred, **fields}


hour_offsets = st.integers(0, 40)
deal_ids = st.integers(1, 3)
property_changes = st.sampled_from(
    [
        ("dealstage", deal_stage)
        for deal_stage in ("qualifiedtobuy", "contractsent", "closedwon", "closedlost", "no-stage")
    ]
    + [("amount", "100"), ("amount", "200"), ("amount", "much"), ("amount", "")]
    + [("pipeline", "default"), ("pipeline", "no-team"), ("customer_segment", "enterprise")]
)
call_properties = st.sampled_from(
    [("hs_timestamp", str(int(START.timestamp() * 1000))), ("hs_call_status", "COMPLETED")]
)
line_item_properties = st.sampled_from(
    [("amount", "70"), ("amount", "30"), ("hs_sku", "onboarding"), ("hs_sku", "support")]
)


def make_property_change(
    kind: str, id_: int, pair: tuple[str, str], hour: int, **fields: object
) -> dict[str, object]:
    property_name, value = pair
    return make_crm_change(
        hour, kind, objectId=id_, propertyName=property_name, propertyValue=value, **fields
    )


def make_object_change(type_: str, id_: int, pair: tuple[str, str], hour: int) -> dict[str, object]:
    return make_property_change("object.propertyChange", id_, pair, hour, objectTypeId=type_)


def make_association_change(
    type_: str, id_: int, deal: int, hour: int, *, removed: bool
) -> dict[str, object]:
    ends = {
        "fromObjectTypeId": type_,
        "toObjectTypeId": "0-3",
        "fromObjectId": id_,
        "toObjectId": deal,
    }
    return make_crm_change(hour, "object.associationChange", **ends, associationRemoved=removed)


def make_merge(hour: int, deal: int, new: int | None) -> dict[str, object]:
    fields = {} if new is None else {"newObjectId": new}
    return make_crm_change(
        hour, "deal.merge", primaryObjectId=deal, mergedObjectIds=[deal % 3 + 1], **fields
    )


change_elements = st.one_of(
    st.builds(
        make_property_change,
        st.just("deal.propertyChange"),
        deal_ids,
        property_changes,
        hour_offsets,
    ),
    st.builds(
        make_property_change,
        st.just("deal.propertyChange"),
        deal_ids,
        property_changes,
        hour_offsets,
    ),
    st.builds(
        make_crm_change,
        hour_offsets,
        st.sampled_from(["deal.creation", "deal.deletion", "deal.restore"]),
        objectId=deal_ids,
    ),
    st.builds(
        make_object_change, st.just("0-48"), st.integers(7, 8), call_properties, hour_offsets
    ),
    st.builds(make_object_change, st.just("0-8"), st.just(5), line_item_properties, hour_offsets),
    st.builds(
        make_association_change,
        st.sampled_from(["0-48", "0-8"]),
        st.sampled_from([5, 7]),
        deal_ids,
        hour_offsets,
        removed=st.booleans(),
    ),
    st.builds(make_merge, hour_offsets, deal_ids, st.sampled_from([None, None, 4])),
    st.sampled_from(
        [
            {},
            make_crm_change(0, "deal.creation", objectId="?"),
            make_crm_change(1_000, "deal.creation", objectId=1),
        ]
    ),
    st.just({**make_crm_change(0, "deal.creation", objectId=1), "portalId": 1}),
)
change_bodies = st.one_of(
    st.lists(change_elements, max_size=4).map(json.dumps), st.just("[{"), st.just("{}")
)
relayed_elements = st.lists(
    st.fixed_dictionaries({}, optional={"id": st.sampled_from("abc"), "value": deal_ids}),
    max_size=3,
)


@st.composite
def draw_with_repeats(draw: st.DrawFn, payload_strategy: st.SearchStrategy[str]) -> list[str]:
    """Draw payloads, some of them repeated."""
    payloads = draw(st.lists(payload_strategy, min_size=1, max_size=8))
    return payloads + draw(st.lists(st.sampled_from(payloads), max_size=2))


def split_batch(
    arrivals: Sequence[VerifiedDelivery], cut_points: set[int]
) -> Iterator[Sequence[VerifiedDelivery]]:
    """Split deliveries into batches at the cut points."""
    ends = [
        0,
        *sorted(cut_point for cut_point in cut_points if 0 < cut_point < len(arrivals)),
        len(arrivals),
    ]
    return (arrivals[start:stop] for start, stop in pairwise(ends))


async def connect_source(
    harness: ServiceHarness, source: Source, secret: str | None
) -> tuple[Actor, CachedHook]:
    actor = await harness.create_organization(f"o{next(ORGANIZATION_NUMBERS)}")
    await seed_playbook(harness, actor)
    await sources_service.put_source(harness.service, actor, source, secret)
    return actor, CachedHook(actor.organization, source, ())


async def dump_delivery_tables(harness: ServiceHarness, actor: Actor) -> Mapping[str, object]:
    """Return all rows that deliveries wrote, without the columns that depend on the run."""
    async with harness.service.database.read_transaction() as reader:
        rows_by_table = {
            table.name: (await reader.execute(select(table).where(belongs_to(table, actor))))
            .mappings()
            .all()
            for table in (
                event_table,
                retraction_table,
                change_table,
                delivery_table,
                unmapped_table,
            )
        }
    names = {row["uid"]: row["id"] for row in rows_by_table["event"]}
    return {
        table: sorted(
            (
                names.get(row["uid"], str(row["uid"])) if "uid" in row else "",
                str(without_run_columns(row)),
            )
            for row in rows
        )
        for table, rows in rows_by_table.items()
    }


def without_run_columns(row: RowMapping) -> Mapping[str, object]:
    return {
        column_name: value
        for column_name, value in row.items()
        if column_name not in RUN_DEPENDENT_COLUMNS
    }


def belongs_to(table: Table, actor: Actor) -> ColumnElement[bool]:
    return table.c.organization_id == actor.organization


async def dump_separate_and_batched(
    url: str,
    source: Source,
    secret: str | None,
    signed_deliveries: Sequence[tuple[Delivery, EventReader]],
    cut_points: set[int],
) -> list[Mapping[str, object]]:
    """Return the rows of deliveries that came one by one, and of the same deliveries in batches."""
    async with open_harness(url) as harness:
        dumps = []
        for ends in (set(range(len(signed_deliveries))), cut_points):
            actor, cached_hook = await connect_source(harness, source, secret)
            arrivals = [
                VerifiedDelivery(cached_hook, incoming, UUID(int=index + 1), NOW, reader)
                for index, (incoming, reader) in enumerate(signed_deliveries)
            ]
            for batch in split_batch(arrivals, ends):
                # Without the retry one by one after an unexpected error.
                async with harness.service.database.write_transaction() as writer:
                    await process_together(harness.service, writer, actor.organization, batch)
            assert await has_consistent_rollups(harness, actor)
            dumps.append(await dump_delivery_tables(harness, actor))
    return dumps


@flush_settings
@given(payloads=draw_with_repeats(change_bodies), cut_points=st.sets(st.integers(1, 9), max_size=3))
def test_hubspot_deliveries_in_one_batch_store_the_same_as_one_by_one(
    database_url: str, runner: asyncio.Runner, payloads: list[str], cut_points: set[int]
) -> None:
    source = Source(
        "hubspot", "HubSpot", "hubspot", "4242001", "marketing", MAPPING | LINE_ITEM_MAPPING
    )
    headers = {"content-type": "application/json"}
    signed_deliveries = [
        (Delivery("POST", f"{PUBLIC_URL}/hooks/x", headers, body.encode()), fail_on_read)
        for body in payloads
    ]
    separate, batched = runner.run(
        dump_separate_and_batched(database_url, source, SECRET, signed_deliveries, cut_points)
    )
    assert batched == separate


@flush_settings
@given(
    payloads=draw_with_repeats(st.tuples(st.sampled_from("xyz"), relayed_elements).map(json.dumps)),
    cut_points=st.sets(st.integers(1, 9), max_size=3),
)
def test_relayed_events_in_one_batch_store_the_same_as_one_by_one(
    database_url: str, runner: asyncio.Runner, payloads: list[str], cut_points: set[int]
) -> None:
    signed_deliveries = []
    for message, submitted_elements in map(json.loads, payloads):
        body = json.dumps({"events": submitted_elements}).encode()
        signed_deliveries.append(
            (
                Delivery("POST", f"{PUBLIC_URL}/hooks/x", {"webhook-id": message}, body),
                parse_relay_event,
            )
        )
    source = Source("relay", "Relay", "standard_webhooks", team="sales")
    separate, batched = runner.run(
        dump_separate_and_batched(database_url, source, None, signed_deliveries, cut_points)
    )
    assert batched == separate
