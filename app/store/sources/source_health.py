"""How sources have been doing: all of them at once, at a cost that does not grow with what they ever sent."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from json import dumps
from statistics import median_low
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, bindparam, func, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.sources.silence import LEAST, WEEKS, silent
from app.domain.sources.sources import CRMS, Source
from app.store.events.event_queries import event
from app.store.sql import column_types as types
from app.store.sql.dialect import recordset
from app.store.tables.events import UnmappedRow
from app.store.tables.playbook import table_of

unmapped = table_of(UnmappedRow)
LISTED: Final = 100
AN_HOUR: Final = 200  # events of each hour that the lag is of
HOURS: Final = 24
HOUR: Final = 3_600_000_000
# A win without an amount is noted beside the values that are not mapped: no property of a CRM has an empty name.
WITHOUT_AMOUNT: Final = ("", "won")
NAMED: Final = {"source": "text"}
TIMES: Final = {"place": "whole", "source": "text", "first": "whole", "last": "whole"}


@dataclass(frozen=True, slots=True)
class Health:
    """How a source has been doing.

    None when nothing was ever delivered: `last_delivery_at`; when no delivery was ever refused: `last_refused_at`; when
    nothing was recorded in the last day: the lag.
    Units: the lag in seconds, from when an event occurred to when it was recorded; a correction is not counted in it.
    """

    last_delivery_at: datetime | None = None
    last_refused_at: datetime | None = None
    deliveries_last_day: int = 0
    failures_last_day: int = 0
    silent: bool = False
    lag_median_seconds: int | None = None
    lag_worst_seconds: int | None = None
    wins_without_amount: int = 0
    unmapped: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _Delivered:
    """None when nothing was: `last`; when nothing was by the hook: `hooked`; when nothing was refused: `refused`.

    Units: microseconds since the epoch.
    """

    last: int | None
    hooked: int | None
    refused: int | None
    count: int
    failed: int


async def health(
    connection: AsyncConnection, organization_id: UUID, sources: Sequence[Source], now: datetime
) -> Mapping[str, Health]:
    """How each of the sources has been doing until now, by its key."""
    if not sources:
        return {}
    keys, at = sorted(source.key for source in sources), types.micros(now)
    delivered = await _delivered(connection, organization_id, keys, now)
    last = {key: one.hooked for key, one in delivered.items() if one.hooked is not None}
    quiet = await _silent(connection, organization_id, last, at)
    lags = await _lags(connection, organization_id, sources, now)
    seen = await _noted(connection, organization_id, keys)
    found = {}
    for key in keys:
        one, lag, noted = delivered[key], lags.get(key, []), seen.get(key, {})
        found[key] = Health(
            None if one.last is None else types.instant(one.last),
            None if one.refused is None else types.instant(one.refused),
            one.count,
            one.failed,
            key in quiet,
            median_low(lag) if lag else None,
            max(lag, default=None),
            noted.get(WITHOUT_AMOUNT, 0),
            tuple((*pair, count) for pair, count in noted.items() if pair != WITHOUT_AMOUNT)[
                :LISTED
            ],
        )
    return found


async def _delivered(
    connection: AsyncConnection, organization_id: UUID, keys: Sequence[str], now: datetime
) -> Mapping[str, _Delivered]:
    mine = "from delivery d where d.organization_id = :organization and d.source = w.source"
    newest = "order by d.received_at desc limit 1"
    statement = text(
        f"select w.source, (select d.received_at {mine} {newest}), "  # noqa: S608  # constants
        f"(select d.received_at {mine} and d.origin = 'hook' {newest}), "
        "(select h.refused_at from hook h where h.organization_id = :organization and h.source = w.source), "
        f"(select count(*) {mine} and d.received_at > :since), "
        f"(select count(*) {mine} and d.received_at > :since and d.state = 'failed') "
        f"from {recordset(connection, 'sources', NAMED, 'w')}"
    )
    since = types.micros(now - timedelta(hours=HOURS))
    values = {"sources": dumps([[key] for key in keys]), "since": since}
    return {
        key: _Delivered(*rest)
        for key, *rest in await rows_of(connection, statement, organization_id, values)
    }


async def _silent(
    connection: AsyncConnection, organization_id: UUID, last: Mapping[str, int], now: int
) -> Collection[str]:
    """Those of the sources that are silent. Shape: `last` is when each was last delivered to by its hook."""
    hours = [
        (source, at // HOUR - ago)
        for source, at in sorted(last.items())
        if now - at > LEAST * HOUR  # of most sources nothing more has to be asked
        for ago in range(HOURS * 7 * WEEKS + 1)
    ]
    places = await delivered_in(
        connection,
        organization_id,
        [(source, hour * HOUR, (hour + 1) * HOUR) for source, hour in hours],
    )
    active: dict[str, list[int]] = {}
    for place in places:
        source, hour = hours[place]
        active.setdefault(source, []).append(hour)
    return {source for source, found in active.items() if silent(found, now // HOUR)}


async def delivered_in(
    connection: AsyncConnection, organization_id: UUID, times: Sequence[tuple[str, int, int]]
) -> Sequence[int]:
    """The places of those times in which anything was delivered to the source's hook.

    Each time is looked up, not its deliveries: what it costs does not hang on how many there were.
    Shape: source, first instant, first instant after. Units: microseconds since the epoch.
    """
    if not times:
        return []
    statement = text(
        f"select w.place from {recordset(connection, 'rows', TIMES, 'w')} where exists (select 1 from delivery d "  # noqa: S608  # constants
        "where d.organization_id = :organization and d.source = w.source and d.received_at >= w.first "
        "and d.received_at < w.last and d.origin = 'hook')"
    )
    rows = [[place, *found] for place, found in enumerate(times)]
    return [
        place
        for (place,) in await rows_of(connection, statement, organization_id, {"rows": dumps(rows)})
    ]


async def _lags(
    connection: AsyncConnection, organization_id: UUID, sources: Sequence[Source], now: datetime
) -> Mapping[str, Sequence[int]]:
    """The lags of events that were recorded in the last day, by source; of each hour only the newest ones.

    An event's uid begins with the time at which it was recorded, and is what the table is ordered by.
    """
    slices = []
    for ago in range(HOURS):
        first, last = (_earliest(now - timedelta(hours=hours)) for hours in (ago + 1, ago))
        within = (event.c.uid >= first, event.c.uid < last) if ago else (event.c.uid >= first,)
        columns = (event.c.source, event.c.id, event.c.time_us, event.c.recorded_us)
        some = select(*columns).where(event.c.organization_id == organization_id, *within)
        slices.append(select(some.order_by(event.c.uid.desc()).limit(AN_HOUR).subquery()))
    connectors = {source.key: source.connector for source in sources}
    found: dict[str, list[int]] = {}
    for source, name, occurred, recorded in await connection.execute(union_all(*slices)):
        corrects = connectors.get(source) in CRMS and not name.endswith("/1")
        if source in connectors and not corrects:
            found.setdefault(source, []).append(max(0, recorded - occurred) // 1_000_000)
    return found


def _earliest(at: datetime) -> UUID:
    """The least uid of an event that is recorded at that instant."""
    return UUID(int=types.micros(at) // 1000 << 80)


async def _noted(
    connection: AsyncConnection, organization_id: UUID, keys: Sequence[str]
) -> Mapping[str, Mapping[tuple[str, str], int]]:
    """How many records have each value that is not mapped, by source, the most frequent ones first."""
    count = func.count().label("number")
    order = (count.desc(), unmapped.c.property, unmapped.c.value)
    place = func.row_number().over(partition_by=unmapped.c.source, order_by=order).label("place")
    ranked = (
        select(unmapped.c.source, unmapped.c.property, unmapped.c.value, count, place)
        .where(unmapped.c.organization_id == organization_id, unmapped.c.source.in_(keys))
        .group_by(unmapped.c.source, unmapped.c.property, unmapped.c.value)
        .subquery()
    )
    listed = (ranked.c.place <= LISTED) | (ranked.c.property == WITHOUT_AMOUNT[0])
    found: dict[str, dict[tuple[str, str], int]] = {}
    statement = select(ranked).where(listed).order_by(ranked.c.source, ranked.c.place)
    for source, name, value, number, _ in await connection.execute(statement):
        found.setdefault(source, {})[name, value] = number
    return found


async def rows_of(
    connection: AsyncConnection,
    statement: TextClause,
    organization_id: UUID,
    values: Mapping[str, object],
) -> Iterable[tuple[Any, ...]]:  # Any: each column has its own type
    """What a statement answers of one organization."""
    bound = statement.bindparams(bindparam("organization", organization_id, types.Identity()))
    return [tuple(row) for row in await connection.execute(bound, values)]
