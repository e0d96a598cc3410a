"""A file of deals is read as its CRM wrote it, and what cannot be read is named."""

import pytest

from app.cli.support.record_files import Record, dated, holds_day, lacking, named, read, unread
from app.cli.support.terminal import CommandError


def table(tmp_path, text):
    file = tmp_path / "deals.csv"
    file.write_text(text, "utf-8-sig")
    return read(file)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_is_parted_by_what_parts_its_heading(tmp_path, separator):
    found = table(tmp_path, f'"Record ID"{separator}"Amount"\n1{separator}"2\u2028\n3"\n\n')
    assert found == [{"Record ID": "1", "Amount": "2\u2028\n3"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id|stage\n1|2", "a single column, 'id|stage'"),
        ("", "a single column, ''"),
        ("id,a,a\n1,2,3", "two columns 'a'"),
    ],
)
def test_a_table_whose_columns_cannot_be_told_apart_is_refused(tmp_path, text, said):
    with pytest.raises(CommandError, match=r".") as refused:
        table(tmp_path, text)
    assert said in str(refused.value)


def test_a_row_of_another_length_than_the_heading_is_no_record(tmp_path):
    assert table(tmp_path, "id,stage\n1\n2,won,5\n3,\n") == [
        "It has 1 cells, and the heading has 2.",
        "It has 3 cells, and the heading has 2.",
        {"id": "3", "stage": ""},
    ]


def test_lines_of_json_are_records_with_exact_numbers(tmp_path):
    file = tmp_path / "deals.ndjson"
    file.write_text('{"id": 1, "amount": 0.10}\n\n{"id": 2, "name": "a\u2028b"}\n', "utf-8")
    assert read(file) == [{"id": 1, "amount": "0.10"}, {"id": 2, "name": "a\u2028b"}]


def test_a_column_is_called_what_the_mapping_calls_it_and_must_be_there():
    assert named(["broken", {"Deal Stage": "won"}], ["Deal Stage=dealstage"]) == [
        "broken",
        {"dealstage": "won"},
    ]
    with pytest.raises(CommandError, match="the file has no 'Stage'"):
        named([{"Deal Stage": "won"}], ["Stage=dealstage"])


@pytest.mark.parametrize(
    ("cell", "dates", "read_as"),
    [
        ("31/12/2025", "d/m/y", "2025-12-31"),
        ("5.1.2026 9:30", "d/m/y", "2026-01-05T09:30"),
        ("5-1-2026 14:05:06", "m/d/y", "2026-05-01T14:05:06"),
        ("31/12/2025", "m/d/y", "2025-31-12"),  # the service refuses it
        ("2025-12-31", "m/d/y", "2025-12-31"),
        ("1/2.2026", "d/m/y", "1/2.2026"),
    ],
)
def test_days_are_rewritten_as_they_are_said_to_be_meant(cell, dates, read_as):
    assert dated({"closedate": cell, "id": 5}, dates) == {"closedate": read_as, "id": 5}


def test_what_no_record_says_and_what_nothing_reads_are_named():
    found: list[Record | str] = [
        "broken",
        {"id": "1", "Amount": "5", "closedate": ""},
        {"properties": {"/custom/size": 3}},
    ]
    assert lacking(found, ["amount", "closedate", "/custom/size"]) == ["amount"]
    assert unread(found, ["amount", "closedate"]) == ["Amount"]
    assert (holds_day({"a": "5/1/2026"}), holds_day({"a": "5/1/26", "b": 5})) == (True, False)
