"""The one read that feeds scoring: the evidence, folded from the roll-ups in SQL; no event is read."""

from collections.abc import Mapping, Sequence
from json import dumps
from typing import Final
from uuid import UUID

from sqlalchemy import TextClause, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.metrics import Metric
from app.scoring.plan import Plan, Window
from app.scoring.snapshot import Frame, Measure, Newest, Said, Snapshot, Sold
from app.scoring.work import Attention
from app.store import cursor, remarks, types
from app.store.dialect import recordset
from app.store.evidence_tables import AttentionRow, MatchingRow, SoldRow
from app.store.tables import table_of

ASKS_ORDER: Final = frozenset({"min", "max", "last"})
attention, sold, matching = table_of(AttentionRow), table_of(SoldRow), table_of(MatchingRow)
WINDOWS: Final = {"place": "whole", "metric": "text", "first": "whole", "last": "whole"}


def halves(column: str) -> str:
    """A sum of bigints that cannot overflow, as its high and its low part; both databases shift arithmetically."""
    return f"cast(sum({column} >> 32) as bigint), cast(sum({column} & 4294967295) as bigint)"


def whole(high: int, low: int) -> int:
    """The sum whose two parts `halves` gave."""
    return (high << 32) + low


async def read(connection: AsyncConnection, organization_id: UUID, plan: Plan, frame: Frame) -> Snapshot:
    """Everything that a score by that plan in that frame needs."""
    spans = {place: _span(place, frame) for place in plan.windows}
    sums = await _sums(connection, organization_id, spans, frame)
    orders = await _orders(connection, organization_id, spans, plan.configuration.metrics, frame)
    sets = await matched_sets(connection, organization_id)
    said = _said(plan, spans, sums, orders)
    return Snapshot(
        plan=plan,
        frame=frame,
        version=await cursor.version_on(connection, organization_id, frame.known_at),
        said=said,
        attention=await _attention(connection, organization_id, plan, frame, sets),
        newest=await _newest(connection, organization_id, plan, frame, sets),
        sold=await _sold(connection, organization_id, plan, frame),
        currencies=await remarks.currencies(connection, organization_id, frame, said),
        heard=await remarks.heard_of(connection, organization_id, plan, frame),
    )


Span = tuple[str, int, int]
Sums = Mapping[tuple[Span, str], tuple[int, int, int, int]]
Orders = Mapping[tuple[Span, str], tuple[int | None, int | None, tuple[int, str, int] | None]]


def _span(place: Window, frame: Frame) -> Span:
    """The window as far as evidence goes, its days as numbers."""
    metric, first, last = place
    return metric, types.day_number(first), types.day_number(min(last, frame.until))


async def _rows(
    connection: AsyncConnection, statement: TextClause, organization_id: UUID, windows: Sequence[Span], frame: Frame
) -> Sequence[Sequence[object]]:
    bound = statement.bindparams(bindparam("organization", organization_id, types.Identity()))
    known = types.day_number(frame.known_at)
    rows = dumps([[place, *found] for place, found in enumerate(windows)])
    return (await connection.execute(bound, {"windows": rows, "known": known})).all()


async def _sums(connection: AsyncConnection, organization_id: UUID, spans: Mapping[Window, Span], frame: Frame) -> Sums:
    """By window and source: events that count, their exact sum, events that lack a value, events in another unit."""
    windows = sorted(set(spans.values()))
    statement = text(
        f"select w.place, m.source, cast(sum(m.counted) as bigint), {halves('m.total')}, "  # noqa: S608  # constants
        "cast(sum(m.no_value) as bigint), cast(sum(m.other_unit) as bigint) "
        f"from {recordset(connection, 'windows', WINDOWS, 'w')} join measure m on m.organization_id = :organization "
        "and m.metric = w.metric and m.day between w.first and w.last and m.recorded_day <= :known "
        "group by w.place, m.source"
    )
    rows = await _rows(connection, statement, organization_id, windows, frame) if windows else []
    return {
        (windows[int(str(place))], str(source)): (
            int(str(n)),
            whole(int(str(high)), int(str(low))),
            int(str(lacking)),
            int(str(other)),
        )
        for place, source, n, high, low, lacking, other in rows
    }


async def _orders(
    connection: AsyncConnection,
    organization_id: UUID,
    spans: Mapping[Window, Span],
    metrics: Mapping[str, Metric],
    frame: Frame,
) -> Orders:
    """By window and source: low, high and last, from the rows since each day's latest reset."""
    windows = sorted({span for span in spans.values() if metrics[span[0]].aggregation in ASKS_ORDER})
    if not windows:
        return {}
    statement = text(
        "select place, source, low, high, last_us, last_id, last_value from (select w.place, m.source, m.low, m.high, "  # noqa: S608  # constants
        "m.last_us, m.last_id, m.last_value, m.recorded_day, max(case when m.reset = 1 then m.recorded_day end) "
        "over (partition by w.place, m.source, m.day) as since "
        f"from {recordset(connection, 'windows', WINDOWS, 'w')} join measure m on m.organization_id = :organization "
        "and m.metric = w.metric and m.day between w.first and w.last and m.recorded_day <= :known) as f "
        "where (since is null or recorded_day >= since) and low is not null"
    )
    found: dict[tuple[Span, str], tuple[int | None, int | None, tuple[int, str, int] | None]] = {}
    for place, source, low, high, us, name, value in await _rows(
        connection, statement, organization_id, windows, frame
    ):
        lows, highs, last = int(str(low)), int(str(high)), (int(str(us)), str(name), int(str(value)))
        key = (windows[int(str(place))], str(source))
        was = found.get(key)
        if was is not None and was[0] is not None and was[1] is not None and was[2] is not None:
            lows, highs, last = min(lows, was[0]), max(highs, was[1]), max(last, was[2])
        found[key] = (lows, highs, last)
    return found


