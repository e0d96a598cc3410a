"""The query parameters that filter events, used by people and by the evidence links of losses."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic.json_schema import SkipJsonSchema

from app.api.http.schema_types import DAY_PATTERN, Day, EventId, EventType, Key, Subject, Unit, text
from app.domain.primitives.errors import Fault, InvalidError
from app.scoring.evidence.evidence_scope import MAX_PERIODS
from app.store.events.event_filters_sql import EventFilter

_DAY_REGEX = DAY_PATTERN.strip("^$")
_DAY_RANGE_REGEX = rf"{_DAY_REGEX}\.\.{_DAY_REGEX}"
DayRanges = Annotated[
    str,
    text(
        23 * MAX_PERIODS - 1,
        22,
        rf"^{_DAY_RANGE_REGEX}(,{_DAY_RANGE_REGEX}){{0,{MAX_PERIODS - 1}}}$",
    ),
]


@dataclass(frozen=True, slots=True)
class _AttributeFilters:
    """The filters by an event's own attributes."""

    type: Annotated[EventType | SkipJsonSchema[None], Query(description="Events of this type.")] = (
        None
    )
    team: Annotated[Key | SkipJsonSchema[None], Query(description="Events of this team.")] = None
    source: Annotated[Key | SkipJsonSchema[None], Query(description="Events of this source.")] = (
        None
    )
    id: Annotated[
        EventId | SkipJsonSchema[None], Query(description="The event with this id at its source.")
    ] = None
    subject: Annotated[
        Subject | SkipJsonSchema[None],
        Query(description="Events of this subject, which an erasure would erase."),
    ] = None
    kind: Annotated[
        Literal["outcome", "activity"] | SkipJsonSchema[None],
        Query(description="Events of this kind."),
    ] = None
    unit: Annotated[Unit | SkipJsonSchema[None], Query(description="Events in this unit.")] = None
    sold_unit: Annotated[
        Unit | SkipJsonSchema[None], Query(description="Events in this unit or in none.")
    ] = None
    offering: Annotated[
        Key | SkipJsonSchema[None], Query(description="Events that sold this offering.")
    ] = None


@dataclass(frozen=True, slots=True)
class _MatchFilters:
    """The filters by the metrics and objectives that an event matched."""

    metric: Annotated[
        Key | SkipJsonSchema[None], Query(description="Events that match this metric.")
    ] = None
    counts_for: Annotated[
        Key | SkipJsonSchema[None], Query(description="Events that count for this metric.")
    ] = None
    objective: Annotated[
        Key | SkipJsonSchema[None], Query(description="Events that belong to this objective.")
    ] = None
    refreshes: Annotated[
        Key | SkipJsonSchema[None],
        Query(description="Events that name this objective or match a metric of it."),
    ] = None
    off_playbook: Annotated[
        Key | SkipJsonSchema[None],
        Query(description="Events that serve no active objective of this playbook."),
    ] = None
    other_playbook: Annotated[
        bool | SkipJsonSchema[None],
        Query(description="With `off_playbook`: whether they serve another published playbook."),
    ] = None


@dataclass(frozen=True, slots=True)
class _TimeFilters:
    """The filters by day."""

    first: Annotated[
        Day | SkipJsonSchema[None], Query(alias="from", description="The first day.")
    ] = None
    last: Annotated[Day | SkipJsonSchema[None], Query(alias="to", description="The last day.")] = (
        None
    )
    days: Annotated[
        DayRanges | SkipJsonSchema[None],
        Query(description="Ranges of days, such as 2026-10-01..2026-10-31,2026-12-01..2026-12-31."),
    ] = None
    as_of: Annotated[
        Day | SkipJsonSchema[None],
        Query(description="Events recorded and not retracted at the end of this day."),
    ] = None
    known_at: Annotated[
        Day | SkipJsonSchema[None],
        Query(description="Use only what was recorded by the end of this day. Default: `as_of`."),
    ] = None
    configuration_from: Annotated[
        Day | SkipJsonSchema[None],
        Query(description="The day whose configuration is used for matching. Default: `as_of`."),
    ] = None


def _check_known_at(as_of: date | None, known_at: date | None) -> None:
    if as_of is not None and known_at is not None and known_at < as_of:
        raise InvalidError(
            "'known_at' is before 'as_of'.", [Fault("known_at", "must not be before as_of")]
        )


def _parse_day_ranges(days: str | None) -> tuple[tuple[date, date], ...] | None:
    """Return the first and last day of each range. Raises: InvalidError for no calendar day."""
    if days is None:
        return None
    pairs = [day_range.split("..") for day_range in days.split(",")]
    try:
        return tuple(
            (date.fromisoformat(first_day), date.fromisoformat(last_day))
            for first_day, last_day in pairs
        )
    except ValueError as error:
        raise InvalidError(
            "'days' names a day that does not exist.", [Fault("days", "no such day")]
        ) from error


async def _build_filter(
    attribute_filters: Annotated[_AttributeFilters, Depends()],
    match_filters: Annotated[_MatchFilters, Depends()],
    time_filters: Annotated[_TimeFilters, Depends()],
) -> EventFilter:
    _check_known_at(time_filters.as_of, time_filters.known_at)
    filter_fields = {
        slot_name: getattr(filter_group, slot_name)
        for filter_group in (attribute_filters, match_filters, time_filters)
        for slot_name in filter_group.__slots__
    }
    return EventFilter(**{**filter_fields, "days": _parse_day_ranges(time_filters.days)})


EventFilterDep = Annotated[EventFilter, Depends(_build_filter)]
