"""Queries for the evidence of a loss."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from app.domain.playbook.configuration import Configuration
from app.scoring.snapshot import ScoringFrame

# The limit of an address. Beyond it, the period from the first to the last day is used.
MAX_PERIODS: Final = 50


@dataclass(frozen=True, slots=True)
class EvidenceQuery:
    """The list of resources or events that a loss consists of."""

    # A key of the tables in `app/services/alignment/evidence_urls.py`. If its address has a
    # placeholder, the first filter fills it.
    resource: str
    filters: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class EvidenceScope:
    """The days and names that all evidence queries of a score share."""

    playbook: str
    starts_on: date
    until: date
    known_at: date
    # The first and last day of the focus window.
    focus_window: tuple[date, date]
    unit: str | None
    # The day of the configuration, or None for the end of `until`.
    configuration_from: date | None = None

    def configuration_evidence(self, resource: str, name: str, resource_key: str) -> EvidenceQuery:
        """Return the query for a list of resources on the day of the configuration."""
        day = self.configuration_from or self.until
        return EvidenceQuery(resource, ((name, resource_key), ("as_of", day.isoformat())))

    def event_evidence(
        self, first_day: date, last_day: date, *filters: tuple[str, str]
    ) -> EvidenceQuery:
        """Return the query for the events between two days that pass the filters.

        `as_of` is the last day of the evidence, not the requested day. Filters that resolve
        objectives must use the same configuration as the score, which for a finished playbook is
        that of its end.
        """
        day_filters = [
            ("from", first_day.isoformat()),
            ("to", last_day.isoformat()),
            ("as_of", self.until.isoformat()),
        ]
        if self.known_at != self.until:
            day_filters.append(("known_at", self.known_at.isoformat()))
        if self.configuration_from is not None:
            day_filters.append(("configuration_from", self.configuration_from.isoformat()))
        return EvidenceQuery("events", (*filters, *day_filters))

    def event_evidence_within(
        self, windows: Iterable[tuple[date, date]], *filters: tuple[str, str]
    ) -> EvidenceQuery:
        """Return the query for the events inside any of the windows, at least one."""
        periods = merge_periods(windows)
        has_gaps = 1 < len(periods) <= MAX_PERIODS
        day_filters = (
            (("days", ",".join(f"{first_day}..{last_day}" for first_day, last_day in periods)),)
            if has_gaps
            else ()
        )
        return self.event_evidence(periods[0][0], periods[-1][1], *filters, *day_filters)

    def focus_evidence(self, *filters: tuple[str, str]) -> EvidenceQuery:
        """Return the query for the events of the focus window that pass the filters."""
        return self.event_evidence(*self.focus_window, *filters)


def merge_periods(periods: Iterable[tuple[date, date]]) -> list[tuple[date, date]]:
    """Return the fewest sorted periods that hold exactly the days of the given ones."""
    merged_periods: list[tuple[date, date]] = []
    for first_day, last_day in sorted(periods):
        if merged_periods and first_day <= merged_periods[-1][1] + timedelta(days=1):
            merged_periods[-1] = merged_periods[-1][0], max(last_day, merged_periods[-1][1])
        else:
            merged_periods.append((first_day, last_day))
    return merged_periods


def build_scope(configuration: Configuration, frame: ScoringFrame) -> EvidenceScope:
    """Return the scope of the evidence in a frame."""
    starts_on = configuration.playbooks[frame.playbook].starts_on
    focus_window = frame.focus_window(configuration)
    unit = configuration.policy.unit
    return EvidenceScope(
        frame.playbook,
        starts_on,
        frame.until,
        frame.known_at,
        focus_window,
        unit,
        frame.configuration_from,
    )
