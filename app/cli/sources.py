"""`sightline sources`: how the systems that events come from are doing, and deals that were there before them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from app.cli.support import api_client as remote
from app.cli.support import record_files as records
from app.cli.support.terminal import AsJson, counted, err, guarded, out, say, tell_json

AT_ONCE: Final = 500
SHOWN: Final = 20
FIRST: Final = 5  # records that have a value
COUNTED: Final = ("changes", "recorded", "retracted")
UNKNOWN: Final = "is not mapped, has no rate, or cannot be read"
commands = typer.Typer(
    invoke_without_command=True, help="The sources, how they are doing, and deals to import."
)


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
    for source in found:
        _show(source)


def _show(source: Mapping[str, Any]) -> None:
    """Two lines of a source: what it is and how it is doing, and what came of it."""
    troubles = _troubles(source)
    line = Text(source["key"], style="bold")
    line.append(f"  {source['connector']}", style="dim")
    if source["connector"] != "api":
        line.append(f"  {', '.join(troubles) or 'well'}", style="yellow" if troubles else "green")
    out.print(line, soft_wrap=True)
    say(f"  {'; '.join(filter(None, (_arrived(source), _lag(source['health']))))}", "dim")
    for said in _unmapped(source):
        say(f"  {said}", "yellow")


def _unmapped(source: Mapping[str, Any]) -> list[str]:
    """What the source holds that its mapping does not know, or cannot read: stages, amounts, dates, currencies."""
    said = [
        f"{value['property']} = {value['value']!r} {UNKNOWN} ({value['count']})"
        for value in source["health"]["unmapped"]
    ]
    wins = source["health"]["wins_without_amount"]
    return (
        [*said, f"{counted(wins, 'won deal')} without an amount that can be read"] if wins else said
    )


def _troubles(source: Mapping[str, Any]) -> list[str]:
    health = source["health"]
    last, refused = health["last_delivery_at"] or "", health["last_refused_at"] or ""
    return [
        *([] if last else ["no delivery yet"]),
        *(["signatures are refused"] if refused > last else []),
        *(["silent"] if health["silent"] else []),
        *(["failures"] if health["failures_last_day"] else []),
        *(["wins without amount"] if health["wins_without_amount"] else []),
        *(["values not mapped"] if health["unmapped"] else []),
    ]


def _arrived(source: Mapping[str, Any]) -> str:
    """What was delivered, and what was refused since."""
    health = source["health"]
    if source["connector"] == "api":
        return "events by API key"
    last, refused = health["last_delivery_at"], health["last_refused_at"]
    day = f"{health['deliveries_last_day']} in 24 h, {health['failures_last_day']} failed"
    said = f"last delivery {'never' if last is None else _minute(last)}, {day}"
    return said if (refused or "") <= (last or "") else f"{said}; last refused {_minute(refused)}"


def _minute(instant: str) -> str:
    return instant.replace("T", " ")[:16]


def _lag(health: Mapping[str, Any]) -> str:
    """How long after they occurred the last day's events were recorded: the median, and the worst."""
    median, worst = health["lag_median_seconds"], health["lag_worst_seconds"]
    return "" if median is None else f"lag {_span(median)}, at worst {_span(worst)}"


def _span(seconds: int) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


