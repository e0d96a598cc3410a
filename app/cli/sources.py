"""`sightline sources`: health of the sources, and import of existing deals."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from app.cli.support import api_client, record_files
from app.cli.support.terminal import (
    AsJson,
    err,
    out,
    pluralize,
    print_json,
    print_line,
    report_errors,
)

BATCH_SIZE: Final = 500
MAX_LISTED: Final = 20
MAX_EXAMPLE_RECORDS: Final = 5  # ids printed for a value
COUNT_FIELDS: Final = ("changes", "recorded", "retracted")
UNMAPPED_NOTICE: Final = "is not mapped, has no rate, or cannot be read"
commands = typer.Typer(
    invoke_without_command=True, help="Health of the sources, and import of existing deals."
)


@commands.callback()
@report_errors
def sources(context: typer.Context, as_json: AsJson = False) -> None:
    """List the sources and their health."""
    if context.invoked_subcommand is None:
        _print_sources(as_json=as_json)


@commands.command("list")
@report_errors
def list_sources(as_json: AsJson = False) -> None:
    """List the sources and their health, as `sightline sources` alone does."""
    _print_sources(as_json=as_json)


def _print_sources(*, as_json: bool) -> None:
    all_sources: list[Mapping[str, Any]] = []
    query = {"limit": "200"}
    while True:
        page = api_client.call_api("GET", "/v1/sources", query=query)
        all_sources += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    if as_json:
        print_json({"items": all_sources})
        return
    for source in all_sources:
        _print_source(source)


def _print_source(source: Mapping[str, Any]) -> None:
    """Print two lines about a source: its health, and its deliveries."""
    problems = _health_problems(source)
    line = Text(source["key"], style="bold")
    line.append(f"  {source['connector']}", style="dim")
    if source["connector"] != "api":
        line.append(f"  {', '.join(problems) or 'well'}", style="yellow" if problems else "green")
    out.print(line, soft_wrap=True)
    print_line(
        f"  {'; '.join(filter(None, (_delivery_summary(source), _format_lag(source['health']))))}",
        "dim",
    )
    for warning in _unmapped_warnings(source):
        print_line(f"  {warning}", "yellow")


def _unmapped_warnings(source: Mapping[str, Any]) -> list[str]:
    """Return warnings about values that the mapping does not know or cannot read."""
    warnings = [
        f"{pair['property']} = {pair['value']!r} {UNMAPPED_NOTICE} ({pair['count']})"
        for pair in source["health"]["unmapped"]
    ]
    wins = source["health"]["wins_without_amount"]
    return (
        [*warnings, f"{pluralize(wins, 'won deal')} without an amount that can be read"]
        if wins
        else warnings
    )


def _health_problems(source: Mapping[str, Any]) -> list[str]:
    health = source["health"]
    last_delivery = health["last_delivery_at"] or ""
    last_refusal = health["last_refused_at"] or ""
    return [
        *([] if last_delivery else ["no delivery yet"]),
        *(["signatures are refused"] if last_refusal > last_delivery else []),
        *(["silent"] if health["silent"] else []),
        *(["failures"] if health["failures_last_day"] else []),
        *(["wins without amount"] if health["wins_without_amount"] else []),
        *(["values not mapped"] if health["unmapped"] else []),
    ]


def _delivery_summary(source: Mapping[str, Any]) -> str:
    """Return when the last delivery arrived, and whether later ones were refused."""
    health = source["health"]
    if source["connector"] == "api":
        return "events by API key"
    last_delivery = health["last_delivery_at"]
    last_refusal = health["last_refused_at"]
    day_counts = f"{health['deliveries_last_day']} in 24 h, {health['failures_last_day']} failed"
    delivery_time = "never" if last_delivery is None else _format_minute(last_delivery)
    summary = f"last delivery {delivery_time}, {day_counts}"
    return (
        summary
        if (last_refusal or "") <= (last_delivery or "")
        else f"{summary}; last refused {_format_minute(last_refusal)}"
    )


def _format_minute(instant: str) -> str:
    return instant.replace("T", " ")[:16]


def _format_lag(health: Mapping[str, Any]) -> str:
    """Return the median and the longest time from an event to its recording, of the last day."""
    median = health["lag_median_seconds"]
    worst = health["lag_worst_seconds"]
    return (
        ""
        if median is None
        else f"lag {_format_duration(median)}, at worst {_format_duration(worst)}"
    )


def _format_duration(seconds: int) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


@commands.command("import")
@report_errors
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
        typer.Option(help="The property that a column holds, such as 'Deal Stage=dealstage'."),
    ] = None,
    dates: Annotated[
        record_files.DateOrder | None,
        typer.Option(
            help="The order of dates such as 5/12/2026. Default: only 2026-12-05 is read."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import deals that existed before the CRM was connected.

    Importing a file again changes nothing.
    """
    deals = record_files.rename_columns(record_files.read_records(file), column or [])
    has_days = any(
        not isinstance(record, str) and record_files.has_ambiguous_day(record) for record in deals
    )
    if dates is not None:
        deals = [
            record if isinstance(record, str) else record_files.normalize_dates(record, dates)
            for record in deals
        ]
    report = _send_records(
        source, deals, datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat()
    )
    _add_column_report(report, deals, is_table=file.suffix.lower() in record_files.TABLE_SUFFIXES)
    if as_json:
        print_json(report)
    else:
        _print_import(report)
        if report["problems"] and has_days and dates is None:
            print_line(
                "Days such as 5/12/2026 are read with --dates d/m/y, or --dates m/d/y.", "yellow"
            )
    if report["problems"]:
        raise typer.Exit(1)


