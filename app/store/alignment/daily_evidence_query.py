"""The evidence day by day, as it was known on one day: what a history and a what-if are folded from."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from json import dumps
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.metrics import Match
from app.scoring.daily_evidence import AttentionDay, Cell, Evidence, MeasureDay, SoldDay
from app.scoring.evidence_accumulator import whole
from app.store.alignment.evidence_query import halves, matched_sets
from app.store.events.rollup_rebuild import Kept
from app.store.events.rollups import Prepared
from app.store.sql import column_types as types
from app.store.sql.dialect import recordset

NAMES: Final = {"metric": "text"}
Order = tuple[int, int, tuple[int, str, int]]


async def read(
    connection: AsyncConnection,
    organization_id: UUID,
    metrics: Mapping[str, bool],
    days: tuple[date, date],
    known_at: date,
) -> Evidence:
    """The evidence of those days. Shape: metrics by key, and whether low, high and last of each are asked for."""
    asked = _Asked(connection, organization_id, days, known_at)
    orders = await asked.orders(sorted(key for key, ordered in metrics.items() if ordered))
    return Evidence(
        await asked.measures(sorted(metrics), orders), await asked.attention(), await asked.sold()
    )


class _Asked:
    def __init__(
        self,
        connection: AsyncConnection,
        organization_id: UUID,
        days: tuple[date, date],
        known_at: date,
    ) -> None:
        self._connection, self._organization = connection, organization_id
        first, last = map(types.day_number, days)
        self._values = {"first": first, "last": last, "known": types.day_number(known_at)}

    async def _rows(self, statement: TextClause, **more: str) -> Sequence[tuple[Any, ...]]:
        bound = statement.bindparams(
            bindparam("organization", self._organization, types.Identity())
        )
        return [
            tuple(row) for row in await self._connection.execute(bound, {**self._values, **more})
        ]

    def _named(self) -> str:
        return recordset(self._connection, "metrics", NAMES, "w")

    async def orders(self, metrics: Sequence[str]) -> Mapping[tuple[str, str, int], Order]:
        """Low, high and last by metric, source and day, from the rows since the day's latest reset."""
        statement = text(
            "select metric, source, day, low, high, last_us, last_id, last_value from (select m.metric, m.source, "  # noqa: S608  # constants
            "m.day, m.low, m.high, m.last_us, m.last_id, m.last_value, m.recorded_day, "
            "max(case when m.reset = 1 then m.recorded_day end) over (partition by m.metric, m.source, m.day) as since "
            f"from {self._named()} join measure m on m.organization_id = :organization and m.metric = w.metric "
            "and +m.day between :first and :last and m.recorded_day <= :known) as f "
            "where (since is null or recorded_day >= since) and low is not null"
        )
        found: dict[tuple[str, str, int], Order] = {}
        for metric, source, day, low, high, us, name, value in (
            await self._rows(statement, metrics=_listed(metrics)) if metrics else ()
        ):
            place = metric, source, day
            lows, highs, last = low, high, (us, name, value)
            was = found.get(place, (lows, highs, last))
            found[place] = min(lows, was[0]), max(highs, was[1]), max(last, was[2])
        return found

    async def measures(
        self, metrics: Sequence[str], orders: Mapping[tuple[str, str, int], Order]
    ) -> Mapping[str, Sequence[MeasureDay]]:
        statement = text(
            f"select m.metric, m.day, m.source, cast(sum(m.counted) as bigint), {halves('m.total')}, "  # noqa: S608  # constants
            "cast(sum(m.no_value) as bigint), cast(sum(m.other_unit) as bigint) "
            f"from {self._named()} join measure m on m.organization_id = :organization "
            "and m.metric = w.metric and +m.day between :first and :last and m.recorded_day <= :known "
            "group by m.metric, m.day, m.source order by m.metric, m.day, m.source"
        )
        found: dict[str, list[MeasureDay]] = {}
        for metric, day, source, count, high, low, lacking, other in (
            await self._rows(statement, metrics=_listed(metrics)) if metrics else ()
        ):
            order = orders.get((metric, source, day), ())
            row = MeasureDay(
                types.day(day), source, count, whole(high, low), lacking, other, *order
            )
            found.setdefault(metric, []).append(row)
        return found

    async def attention(self) -> Mapping[date, Sequence[AttentionDay]]:
        sets = await matched_sets(self._connection, self._organization)
        statement = text(
            f"select day, team, kind, matching, objective, cast(sum(events) as bigint), {halves('effort')} "  # noqa: S608  # constants
            "from attention where organization_id = :organization and day between :first and :last "
            "and recorded_day <= :known group by day, team, kind, matching, objective having sum(events) <> 0"
        )
        found: dict[int, list[AttentionDay]] = {}
        for day, team, kind, name, objective, events, high, low in await self._rows(statement):
            row = AttentionDay(team, kind, sets[name], objective or None, events, whole(high, low))
            found.setdefault(day, []).append(row)
        return {types.day(day): rows for day, rows in found.items()}

    async def sold(self) -> Mapping[date, Sequence[SoldDay]]:
        statement = text(
            f"select day, offering, team, unit, {halves('value')} from sold where organization_id = :organization "  # noqa: S608  # constants
            "and day between :first and :last and recorded_day <= :known "
            "group by day, offering, team, unit having sum(items) <> 0"
        )
        found: dict[int, list[SoldDay]] = {}
        for day, offering, team, unit, high, low in await self._rows(statement):
            found.setdefault(day, []).append(SoldDay(offering, team, unit, whole(high, low)))
        return {types.day(day): rows for day, rows in found.items()}


