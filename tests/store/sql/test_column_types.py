"""Instants, days and ids mean the same on both databases."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.security import identifiers as ids
from app.store.sql import column_types as types
from tests.support.configurations import DAYS, INSTANTS


@given(INSTANTS)
def test_an_instant_is_its_microseconds_exactly(at: datetime):
    assert types.instant(types.micros(at)) == at
    assert types.micros(at + timedelta(microseconds=1)) == types.micros(at) + 1


@given(DAYS)
def test_a_day_is_its_number(found: date):
    assert types.day(types.day_number(found)) == found
    assert types.day_number(found + timedelta(days=1)) == types.day_number(found) + 1


def test_both_count_from_the_epoch():
    assert types.micros(datetime(1970, 1, 1, tzinfo=UTC)) == types.day_number(date(1970, 1, 1)) == 0
    assert types.micros(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


@given(INSTANTS, st.integers(0, 10**9))
def test_an_event_s_uid_is_a_uuid_of_version_7_in_the_order_of_time(at: datetime, later: int):
    one, other = ids.uuid7(at), ids.uuid7(at + timedelta(microseconds=later + 1))
    assert (one.version, one.variant) == (7, UUID(int=0x8000 << 48).variant)
    assert one < other
    assert one.int >> 80 == types.micros(at) // 1000


def test_random_text_is_of_its_alphabet_and_never_twice_the_same():
    found = {ids.base62(32) for _ in range(50)}
    assert len(found) == 50
    assert all(len(text) == 32 and set(text) <= set(ids.ALPHABET) for text in found)
    assert len(ids.random_bytes(12)) == 12
