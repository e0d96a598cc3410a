"""Rows go in as texts of columns and come out as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store.sql.bulk_parameters import BETWEEN, packed, unnest
from tests.support.services import house

TEXTS = ["a", " ", "NULL", "{}", 'quo"te, back\\slash', "é 😀", BETWEEN, f"{BETWEEN}x", "\x1e\n"]


@given(st.lists(st.tuples(st.sampled_from(TEXTS), st.none() | st.sampled_from(TEXTS)), max_size=5))
def test_no_value_is_taken_for_what_stands_between_values(rows: list[tuple[str, str | None]]):
    columns = [[row[place] for row in rows] for place in (0, 1)]
    between, *texts = packed(columns)
    assert [text.split(between) if rows else [] for text in texts] == [
        [v or "" for v in column] for column in columns
    ]


@pytest.mark.postgresql
async def test_the_rows_come_out_as_they_went_in(postgresql_url: str):
    numbers = [1, None, -(2**63), 2**63 - 1, 0, None, 7, 8, 9]
    statement = (
        f"select * from {unnest(1, 2, {'words': 'text', 'number': 'bigint', 'none': 'int'})} as u"
    )
    async with house(postgresql_url) as built, built.service.database.reading() as connection:
        for count in (0, 1, 2, len(TEXTS)):
            columns: list[list[object]] = [
                list(TEXTS[:count]),
                list(numbers[:count]),
                [None] * count,
            ]
            found = await connection.exec_driver_sql(statement, tuple(packed(columns)))
            assert [tuple(row) for row in found] == list(zip(*columns, strict=True))