async def hypothetical(  # the evidence, and what it takes to change it
    connection: AsyncConnection,
    organization_id: UUID,
    evidence: Evidence,
    found: Sequence[Kept],
    touched: Collection[str],
    known_at: date,
) -> Evidence:
    """The evidence as other metrics would make it. Shape: `found` are all events that they concern, matched by them."""
    sets, known = await matched_sets(connection, organization_id), types.day_number(known_at)
    measures: dict[str, list[MeasureDay]] = {
        key: [row for row in rows if key not in touched] for key, rows in evidence.measures.items()
    }
    work: dict[date, dict[Cell, list[int]]] = {}

    def attend(day: date, place: Cell, events: int, effort: int) -> None:
        cell = work.setdefault(day, {}).setdefault(place, [0, 0])
        cell[0] += events
        cell[1] += effort

    for day, rows in evidence.attention.items():
        for row in rows:
            attend(day, row[:4], row.events, row.effort)
    for one in sorted(found, key=lambda one: one.prepared.day):
        if one.recorded > known or (one.retracted is not None and one.retracted <= known):
            continue
        prepared, event, day = one.prepared, one.prepared.event, types.day(one.prepared.day)
        for match in prepared.matches:
            if match.metric in touched:
                measures.setdefault(match.metric, []).append(_said(day, prepared, match))
        for metrics, sign in (
            (sets[one.matching], -1),
            (frozenset(m.metric for m in prepared.matches), 1),
        ):
            attend(
                day, (event.team, event.kind, metrics, event.objective), sign, sign * event.weight
            )
    attention = {
        day: [AttentionDay(*place, *sums) for place, sums in of.items() if sums[0]]
        for day, of in work.items()
    }
    return Evidence(measures, attention, evidence.sold)


def _said(day: date, prepared: Prepared, match: Match) -> MeasureDay:
    """What one event says of a metric."""
    if match.state != "counts":
        out = int(match.state == "no_value"), int(match.state == "other_unit")
        return MeasureDay(day, prepared.event.source, 0, 0, *out)
    last = (prepared.time_us, prepared.event.id, match.value)
    return MeasureDay(
        day, prepared.event.source, 1, match.value, 0, 0, match.value, match.value, last
    )


def _listed(metrics: Sequence[str]) -> str:
    return dumps([[key] for key in metrics])