def _said(plan: Plan, spans: Mapping[Window, Span], sums: Sums, orders: Orders) -> Mapping[Window, Said]:
    by_span: dict[Span, list[str]] = {}
    for span, source in sums:
        by_span.setdefault(span, []).append(source)
    found: dict[Window, Said] = {}
    for place, span in spans.items():
        canonical = plan.configuration.metrics[place[0]].canonical_source
        measures: dict[str, Measure] = {}
        unknown = other_unit = 0
        for source in sorted(by_span.get(span, ())):
            count, total, lacking, other = sums[span, source]
            if canonical in (None, source):
                unknown += lacking
                other_unit += other
            if count:
                measures[source] = Measure(count, total, *orders.get((span, source), ()))
        if measures or unknown or other_unit:
            found[place] = Said(measures, unknown, other_unit)
    return found


async def matched_sets(connection: AsyncConnection, organization_id: UUID) -> Mapping[str, frozenset[str]]:
    """The metrics of every matched set, by its name; the empty one too."""
    statement = select(matching.c.id, matching.c.metrics).where(matching.c.organization_id == organization_id)
    return {
        "": frozenset(),
        **{name: frozenset(key for key, _ in found) for name, found in await connection.execute(statement)},
    }


async def _attention(
    connection: AsyncConnection,
    organization_id: UUID,
    plan: Plan,
    frame: Frame,
    sets: Mapping[str, frozenset[str]],
) -> tuple[Attention, ...]:
    cells: list[Attention] = []
    statement = text(
        f"select team, kind, matching, objective, cast(sum(events) as bigint), {halves('effort')} from attention "  # noqa: S608  # constants
        "where organization_id = :organization and day between :first and :last and recorded_day <= :known "
        "group by team, kind, matching, objective having sum(events) <> 0 order by team, kind, matching, objective"
    ).bindparams(bindparam("organization", organization_id, types.Identity()))
    for first, last, running in plan.stretches(*frame.focus(plan.configuration)):
        days = {"first": types.day_number(first), "last": types.day_number(last)}
        rows = await connection.execute(statement, {**days, "known": types.day_number(frame.known_at)})
        cells += [
            Attention(team, kind, sets[name], objective or None, running, events, whole(high, low))
            for team, kind, name, objective, events, high, low in rows
        ]
    return tuple(cells)


async def _newest(
    connection: AsyncConnection,
    organization_id: UUID,
    plan: Plan,
    frame: Frame,
    sets: Mapping[str, frozenset[str]],
) -> tuple[Newest, ...]:
    first = types.day_number(plan.playbook.starts_on)
    by_day = (
        select(attention.c.matching, attention.c.objective, attention.c.day)
        .where(
            attention.c.organization_id == organization_id,
            attention.c.day.between(first, types.day_number(frame.until)),
            attention.c.recorded_day <= types.day_number(frame.known_at),
        )
        .group_by(attention.c.matching, attention.c.objective, attention.c.day)
        .having(func.sum(attention.c.events) > 0)
        .subquery()
    )
    statement = select(by_day.c.matching, by_day.c.objective, func.max(by_day.c.day)).group_by(
        by_day.c.matching, by_day.c.objective
    )
    rows = (await connection.execute(statement)).all()
    return tuple(
        Newest(sets[name], objective or None, types.day(day)) for name, objective, day in sorted(map(tuple, rows))
    )


async def _sold(connection: AsyncConnection, organization_id: UUID, plan: Plan, frame: Frame) -> tuple[Sold, ...]:
    unit = plan.policy.unit
    statement = text(
        f"select offering, team, day, {halves('value')} from sold where organization_id = :organization "  # noqa: S608  # constants
        "and day between :first and :last and recorded_day <= :known and (:anything = 1 or unit in ('', :unit)) "
        "group by offering, team, day having sum(items) <> 0 order by offering, team, day"
    ).bindparams(bindparam("organization", organization_id, types.Identity()))
    values = {
        "first": types.day_number(plan.playbook.starts_on),
        "last": types.day_number(frame.until),
        "known": types.day_number(frame.known_at),
        "anything": int(unit is None),
        "unit": unit or "",
    }
    rows = await connection.execute(statement, values)
    return tuple(Sold(offering, team, types.day(day), whole(high, low)) for offering, team, day, high, low in rows)
