"""Where the evidence of a loss is listed, as a value and as an address in the API."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from urllib.parse import quote, urlencode

from app.domain.playbook.configuration import Configuration
from app.scoring.snapshot import Frame

PARTS: dict[str, str] = {
    "signoffs": "/v1/playbooks/{playbook}/signoffs",
    "contributions": "/v1/playbooks/{playbook}/contributions",
    "responsibilities": "/v1/objectives/{objective}/responsibilities",
}
LISTS: dict[str, str] = {"events": "/v1/events", "key-results": "/v1/key-results"}
MOST_STRETCHES: Final = (
    50  # what an address can hold; nobody has so many, and from the first to the last day holds all
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What lists exactly what a loss is made of.

    Shape: `resource` is a key of PARTS, whose address has the first of the `filters` in it, or of LISTS.
    """

    resource: str
    filters: tuple[tuple[str, str], ...]


def address(evidence: Evidence) -> str:
    """The address, path and query, at which the API lists that evidence."""
    if evidence.resource in LISTS:
        return f"{LISTS[evidence.resource]}?{urlencode(evidence.filters)}"
    (name, value), *filters = evidence.filters
    return (
        f"{PARTS[evidence.resource].format(**{name: quote(value, safe='')})}?{urlencode(filters)}"
    )


@dataclass(frozen=True, slots=True)
class Scope:
    """The days and names that evidence is asked with.

    Shape: `focus` is the first and last day of attention. None when the configuration is that of the end of `until`:
    `configuration_from`.
    """

    playbook: str
    starts_on: date
    until: date
    known_at: date
    focus: tuple[date, date]
    unit: str | None
    configuration_from: date | None = None

    def configured(self, resource: str, name: str, value: str) -> Evidence:
        """A list of what was configured on the day whose configuration the score uses."""
        day = self.configuration_from or self.until
        return Evidence(resource, ((name, value), ("as_of", day.isoformat())))

    def events(self, first: date, last: date, *filters: tuple[str, str]) -> Evidence:
        """The events between two days that pass the filters, as they were known then.

        They are asked for as of the last day that the score could see, not the day asked for: the configuration of a
        finished playbook is that of its end, and a filter that resolves objectives has to use the same one.
        """
        days = [
            ("from", first.isoformat()),
            ("to", last.isoformat()),
            ("as_of", self.until.isoformat()),
        ]
        if self.known_at != self.until:
            days.append(("known_at", self.known_at.isoformat()))
        if self.configuration_from is not None:
            days.append(("configuration_from", self.configuration_from.isoformat()))
        return Evidence("events", (*filters, *days))

    def within(self, windows: Iterable[tuple[date, date]], *filters: tuple[str, str]) -> Evidence:
        """The events inside any of the windows that pass the filters; there is at least one window."""
        found = merged(windows)
        gaps = 1 < len(found) <= MOST_STRETCHES
        days = (("days", ",".join(f"{first}..{last}" for first, last in found)),) if gaps else ()
        return self.events(found[0][0], found[-1][1], *filters, *days)

    def attention(self, *filters: tuple[str, str]) -> Evidence:
        """The events of the focus days that pass the filters."""
        return self.events(*self.focus, *filters)


def merged(windows: Iterable[tuple[date, date]]) -> list[tuple[date, date]]:
    """The fewest stretches of days, in order, that hold the days of the windows and no other."""
    found: list[tuple[date, date]] = []
    for first, last in sorted(windows):
        if found and first <= found[-1][1] + timedelta(days=1):
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found


def scope(configuration: Configuration, frame: Frame) -> Scope:
    """The scope of the evidence in `frame`."""
    starts_on = configuration.playbooks[frame.playbook].starts_on
    focus = frame.focus(configuration)
    unit = configuration.policy.unit
    return Scope(
        frame.playbook,
        starts_on,
        frame.until,
        frame.known_at,
        focus,
        unit,
        frame.configuration_from,
    )
