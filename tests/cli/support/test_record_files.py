"""Files of deals are read in the forms that CRMs write. Unreadable parts are named."""

import pytest

from app.cli.support.record_files import (
    Record,
    has_ambiguous_day,
    missing_properties,
    normalize_dates,
    read_records,
    rename_columns,
    unread_columns,
)
from app.cli.support.terminal import CommandError


def parse_table(tmp_path, text):
    file = tmp_path / "deals.csv"
    file.write_text(text, "utf-8-sig")
    return read_records(file)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_of_the_heading_separates_the_table(tmp_path, separator):
    records = parse_table(tmp_path, f'"Record ID"{separator}"Amount"\n1{separator}"2\u2028\n3"\n\n')
    assert records == [{"Record ID": "1", "Amount": "2\u2028\n3"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id|stage\n1|2", "a single column, 'id|stage'"),
        ("", "a single column, ''"),
        ("id,a,a\n1,2,3", "two columns 'a'"),
    ],
)
def test_a_table_with_ambiguous_columns_is_refused(tmp_path, text, message):
    with pytest.raises(CommandError, match=r".") as excinfo:
        parse_table(tmp_path, text)
    assert message in str(excinfo.value)


def test_a_row_of_another_length_than_the_heading_is_no_record(tmp_path):
    assert parse_table(tmp_path, "id,stage\n1\n2,won,5\n3,\n") == [
        "It has 1 cells, and the heading has 2.",
        "It has 3 cells, and the heading has 2.",
        {"id": "3", "stage": ""},
    ]


def test_lines_of_json_are_records_with_exact_numbers(tmp_path):
    file = tmp_path / "deals.ndjson"
    file.write_text('{"id": 1, "amount": 0.10}\n\n{"id": 2, "name": "a\u2028b"}\n', "utf-8")
    assert read_records(file) == [{"id": 1, "amount": "0.10"}, {"id": 2, "name": "a\u2028b"}]


def test_a_column_is_renamed_for_the_mapping_and_must_exist():
    assert rename_columns(["broken", {"Deal Stage": "won"}], ["Deal Stage=dealstage"]) == [
        "broken",
        {"dealstage": "won"},
    ]
    with pytest.raises(CommandError, match="the file has no 'Stage'"):
        rename_columns([{"Deal Stage": "won"}], ["Stage=dealstage"])


@pytest.mark.parametrize(
    ("cell", "date_order", "expected"),
    [
        ("31/12/2025", "d/m/y", "2025-12-31"),
        ("5.1.2026 9:30", "d/m/y", "2026-01-05T09:30"),
        ("5-1-2026 14:05:06", "m/d/y", "2026-05-01T14:05:06"),
        ("31/12/2025", "m/d/y", "2025-31-12"),  # the service refuses it
        ("2025-12-31", "m/d/y", "2025-12-31"),
        ("1/2.2026", "d/m/y", "1/2.2026"),
    ],
)
def test_days_are_rewritten_by_the_given_order_of_day_and_month(cell, date_order, expected):
    assert normalize_dates({"closedate": cell, "id": 5}, date_order) == {
        "closedate": expected,
        "id": 5,
    }


def test_missing_properties_and_unread_columns_are_named():
    records: list[Record | str] = [
        "broken",
        {"id": "1", "Amount": "5", "closedate": ""},
        {"properties": {"/custom/size": 3}},
    ]
    assert missing_properties(records, ["amount", "closedate", "/custom/size"]) == ["amount"]
    assert unread_columns(records, ["amount", "closedate"]) == ["Amount"]
    assert (has_ambiguous_day({"a": "5/1/2026"}), has_ambiguous_day({"a": "5/1/26", "b": 5})) == (
        True,
        False,
    )
