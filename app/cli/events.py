"""`sightline events`: a file of events into the service, in the batches that the service takes."""

import csv
from collections.abc import Iterator, Mapping
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import IO, Annotated, Any, Final

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.support import api_client as remote
from app.cli.support.terminal import AsJson, counted, err, guarded, refusal, say, tell_json
from app.domain.primitives import strict_json
from app.domain.primitives.errors import MalformedError

AT_ONCE: Final = 1_000
MOST_BYTES: Final = 8 * 1_024 * 1_024  # half of what a batch may have
LONGEST: Final = 256 * 1_024  # several times what an event can have
MOST_SHOWN: Final = 20
NUMBERS: Final = ("value", "effort")
NESTED: Final = ("offerings", "data")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")  # an export marks a text that begins so
SERVERS: Final = (
    "uid",
    "recorded_at",
    "metrics",
    "retracted_at",
    "retraction_reason",
)  # what an export has besides


class _Unread:
    """A line that could not be read. Shape: `problem` is a problem document."""

    def __init__(self, detail: str) -> None:
        """Says why."""
        self.problem = dict(refusal("invalid-input", detail).problem)


Line = tuple[int, bytes | _Unread]
commands = typer.Typer(no_args_is_help=True, help="Events from a file.")


@commands.callback()
def events() -> None:
    """Events from a file."""


@commands.command("import")
@guarded
def import_events(
    file: Annotated[
        Path, typer.Argument(help="Lines of JSON, or CSV with a heading.", dir_okay=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Records the events of a file; importing it again, or after it was interrupted, records what is missing."""
    totals = {"recorded": 0, "duplicates": 0, "rejected": 0}
    problems: list[dict[str, Any]] = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with (
        file.open("rb") as opened,
        Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress,
    ):
        task = progress.add_task("Importing events", total=file.stat().st_size)
        lines = _csv(opened) if file.suffix.lower() == ".csv" else _ndjson(opened)
        while some := list(_batch(lines)):
            _send(some, totals, problems)
            progress.update(task, completed=opened.tell())
    _tell(totals, sorted(problems, key=itemgetter("line")), as_json=as_json)
    if totals["rejected"]:
        raise typer.Exit(1)


def _batch(lines: Iterator[Line]) -> Iterator[Line]:
    size = 0
    for line in islice(lines, AT_ONCE):
        yield line
        size += len(line[1]) if isinstance(line[1], bytes) else 0
        if size > MOST_BYTES:
            return


def _send(some: list[Line], totals: dict[str, int], problems: list[dict[str, Any]]) -> None:
    """Those lines are recorded, and what is wrong with any of them is among the problems, by its line."""
    good: list[tuple[int, bytes]] = []
    for line, found in some:
        if isinstance(found, bytes):
            good.append((line, found))
        else:
            totals["rejected"] += 1
            problems.append(
                {"line": line, "id": None, "status": "invalid", "problem": found.problem}
            )
    if not good:
        return
    body = b'{"events":[' + b",".join([found for _, found in good]) + b"]}"
    done = remote.ask("POST", "/v1/event-batches", content=body)
    for name in totals:
        totals[name] += done[name]
    for each in done["problems"]:
        if each["status"] != "duplicate":
            line = good[each["index"]][0]
            problems.append(
                {"line": line, **{name: each[name] for name in ("id", "status", "problem")}}
            )


def _tell(totals: Mapping[str, int], problems: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        tell_json({**totals, "problems": problems})
        return
    recorded, there = counted(totals["recorded"], "event"), totals["duplicates"]
    say(
        f"{recorded} recorded, {there} {'was' if there == 1 else 'were'} there, {totals['rejected']} refused."
    )
    for each in problems[:MOST_SHOWN]:
        say(f"  line {each['line']}: {each['problem']['detail']}", "yellow")
    if len(problems) > MOST_SHOWN:
        say(f"  and {len(problems) - MOST_SHOWN} more; --json tells all of them")


def _ndjson(opened: IO[bytes]) -> Iterator[Line]:
    """The lines that are not empty, by their numbers."""
    for number, line in enumerate(iter(opened.readline, b""), 1):
        text = line.removeprefix(b"\xef\xbb\xbf").strip()
        if text:
            yield number, _checked(text)


def _checked(text: bytes) -> bytes | _Unread:
    """The line as it is sent: as it is, unless it tells what only the service can say."""
    if len(text) > LONGEST:
        return _Unread("The line is longer than an event can be.")
    try:
        found = strict_json.loads(text)
    except MalformedError as error:
        return _Unread(error.detail.replace("The body", "The line"))
    if not isinstance(found, dict) or found.keys().isdisjoint(SERVERS):
        return text
    return strict_json.dumps(
        {name: each for name, each in found.items() if name not in SERVERS}
    ).encode()


def _csv(opened: IO[bytes]) -> Iterator[Line]:
    """The rows below the heading, by the numbers of the lines that they end on. An empty cell says nothing."""
    texts = (
        line.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
        for line in iter(opened.readline, b"")
    )
    reader = csv.DictReader(texts, strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield reader.line_num, _Unread(f"The line cannot be read as CSV: {error}.")
            continue
        if row is None:
            return
        yield reader.line_num, _event(row)


def _event(
    row: Mapping[str | None, Any],
) -> bytes | _Unread:  # Any: a row that is too long has a list in it
    """The event that a row tells: nested members are JSON or, as `data.segment`, columns of their own."""
    if None in row:
        return _Unread("The line has more cells than the heading has names.")
    if None in row.values():
        return _Unread("The line has fewer cells than the heading has names.")
    found: dict[str, Any] = {}
    try:
        for name, cell in row.items():
            if name and cell and name not in SERVERS:
                _put(found, name, cell)
        return _checked(strict_json.dumps(found).encode())
    except MalformedError as error:
        return _Unread(error.detail)
    except UnicodeEncodeError:
        return _Unread("The line is not UTF-8.")


def _put(found: dict[str, Any], name: str, cell: str) -> None:
    """The event has what the cell says. Raises: MalformedError."""
    if name in NUMBERS or name in NESTED:
        try:
            found[name] = strict_json.loads(cell.encode())
        except MalformedError:
            raise MalformedError(
                f"The cell '{name}' is {'not a number' if name in NUMBERS else 'not JSON'}."
            ) from None
        return
    text = cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell
    if name.startswith("data."):
        data = found.setdefault("data", {})
        if not isinstance(data, dict):
            raise MalformedError("The cell 'data' is no JSON object.")
        data[name.removeprefix("data.")] = text
    else:
        found[name] = text
