"""A file of deals as records: JSON, lines of JSON, or the table that a CRM exports."""

import csv
import json
import re
from collections.abc import Collection, Mapping, Sequence
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from app.cli.support.terminal import refusal
from app.domain.sources.mapping import json_pointer as pointers
from app.domain.sources.record_import import IDS

TABLES: Final = (".csv", ".tsv")
SEPARATORS: Final = (",", ";", "\t")
DAY: Final = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[ T]+(\d{1,2}:\d{2}(?::\d{2})?))?")
Dates: TypeAlias = Literal["d/m/y", "m/d/y"]
# Any: a CRM's record is what the CRM says. A text says why a line is no record.
Record: TypeAlias = Mapping[str, Any]


def read(file: Path) -> list[Record | str]:
    """The records in a file in its order, numbers with a point as their own text. Raises: CommandError, OSError."""
    try:
        text = file.read_text("utf-8-sig")
        if file.suffix.lower() in TABLES:
            return _table(file, text)
        try:
            found = json.loads(text, parse_float=str)
        except json.JSONDecodeError:
            found = [json.loads(line, parse_float=str) for line in text.split("\n") if line.strip()]
    except (ValueError, csv.Error) as error:
        raise refusal(
            "invalid-input", f"{file} can be read neither as JSON nor as CSV: {error}."
        ) from None
    found = found.get("records", [found]) if isinstance(found, dict) else found
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise refusal("invalid-input", f"{file} holds no list of records.")
    return found


def _table(file: Path, text: str) -> list[Record | str]:
    """The rows below the heading, parted by what parts the heading. Raises: CommandError, csv.Error."""
    found = {
        each: next(csv.reader(StringIO(text, newline=""), delimiter=each), [])
        for each in SEPARATORS
    }
    separator, headings = max(found.items(), key=lambda one: len(one[1]))
    if len(headings) < 2:
        only = headings[0] if headings else ""
        detail = f"{file} has a single column, '{only}': its columns must be parted by commas, semicolons or tabs."
        raise refusal("invalid-input", detail)
    twice = next((name for name in headings if name and headings.count(name) > 1), None)
    if twice is not None:
        raise refusal("invalid-input", f"{file} has two columns '{twice}'.")
    rows = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    return [_record(headings, row) for row in islice(rows, 1, None) if row]


def _record(headings: Sequence[str], row: Sequence[str]) -> Record | str:
    if len(row) != len(headings):
        return f"It has {len(row)} cells, and the heading has {len(headings)}."
    return {name: cell for name, cell in zip(headings, row, strict=True) if name}


def named(records: Sequence[Record | str], columns: Sequence[str]) -> list[Record | str]:
    """The records with their columns called what the mapping calls them.

    Raises: CommandError for what is no `column=property`, and for a column that no record has.
    """
    names = dict(column.partition("=")[::2] for column in columns)
    wrong = next((heading for heading, name in names.items() if not heading or not name), None)
    if wrong is not None:
        raise refusal("invalid-input", f"--column '{wrong}' must be like 'Deal Stage=dealstage'.")
    there = {name for record in records if not isinstance(record, str) for name in record}
    missing = next((heading for heading in names if records and heading not in there), None)
    if missing is not None:
        raise refusal(
            "invalid-input", f"--column '{missing}={names[missing]}': the file has no '{missing}'."
        )
    return [
        record
        if isinstance(record, str)
        else {names.get(name, name): value for name, value in record.items()}
        for record in records
    ]


def dated(record: Record, dates: Dates) -> Record:
    """The record with its days written as the service reads them; what is no day stays as it is."""
    return {
        name: _day(value, dates) if isinstance(value, str) else value
        for name, value in record.items()
    }


def _day(cell: str, dates: Dates) -> str:
    found = DAY.fullmatch(cell.strip())
    if found is None:
        return cell
    first, _, second, year, time = found.groups()
    day, month = (first, second) if dates == "d/m/y" else (second, first)
    clock = "" if time is None else f"T{time:0>{5 if time.count(':') == 1 else 8}}"
    return f"{year}-{int(month):02}-{int(day):02}{clock}"


def holds_day(record: Record) -> bool:
    """Whether a value of the record is a day that can be read in two ways, or only by a person."""
    return any(isinstance(value, str) and DAY.fullmatch(value.strip()) for value in record.values())


def id_of(record: Record) -> str:
    """The record's id as a person finds it. Shape: empty when it has none."""
    return str(next((record[name] for name in IDS if name in record), ""))[:100]


def lacking(records: Sequence[Record | str], reads: Collection[str]) -> list[str]:
    """Those of the properties that no record says anything of."""
    found = [record for record in records if not isinstance(record, str)]
    below = [record["properties"] for record in found if isinstance(record.get("properties"), dict)]
    return [name for name in reads if not any(_says(record, name) for record in (*found, *below))]


def _says(record: Record, name: str) -> bool:
    return name in record or pointers.find(record, name) is not pointers.ABSENT


def unread(records: Sequence[Record | str], reads: Collection[str]) -> list[str]:
    """The columns that nothing reads."""
    read = {name.removeprefix("/") for name in reads} | {*reads, *IDS, "line_items", "properties"}
    columns = {name: None for record in records if not isinstance(record, str) for name in record}
    return [name for name in columns if name not in read]
