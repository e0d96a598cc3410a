"""The laws of buckets: order-free, additive, undone by a retraction, and refused where they would not fit."""

from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.events.events import Event
from app.domain.events.metrics import Matcher
from app.domain.primitives.errors import BucketFullError
from app.store.events.ingest import prepare
from app.store.events.rollups import (
    BOUND,
    Bucket,
    Deltas,
    Prepared,
    check_bounds,
    measure_rows,
    pair_rows,
)
from tests.support.services import NOW, ONE, event, metric

METRICS = {
    key: metric(key, aggregation=aggregation, where=(), unit=unit)
    for key, aggregation, unit in (
        ("total", "sum", "EUR"),
        ("number", "count", None),
        ("level", "last", None),
    )
}
EVENTS = st.builds(
    lambda n, **more: event(f"e{n}", **more),
    st.integers(0, 10**6),
    value=st.none() | st.integers(-5, 5).map(lambda v: v * ONE),
    unit=st.sampled_from([None, "EUR", "USD"]),
    team=st.sampled_from(["sales", "marketing"]),
    source=st.sampled_from(["billing", "crm"]),
    type=st.sampled_from(["deal.won", "call.held", "noise"]),
    effort=st.sampled_from([None, 0, ONE]),
    offerings=st.sampled_from([(), (("a", ONE),), (("a", ONE), ("b", 2 * ONE))]),
    time=st.sampled_from([NOW, NOW.replace(hour=1), NOW.replace(day=20)]),
)
STREAMS = st.lists(
    st.tuples(EVENTS, st.integers(100, 102)), max_size=12, unique_by=lambda one: one[0].id
)
Streams = list[tuple[Event, int]]


def prepared(found: Event) -> Prepared:
    (one,) = prepare([found], Matcher(METRICS), NOW, "UTC")
    return one


def folded(found: Streams) -> Deltas:
    deltas = Deltas()
    for one, day in found:
        deltas.add(prepared(one), day)
    return deltas


def rows(deltas: Deltas) -> list[list[list[object]]]:
    return [measure_rows(deltas), pair_rows(deltas.attention), pair_rows(deltas.sold)]


@given(STREAMS, st.integers())
def test_the_order_of_recording_does_not_matter(found: Streams, seed: int):
    shuffled = list(found)
    Random(seed).shuffle(shuffled)
    assert rows(folded(shuffled)) == rows(folded(found))


@given(STREAMS)
def test_recording_and_retracting_sums_to_nothing(found: Streams):
    deltas = folded(found)
    for one, day in found:
        deltas.add(prepared(one), day, -1)
    counts = [
        [b.matched, b.counted, b.other_unit, b.no_value, b.total] for b in deltas.measure.values()
    ]
    cells = [*counts, *deltas.attention.values(), *deltas.sold.values()]
    assert all(value == 0 for cell in cells for value in cell)


@given(STREAMS)
def test_the_buckets_hold_what_the_events_say(found: Streams):
    deltas = folded(found)
    assert sum(cell[0] for cell in deltas.attention.values()) == len(found)
    assert sum(cell[1] for cell in deltas.attention.values()) == sum(one.weight for one, _ in found)
    sold = sum(value for one, _ in found for _, value in one.offerings)
    assert sum(cell[1] for cell in deltas.sold.values()) == sold
    won = [one.value for one, _ in found if one.type == "deal.won" and one.value is not None]
    levels = [bucket for place, bucket in deltas.measure.items() if place[0] == "level"]
    assert sum(bucket.total for bucket in levels) == sum(won)
    assert min((b.low for b in levels if b.low is not None), default=None) == min(won, default=None)
    assert max((b.high for b in levels if b.high is not None), default=None) == max(
        won, default=None
    )


def test_the_last_value_is_that_of_the_latest_time_and_then_of_the_greatest_name():
    bucket = Bucket()
    for value, at, name in ((1, 10, "b"), (2, 20, "a"), (3, 20, "b"), (4, 19, "z")):
        bucket.extend(value, at, name)
    assert (bucket.last, bucket.low, bucket.high) == ((20, "b", 3), 1, 4)


@settings(max_examples=30)
@given(STREAMS)
def test_rows_come_in_the_order_of_their_keys(found: Streams):
    for some, width in zip(rows(folded(found)), (4, 6, 5), strict=True):
        keys = [row[:width] for row in some]
        assert keys == sorted(keys)


def test_a_number_beyond_64_bits_is_refused_and_the_greatest_is_not():
    check_bounds([["a", BOUND], ["b", -BOUND, None]])
    with pytest.raises(BucketFullError):
        check_bounds([["a", 1], ["b", BOUND + 1]])
    with pytest.raises(BucketFullError):
        check_bounds([[-BOUND - 2]])


def test_an_event_s_own_name_is_no_part_of_a_bucket():
    one = prepared(event("a"))
    again = one._replace(uid=UUID(int=7))
    deltas = Deltas()
    deltas.add(one, 1)
    deltas.add(again, 1)
    assert [bucket.matched for bucket in deltas.measure.values()] == [2, 2, 2]