@commands.command("import")
@guarded
def import_records(
    source: Annotated[str, typer.Argument(help="The source's key.")],
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON, lines of JSON, or the CSV that the CRM exports.", dir_okay=False
        ),
    ],
    column: Annotated[
        list[str] | None,
        typer.Option(
            help="A column's heading and the property that it is: 'Deal Stage=dealstage'."
        ),
    ] = None,
    dates: Annotated[
        records.Dates | None,
        typer.Option(
            help="How the file writes days such as 5/12/2026; else only 2026-12-05 is read."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Imports deals that existed before connecting; importing a file again changes nothing."""
    found = records.named(records.read(file), column or [])
    days = any(not isinstance(record, str) and records.holds_day(record) for record in found)
    if dates is not None:
        found = [
            record if isinstance(record, str) else records.dated(record, dates) for record in found
        ]
    told = _send(source, found, datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat())
    table = file.suffix.lower() in records.TABLES
    told |= {"missing": records.lacking(found, told["reads"])}
    told |= {
        "unread_columns": records.unread(found, told["reads"]) if table and told["reads"] else []
    }
    del told["reads"]
    if as_json:
        tell_json(told)
    else:
        _tell_import(told)
        if told["problems"] and days and dates is None:
            say("Days such as 5/12/2026 are read with --dates d/m/y, or --dates m/d/y.", "yellow")
    if told["problems"]:
        raise typer.Exit(1)


def _send(source: str, found: Sequence[records.Record | str], taken: str) -> dict[str, Any]:
    """What became of the records, all of them together."""
    told: dict[str, Any] = {
        "records": len(found),
        **dict.fromkeys(COUNTED, 0),
        "wins_without_amount": 0,
    }
    told |= {"without_amount": [], "reads": []}
    problems = [
        {"index": index, "record": "", "problem": one}
        for index, one in enumerate(found)
        if isinstance(one, str)
    ]
    good = [(index, one) for index, one in enumerate(found) if not isinstance(one, str)]
    unmapped: dict[tuple[str, str], dict[str, Any]] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("Importing deals", total=len(good))
        for start in range(0, len(good), AT_ONCE):
            some = good[start : start + AT_ONCE]
            body = {"records": [one for _, one in some], "taken_at": taken}
            done = remote.ask("POST", f"/v1/sources/{remote.segment(source)}/records", body=body)
            told |= {name: told[name] + done[name] for name in (*COUNTED, "wins_without_amount")}
            told |= {
                "without_amount": told["without_amount"] + done["without_amount"],
                "reads": done["reads"],
            }
            for each in done["rejects"]:
                index, record = some[each["index"]]
                problems.append(
                    {"index": index, "record": records.id_of(record), "problem": each["problem"]}
                )
            for each in done["unmapped"]:
                there = unmapped.setdefault(
                    (each["property"], each["value"]), {**each, "count": 0, "records": []}
                )
                there |= {name: there[name] + each[name] for name in ("count", "records")}
            progress.advance(task, len(some))
    return {
        **told,
        "problems": sorted(problems, key=itemgetter("index")),
        "unmapped": list(unmapped.values()),
    }


def _tell_import(told: Mapping[str, Any]) -> None:
    """What the file did, and what of it was not understood."""
    problems = told["problems"]
    say(
        f"{counted(told['records'], 'record')}: {counted(told['changes'], 'new change')}, "
        f"{counted(told['recorded'], 'event')} recorded, {told['retracted']} retracted; {len(problems)} set aside."
    )
    for each in problems[:SHOWN]:
        place = (
            f"{each['index'] + 1} ({each['record']})" if each["record"] else f"{each['index'] + 1}"
        )
        say(f"  record {place}: {each['problem']}", "yellow")
    if len(problems) > SHOWN:
        say(f"  and {len(problems) - SHOWN} more; --json lists them all", "yellow")
    for value in told["unmapped"][:SHOWN]:
        say(
            f"  {value['property']} = {value['value']!r} {UNKNOWN}: {_those(value['records'], value['count'])}",
            "yellow",
        )
    wins = told["wins_without_amount"]
    if wins:
        ids = _those(told["without_amount"], wins)
        say(f"  {counted(wins, 'won deal')} without an amount that can be read: {ids}", "yellow")
    if told["missing"]:
        say(
            f"  the mapping reads what the file lacks: {', '.join(told['missing'][:SHOWN])}",
            "yellow",
        )
    if told["unread_columns"]:
        columns = ", ".join(told["unread_columns"][:SHOWN])
        say(
            f"  columns that nothing reads: {columns} (--column 'Deal Stage=dealstage' says what one is)"
        )


def _those(ids: Sequence[str], count: int) -> str:
    """The first ids of so many."""
    listed = ids[:FIRST]
    return f"{', '.join(listed)}{f' and {count - len(listed)} more' if count > len(listed) else ''}"
