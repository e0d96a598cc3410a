"""What the sentences of a ledger say besides its numbers: since when a source is silent, which currency is left out.

All of it is of the day that is asked for, known at the other: never of the wall clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from json import dumps
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.events import day_of
from app.domain.events.metrics import LEFT_OUT
from app.domain.sources.silence import WEEKS, Heard, heard
from app.domain.sources.sources import CRMS
from app.scoring.playbook_index import Plan, Window
from app.scoring.snapshot import Frame, Said
from app.store.sources.source_health import NAMED, delivered_in, rows_of
from app.store.sql import column_types as types
from app.store.sql.dialect import recordset
from app.store.sql.multi_query import Part, ask

LEFT: Final = {"place": "whole", "matching": "text", "first": "whole", "last": "whole"}
TOLD: Final = {"metric": "text", "source": "text"}
YEAR: Final = 366  # days


async def currencies(
    connection: AsyncConnection,
    organization_id: UUID,
    frame: Frame,
    said: Mapping[Window, Said],
    labels: Mapping[str, Mapping[str, str]],
) -> Mapping[Window, tuple[str, ...]]:
    """By window, the currencies of the events that are left out for theirs.

    Shape: a window is not in it unless the currency of each of them is known; `labels` are those of the metrics of
    each matched set, by its name.
    """
    other_unit = {place: found.other_unit for place, found in said.items() if found.other_unit}
    if not other_unit:
        return {}
    keys, rows = sorted(other_unit), []
    units: dict[tuple[int, str], str] = {}
    for place, key in enumerate(keys):
        metric, first, last = key
        days = types.day_number(first), types.day_number(min(last, frame.until))
        for name, found in labels.items():
            label = found.get(metric, "")
            if label.startswith(LEFT_OUT):
                units[place, name] = label.removeprefix(LEFT_OUT)
                rows.append([place, name, *days])
    statement = text(
        "select w.place, a.matching, cast(sum(a.events) as bigint) "  # noqa: S608  # constants
        f"from {recordset(connection, 'rows', LEFT, 'w')} join attention a on a.organization_id = :organization "
        "and a.day between w.first and w.last and a.recorded_day <= :known and a.matching = w.matching "
        "group by w.place, a.matching having sum(a.events) > 0"
    )
    values = {"rows": dumps(rows), "known": types.day_number(frame.known_at)}
    counted: dict[Window, dict[str, int]] = {}
    for place, name, events in (
        await rows_of(connection, statement, organization_id, values) if rows else ()
    ):
        unit = counted.setdefault(keys[place], {})
        unit[units[place, name]] = unit.get(units[place, name], 0) + events
    # Work is not told apart by its source: where the canonical one is not the only one, the sums differ.
    return {
        key: tuple(sorted(found))
        for key, found in counted.items()
        if sum(found.values()) == other_unit[key]
    }


async def heard_of(
    connection: AsyncConnection, organization_id: UUID, plan: Plan, frame: Frame
) -> Mapping[str, Heard]:
    """When the canonical sources of the key results were last heard of, and their usual gap, as known at that day.

    A source with a hook is heard of by its deliveries, one that sends events by those that match its metrics. Neither
    ever changes for a day that is over: a past answer says the same for ever.
    """
    parts, values = heard_parts(connection, plan, frame)
    found = await ask(connection, organization_id, parts, values)
    return await heard_from(connection, organization_id, plan, *found)


def heard_parts(
    connection: AsyncConnection, plan: Plan, frame: Frame, measure: str = "measure"
) -> tuple[tuple[Part, Part], Mapping[str, object]]:
    """What `heard_from` wants to know, and what it is asked with; of those rows of the roll-up."""
    sources, zone = plan.configuration.sources, plan.configuration.organization.time_zone
    pairs, known = _canonical(plan), types.day_number(frame.known_at)
    hooked = sorted({source for _, source in pairs if sources[source].connector != "api"})
    told = [pair for pair in pairs if sources[pair[1]].connector not in CRMS]
    delivered = Part(
        "source, received_at",
        "select w.source, (select d.received_at from delivery d where d.organization_id = :organization "  # noqa: S608  # constants
        "and d.source = w.source and d.received_at < :before and d.origin = 'hook' "
        "order by d.received_at desc limit 1) as received_at "
        f"from {recordset(connection, 'hooked', NAMED, 'w')}",
    )
    # The days on which events of the last year that match one of its metrics were recorded.
    recorded = Part(
        "source, recorded_day",
        f"select w.source, m.recorded_day from {recordset(connection, 'told', TOLD, 'w')} "  # noqa: S608  # constants
        f"join {measure} m on m.organization_id = :organization and m.metric = w.metric and m.source = w.source "
        "and m.day >= :year and m.recorded_day <= :known "
        "group by w.source, m.recorded_day having max(m.matched) > 0",
    )
    values = {
        "hooked": dumps([[source] for source in hooked]),
        "told": dumps([list(pair) for pair in told]),
        "before": _midnight(frame.known_at + timedelta(days=1), zone),
        "year": known - YEAR,
        "known": known,
    }
    return (delivered, recorded), values


async def heard_from(  # a connection, and what was asked
    connection: AsyncConnection,
    organization_id: UUID,
    plan: Plan,
    delivered: Sequence[tuple[str, int | None]],
    recorded: Iterable[tuple[str, int]],
) -> Mapping[str, Heard]:
    """As `heard_of`. Shape: the rows that the parts gave."""
    last = {source: at for source, at in delivered if at is not None}
    found = await _delivered(
        connection, organization_id, last, plan.configuration.organization.time_zone
    )
    for source, day in recorded:
        found.setdefault(source, set()).add(types.day(day))
    known = {}
    for source, days in sorted(found.items()):
        recent = max(days) - timedelta(weeks=WEEKS)
        gaps = heard([day for day in days if day >= recent])
        if gaps is not None:
            known[source] = gaps
    return known


def _canonical(plan: Plan) -> list[tuple[str, str]]:
    """The metrics of key results that score with their canonical source, where that is there."""
    known = plan.configuration
    pairs = (
        (key, known.metrics[key].canonical_source)
        for key in sorted({place[0] for place in plan.windows})
    )
    return [
        (key, source) for key, source in pairs if source is not None and source in known.sources
    ]


async def _delivered(
    connection: AsyncConnection, organization_id: UUID, last: Mapping[str, int], time_zone: str
) -> dict[str, set[date]]:
    """The days of the four weeks up to the last one on which anything was delivered to a hook, by source."""
    asked: list[tuple[str, date]] = []
    for source, at in last.items():
        day = day_of(types.instant(at), time_zone)
        asked += [(source, day - timedelta(days=ago)) for ago in range(7 * WEEKS + 1)]
    times = [
        (source, _midnight(day, time_zone), _midnight(day + timedelta(days=1), time_zone))
        for source, day in asked
    ]
    found: dict[str, set[date]] = {}
    for place in await delivered_in(connection, organization_id, times):
        source, day = asked[place]
        found.setdefault(source, set()).add(day)
    return found


def _midnight(day: date, time_zone: str) -> int:
    """The first instant of a day, in microseconds since the epoch."""
    return types.micros(datetime.combine(day, time.min, ZoneInfo(time_zone)))
