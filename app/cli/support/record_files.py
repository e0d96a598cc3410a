"""Files of deals: JSON, lines of JSON, or the table that a CRM exports."""

import csv
import json
import re
from collections.abc import Collection, Mapping, Sequence
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from app.cli.support.terminal import command_error
from app.connectors.registry import RECORD_ID_PROPERTIES
from app.domain.sources.mapping import json_pointer

TABLE_SUFFIXES: Final = (".csv", ".tsv")
SEPARATORS: Final = (",", ";", "\t")
DAY_PATTERN: Final = re.compile(
    r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[ T]+(\d{1,2}:\d{2}(?::\d{2})?))?"
)
DateOrder: TypeAlias = Literal["d/m/y", "m/d/y"]
# Any: JSON values, as the CRM exports them.
Record: TypeAlias = Mapping[str, Any]


def read_records(file: Path) -> list[Record | str]:
    """Return the records of a file. Numbers with a decimal point stay texts.

    A text instead of a record says why a line is no record. Raises: CommandError, OSError.
    """
    try:
        text = file.read_text("utf-8-sig")
        if file.suffix.lower() in TABLE_SUFFIXES:
            return _read_table(file, text)
        try:
            records = json.loads(text, parse_float=str)
        except json.JSONDecodeError:
            records = [
                json.loads(line, parse_float=str) for line in text.split("\n") if line.strip()
            ]
    except (ValueError, csv.Error) as error:
        raise command_error(
            "invalid-input", f"{file} can be read neither as JSON nor as CSV: {error}."
        ) from None
    records = records.get("records", [records]) if isinstance(records, dict) else records
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise command_error("invalid-input", f"{file} holds no list of records.")
    return records


def _read_table(file: Path, text: str) -> list[Record | str]:
    """Return the rows below the heading. The separator is the one that gives most columns.

    Raises: CommandError, csv.Error.
    """
    headings_by_separator = {
        separator: next(csv.reader(StringIO(text, newline=""), delimiter=separator), [])
        for separator in SEPARATORS
    }
    best_separator, headings = max(headings_by_separator.items(), key=lambda pair: len(pair[1]))
    if len(headings) < 2:
        column = headings[0] if headings else ""
        detail = (
            f"{file} has a single column, '{column}': "
            "its columns must be parted by commas, semicolons or tabs."
        )
        raise command_error("invalid-input", detail)
    repeated_column = next(
        (heading for heading in headings if heading and headings.count(heading) > 1), None
    )
    if repeated_column is not None:
        raise command_error("invalid-input", f"{file} has two columns '{repeated_column}'.")
    rows = csv.reader(StringIO(text, newline=""), delimiter=best_separator, strict=True)
    return [_row_to_record(headings, row) for row in islice(rows, 1, None) if row]


def _row_to_record(headings: Sequence[str], row: Sequence[str]) -> Record | str:
    if len(row) != len(headings):
        return f"It has {len(row)} cells, and the heading has {len(headings)}."
    return {heading: cell for heading, cell in zip(headings, row, strict=True) if heading}


def rename_columns(records: Sequence[Record | str], columns: Sequence[str]) -> list[Record | str]:
    """Rename columns of the records to properties of the mapping.

    Raises: CommandError for a malformed `column=property`, and for a column that no record has.
    """
    names = dict(column.partition("=")[::2] for column in columns)
    malformed = next(
        (heading for heading, column_name in names.items() if not heading or not column_name), None
    )
    if malformed is not None:
        raise command_error(
            "invalid-input", f"--column '{malformed}' must be like 'Deal Stage=dealstage'."
        )
    present = {
        column_name for record in records if not isinstance(record, str) for column_name in record
    }
    missing = next((heading for heading in names if records and heading not in present), None)
    if missing is not None:
        raise command_error(
            "invalid-input", f"--column '{missing}={names[missing]}': the file has no '{missing}'."
        )
    return [
        record
        if isinstance(record, str)
        else {names.get(column_name, column_name): cell for column_name, cell in record.items()}
        for record in records
    ]


def normalize_dates(record: Record, date_order: DateOrder) -> Record:
    """Return the record with its dates in ISO form. Other values do not change."""
    return {
        column_name: _normalize_day(cell, date_order) if isinstance(cell, str) else cell
        for column_name, cell in record.items()
    }


def _normalize_day(cell: str, date_order: DateOrder) -> str:
    match = DAY_PATTERN.fullmatch(cell.strip())
    if match is None:
        return cell
    first, _, second, year, time = match.groups()
    day, month = (first, second) if date_order == "d/m/y" else (second, first)
    time_text = "" if time is None else f"T{time:0>{5 if time.count(':') == 1 else 8}}"
    return f"{year}-{int(month):02}-{int(day):02}{time_text}"


def has_ambiguous_day(record: Record) -> bool:
    """Return whether a value is a date that `normalize_dates` can read in two ways."""
    return any(
        isinstance(cell, str) and DAY_PATTERN.fullmatch(cell.strip()) for cell in record.values()
    )


def record_id(record: Record) -> str:
    """Return the record's id, or an empty text if it has none."""
    return str(
        next(
            (
                record[property_name]
                for property_name in RECORD_ID_PROPERTIES
                if property_name in record
            ),
            "",
        )
    )[:100]


def missing_properties(
    records: Sequence[Record | str], read_properties: Collection[str]
) -> list[str]:
    """Return the properties that no record has."""
    readable = [record for record in records if not isinstance(record, str)]
    nested = [
        record["properties"] for record in readable if isinstance(record.get("properties"), dict)
    ]
    return [
        property_name
        for property_name in read_properties
        if not any(_has_property(record, property_name) for record in (*readable, *nested))
    ]


def _has_property(record: Record, name: str) -> bool:
    return name in record or json_pointer.find_value(record, name) is not json_pointer.ABSENT


def unread_columns(records: Sequence[Record | str], read_properties: Collection[str]) -> list[str]:
    """Return the columns that the mapping does not read."""
    read_names = {column_name.removeprefix("/") for column_name in read_properties} | {
        *read_properties,
        *RECORD_ID_PROPERTIES,
        "line_items",
        "properties",
    }
    columns = {
        column_name: None
        for record in records
        if not isinstance(record, str)
        for column_name in record
    }
    return [column_name for column_name in columns if column_name not in read_names]
