"""The one read that feeds scoring: the evidence, folded from the roll-ups in one statement; no event is read."""

from collections.abc import Mapping, Sequence
from datetime import date
from json import dumps, loads
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.scoring.plan import Plan, Window
from app.scoring.snapshot import Frame, Measure, Newest, Said, Snapshot, Sold
from app.scoring.work import Attention
from app.store import remarks, types
from app.store.dialect import recordset
from app.store.evidence_tables import MatchingRow
from app.store.parts import Part, ask
from app.store.tables import table_of

ASKS_ORDER: Final = frozenset({"min", "max", "last"})
matching = table_of(MatchingRow)
WINDOWS: Final = {"place": "whole", "metric": "text", "first": "whole", "last": "whole", "asks_order": "whole"}


def halves(column: str) -> str:
    """A sum of bigints that cannot overflow, as its high and its low part; both databases shift arithmetically."""
    return f"cast(sum({column} >> 32) as bigint) as high, cast(sum({column} & 4294967295) as bigint) as low"


def whole(high: int, low: int) -> int:
    """The sum whose two parts `halves` gave."""
    return (high << 32) + low


Span = tuple[str, int, int]
Rows = Sequence[Sequence[Any]]  # Any: each column has its own type

# The plus keeps SQLite, which has no statistics, from looking the rows of a metric up by their days alone: that took
# seconds instead of milliseconds.
ROWS: Final = (
    "from w join measure m on m.organization_id = :organization and m.metric = w.metric "
    "and +m.day between w.first and w.last and m.recorded_day <= :known"
)
SUMS: Final = Part(
    "place, source, counted, high, low, no_value, other_unit",
    f"select w.place, m.source, cast(sum(m.counted) as bigint) as counted, {halves('m.total')}, "
    "cast(sum(m.no_value) as bigint) as no_value, cast(sum(m.other_unit) as bigint) as other_unit "
    f"{ROWS} group by w.place, m.source",
)
# Of a day, low, high and last are those of the rows since its latest reset; several rows may have the last instant.
ORDERS: Final = Part(
    "place, source, least, most, last_us, last_id, last_value",
    "select place, source, least, most, last_us, last_id, last_value from (select place, source, last_us, last_id, "  # noqa: S608  # constants
    "last_value, min(low) over of_source as least, max(high) over of_source as most, "
    "max(last_us) over of_source as newest "
    "from (select w.place, m.source, m.low, m.high, m.last_us, m.last_id, m.last_value, m.recorded_day, "
    "max(case when m.reset = 1 then m.recorded_day end) over (partition by w.place, m.source, m.day) as since "
    f"{ROWS} where w.asks_order = 1) as buckets where (since is null or recorded_day >= since) and low is not null "
    "window of_source as (partition by place, source)) as orders where last_us = newest",
)
NEWEST: Final = Part(
    "matching, objective, day",
    "select matching, objective, max(day) as day from (select matching, objective, day from attention "
    "where organization_id = :organization and day between :first and :until and recorded_day <= :known "
    "group by matching, objective, day having sum(events) > 0) as days group by matching, objective",
)
SOLD: Final = Part(
    "offering, team, day, high, low",
    f"select offering, team, day, {halves('value')} from sold where organization_id = :organization "  # noqa: S608  # constants
    "and day between :first and :until and recorded_day <= :known and (:anything = 1 or unit in ('', :unit)) "
    "group by offering, team, day having sum(items) <> 0",
)
SETS: Final = Part("id, metrics", "select id, metrics from matching where organization_id = :organization")
VERSION: Final = Part(
    "seq, recorded_day, closed",
    "select seq, recorded_day, (select max(seq) from closing where organization_id = :organization and day <= :known) "
    "as closed from cursor where organization_id = :organization",
)


def worked(stretch: int) -> Part:
    """Where the work of one stretch of days went."""
    return Part(
        "team, kind, matching, objective, events, high, low",
        f"select team, kind, matching, objective, cast(sum(events) as bigint) as events, {halves('effort')} "  # noqa: S608  # constants
        f"from attention where organization_id = :organization and day between :first_{stretch} and :last_{stretch} "
        "and recorded_day <= :known group by team, kind, matching, objective having sum(events) <> 0",
    )


