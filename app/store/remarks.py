"""What the sentences of a ledger say besides its numbers: since when a source is silent, which currency is left out.

All of it is of the day that is asked for, known at the other: never of the wall clock.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from json import dumps
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events import day_of
from app.domain.metrics import LEFT_OUT
from app.domain.silence import WEEKS, Heard, heard
from app.domain.sources import CRMS
from app.scoring.plan import Plan, Window
from app.scoring.snapshot import Frame, Said
from app.store import types
from app.store.dialect import recordset
from app.store.evidence_tables import MatchingRow
from app.store.health import NAMED, delivered_in, rows_of
from app.store.tables import table_of

matching = table_of(MatchingRow)
LEFT: Final = {"place": "whole", "matching": "text", "first": "whole", "last": "whole"}
ASKED: Final = {"metric": "text", "source": "text"}
YEAR: Final = 366  # days


async def currencies(
    connection: AsyncConnection,
    organization_id: UUID,
    frame: Frame,
    said: Mapping[Window, Said],
) -> Mapping[Window, tuple[str, ...]]:
    """By window, the currencies of the events that are left out for theirs.

    Shape: a window is not in it unless the currency of each of them is known.
    """
    other_unit = {place: found.other_unit for place, found in said.items() if found.other_unit}
    if not other_unit:
        return {}
    where = matching.c.organization_id == organization_id
    sets = (await connection.execute(select(matching.c.id, matching.c.metrics).where(where))).all()
    keys, rows = sorted(other_unit), []
    units: dict[tuple[int, str], str] = {}
    for place, key in enumerate(keys):
        metric, first, last = key
        days = types.day_number(first), types.day_number(min(last, frame.until))
        for name, found in sets:
            label = dict(found).get(metric, "")
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
    for place, name, events in await rows_of(connection, statement, organization_id, values) if rows else ():
        unit = counted.setdefault(keys[place], {})
        unit[units[place, name]] = unit.get(units[place, name], 0) + events
    # Work is not told apart by its source: where the canonical one is not the only one, the sums differ.
    return {key: tuple(sorted(found)) for key, found in counted.items() if sum(found.values()) == other_unit[key]}


async def heard_of(connection: AsyncConnection, organization_id: UUID, plan: Plan, frame: Frame) -> Mapping[str, Heard]:
    """When the canonical sources of the key results were last heard of, and their usual gap, as known at that day.

    A source with a hook is heard of by its deliveries, one that sends events by those that match its metrics. Neither
    ever changes for a day that is over: a past answer says the same for ever.
    """
    configuration = plan.configuration
    metrics = _canonical(plan)
    sources = {source for _, source in metrics}
    hooked = sorted(source for source in sources if configuration.sources[source].connector != "api")
    found = await _delivered(connection, organization_id, hooked, configuration.organization.time_zone, frame.known_at)
    told = [pair for pair in metrics if configuration.sources[pair[1]].connector not in CRMS]
    for source, days in (await _recorded(connection, organization_id, told, frame.known_at)).items():
        found.setdefault(source, set()).update(days)
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
    pairs = ((key, known.metrics[key].canonical_source) for key in sorted({place[0] for place in plan.windows}))
    return [(key, source) for key, source in pairs if source is not None and source in known.sources]


async def _delivered(
    connection: AsyncConnection, organization_id: UUID, sources: Sequence[str], time_zone: str, known_at: date
) -> dict[str, set[date]]:
    """The days of the four weeks up to the last one on which anything was delivered to a hook, by source."""
    if not sources:
        return {}
    statement = text(
        "select w.source, (select d.received_at from delivery d where d.organization_id = :organization "  # noqa: S608  # constants
        "and d.source = w.source and d.received_at < :until and d.origin = 'hook' order by d.received_at desc limit 1) "
        f"from {recordset(connection, 'sources', NAMED, 'w')}"
    )
    until = _midnight(known_at + timedelta(days=1), time_zone)
    values = {"sources": dumps([[source] for source in sources]), "until": until}
    asked: list[tuple[str, date]] = []
    for source, last in await rows_of(connection, statement, organization_id, values):
        if last is not None:
            day = day_of(types.instant(last), time_zone)
            asked += [(source, day - timedelta(days=ago)) for ago in range(7 * WEEKS + 1)]
    times = [
        (source, _midnight(day, time_zone), _midnight(day + timedelta(days=1), time_zone)) for source, day in asked
    ]
    found: dict[str, set[date]] = {}
    for place in await delivered_in(connection, organization_id, times):
        source, day = asked[place]
        found.setdefault(source, set()).add(day)
    return found


def _midnight(day: date, time_zone: str) -> int:
    """The first instant of a day, in microseconds since the epoch."""
    return types.micros(datetime.combine(day, time.min, ZoneInfo(time_zone)))


async def _recorded(
    connection: AsyncConnection, organization_id: UUID, pairs: Sequence[tuple[str, str]], known_at: date
) -> Mapping[str, set[date]]:
    """The days on which events of the last year that match one of its metrics were recorded, by source."""
    if not pairs:
        return {}
    statement = text(
        f"select w.source, m.recorded_day from {recordset(connection, 'pairs', ASKED, 'w')} "  # noqa: S608  # constants
        "join measure m on m.organization_id = :organization and m.metric = w.metric and m.source = w.source "
        "and m.day >= :first and m.recorded_day <= :known "
        "group by w.source, m.recorded_day having max(m.matched) > 0"
    )
    known = types.day_number(known_at)
    values = {"pairs": dumps([list(pair) for pair in pairs]), "first": known - YEAR, "known": known}
    found: dict[str, set[date]] = {}
    for source, day in await rows_of(connection, statement, organization_id, values):
        found.setdefault(source, set()).add(types.day(day))
    return found
