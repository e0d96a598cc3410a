"""Day after day of evidence, folded into the snapshot of each day in turn: what a history and a what-if read."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from app.scoring.plan import Plan, Window
from app.scoring.snapshot import Attention, Frame, Measure, Newest, Said, Snapshot, Sold

DAY = timedelta(days=1)


class MeasureDay(NamedTuple):
    """What a source said of a metric on one day, as it is known. Units: ten-thousandths.

    None when no event counts, or the aggregation does not ask for it: `low`, `high`, `last`.
    """

    day: date
    source: str
    counted: int
    total: int
    lacking: int
    other_unit: int
    low: int | None = None
    high: int | None = None
    last: tuple[int, str, int] | None = None


class AttentionDay(NamedTuple):
    """Work of one team on one day, of events that matched exactly `metrics`. Units: `effort` in ten-thousandths."""

    team: str
    kind: str
    metrics: frozenset[str]
    objective: str | None
    events: int
    effort: int


class SoldDay(NamedTuple):
    """What a team sold of an offering on one day. Shape: `unit` is empty for none. Units: ten-thousandths."""

    offering: str
    team: str
    unit: str
    value: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was known of some days. Shape: measures by metric in the order of their days; all else by day."""

    measures: Mapping[str, Sequence[MeasureDay]] = field(default_factory=dict)
    attention: Mapping[date, Sequence[AttentionDay]] = field(default_factory=dict)
    sold: Mapping[date, Sequence[SoldDay]] = field(default_factory=dict)


@dataclass(slots=True)
class _Tally:
    """One source's part of a window so far."""

    count: int = 0
    total: int = 0
    lacking: int = 0
    other_unit: int = 0
    low: int | None = None
    high: int | None = None
    last: tuple[int, str, int] | None = None

    def add(self, found: MeasureDay) -> None:
        self.count += found.counted
        self.total += found.total
        self.lacking += found.lacking
        self.other_unit += found.other_unit
        if found.low is not None and found.high is not None and found.last is not None:
            self.low = found.low if self.low is None else min(self.low, found.low)
            self.high = found.high if self.high is None else max(self.high, found.high)
            self.last = found.last if self.last is None else max(self.last, found.last)


@dataclass(slots=True)
class _Running:
    """A window of a metric, as far as it was read. Shape: `place` counts the days that are in."""

    until: date
    place: int
    sources: dict[str, _Tally] = field(default_factory=dict)
    said: dict[str | None, Said] = field(default_factory=dict)  # by canonical source, until another day is read


Cell = tuple[str, str, frozenset[str], str | None]


@dataclass(slots=True)
class _Slide:
    """The attention of a stretch of days, moved along with it. Shape: only cells with events."""

    first: date
    last: date
    cells: dict[Cell, tuple[int, int]] = field(default_factory=dict)


class Series:
    """Folds evidence into one snapshot after the other; quickest when they are asked for in the order of their days."""

    def __init__(self, evidence: Evidence, version: int) -> None:
        """Nothing is folded yet."""
        self._evidence, self._version = evidence, version
        self._worked, self._sales = sorted(evidence.attention), sorted(evidence.sold)
        self._running: dict[Window, _Running] = {}
        self._slides: dict[int, _Slide] = {}
        self._fresh: tuple[date, date, dict[tuple[frozenset[str], str | None], date]] | None = None

    def snapshot(self, plan: Plan, frame: Frame) -> Snapshot:
        """The snapshot of a day: the same as one read for that day alone."""
        return Snapshot(
            plan=plan,
            frame=frame,
            version=self._version,
            said=dict(self._said(plan, frame)),
            attention=tuple(self._attention(plan, frame)),
            newest=self._newest(plan, frame),
            sold=tuple(self._sold(plan, frame)),
        )

    def _said(self, plan: Plan, frame: Frame) -> Iterator[tuple[Window, Said]]:
        for place in plan.windows:
            running = self._window(place, frame.until)
            if running.sources:
                canonical = plan.configuration.metrics[place[0]].canonical_source
                if canonical not in running.said:
                    running.said[canonical] = _said(running.sources, canonical)
                yield place, running.said[canonical]

    def _window(self, place: Window, until: date) -> _Running:
        metric, first, last = place
        until, rows = min(last, until), self._evidence.measures.get(metric, ())
        running = self._running.get(place)
        if running is None or running.until > until:
            running = self._running[place] = _Running(until, 0)
        while running.place < len(rows) and rows[running.place].day <= until:
            found = rows[running.place]
            running.place += 1
            if found.day >= first:
                running.sources.setdefault(found.source, _Tally()).add(found)
                running.said.clear()
        running.until = until
        return running

    def _attention(self, plan: Plan, frame: Frame) -> Iterator[Attention]:
        for place, (first, last) in enumerate(plan.stretches(*frame.focus(plan.configuration))):
            for cell, sums in self._slide(place, first, last).items():
                yield Attention(*cell, first, last, *sums)

    def _slide(self, place: int, first: date, last: date) -> Mapping[Cell, tuple[int, int]]:
        slide = self._slides.get(place)
        if slide is None or not (slide.first <= first <= slide.last + DAY and slide.last <= last):
            slide = self._slides[place] = _Slide(first, first - DAY)
        for day in between(self._worked, slide.first, first - DAY):
            self._add(slide, day, -1)
        for day in between(self._worked, slide.last + DAY, last):
            self._add(slide, day, 1)
        slide.first, slide.last = first, last
        return slide.cells

    def _add(self, slide: _Slide, day: date, sign: int) -> None:
        for found in self._evidence.attention.get(day, ()):
            cell = found[:4]
            events, effort = slide.cells.get(cell, (0, 0))
            events += sign * found.events
            if events:
                slide.cells[cell] = events, effort + sign * found.effort
            else:
                slide.cells.pop(cell, None)

    def _newest(self, plan: Plan, frame: Frame) -> tuple[Newest, ...]:
        first = plan.playbook.starts_on
        known = self._fresh
        if known is None or known[0] != first or known[1] > frame.until:
            known = (first, first - DAY, {})
        found = known[2]
        for day in between(self._worked, known[1] + DAY, frame.until):
            seen: dict[tuple[frozenset[str], str | None], int] = {}
            for row in self._evidence.attention.get(day, ()):
                seen[row[2:4]] = seen.get(row[2:4], 0) + row.events
            found |= {place: day for place, events in seen.items() if events > 0}
        self._fresh = (first, max(known[1], frame.until), found)
        return tuple(Newest(metrics, objective, day) for (metrics, objective), day in found.items())

    def _sold(self, plan: Plan, frame: Frame) -> Iterator[Sold]:
        unit, first = plan.policy.unit, plan.playbook.starts_on
        for day in between(self._sales, first, frame.until):
            for row in self._evidence.sold[day]:
                if unit is None or row.unit in ("", unit):
                    yield Sold(row.offering, row.team, day, row.value)


def _said(sources: Mapping[str, _Tally], canonical: str | None) -> Said:
    heard = [tally for source, tally in sources.items() if canonical in (None, source)]
    measures = {
        source: Measure(tally.count, tally.total, tally.low, tally.high, tally.last)
        for source, tally in sources.items()
        if tally.count
    }
    return Said(measures, sum(tally.lacking for tally in heard), sum(tally.other_unit for tally in heard))


def between(days: Sequence[date], first: date, last: date) -> Sequence[date]:
    """Those of the days, which are in order, that are not before the first nor after the last one."""
    return days[bisect_left(days, first) : bisect_right(days, last)]
