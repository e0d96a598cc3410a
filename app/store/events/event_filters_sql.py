"""Event filters as SQL conditions on `event` and its retraction.

`event_queries.load_events` builds the statement that these conditions belong to.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, and_, false, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.playbook.configuration import Configuration
from app.domain.primitives import epoch
from app.domain.primitives.errors import InvalidError, unknown_key_message
from app.scoring.playbook_index import active_objectives, objectives_by_metric
from app.store.sql.dialect import in_list
from app.store.tables.base import get_table
from app.store.tables.events import EventRow, RetractionRow

event_table = get_table(EventRow)
retraction_table = get_table(RetractionRow)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """The conditions on the events to list. None means any value; days are inclusive."""

    # Equal to the column of the event.
    type: str | None = None
    team: str | None = None
    source: str | None = None
    id: str | None = None
    subject: str | None = None
    kind: str | None = None
    unit: str | None = None
    # Events in this unit or without a unit, as the sales of a scope count them.
    sold_unit: str | None = None
    # Events that sold this offering.
    offering: str | None = None
    # Events that match this metric, in any state.
    metric: str | None = None
    # Events whose value counts for this metric: its state is `counts`.
    counts_for: str | None = None
    # Events that belong to this objective: they name it, or name none and match a metric of it.
    objective: str | None = None
    # Events that keep this objective fresh: they name it, or match a metric of it even if they
    # name another objective.
    refreshes: str | None = None
    # Events that lead to no active objective of this playbook.
    off_playbook: str | None = None
    # Only with `off_playbook`. True: another published playbook, running on the day of the event,
    # has an objective for it. False: no other playbook has.
    other_playbook: bool | None = None
    # Events that occurred from `first` to `last`.
    first: date | None = None
    last: date | None = None
    # Events that occurred in one of these (first, last) ranges.
    days: tuple[tuple[date, date], ...] | None = None
    # Events that occurred by this day.
    as_of: date | None = None
    # Events that were recorded by the end of this day, and not retracted by then. By default
    # `as_of`; without both, every event that is not retracted now.
    known_at: date | None = None
    # The day whose configuration the caller passes to `list_events`. No condition reads it.
    configuration_from: date | None = None


def to_column_conditions(event_filter: EventFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on columns of the event."""
    column_names = ("type", "team", "source", "id", "subject", "kind", "unit")
    where = [
        event_table.c[column_name] == getattr(event_filter, column_name)
        for column_name in column_names
        if getattr(event_filter, column_name) is not None
    ]
    if event_filter.sold_unit is not None:
        where.append(
            or_(event_table.c.unit == event_filter.sold_unit, event_table.c.unit.is_(None))
        )
    if event_filter.offering is not None:
        # Keys contain no characters that are special in LIKE or JSON.
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


def to_time_conditions(event_filter: EventFilter) -> list[ColumnElement[bool]]:
    """Return the conditions for live events: occurred by `as_of`, known and live at `known_at`.

    The statement must join `retraction` with an outer join: the columns of the retraction are NULL
    for an event that was never retracted. An inner join would drop all live events.
    """
    where = []
    if event_filter.as_of is not None:
        where.append(event_table.c.day <= epoch.to_day_number(event_filter.as_of))
    known_day = event_filter.known_at or event_filter.as_of
    is_live: ColumnElement[bool] = retraction_table.c.uid.is_(None)
    if known_day is not None:
        where.append(event_table.c.recorded_day <= epoch.to_day_number(known_day))
        is_live = or_(is_live, retraction_table.c.recorded_day > epoch.to_day_number(known_day))
    return [*where, is_live]


@dataclass(frozen=True, slots=True)
class MatchSets:
    """All match sets of an organization, the empty one included.

    A condition on metrics becomes a list of ids of match sets: few sets serve many events.
    """

    connection: AsyncConnection
    # By the id of the match set: the state of each of its metrics, by the key of the metric.
    states_by_match_set_id: Mapping[str, Mapping[str, str]]

    def matches_metric(self, metric: str, state: str | None = None) -> ColumnElement[bool]:
        """Return the condition that an event matched the metric, in a state if one is given."""
        match_set_ids = [
            match_set_id
            for match_set_id, states in self.states_by_match_set_id.items()
            if metric in states and state in (None, states[metric])
        ]
        return in_list(self.connection, event_table.c.matching, match_set_ids)

    def matches_any_metric(self, metrics: Collection[str]) -> ColumnElement[bool]:
        """Return the condition that an event matched one of the metrics."""
        metric_keys = frozenset(metrics)
        match_set_ids = [
            match_set_id
            for match_set_id, states in self.states_by_match_set_id.items()
            if not metric_keys.isdisjoint(states)
        ]
        return in_list(self.connection, event_table.c.matching, match_set_ids)


def check_filter_keys(configuration: Configuration, event_filter: EventFilter) -> None:
    """Check that the configuration has all resources that a filter names.

    Teams and sources may be archived. Raises: InvalidError for a key that does not exist.
    """
    # A canonical source need not exist yet.
    canonical_sources = {metric.canonical_source for metric in configuration.metrics.values()}
    for kind, key, extra_keys in (
        ("team", event_filter.team, set()),
        ("source", event_filter.source, canonical_sources),
    ):
        live = configuration.resources_of(kind)
        archived = configuration.archived.get(kind, {})
        if key is not None and not any(key in keys for keys in (live, archived, extra_keys)):
            raise InvalidError(unknown_key_message(kind, key, live))
    for kind, key in (
        ("metric", event_filter.metric),
        ("metric", event_filter.counts_for),
        ("objective", event_filter.objective),
        ("objective", event_filter.refreshes),
        ("playbook", event_filter.off_playbook),
    ):
        live = configuration.resources_of(kind)
        if key is not None and key not in live:
            raise InvalidError(unknown_key_message(kind, key, live))


def to_match_conditions(
    configuration: Configuration, event_filter: EventFilter, match_sets: MatchSets
) -> list[ColumnElement[bool]]:
    """Return the conditions on the metrics, objectives and playbooks that events matched.

    `check_filter_keys` must have accepted the filter.
    """
    where: list[ColumnElement[bool]] = []
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
    """Return the condition for events that belong to an objective, or that refresh it.

    An event belongs to the objective that it names. An event that names none belongs to all
    objectives whose key results use a metric that it matches. With `is_refresh`, an event that
    names another objective is included too if it matches such a metric. The event moves the key
    result whatever it names, so the objective does not grow stale.
    """
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
    """Return the condition for events that lead to an active objective of the playbook."""
    active_keys = [objective.key for objective in active_objectives(configuration, playbook)]
    leads_to_playbook = match_sets.matches_any_metric(objectives_by_metric(configuration, playbook))
    return or_(
        event_table.c.objective.in_(active_keys) & event_table.c.objective.is_not(None),
        and_(event_table.c.objective.is_(None), leads_to_playbook),
    )


def _off_playbook_conditions(
    configuration: Configuration, event_filter: EventFilter, playbook: str, match_sets: MatchSets
) -> list[ColumnElement[bool]]:
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
