"""Packed columns are unpacked without loss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store.events.ingest_postgresql import DEFAULT_SEPARATOR, pack_columns, unpack_columns_sql
from tests.support.service_harness import open_harness

TEXTS = [
    "a",
    " ",
    "NULL",
    "{}",
    'quo"te, back\\slash',
    "é 😀",
    DEFAULT_SEPARATOR,
    f"{DEFAULT_SEPARATOR}x",
    "\x1e\n",
]


@given(st.lists(st.tuples(st.sampled_from(TEXTS), st.none() | st.sampled_from(TEXTS)), max_size=5))
def test_no_value_is_mistaken_for_the_separator(rows: list[tuple[str, str | None]]):
    columns = [[row[column_index] for row in rows] for column_index in (0, 1)]
    separator, *texts = pack_columns(columns)
    assert [text.split(separator) if rows else [] for text in texts] == [
        [v or "" for v in column] for column in columns
    ]


@pytest.mark.postgresql
async def test_packed_rows_are_unpacked_unchanged(postgresql_url: str):
    numbers = [1, None, -(2**63), 2**63 - 1, 0, None, 7, 8, 9]
    column_types = {"words": "text", "number": "bigint", "none": "int"}
    statement = f"select * from {unpack_columns_sql(1, 2, column_types)} as u"
    async with (
        open_harness(postgresql_url) as harness,
        harness.service.database.read_transaction() as reader,
    ):
        for count in (0, 1, 2, len(TEXTS)):
            columns: list[list[object]] = [
                list(TEXTS[:count]),
                list(numbers[:count]),
                [None] * count,
            ]
            unpacked_rows = await reader.exec_driver_sql(statement, tuple(pack_columns(columns)))
            assert [tuple(row) for row in unpacked_rows] == list(zip(*columns, strict=True))
