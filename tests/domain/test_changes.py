"""A change survives its way through the store."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import strict_json
from app.domain.changes import VERBS, Change, from_json, from_milliseconds, milliseconds, to_json
from app.domain.errors import InvalidError

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8)
changes = st.builds(
    Change,
    entity=texts,
    key=texts,
    at=st.datetimes(timezones=st.just(UTC)),
    verb=st.sampled_from(VERBS),
    fields=st.dictionaries(texts, texts | st.none() | st.integers(-(2**53), 2**53) | st.booleans(), max_size=3),
    other=st.none() | texts,
)


@given(changes)
def test_a_change_comes_back_from_json_equal(change):
    stored = strict_json.loads(strict_json.dumps(to_json(change)).encode())
    assert isinstance(stored, dict)
    assert from_json(stored) == change


@given(st.integers(0, 10**13))
def test_milliseconds_come_back(count):
    assert milliseconds(from_milliseconds(count)) == count


@pytest.mark.parametrize("name", ["entity", "key", "at", "verb"])
def test_a_change_without_its_parts_is_refused(name):
    value = to_json(Change("deal:1", "k", datetime(2026, 10, 1, tzinfo=UTC), "created"))
    del value[name]
    with pytest.raises(InvalidError):
        from_json(value)
