"""Buckets do not depend on order, are additive, and reject sums that do not fit."""

from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.events.events import Event
from app.domain.events.matched_event import MatchedEvent
from app.domain.events.metrics import Matcher
from app.domain.primitives.errors import BucketFullError
from app.services.events.matching import match_events
from app.store.events.rollups import (
    MAX_INTEGER,
    MeasureBucket,
    RollupDeltas,
    check_bounds,
    to_cell_rows,
    to_measure_rows,
)
from tests.support.service_harness import NOW, SCALE, make_event, make_metric

METRICS = {
    key: make_metric(key, aggregation=aggregation, where=(), unit=unit)
    for key, aggregation, unit in (
        ("total", "sum", "EUR"),
        ("number", "count", None),
        ("level", "last", None),
    )
}
EVENTS = st.builds(
    lambda n, **fields: make_event(f"e{n}", **fields),
    st.integers(0, 10**6),
    value=st.none() | st.integers(-5, 5).map(lambda v: v * SCALE),
    unit=st.sampled_from([None, "EUR", "USD"]),
    team=st.sampled_from(["sales", "marketing"]),
    source=st.sampled_from(["billing", "crm"]),
    type=st.sampled_from(["deal.won", "call.held", "noise"]),
    effort=st.sampled_from([None, 0, SCALE]),
    offerings=st.sampled_from([(), (("a", SCALE),), (("a", SCALE), ("b", 2 * SCALE))]),
    time=st.sampled_from([NOW, NOW.replace(hour=1), NOW.replace(day=20)]),
)
STREAMS = st.lists(
    st.tuples(EVENTS, st.integers(100, 102)), max_size=12, unique_by=lambda pair: pair[0].id
)
EventStream = list[tuple[Event, int]]


def match_event(source_event: Event) -> MatchedEvent:
    (matched_event,) = match_events([source_event], Matcher(METRICS), NOW, "UTC")
    return matched_event


def sum_deltas(stream: EventStream) -> RollupDeltas:
    deltas = RollupDeltas()
    for streamed_event, day in stream:
        deltas.add_event(match_event(streamed_event), day)
    return deltas


def list_all_rows(deltas: RollupDeltas) -> list[list[list[object]]]:
    return [to_measure_rows(deltas), to_cell_rows(deltas.attention), to_cell_rows(deltas.sold)]


@given(STREAMS, st.integers())
def test_the_order_of_recording_does_not_matter(stream: EventStream, seed: int):
    shuffled = list(stream)
    Random(seed).shuffle(shuffled)
    assert list_all_rows(sum_deltas(shuffled)) == list_all_rows(sum_deltas(stream))


@given(STREAMS)
def test_recording_and_retracting_sums_to_nothing(stream: EventStream):
    deltas = sum_deltas(stream)
    for streamed_event, day in stream:
        deltas.add_event(match_event(streamed_event), day, -1)
    counts = [
        [b.matched, b.counted, b.other_unit, b.no_value, b.total] for b in deltas.measure.values()
    ]
    cells = [*counts, *deltas.attention.values(), *deltas.sold.values()]
    assert all(value == 0 for cell in cells for value in cell)


@given(STREAMS)
def test_the_buckets_equal_the_sums_over_the_events(stream: EventStream):
    deltas = sum_deltas(stream)
    assert sum(cell[0] for cell in deltas.attention.values()) == len(stream)
    assert sum(cell[1] for cell in deltas.attention.values()) == sum(
        streamed_event.weight for streamed_event, _ in stream
    )
    sold = sum(value for streamed_event, _ in stream for _, value in streamed_event.offerings)
    assert sum(cell[1] for cell in deltas.sold.values()) == sold
    won = [
        streamed_event.value
        for streamed_event, _ in stream
        if streamed_event.type == "deal.won" and streamed_event.value is not None
    ]
    levels = [bucket for bucket_key, bucket in deltas.measure.items() if bucket_key[0] == "level"]
    assert sum(bucket.total for bucket in levels) == sum(won)
    assert min((b.low for b in levels if b.low is not None), default=None) == min(won, default=None)
    assert max((b.high for b in levels if b.high is not None), default=None) == max(
        won, default=None
    )


def test_the_last_value_is_that_of_the_latest_time_and_then_of_the_greatest_name():
    bucket = MeasureBucket()
    for value, occurred_us, name in ((1, 10, "b"), (2, 20, "a"), (3, 20, "b"), (4, 19, "z")):
        bucket.add_value(value, occurred_us, name)
    assert (bucket.last, bucket.low, bucket.high) == ((20, "b", 3), 1, 4)


@settings(max_examples=30)
@given(STREAMS)
def test_rows_come_in_the_order_of_their_keys(stream: EventStream):
    for row_group, width in zip(list_all_rows(sum_deltas(stream)), (4, 6, 5), strict=True):
        keys = [row[:width] for row in row_group]
        assert keys == sorted(keys)


def test_a_number_beyond_64_bits_is_refused_and_the_greatest_is_not():
    check_bounds([["a", MAX_INTEGER], ["b", -MAX_INTEGER, None]])
    with pytest.raises(BucketFullError):
        check_bounds([["a", 1], ["b", MAX_INTEGER + 1]])
    with pytest.raises(BucketFullError):
        check_bounds([[-MAX_INTEGER - 2]])


def test_an_event_s_own_name_is_no_part_of_a_bucket():
    matched_event = match_event(make_event("a"))
    renamed_event = matched_event._replace(uid=UUID(int=7))
    deltas = RollupDeltas()
    deltas.add_event(matched_event, 1)
    deltas.add_event(renamed_event, 1)
    assert [bucket.matched for bucket in deltas.measure.values()] == [2, 2, 2]
