"""`sightline sources`: how the systems that events come from are doing, and deals that were there before them."""

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.cli import remote
from app.cli.terminal import AsJson, err, guarded, out, refusal, say, tell_json

AT_ONCE: Final = 500
SHOWN: Final = 20
commands = typer.Typer(invoke_without_command=True, help="The sources, how they are doing, and deals to import.")


@commands.callback()
@guarded
def sources(context: typer.Context, as_json: AsJson = False) -> None:
    """Lists the sources and their health."""
    if context.invoked_subcommand is None:
        _tell(as_json=as_json)


@commands.command("list")
@guarded
def list_sources(as_json: AsJson = False) -> None:
    """Lists the sources and their health, as `sightline sources` alone does."""
    _tell(as_json=as_json)


def _tell(*, as_json: bool) -> None:
    found: list[Mapping[str, Any]] = []
    query = {"limit": "200"}
    while True:
        page = remote.ask("GET", "/v1/sources", query=query)
        found += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    if as_json:
        tell_json({"items": found})
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("source", "connector", "last delivery", "in 24 h", "failed", "lag", "health"):
        table.add_column(heading)
    for source in found:
        table.add_row(*_row(source))
    out.print(table)
    for source in found:
        for said in _unmapped(source):
            say(said, "yellow")


def _unmapped(source: Mapping[str, Any]) -> list[str]:
    """What the source holds that its mapping does not know, or cannot read: stages, amounts, dates, currencies."""
    said = [
        f"{source['key']}: {value['property']} = {value['value']!r} is not mapped, or cannot be read ({value['count']})"
        for value in source["health"]["unmapped"]
    ]
    wins = source["health"]["wins_without_amount"]
    one = "won deal has no amount" if wins == 1 else "won deals have no amount"
    return [*said, f"{source['key']}: {wins} {one} that can be read"] if wins else said


def _row(source: Mapping[str, Any]) -> list[str]:
    health = source["health"]
    lag = _lag(health)
    if source["connector"] == "api":
        return [source["key"], "api", "by API key", "", "", lag, ""]
    troubles = [
        *(["no delivery yet"] if health["last_delivery_at"] is None else []),
        *(["silent"] if health["silent"] else []),
        *(["failures"] if health["failures_last_day"] else []),
        *([f"{health['wins_without_amount']} wins without amount"] if health["wins_without_amount"] else []),
        *([f"{len(health['unmapped'])} values not mapped"] if health["unmapped"] else []),
    ]
    last = (health["last_delivery_at"] or "never").replace("T", " ")[:16]
    counts = [str(health["deliveries_last_day"]), str(health["failures_last_day"])]
    return [source["key"], source["connector"], last, *counts, lag, ", ".join(troubles) or "well"]


def _lag(health: Mapping[str, Any]) -> str:
    """How long after they occurred the last day's events were recorded: the median, and the worst."""
    median, worst = health["lag_median_seconds"], health["lag_worst_seconds"]
    return "" if median is None else f"{_span(median)}, at worst {_span(worst)}"


def _span(seconds: int) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


@commands.command("import")
@guarded
def import_records(
    source: Annotated[str, typer.Argument(help="The source's key.")],
    file: Annotated[Path, typer.Argument(help="JSON, lines of JSON, or the CSV that the CRM exports.", dir_okay=False)],
    column: Annotated[
        list[str] | None, typer.Option(help="A column's heading and the property that it is: 'Deal Stage=dealstage'.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Imports deals that existed before connecting; importing a file again changes nothing."""
    records = _named(_records(file), column or [])
    taken = datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat()
    totals = {"records": len(records), "changes": 0, "recorded": 0, "retracted": 0}
    problems: list[dict[str, Any]] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("Importing deals", total=len(records))
        for start in range(0, len(records), AT_ONCE):
            body = {"records": records[start : start + AT_ONCE], "taken_at": taken}
            done = remote.ask("POST", f"/v1/sources/{remote.segment(source)}/records", body=body)
            totals = totals | {name: totals[name] + done[name] for name in ("changes", "recorded", "retracted")}
            problems += [{**each, "index": start + each["index"]} for each in done["rejects"]]
            progress.advance(task, len(body["records"]))
    after = remote.ask("GET", f"/v1/sources/{remote.segment(source)}")
    if as_json:
        known = {name: after["health"][name] for name in ("unmapped", "wins_without_amount")}
        tell_json({**totals, "problems": problems, **known})
    else:
        said = f"{totals['records']} records: {totals['changes']} changes were new, {totals['recorded']} events were"
        say(f"{said} recorded, {totals['retracted']} retracted; {len(problems)} set aside.")
        for each in problems[:SHOWN]:
            say(f"  record {each['index'] + 1}: {each['problem']}", "yellow")
        if len(problems) > SHOWN:
            say(f"  and {len(problems) - SHOWN} more; --json lists them all", "yellow")
        for note in _unmapped(after):
            say(note, "yellow")
    if problems:
        raise typer.Exit(1)


def _records(file: Path) -> list[dict[str, Any]]:
    """The records in a file, numbers with a point as their own text. Raises: CommandError, OSError."""
    try:
        text = file.read_text("utf-8-sig")
        if file.suffix.lower() == ".csv":
            rows = csv.DictReader(StringIO(text, newline=""))
            return [{name: value for name, value in row.items() if name} for row in rows]
        try:
            found = json.loads(text, parse_float=str)
        except json.JSONDecodeError:
            found = [json.loads(line, parse_float=str) for line in text.split("\n") if line.strip()]
    except (ValueError, csv.Error) as error:
        raise refusal("invalid-input", f"{file} can be read neither as JSON nor as CSV: {error}.") from None
    found = found.get("records", [found]) if isinstance(found, dict) else found
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise refusal("invalid-input", f"{file} holds no list of records.")
    return found


def _named(records: Sequence[dict[str, Any]], columns: Sequence[str]) -> list[dict[str, Any]]:
    """The records with their columns called what the mapping calls them. Raises: CommandError."""
    names = dict(column.partition("=")[::2] for column in columns)
    wrong = next((heading for heading, name in names.items() if not heading or not name), None)
    if wrong is not None:
        raise refusal("invalid-input", f"--column '{wrong}' must be like 'Deal Stage=dealstage'.")
    return [{names.get(name, name): value for name, value in record.items()} for record in records]
