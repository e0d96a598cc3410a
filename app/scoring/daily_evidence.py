"""Day after day of evidence, folded into the snapshot of each day in turn: what a history and a what-if read."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from app.scoring.effort import Attention, Tallies
from app.scoring.playbook_index import Plan, Window
from app.scoring.snapshot import Frame, Measure, Newest, Said, Snapshot, Sold

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
    said: dict[str | None, Said] = field(
        default_factory=dict
    )  # by canonical source, until another day is read


Cell = tuple[str, str, frozenset[str], str | None]


@dataclass(slots=True)
class _Slide:
    """The attention of a stretch of days, moved along with it. Shape: only cells with events."""

    first: date
    last: date
    running: frozenset[str]
    cells: dict[Cell, Attention] = field(default_factory=dict)

    def follows(self, first: date, last: date, running: frozenset[str]) -> bool:
        """Whether it can be moved to those days."""
        return (
            self.running == running and self.first <= first <= self.last + DAY and self.last <= last
        )

    def add(self, found: AttentionDay, sign: int) -> Attention:
        """A day's cell is in it, or out of it; returned is what that adds."""
        cell = found[:4]
        added = Attention(*cell, self.running, sign * found.events, sign * found.effort)
        was = self.cells.get(cell)
        events, effort = (0, 0) if was is None else was[5:]
        if events + added.events:
            self.cells[cell] = Attention(
                *cell, self.running, events + added.events, effort + added.effort
            )
        else:
            self.cells.pop(cell, None)
        return added


class Series:
    """Folds evidence into one snapshot after the other; quickest when they are asked for in the order of their days."""

    def __init__(self, evidence: Evidence, version: int) -> None:
        """Nothing is folded yet."""
        self._evidence, self._version = evidence, version
        self._worked, self._sales = sorted(evidence.attention), sorted(evidence.sold)
        self._running: dict[Window, _Running] = {}
        self._slides: list[_Slide] = []
        self._tallies: Tallies | None = None
        self._sales_of: dict[str | None, dict[date, Sequence[Sold]]] = {}
        self._fresh: tuple[date, date, dict[tuple[frozenset[str], str | None], date]] | None = None

    def snapshot(self, plan: Plan, frame: Frame) -> Snapshot:
        """The snapshot of a day: the same as one read for that day alone."""
        tallies = self._tallied(plan, plan.stretches(*frame.focus(plan.configuration)))
        return Snapshot(
            plan=plan,
            frame=frame,
            version=self._version,
            said=dict(self._said(plan, frame)),
            attention=tuple(cell for slide in self._slides for cell in slide.cells.values()),
            work=tallies.work(),
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

    def _tallied(
        self, plan: Plan, stretches: Sequence[tuple[date, date, frozenset[str]]]
    ) -> Tallies:
        """The slides are moved to those stretches of days, and what is in them is tallied by that plan."""
        pairs = zip(self._slides, stretches, strict=False)
        if len(self._slides) != len(stretches) or not all(
            slide.follows(*stretch) for slide, stretch in pairs
        ):
            self._slides = [_Slide(first, first - DAY, running) for first, _, running in stretches]
            self._tallies = None
        tallies = self._tallies
        if tallies is None or not tallies.fit(plan):
            tallies = Tallies(
                plan, (cell for slide in self._slides for cell in slide.cells.values())
            )
        for slide, (first, last, _) in zip(self._slides, stretches, strict=True):
            for sign, start, end in ((-1, slide.first, first - DAY), (1, slide.last + DAY, last)):
                for day in between(self._worked, start, end):
                    for found in self._evidence.attention[day]:
                        tallies.add(slide.add(found, sign))
            slide.first, slide.last = first, last
        self._tallies = tallies
        return tallies

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
        known = self._sales_of.setdefault(unit, {})
        for day in between(self._sales, first, frame.until):
            if day not in known:
                rows = (
                    row
                    for row in self._evidence.sold[day]
                    if unit is None or row.unit in ("", unit)
                )
                known[day] = [Sold(row.offering, row.team, day, row.value) for row in rows]
            yield from known[day]


def _said(sources: Mapping[str, _Tally], canonical: str | None) -> Said:
    heard = [tally for source, tally in sources.items() if canonical in (None, source)]
    measures = {
        source: Measure(tally.count, tally.total, tally.low, tally.high, tally.last)
        for source, tally in sources.items()
        if tally.count
    }
    return Said(
        measures, sum(tally.lacking for tally in heard), sum(tally.other_unit for tally in heard)
    )


def between(days: Sequence[date], first: date, last: date) -> Sequence[date]:
    """Those of the days, which are in order, that are not before the first nor after the last one."""
    return days[bisect_left(days, first) : bisect_right(days, last)]
