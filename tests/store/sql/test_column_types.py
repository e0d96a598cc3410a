"""Instants, days and ids mean the same on both databases."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.domain.primitives import epoch
from app.security import identifiers
from tests.support.configurations import DAYS, INSTANTS


@given(INSTANTS)
def test_an_instant_is_its_microseconds_exactly(instant: datetime):
    assert epoch.from_microseconds(epoch.to_microseconds(instant)) == instant
    assert (
        epoch.to_microseconds(instant + timedelta(microseconds=1))
        == epoch.to_microseconds(instant) + 1
    )


@given(DAYS)
def test_a_day_is_its_number(calendar_day: date):
    assert epoch.from_day_number(epoch.to_day_number(calendar_day)) == calendar_day
    assert (
        epoch.to_day_number(calendar_day + timedelta(days=1))
        == epoch.to_day_number(calendar_day) + 1
    )


def test_both_count_from_the_epoch():
    assert (
        epoch.to_microseconds(datetime(1970, 1, 1, tzinfo=UTC))
        == epoch.to_day_number(date(1970, 1, 1))
        == 0
    )
    assert epoch.to_microseconds(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


@given(INSTANTS, st.integers(0, 10**9))
def test_an_event_s_uid_is_a_uuid_of_version_7_in_the_order_of_time(
    instant: datetime, microseconds_later: int
):
    first_uid = identifiers.new_uuid7(instant)
    later_uid = identifiers.new_uuid7(instant + timedelta(microseconds=microseconds_later + 1))
    assert (first_uid.version, first_uid.variant) == (7, UUID(int=0x8000 << 48).variant)
    assert first_uid < later_uid
    assert first_uid.int >> 80 == epoch.to_microseconds(instant) // 1000


def test_random_text_is_of_its_alphabet_and_never_twice_the_same():
    texts = {identifiers.random_base62(32) for _ in range(50)}
    assert len(texts) == 50
    assert all(len(text) == 32 and set(text) <= set(identifiers.BASE62_ALPHABET) for text in texts)
    assert len(identifiers.random_bytes(12)) == 12
