"""Events, read: one, or those that a filter lists, newest first."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from json import loads
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, and_, false, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.events import Event, Remembered
from app.domain.playbook.configuration import Configuration
from app.domain.primitives.errors import InvalidError, unknown
from app.scoring.playbook_index import active_objectives, objectives_by_metric
from app.store.sql import column_types as types
from app.store.sql.dialect import among
from app.store.tables.events import EventRow, MatchingRow, RetractionRow
from app.store.tables.playbook import table_of

event = table_of(EventRow)
retraction = table_of(RetractionRow)
matching = table_of(MatchingRow)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is kept, with what the service added."""

    event: Event
    uid: UUID
    recorded_at: datetime
    metrics: tuple[str, ...]
    retracted_at: datetime | None
    retraction_reason: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events to list. None where it does not matter; days are inclusive."""

    type: str | None = None
    team: str | None = None
    source: str | None = None
    id: str | None = None
    subject: str | None = None
    kind: str | None = None
    unit: str | None = None
    sold_unit: str | None = None
    offering: str | None = None
    metric: str | None = None
    counts_for: str | None = None
    objective: str | None = None
    refreshes: str | None = None
    off_playbook: str | None = None
    other_playbook: bool | None = None
    first: date | None = None
    last: date | None = None
    days: tuple[tuple[date, date], ...] | None = None
    as_of: date | None = None
    known_at: date | None = None
    configuration_from: date | None = None


def to_event(row: RowMapping) -> Event:
    """The event that a row keeps."""
    offerings = loads(row["offerings"]) if row["offerings"] else []
    return Event(
        id=row["id"],
        source=row["source"],
        type=row["type"],
        time=types.instant(row["time_us"]),
        team=row["team"],
        kind=row["kind"],
        value=row["value"],
        unit=row["unit"],
        effort=row["effort"],
        subject=row["subject"],
        objective=row["objective"],
        offerings=tuple((item["offering"], item["value"]) for item in offerings),
        data=loads(row["data"]) if row["data"] else {},
        erased=_remembered(row["erased"]) if row["erased"] else None,
    )


def _remembered(told: str) -> Remembered:
    return {
        rule: None if match is None else (match[0], match[1]) for rule, match in loads(told).items()
    }


async def find(connection: AsyncConnection, organization_id: UUID, uid: UUID) -> StoredEvent | None:
    """One event, retracted or not. None when the organization has none of that uid."""
    found = await find_some(connection, organization_id, [uid])
    return found[0] if found else None


async def find_some(
    connection: AsyncConnection, organization_id: UUID, uids: Sequence[UUID]
) -> list[StoredEvent]:
    """Those events, retracted or not."""
    return await read(connection, organization_id, [event.c.uid.in_(uids)])


async def find_named(
    connection: AsyncConnection, organization_id: UUID, names: Sequence[tuple[str, str]]
) -> Mapping[tuple[str, str], StoredEvent]:
    """Those of the (source, id) that are recorded, retracted or not."""
    found: dict[tuple[str, str], StoredEvent] = {}
    by_source: dict[str, list[str]] = {}
    for source, name in names:
        by_source.setdefault(source, []).append(name)
    for source, some in sorted(by_source.items()):
        for start in range(0, len(some), 5000):
            where = [event.c.source == source, event.c.id.in_(some[start : start + 5000])]
            for stored in await read(connection, organization_id, where):
                found[(source, stored.event.id)] = stored
    return found


async def page(  # a page is its filters
    connection: AsyncConnection,
    organization_id: UUID,
    configuration: Configuration,
    wanted: EventFilter,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[StoredEvent]:
    """At most `limit` live events that the filter lists, newest first, after a position.

    Raises: InvalidError for a metric, objective or playbook that is not known.
    """
    where = [*_plain(wanted), *_clocks(wanted)]
    sets = await _sets(connection, organization_id)
    where += _derived(configuration, wanted, sets)
    if after is not None:
        us = types.micros(after[0])
        where.append(or_(event.c.time_us < us, and_(event.c.time_us == us, event.c.uid < after[1])))
    return await read(connection, organization_id, where, limit)


async def read(
    connection: AsyncConnection,
    organization_id: UUID,
    where: Sequence[ColumnElement[bool]],
    limit: int | None = None,
) -> list[StoredEvent]:
    """The events of which all that holds, retracted or not, newest first."""
    both = and_(
        retraction.c.organization_id == organization_id,
        retraction.c.organization_id == event.c.organization_id,
        retraction.c.uid == event.c.uid,
    )
    sets = and_(
        matching.c.organization_id == organization_id,
        matching.c.organization_id == event.c.organization_id,
        matching.c.id == event.c.matching,
    )
    statement = (
        select(
            event,
            matching.c.metrics,
            retraction.c.recorded_us.label("retracted_us"),
            retraction.c.reason,
        )
        .select_from(event.outerjoin(retraction, both).outerjoin(matching, sets))
        .where(event.c.organization_id == organization_id, *where)
        .order_by(event.c.time_us.desc(), event.c.uid.desc())
        .limit(limit)
    )
    return [_stored(row) for row in (await connection.execute(statement)).mappings()]


def _stored(row: RowMapping) -> StoredEvent:
    return StoredEvent(
        event=to_event(row),
        uid=row["uid"],
        recorded_at=types.instant(row["recorded_us"]),
        metrics=tuple(key for key, _ in row["metrics"] or ()),
        retracted_at=None if row["retracted_us"] is None else types.instant(row["retracted_us"]),
        retraction_reason=row["reason"],
        fingerprint=row["fingerprint"],
    )


def _plain(wanted: EventFilter) -> list[ColumnElement[bool]]:
    named = ("type", "team", "source", "id", "subject", "kind", "unit")
    where = [
        event.c[name] == getattr(wanted, name)
        for name in named
        if getattr(wanted, name) is not None
    ]
    if wanted.sold_unit is not None:
        where.append(or_(event.c.unit == wanted.sold_unit, event.c.unit.is_(None)))
    if wanted.offering is not None:
        # keys have no character that LIKE or JSON would read otherwise
        where.append(event.c.offerings.like(f'%"offering":"{wanted.offering}",%'))
    if wanted.first is not None:
        where.append(event.c.day >= types.day_number(wanted.first))
    if wanted.last is not None:
        where.append(event.c.day <= types.day_number(wanted.last))
    if wanted.days is not None:
        where.append(or_(false(), *(_between(first, last) for first, last in wanted.days)))
    return where


def _between(first: date, last: date) -> ColumnElement[bool]:
    return event.c.day.between(types.day_number(first), types.day_number(last))


def _clocks(wanted: EventFilter) -> list[ColumnElement[bool]]:
    """Live ones: occurred by `as_of`, recorded and not retracted by `known_at`."""
    where = []
    if wanted.as_of is not None:
        where.append(event.c.day <= types.day_number(wanted.as_of))
    known = wanted.known_at or wanted.as_of
    stands: ColumnElement[bool] = retraction.c.uid.is_(
        None
    )  # the statement joins the retraction, if there is one
    if known is not None:
        where.append(event.c.recorded_day <= types.day_number(known))
        stands = or_(stands, retraction.c.recorded_day > types.day_number(known))
    return [*where, stands]


@dataclass(frozen=True, slots=True)
class Sets:
    """The sets of matches that events have, by name: metric to state; the empty one too."""

    connection: AsyncConnection
    known: Mapping[str, Mapping[str, str]]

    def having(self, metric: str, state: str | None = None) -> ColumnElement[bool]:
        """Events that matched the metric, in that state if one is given."""
        found = [
            name for name, of in self.known.items() if metric in of and state in (None, of[metric])
        ]
        return among(self.connection, event.c.matching, found)

    def leading(self, metrics: Collection[str]) -> ColumnElement[bool]:
        """Events that matched one of the metrics."""
        wanted = frozenset(metrics)
        found = [name for name, of in self.known.items() if not wanted.isdisjoint(of)]
        return among(self.connection, event.c.matching, found)


async def _sets(connection: AsyncConnection, organization_id: UUID) -> Sets:
    rows = await connection.execute(
        select(matching.c.id, matching.c.metrics).where(
            matching.c.organization_id == organization_id
        )
    )
    return Sets(connection, {"": {}, **{name: dict(metrics) for name, metrics in rows}})


def _derived(
    configuration: Configuration, wanted: EventFilter, sets: Sets
) -> list[ColumnElement[bool]]:
    """The filters that hang on what an event matched."""
    where: list[ColumnElement[bool]] = []
    canonical = {
        metric.canonical_source for metric in configuration.metrics.values()
    }  # it may not be there yet
    for kind, key, more in (("team", wanted.team, set()), ("source", wanted.source, canonical)):
        live, gone = configuration.of(kind), configuration.archived.get(kind, {})
        if key is not None and not any(key in known for known in (live, gone, more)):
            raise InvalidError(unknown(kind, key, live))
    for name in (wanted.metric, wanted.counts_for):
        if name is not None and name not in configuration.metrics:
            raise InvalidError(unknown("metric", name, configuration.metrics))
    if wanted.metric is not None:
        where.append(sets.having(wanted.metric))
    if wanted.counts_for is not None:
        where.append(sets.having(wanted.counts_for, "counts"))
    if wanted.objective is not None:
        where.append(_belongs(configuration, wanted.objective, sets, refreshes=False))
    if wanted.refreshes is not None:
        where.append(_belongs(configuration, wanted.refreshes, sets, refreshes=True))
    if wanted.off_playbook is not None:
        where += _off(configuration, wanted, wanted.off_playbook, sets)
    return where


def _belongs(
    configuration: Configuration, objective: str, sets: Sets, *, refreshes: bool
) -> ColumnElement[bool]:
    """Events of an objective.

    They name it, or match a metric that leads to it (and name none, unless they refresh it).
    """
    if objective not in configuration.objectives:
        raise InvalidError(unknown("objective", objective, configuration.objectives))
    metrics = frozenset(
        k.metric for k in configuration.key_results.values() if k.objective == objective
    )
    leads = sets.leading(metrics)
    return or_(
        event.c.objective == objective,
        leads if refreshes else and_(event.c.objective.is_(None), leads),
    )


def _toward(configuration: Configuration, playbook: str, sets: Sets) -> ColumnElement[bool]:
    """Events that lead to an active objective of the playbook."""
    active = [objective.key for objective in active_objectives(configuration, playbook)]
    leads = sets.leading(objectives_by_metric(configuration, playbook))
    return or_(
        event.c.objective.in_(active) & event.c.objective.is_not(None),
        and_(event.c.objective.is_(None), leads),
    )


def _off(
    configuration: Configuration, wanted: EventFilter, playbook: str, sets: Sets
) -> list[ColumnElement[bool]]:
    if playbook not in configuration.playbooks:
        raise InvalidError(unknown("playbook", playbook, configuration.playbooks))
    where: list[ColumnElement[bool]] = [~_toward(configuration, playbook, sets)]
    if wanted.other_playbook is not None:
        others = [
            and_(
                _toward(configuration, other.key, sets),
                _between(other.starts_on, other.ends_on),
            )
            for other in configuration.playbooks.values()
            if other.key != playbook and other.state == "published"
        ]
        elsewhere = or_(false(), *others)
        where.append(elsewhere if wanted.other_playbook else ~elsewhere)
    return where
