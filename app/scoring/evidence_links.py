"""Where the evidence of a loss is listed, as a value and as an address in the API."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from app.domain.playbook.configuration import Configuration
from app.scoring.snapshot import ScoringFrame

MAX_PERIODS: Final = (
    50  # what an address can hold; nobody has so many, and from the first to the last day holds all
)


@dataclass(frozen=True, slots=True)
class EvidenceQuery:
    """What lists exactly what a loss is made of.

    Shape: `resource` is a key of PARTS, whose address has the first of the `filters` in it, or of LISTS.
    """

    resource: str
    filters: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class EvidenceScope:
    """The days and names that evidence is asked with.

    Shape: `focus` is the first and last day of attention. None when the configuration is that of the end of `until`:
    `configuration_from`.
    """

    playbook: str
    starts_on: date
    until: date
    known_at: date
    focus_window: tuple[date, date]
    unit: str | None
    configuration_from: date | None = None

    def configuration_evidence(self, resource: str, name: str, resource_key: str) -> EvidenceQuery:
        """A list of what was configured on the day whose configuration the score uses."""
        day = self.configuration_from or self.until
        return EvidenceQuery(resource, ((name, resource_key), ("as_of", day.isoformat())))

    def event_evidence(
        self, first_day: date, last_day: date, *filters: tuple[str, str]
    ) -> EvidenceQuery:
        """The events between two days that pass the filters, as they were known then.

        They are asked for as of the last day that the score could see, not the day asked for: the configuration of a
        finished playbook is that of its end, and a filter that resolves objectives has to use the same one.
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
        """The events inside any of the windows that pass the filters; there is at least one window."""
        periods = merge_periods(windows)
        has_gaps = 1 < len(periods) <= MAX_PERIODS
        day_filters = (
            (("days", ",".join(f"{first_day}..{last_day}" for first_day, last_day in periods)),)
            if has_gaps
            else ()
        )
        return self.event_evidence(periods[0][0], periods[-1][1], *filters, *day_filters)

    def focus_evidence(self, *filters: tuple[str, str]) -> EvidenceQuery:
        """The events of the focus days that pass the filters."""
        return self.event_evidence(*self.focus_window, *filters)


def merge_periods(periods: Iterable[tuple[date, date]]) -> list[tuple[date, date]]:
    """The fewest stretches of days, in order, that hold the days of the windows and no other."""
    merged_periods: list[tuple[date, date]] = []
    for first_day, last_day in sorted(periods):
        if merged_periods and first_day <= merged_periods[-1][1] + timedelta(days=1):
            merged_periods[-1] = merged_periods[-1][0], max(last_day, merged_periods[-1][1])
        else:
            merged_periods.append((first_day, last_day))
    return merged_periods


def build_scope(configuration: Configuration, frame: ScoringFrame) -> EvidenceScope:
    """The scope of the evidence in `frame`."""
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
