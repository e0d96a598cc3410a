"""`sightline events`: import a file of events in batches."""

import csv
from collections.abc import Iterator, Mapping
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import IO, Annotated, Any, Final

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.support import api_client
from app.cli.support.terminal import (
    AsJson,
    command_error,
    err,
    pluralize,
    print_json,
    print_line,
    report_errors,
)
from app.domain.primitives import strict_json
from app.domain.primitives.errors import MalformedError

BATCH_SIZE: Final = 1_000
MAX_BATCH_BYTES: Final = 8 * 1_024 * 1_024  # half of the limit of a batch
MAX_LINE_BYTES: Final = 256 * 1_024  # several times the largest event
MAX_LISTED_PROBLEMS: Final = 20
NUMBER_FIELDS: Final = ("value", "effort")
JSON_FIELDS: Final = ("offerings", "data")
# An export puts an apostrophe before a text that starts with one of these.
FORMULA_PREFIXES: Final = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
)
# Fields of an exported event that only the service sets.
SERVER_FIELDS: Final = (
    "uid",
    "recorded_at",
    "metrics",
    "retracted_at",
    "retraction_reason",
)


class _UnreadableLine:
    """A line that cannot be read."""

    def __init__(self, detail: str) -> None:
        """Build the problem document."""
        self.problem = dict(command_error("invalid-input", detail).problem)


NumberedLine = tuple[int, bytes | _UnreadableLine]
commands = typer.Typer(no_args_is_help=True, help="Import events from a file.")


@commands.callback()
def events() -> None:
    """Import events from a file."""


@commands.command("import")
@report_errors
def import_events(
    file: Annotated[
        Path, typer.Argument(help="Lines of JSON, or CSV with a heading.", dir_okay=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Record the events of a file.

    Repeating an import, also an interrupted one, records what is missing.
    """
    totals = {"recorded": 0, "duplicates": 0, "rejected": 0}
    problems: list[dict[str, Any]] = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with (
        file.open("rb") as stream,
        Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress,
    ):
        task = progress.add_task("Importing events", total=file.stat().st_size)
        lines = _read_csv(stream) if file.suffix.lower() == ".csv" else _read_ndjson(stream)
        while batch := list(_take_batch(lines)):
            _send_batch(batch, totals, problems)
            progress.update(task, completed=stream.tell())
    _print_totals(totals, sorted(problems, key=itemgetter("line")), as_json=as_json)
    if totals["rejected"]:
        raise typer.Exit(1)


def _take_batch(lines: Iterator[NumberedLine]) -> Iterator[NumberedLine]:
    size = 0
    for line in islice(lines, BATCH_SIZE):
        yield line
        size += len(line[1]) if isinstance(line[1], bytes) else 0
        if size > MAX_BATCH_BYTES:
            return


def _send_batch(
    batch: list[NumberedLine], totals: dict[str, int], problems: list[dict[str, Any]]
) -> None:
    """Send a batch. Add its counts to `totals`, and problems by line to `problems`."""
    sendable: list[tuple[int, bytes]] = []
    for line, content in batch:
        if isinstance(content, bytes):
            sendable.append((line, content))
        else:
            totals["rejected"] += 1
            problems.append(
                {"line": line, "id": None, "status": "invalid", "problem": content.problem}
            )
    if not sendable:
        return
    body = b'{"events":[' + b",".join([content for _, content in sendable]) + b"]}"
    batch_result = api_client.call_api("POST", "/v1/event-batches", content=body)
    for count_name in totals:
        totals[count_name] += batch_result[count_name]
    for problem in batch_result["problems"]:
        if problem["status"] != "duplicate":
            line = sendable[problem["index"]][0]
            problems.append(
                {
                    "line": line,
                    **{
                        count_name: problem[count_name]
                        for count_name in ("id", "status", "problem")
                    },
                }
            )


def _print_totals(
    totals: Mapping[str, int], problems: list[dict[str, Any]], *, as_json: bool
) -> None:
    if as_json:
        print_json({**totals, "problems": problems})
        return
    recorded_text = pluralize(totals["recorded"], "event")
    duplicates = totals["duplicates"]
    print_line(
        f"{recorded_text} recorded, {duplicates} {'was' if duplicates == 1 else 'were'} there, "
        f"{totals['rejected']} refused."
    )
    for problem in problems[:MAX_LISTED_PROBLEMS]:
        print_line(f"  line {problem['line']}: {problem['problem']['detail']}", "yellow")
    if len(problems) > MAX_LISTED_PROBLEMS:
        print_line(f"  and {len(problems) - MAX_LISTED_PROBLEMS} more; --json tells all of them")


def _read_ndjson(stream: IO[bytes]) -> Iterator[NumberedLine]:
    """Yield the lines that are not empty, with their numbers."""
    for number, line in enumerate(iter(stream.readline, b""), 1):
        text = line.removeprefix(b"\xef\xbb\xbf").strip()
        if text:
            yield number, _check_line(text)


def _check_line(text: bytes) -> bytes | _UnreadableLine:
    """Return the line to send, without the fields that only the service sets."""
    if len(text) > MAX_LINE_BYTES:
        return _UnreadableLine("The line is longer than an event can be.")
    try:
        event = strict_json.loads(text)
    except MalformedError as error:
        return _UnreadableLine(error.detail.replace("The body", "The line"))
    if not isinstance(event, dict) or event.keys().isdisjoint(SERVER_FIELDS):
        return text
    return strict_json.dumps(
        {
            member_name: member
            for member_name, member in event.items()
            if member_name not in SERVER_FIELDS
        }
    ).encode()


def _read_csv(stream: IO[bytes]) -> Iterator[NumberedLine]:
    """Yield the rows below the heading, with the number of their last line. Ignore empty cells."""
    texts = (
        line.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
        for line in iter(stream.readline, b"")
    )
    reader = csv.DictReader(texts, strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield reader.line_num, _UnreadableLine(f"The line cannot be read as CSV: {error}.")
            continue
        if row is None:
            return
        yield reader.line_num, _row_to_line(row)


def _row_to_line(
    row: Mapping[str | None, Any],
) -> bytes | _UnreadableLine:  # Any: a row with too many cells contains a list
    """Return the event of a row. Nested members are JSON, or columns such as `data.segment`."""
    if None in row:
        return _UnreadableLine("The line has more cells than the heading has names.")
    if None in row.values():
        return _UnreadableLine("The line has fewer cells than the heading has names.")
    event: dict[str, Any] = {}
    try:
        for column_name, cell in row.items():
            if column_name and cell and column_name not in SERVER_FIELDS:
                _set_field(event, column_name, cell)
        return _check_line(strict_json.dumps(event).encode())
    except MalformedError as error:
        return _UnreadableLine(error.detail)
    except UnicodeEncodeError:
        return _UnreadableLine("The line is not UTF-8.")


def _set_field(event: dict[str, Any], name: str, cell: str) -> None:
    """Set a field of the event to what a cell says. Raises: MalformedError."""
    if name in NUMBER_FIELDS or name in JSON_FIELDS:
        try:
            event[name] = strict_json.loads(cell.encode())
        except MalformedError:
            raise MalformedError(
                f"The cell '{name}' is {'not a number' if name in NUMBER_FIELDS else 'not JSON'}."
            ) from None
        return
    text = cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA_PREFIXES) else cell
    if name.startswith("data."):
        event_data = event.setdefault("data", {})
        if not isinstance(event_data, dict):
            raise MalformedError("The cell 'data' is no JSON object.")
        event_data[name.removeprefix("data.")] = text
    else:
        event[name] = text
