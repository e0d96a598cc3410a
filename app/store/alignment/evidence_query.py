"""The one read that feeds scoring: the evidence, folded from the roll-ups in one statement; no event is read.

What was recorded on days that are over stays as it is while the configuration does: it can be kept, and only what was
recorded since is read. All that changes rows of such days, a restatement and a rebuild, is a change of configuration.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from json import dumps
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.scoring.evidence_accumulator import Folded, Read
from app.scoring.playbook_index import Plan
from app.scoring.snapshot import Frame, Snapshot
from app.store.alignment import loss_annotations as remarks
from app.store.sql import column_types as types
from app.store.sql.dialect import embedded, recordset
from app.store.sql.multi_query import Part, ask
from app.store.tables.events import MatchingRow
from app.store.tables.playbook import table_of

ASKS_ORDER: Final = frozenset({"min", "max", "last"})
matching = table_of(MatchingRow)
WINDOWS: Final = {
    "place": "whole",
    "metric": "text",
    "first": "whole",
    "last": "whole",
    "asks_order": "whole",
}
ROLLUPS: Final = ("measure", "attention", "sold")


def halves(column: str) -> str:
    """A sum of bigints that cannot overflow, as its high and its low part; both databases shift arithmetically."""
    return f"cast(sum({column} >> 32) as bigint) as high, cast(sum({column} & 4294967295) as bigint) as low"


# The plus keeps SQLite, which has no statistics, from looking the rows of a metric up by their days alone: that took
# seconds instead of milliseconds.
ON: Final = (
    "m.organization_id = :organization and m.metric = w.metric "
    "and +m.day between w.first and w.last and m.recorded_day <= :known"
)
VERSION: Final = Part(
    "seq, recorded_day, closed",
    "select seq, recorded_day, (select max(seq) from closing where organization_id = :organization and day <= :known) "
    "as closed from cursor where organization_id = :organization",
)


@cache
def _parts(recent: str, stretches: int) -> tuple[Part, ...]:
    """What is read, the work of so many stretches of days last. Shape: `recent` as in `_before`."""
    return (
        _sums(recent),
        _orders(recent),
        _newest(recent),
        _gained(recent),
        _sold(recent),
        _sets(recent),
        VERSION,
        *(_worked(recent, stretch) for stretch in range(stretches)),
    )


def _before(connection: AsyncConnection, recent: str) -> str:
    """What the parts read: the windows, and what was recorded since, under the names of the roll-ups with that prefix.

    Shape: without a prefix all is read, from the roll-ups themselves.
    """
    windows = f"w as materialized (select * from {recordset(connection, 'windows', WINDOWS, 'w')})"  # noqa: S608  # constants
    since = [
        f"{recent}{name} as materialized (select * from {name} where organization_id = :organization "  # noqa: S608  # constants
        "and recorded_day > :since and recorded_day <= :known)"
        for name in ROLLUPS
        if recent
    ]
    return f"with {', '.join([windows, *since])}"


def _sums(recent: str) -> Part:
    return Part(
        "place, source, counted, high, low, no_value, other_unit",
        f"select w.place, m.source, cast(sum(m.counted) as bigint) as counted, {halves('m.total')}, "  # noqa: S608  # constants
        "cast(sum(m.no_value) as bigint) as no_value, cast(sum(m.other_unit) as bigint) as other_unit "
        f"from w join {recent}measure m on {ON} group by w.place, m.source",
    )


def _orders(recent: str) -> Part:
    """Low, high and last; where any row is new of all rows, for a retraction may have taken any of them back.

    Of a day they are those of the rows since its latest reset; several rows may have the last instant.
    """
    touched = (
        f"join (select distinct metric, source from {recent}measure) as t on t.metric = w.metric"  # noqa: S608  # constants
    )
    return Part(
        "place, source, least, most, last_us, last_id, last_value",
        "select place, source, least, most, last_us, last_id, last_value from (select place, source, last_us, last_id, "  # noqa: S608  # constants
        "last_value, min(low) over of_source as least, max(high) over of_source as most, "
        "max(last_us) over of_source as newest "
        "from (select w.place, m.source, m.low, m.high, m.last_us, m.last_id, m.last_value, m.recorded_day, "
        "max(case when m.reset = 1 then m.recorded_day end) over (partition by w.place, m.source, m.day) as since "
        f"from w {touched if recent else ''} join measure m on {ON} {'and m.source = t.source' if recent else ''} "
        "where w.asks_order = 1) as buckets where (since is null or recorded_day >= since) and low is not null "
        "window of_source as (partition by place, source)) as orders where last_us = newest",
    )


def _newest(recent: str) -> Part:
    """The newest day with an event, by what was matched and named; where any is new only of what lost one."""
    lost = f"and (matching, objective) in (select matching, objective from {recent}attention where events < 0)"  # noqa: S608  # constants
    return Part(
        "matching, objective, day",
        "select matching, objective, max(day) as day from (select matching, objective, day from attention "  # noqa: S608  # constants
        "where organization_id = :organization and day between :first and :until and recorded_day <= :known "
        f"{lost if recent else ''} group by matching, objective, day having sum(events) > 0) as days "
        "group by matching, objective",
    )


def _gained(recent: str) -> Part:
    """The newest day that gained an event, and whether any lost one: of what is there already nothing is asked."""
    return Part(
        "matching, objective, day, least",
        "select matching, objective, max(case when events > 0 then day end) as day, min(events) as least "  # noqa: S608  # constants
        f"from {recent}attention where organization_id = :organization and day between :first and :until "
        f"and {'true' if recent else 'false'} group by matching, objective",
    )


def _sold(recent: str) -> Part:
    some = "" if recent else "having sum(items) <> 0"
    return Part(
        "offering, team, day, items, high, low",
        f"select offering, team, day, cast(sum(items) as bigint) as items, {halves('value')} from {recent}sold "  # noqa: S608  # constants
        "where organization_id = :organization and day between :first and :until and recorded_day <= :known "
        f"and (:anything = 1 or unit in ('', :unit)) group by offering, team, day {some}",
    )


def _sets(recent: str) -> Part:
    some = f"and id in (select matching from {recent}attention)" if recent else ""  # noqa: S608  # constants
    query = f"select id, metrics from matching where organization_id = :organization {some}"  # noqa: S608  # constants
    return Part("id, metrics", query)


def _worked(recent: str, stretch: int) -> Part:
    """Where the work of one stretch of days went."""
    some = "" if recent else "having sum(events) <> 0"
    return Part(
        "team, kind, matching, objective, events, high, low",
        f"select team, kind, matching, objective, cast(sum(events) as bigint) as events, {halves('effort')} "  # noqa: S608  # constants
        f"from {recent}attention where organization_id = :organization and day between :first_{stretch} "
        f"and :last_{stretch} and recorded_day <= :known group by team, kind, matching, objective {some}",
    )


def settles(connection: AsyncConnection) -> bool:
    """Whether it is quicker to read only what is new: an embedded database plans that statement badly."""
    return not embedded(connection)


@dataclass(frozen=True, slots=True)
class Settled:
    """The evidence that was recorded up to a day that is over."""

    folded: Folded
    day: date


async def read(
    connection: AsyncConnection,
    organization_id: UUID,
    plan: Plan,
    frame: Frame,
    kept: Settled | None = None,
) -> Snapshot:
    """Everything that a score by that plan in that frame needs; what is kept of it is not read again."""
    found = Folded(plan, frame) if kept is None else kept.folded.copy()
    version, delivered = await _add(
        connection, organization_id, found, None if kept is None else kept.day
    )
    said, known = found.said, frame.known_at
    return Snapshot(
        plan=plan,
        frame=frame,
        version=_version(version, known),
        said=said,
        attention=tuple(found.cells.values()),
        newest=tuple(found.newest.values()),
        sold=tuple(found.sold.values()),
        work=None if found.tallies is None else found.tallies.work(),
        currencies=await remarks.currencies(connection, organization_id, frame, said, found.labels),
        heard=await remarks.heard_from(
            connection, organization_id, plan, delivered, found.recorded
        ),
    )


async def settled(
    connection: AsyncConnection, organization_id: UUID, plan: Plan, frame: Frame, day: date
) -> Settled:
    """The evidence for a score by that plan in that frame, as far as it was recorded up to that day, which is over."""
    found = Folded(plan, frame)
    await _add(connection, organization_id, found, None, day)
    return Settled(found, day)


async def _add(
    connection: AsyncConnection,
    organization_id: UUID,
    found: Folded,
    since: date | None,
    until: date | None = None,
) -> tuple[Sequence[Any], Sequence[tuple[str, int | None]]]:
    """What was recorded after the one day and up to the other is added; the version, and when hooks were heard of."""
    recent = "" if since is None else "new_"
    heard, asked = remarks.heard_parts(connection, found.plan, found.frame, f"{recent}measure")
    parts = (*heard, *_parts(recent, len(found.stretches)))
    values = {**asked, **_values(found)}
    if since is not None:
        values["since"] = types.day_number(since)
    if until is not None:
        values["known"] = types.day_number(min(until, found.frame.known_at))
    rows = await ask(connection, organization_id, parts, values, _before(connection, recent))
    delivered, recorded, sums, orders, newest, gained, sold, sets, version, *attention = rows
    found.add(Read(sums, orders, newest, gained, sold, sets, recorded, attention))
    return version[0], delivered


def _values(found: Folded) -> Mapping[str, object]:
    """What the statement is asked with."""
    plan, frame = found.plan, found.frame
    metrics, unit = plan.configuration.metrics, plan.policy.unit
    days = {
        "first": plan.playbook.starts_on,
        "until": frame.until,
        **{f"first_{n}": first for n, (first, _, _) in enumerate(found.stretches)},
        **{f"last_{n}": last for n, (_, last, _) in enumerate(found.stretches)},
    }
    asks_order = {key for key in metrics if metrics[key].aggregation in ASKS_ORDER}
    return {
        **{name: types.day_number(day) for name, day in days.items()},
        "windows": dumps(
            [[n, *span, int(span[0] in asks_order)] for n, span in enumerate(found.windows)]
        ),
        "anything": int(unit is None),
        "unit": unit or "",
    }


def _version(found: Sequence[Any], known_at: date) -> int:
    """The organization's version at the end of that day, as `cursor.version_on` says."""
    seq, recorded, closed = found
    return seq if recorded <= types.day_number(known_at) else closed or 0


async def matched_sets(
    connection: AsyncConnection, organization_id: UUID
) -> Mapping[str, frozenset[str]]:
    """The metrics of every matched set, by its name; the empty one too."""
    statement = select(matching.c.id, matching.c.metrics).where(
        matching.c.organization_id == organization_id
    )
    return {
        "": frozenset(),
        **{
            name: frozenset(key for key, _ in found)
            for name, found in await connection.execute(statement)
        },
    }