def _add_column_report(
    report: dict[str, Any], deals: Sequence[record_files.Record | str], *, is_table: bool
) -> None:
    """Replace the properties that the mapping reads by missing properties and unread columns."""
    read_properties = report.pop("reads")
    report["missing"] = record_files.missing_properties(deals, read_properties)
    report["unread_columns"] = (
        record_files.unread_columns(deals, read_properties) if is_table and read_properties else []
    )


def _send_records(
    source: str, deals: Sequence[record_files.Record | str], taken_at: str
) -> dict[str, Any]:
    """Send the records in batches. Return the totals of all replies."""
    totals: dict[str, Any] = {
        "records": len(deals),
        **dict.fromkeys(COUNT_FIELDS, 0),
        "wins_without_amount": 0,
    }
    totals |= {"without_amount": [], "reads": []}
    problems = [
        {"index": index, "record": "", "problem": deal}
        for index, deal in enumerate(deals)
        if isinstance(deal, str)
    ]
    sendable = [(index, deal) for index, deal in enumerate(deals) if not isinstance(deal, str)]
    unmapped: dict[tuple[str, str], dict[str, Any]] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("Importing deals", total=len(sendable))
        for start in range(0, len(sendable), BATCH_SIZE):
            batch = sendable[start : start + BATCH_SIZE]
            body = {"records": [deal for _, deal in batch], "taken_at": taken_at}
            batch_result = api_client.call_api(
                "POST", f"/v1/sources/{api_client.quote_segment(source)}/records", body=body
            )
            _add_reply(totals, batch_result)
            problems += _list_rejects(batch, batch_result["rejects"])
            for pair in batch_result["unmapped"]:
                merged = unmapped.setdefault(
                    (pair["property"], pair["value"]), {**pair, "count": 0, "records": []}
                )
                merged |= {
                    count_name: merged[count_name] + pair[count_name]
                    for count_name in ("count", "records")
                }
            progress.advance(task, len(batch))
    return {
        **totals,
        "problems": sorted(problems, key=itemgetter("index")),
        "unmapped": list(unmapped.values()),
    }


def _add_reply(totals: dict[str, Any], reply: Mapping[str, Any]) -> None:
    for name in (*COUNT_FIELDS, "wins_without_amount", "without_amount"):
        totals[name] += reply[name]
    totals["reads"] = reply["reads"]


def _list_rejects(
    batch: Sequence[tuple[int, record_files.Record]], rejects: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the problems of a batch, by the index of the record in the file."""
    problems = []
    for reject in rejects:
        index, record = batch[reject["index"]]
        record_id = record_files.record_id(record)
        problems.append({"index": index, "record": record_id, "problem": reject["problem"]})
    return problems


def _print_import(report: Mapping[str, Any]) -> None:
    """Print the counts of an import, and what the mapping did not understand."""
    problems = report["problems"]
    print_line(
        f"{pluralize(report['records'], 'record')}: {pluralize(report['changes'], 'new change')}, "
        f"{pluralize(report['recorded'], 'event')} recorded, {report['retracted']} retracted; "
        f"{len(problems)} set aside."
    )
    for problem in problems[:MAX_LISTED]:
        label = (
            f"{problem['index'] + 1} ({problem['record']})"
            if problem["record"]
            else f"{problem['index'] + 1}"
        )
        print_line(f"  record {label}: {problem['problem']}", "yellow")
    if len(problems) > MAX_LISTED:
        print_line(f"  and {len(problems) - MAX_LISTED} more; --json lists them all", "yellow")
    for pair in report["unmapped"][:MAX_LISTED]:
        ids = _format_ids(pair["records"], pair["count"])
        print_line(
            f"  {pair['property']} = {pair['value']!r} {UNMAPPED_NOTICE}: {ids}",
            "yellow",
        )
    wins = report["wins_without_amount"]
    if wins:
        ids = _format_ids(report["without_amount"], wins)
        print_line(
            f"  {pluralize(wins, 'won deal')} without an amount that can be read: {ids}", "yellow"
        )
    if report["missing"]:
        print_line(
            f"  the mapping reads what the file lacks: {', '.join(report['missing'][:MAX_LISTED])}",
            "yellow",
        )
    if report["unread_columns"]:
        columns = ", ".join(report["unread_columns"][:MAX_LISTED])
        print_line(
            f"  columns that nothing reads: {columns} "
            "(--column 'Deal Stage=dealstage' says what one is)"
        )


def _format_ids(ids: Sequence[str], count: int) -> str:
    """Return the first ids of a list, and how many more there are."""
    first_ids = ids[:MAX_EXAMPLE_RECORDS]
    remaining = count - len(first_ids)
    return f"{', '.join(first_ids)}{f' and {remaining} more' if remaining > 0 else ''}"
