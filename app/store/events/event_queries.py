"""Events, read: one, or those that a filter lists, newest first."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from json import loads
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, and_, false, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.events import ErasedMatches, Event
from app.domain.playbook.configuration import Configuration
from app.domain.primitives import epoch
from app.domain.primitives.errors import InvalidError, unknown_key_message
from app.scoring.playbook_index import active_objectives, objectives_by_metric
from app.store.sql.dialect import in_list
from app.store.tables.events import EventRow, MatchingRow, RetractionRow
from app.store.tables.playbook import get_table

event_table = get_table(EventRow)
retraction_table = get_table(RetractionRow)
matching_table = get_table(MatchingRow)


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
        time=epoch.from_microseconds(row["time_us"]),
        team=row["team"],
        kind=row["kind"],
        value=row["value"],
        unit=row["unit"],
        effort=row["effort"],
        subject=row["subject"],
        objective=row["objective"],
        offerings=tuple((offering["offering"], offering["value"]) for offering in offerings),
        data=loads(row["data"]) if row["data"] else {},
        erased=_parse_remembered(row["erased"]) if row["erased"] else None,
    )


def _parse_remembered(remembered_json: str) -> ErasedMatches:
    return {
        rule: None if match is None else (match[0], match[1])
        for rule, match in loads(remembered_json).items()
    }


async def find_event(
    connection: AsyncConnection, organization_id: UUID, uid: UUID
) -> StoredEvent | None:
    """One event, retracted or not. None when the organization has none of that uid."""
    events = await find_events(connection, organization_id, [uid])
    return events[0] if events else None


async def find_events(
    connection: AsyncConnection, organization_id: UUID, uids: Sequence[UUID]
) -> list[StoredEvent]:
    """Those events, retracted or not."""
    return await read_events(connection, organization_id, [event_table.c.uid.in_(uids)])


async def find_events_by_key(
    connection: AsyncConnection, organization_id: UUID, event_keys: Sequence[tuple[str, str]]
) -> Mapping[tuple[str, str], StoredEvent]:
    """Those of the (source, id) that are recorded, retracted or not."""
    events_by_key: dict[tuple[str, str], StoredEvent] = {}
    ids_by_source: dict[str, list[str]] = {}
    for source, event_id in event_keys:
        ids_by_source.setdefault(source, []).append(event_id)
    for source, event_ids in sorted(ids_by_source.items()):
        for start in range(0, len(event_ids), 5000):
            where = [
                event_table.c.source == source,
                event_table.c.id.in_(event_ids[start : start + 5000]),
            ]
            for stored in await read_events(connection, organization_id, where):
                events_by_key[(source, stored.event.id)] = stored
    return events_by_key


async def list_events(  # a page is its filters
    connection: AsyncConnection,
    organization_id: UUID,
    configuration: Configuration,
    event_filter: EventFilter,
    after_position: tuple[datetime, UUID] | None,
    limit: int,
) -> list[StoredEvent]:
    """At most `limit` live events that the filter lists, newest first, after a position.

    Raises: InvalidError for a metric, objective or playbook that is not known.
    """
    where = [*_column_conditions(event_filter), *_time_conditions(event_filter)]
    match_sets = await _load_match_sets(connection, organization_id)
    where += _match_conditions(configuration, event_filter, match_sets)
    if after_position is not None:
        after_us = epoch.to_microseconds(after_position[0])
        where.append(
            or_(
                event_table.c.time_us < after_us,
                and_(event_table.c.time_us == after_us, event_table.c.uid < after_position[1]),
            )
        )
    return await read_events(connection, organization_id, where, limit)


async def read_events(
    connection: AsyncConnection,
    organization_id: UUID,
    where: Sequence[ColumnElement[bool]],
    limit: int | None = None,
) -> list[StoredEvent]:
    """The events of which all that holds, retracted or not, newest first."""
    retraction_join = and_(
        retraction_table.c.organization_id == organization_id,
        retraction_table.c.organization_id == event_table.c.organization_id,
        retraction_table.c.uid == event_table.c.uid,
    )
    matching_join = and_(
        matching_table.c.organization_id == organization_id,
        matching_table.c.organization_id == event_table.c.organization_id,
        matching_table.c.id == event_table.c.matching,
    )
    statement = (
        select(
            event_table,
            matching_table.c.metrics,
            retraction_table.c.recorded_us.label("retracted_us"),
            retraction_table.c.reason,
        )
        .select_from(
            event_table.outerjoin(retraction_table, retraction_join).outerjoin(
                matching_table, matching_join
            )
        )
        .where(event_table.c.organization_id == organization_id, *where)
        .order_by(event_table.c.time_us.desc(), event_table.c.uid.desc())
        .limit(limit)
    )
    return [_to_stored_event(row) for row in (await connection.execute(statement)).mappings()]


def _to_stored_event(row: RowMapping) -> StoredEvent:
    return StoredEvent(
        event=to_event(row),
        uid=row["uid"],
        recorded_at=epoch.from_microseconds(row["recorded_us"]),
        metrics=tuple(key for key, _ in row["metrics"] or ()),
        retracted_at=None
        if row["retracted_us"] is None
        else epoch.from_microseconds(row["retracted_us"]),
        retraction_reason=row["reason"],
        fingerprint=row["fingerprint"],
    )


def _column_conditions(event_filter: EventFilter) -> list[ColumnElement[bool]]:
    column_names = ("type", "team", "source", "id", "subject", "kind", "unit")
    where = [
        event_table.c[name] == getattr(event_filter, name)
        for name in column_names
        if getattr(event_filter, name) is not None
    ]
    if event_filter.sold_unit is not None:
        where.append(
            or_(event_table.c.unit == event_filter.sold_unit, event_table.c.unit.is_(None))
        )
    if event_filter.offering is not None:
        # keys have no character that LIKE or JSON would read otherwise
        where.append(event_table.c.offerings.like(f'%"offering":"{event_filter.offering}",%'))
    if event_filter.first is not None:
        where.append(event_table.c.day >= epoch.to_day_number(event_filter.first))
    if event_filter.last is not None:
        where.append(event_table.c.day <= epoch.to_day_number(event_filter.last))
    if event_filter.days is not None:
        where.append(
            or_(false(), *(_is_day_between(first, last) for first, last in event_filter.days))
        )
    return where


def _is_day_between(first: date, last: date) -> ColumnElement[bool]:
    return event_table.c.day.between(epoch.to_day_number(first), epoch.to_day_number(last))


def _time_conditions(event_filter: EventFilter) -> list[ColumnElement[bool]]:
    """Live ones: occurred by `as_of`, recorded and not retracted by `known_at`."""
    where = []
    if event_filter.as_of is not None:
        where.append(event_table.c.day <= epoch.to_day_number(event_filter.as_of))
    known_day = event_filter.known_at or event_filter.as_of
    is_live: ColumnElement[bool] = retraction_table.c.uid.is_(
        None
    )  # the statement joins the retraction, if there is one
    if known_day is not None:
        where.append(event_table.c.recorded_day <= epoch.to_day_number(known_day))
        is_live = or_(is_live, retraction_table.c.recorded_day > epoch.to_day_number(known_day))
    return [*where, is_live]


@dataclass(frozen=True, slots=True)
class MatchSets:
    """The sets of matches that events have, by name: metric to state; the empty one too."""

    connection: AsyncConnection
    states_by_set: Mapping[str, Mapping[str, str]]

    def matches_metric(self, metric: str, state: str | None = None) -> ColumnElement[bool]:
        """Events that matched the metric, in that state if one is given."""
        set_names = [
            name
            for name, states in self.states_by_set.items()
            if metric in states and state in (None, states[metric])
        ]
        return in_list(self.connection, event_table.c.matching, set_names)

    def matches_any_metric(self, metrics: Collection[str]) -> ColumnElement[bool]:
        """Events that matched one of the metrics."""
        metric_keys = frozenset(metrics)
        set_names = [
            name
            for name, states in self.states_by_set.items()
            if not metric_keys.isdisjoint(states)
        ]
        return in_list(self.connection, event_table.c.matching, set_names)


async def _load_match_sets(connection: AsyncConnection, organization_id: UUID) -> MatchSets:
    rows = await connection.execute(
        select(matching_table.c.id, matching_table.c.metrics).where(
            matching_table.c.organization_id == organization_id
        )
    )
    return MatchSets(connection, {"": {}, **{name: dict(metrics) for name, metrics in rows}})


def _match_conditions(
    configuration: Configuration, event_filter: EventFilter, match_sets: MatchSets
) -> list[ColumnElement[bool]]:
    """The filters that hang on what an event matched."""
    where: list[ColumnElement[bool]] = []
    canonical_sources = {
        metric.canonical_source for metric in configuration.metrics.values()
    }  # it may not be there yet
    for kind, key, extra_keys in (
        ("team", event_filter.team, set()),
        ("source", event_filter.source, canonical_sources),
    ):
        live, archived = configuration.resources_of(kind), configuration.archived.get(kind, {})
        if key is not None and not any(key in keys for keys in (live, archived, extra_keys)):
            raise InvalidError(unknown_key_message(kind, key, live))
    for name in (event_filter.metric, event_filter.counts_for):
        if name is not None and name not in configuration.metrics:
            raise InvalidError(unknown_key_message("metric", name, configuration.metrics))
    if event_filter.metric is not None:
        where.append(match_sets.matches_metric(event_filter.metric))
    if event_filter.counts_for is not None:
        where.append(match_sets.matches_metric(event_filter.counts_for, "counts"))
    if event_filter.objective is not None:
        where.append(
            _objective_condition(
                configuration, event_filter.objective, match_sets, is_refresh=False
            )
        )
    if event_filter.refreshes is not None:
        where.append(
            _objective_condition(configuration, event_filter.refreshes, match_sets, is_refresh=True)
        )
    if event_filter.off_playbook is not None:
        where += _off_playbook_conditions(
            configuration, event_filter, event_filter.off_playbook, match_sets
        )
    return where


def _objective_condition(
    configuration: Configuration, objective: str, match_sets: MatchSets, *, is_refresh: bool
) -> ColumnElement[bool]:
    """Events of an objective.

    They name it, or match a metric that leads to it (and name none, unless they refresh it).
    """
    if objective not in configuration.objectives:
        raise InvalidError(unknown_key_message("objective", objective, configuration.objectives))
    metrics = frozenset(
        key_result.metric
        for key_result in configuration.key_results.values()
        if key_result.objective == objective
    )
    leads_to_objective = match_sets.matches_any_metric(metrics)
    return or_(
        event_table.c.objective == objective,
        leads_to_objective
        if is_refresh
        else and_(event_table.c.objective.is_(None), leads_to_objective),
    )


def _playbook_condition(
    configuration: Configuration, playbook: str, match_sets: MatchSets
) -> ColumnElement[bool]:
    """Events that lead to an active objective of the playbook."""
    active_keys = [objective.key for objective in active_objectives(configuration, playbook)]
    leads_to_playbook = match_sets.matches_any_metric(objectives_by_metric(configuration, playbook))
    return or_(
        event_table.c.objective.in_(active_keys) & event_table.c.objective.is_not(None),
        and_(event_table.c.objective.is_(None), leads_to_playbook),
    )


def _off_playbook_conditions(
    configuration: Configuration, event_filter: EventFilter, playbook: str, match_sets: MatchSets
) -> list[ColumnElement[bool]]:
    if playbook not in configuration.playbooks:
        raise InvalidError(unknown_key_message("playbook", playbook, configuration.playbooks))
    where: list[ColumnElement[bool]] = [~_playbook_condition(configuration, playbook, match_sets)]
    if event_filter.other_playbook is not None:
        other_conditions = [
            and_(
                _playbook_condition(configuration, other_playbook.key, match_sets),
                _is_day_between(other_playbook.starts_on, other_playbook.ends_on),
            )
            for other_playbook in configuration.playbooks.values()
            if other_playbook.key != playbook and other_playbook.state == "published"
        ]
        leads_elsewhere = or_(false(), *other_conditions)
        where.append(leads_elsewhere if event_filter.other_playbook else ~leads_elsewhere)
    return where