async def read(connection: AsyncConnection, organization_id: UUID, plan: Plan, frame: Frame) -> Snapshot:
    """Everything that a score by that plan in that frame needs."""
    spans = {place: _span(place, frame) for place in plan.windows}
    windows, stretches = sorted(set(spans.values())), plan.stretches(*frame.focus(plan.configuration))
    heard, asked = remarks.heard_parts(connection, plan, frame)
    sums, orders, newest, sold, sets, version, delivered, recorded, *attention = await ask(
        connection,
        organization_id,
        (SUMS, ORDERS, NEWEST, SOLD, SETS, VERSION, *heard, *map(worked, range(len(stretches)))),
        {**asked, **_values(plan, frame, windows, stretches)},
        f"with w as materialized (select * from {recordset(connection, 'windows', WINDOWS, 'w')})",  # noqa: S608  # constants
    )
    said = _said(plan, spans, _measures(windows, sums, orders))
    labels = {name: dict(loads(found)) for name, found in sets}
    metrics = {"": frozenset[str](), **{name: frozenset(found) for name, found in labels.items()}}
    return Snapshot(
        plan=plan,
        frame=frame,
        version=_version(version[0], frame.known_at),
        said=said,
        attention=tuple(
            Attention(team, kind, metrics[name], objective or None, running, events, whole(high, low))
            for (_, _, running), rows in zip(stretches, attention, strict=True)
            for team, kind, name, objective, events, high, low in rows
        ),
        newest=tuple(Newest(metrics[name], objective or None, types.day(day)) for name, objective, day in newest),
        sold=tuple(Sold(offering, team, types.day(day), whole(high, low)) for offering, team, day, high, low in sold),
        currencies=await remarks.currencies(connection, organization_id, frame, said, labels),
        heard=await remarks.heard_from(connection, organization_id, plan, delivered, recorded),
    )


def _span(place: Window, frame: Frame) -> Span:
    """The window as far as evidence goes, its days as numbers."""
    metric, first, last = place
    return metric, types.day_number(first), types.day_number(min(last, frame.until))


def _values(
    plan: Plan, frame: Frame, windows: Sequence[Span], stretches: Sequence[tuple[date, date, frozenset[str]]]
) -> Mapping[str, object]:
    """What the statement is asked with."""
    metrics, unit = plan.configuration.metrics, plan.policy.unit
    days = {
        "first": plan.playbook.starts_on,
        "until": frame.until,
        "known": frame.known_at,
        **{f"first_{n}": first for n, (first, _, _) in enumerate(stretches)},
        **{f"last_{n}": last for n, (_, last, _) in enumerate(stretches)},
    }
    asks_order = {key for key in metrics if metrics[key].aggregation in ASKS_ORDER}
    return {
        **{name: types.day_number(day) for name, day in days.items()},
        "windows": dumps([[n, *span, int(span[0] in asks_order)] for n, span in enumerate(windows)]),
        "anything": int(unit is None),
        "unit": unit or "",
    }


def _version(found: Sequence[Any], known_at: date) -> int:
    """The organization's version at the end of that day, as `cursor.version_on` says."""
    seq, recorded, closed = found
    return seq if recorded <= types.day_number(known_at) else closed or 0


def _measures(
    windows: Sequence[Span], sums: Rows, orders: Rows
) -> Mapping[Span, Mapping[str, tuple[Measure, int, int]]]:
    """What each source says in each window, with the events that lack a value and those in another unit."""
    order: dict[tuple[int, str], tuple[int, int, tuple[int, str, int]]] = {}
    for place, source, least, most, us, name, value in orders:
        last, was = (us, name, value), order.get((place, source))
        order[place, source] = least, most, last if was is None else max(last, was[2])
    found: dict[Span, dict[str, tuple[Measure, int, int]]] = {}
    for place, source, count, high, low, lacking, other in sums:
        measure = Measure(count, whole(high, low), *order.get((place, source), ()))
        found.setdefault(windows[place], {})[source] = measure, lacking, other
    return found


def _said(
    plan: Plan, spans: Mapping[Window, Span], found: Mapping[Span, Mapping[str, tuple[Measure, int, int]]]
) -> Mapping[Window, Said]:
    said: dict[Window, Said] = {}
    for place, span in spans.items():
        canonical, sources = plan.configuration.metrics[place[0]].canonical_source, found.get(span, {})
        heard = [rest for source, (_, *rest) in sources.items() if canonical in (None, source)]
        measures = {source: sources[source][0] for source in sorted(sources) if sources[source][0].count}
        unknown, other_unit = (sum(numbers) for numbers in zip(*heard, strict=True)) if heard else (0, 0)
        if measures or unknown or other_unit:
            said[place] = Said(measures, unknown, other_unit)
    return said


async def matched_sets(connection: AsyncConnection, organization_id: UUID) -> Mapping[str, frozenset[str]]:
    """The metrics of every matched set, by its name; the empty one too."""
    statement = select(matching.c.id, matching.c.metrics).where(matching.c.organization_id == organization_id)
    return {
        "": frozenset(),
        **{name: frozenset(key for key, _ in found) for name, found in await connection.execute(statement)},
    }
