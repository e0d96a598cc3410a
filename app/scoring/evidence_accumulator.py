"""What rows of evidence come to for one plan in one frame: kept of days that are over, and more is added to it."""

from collections.abc import Mapping, Sequence
from copy import copy
from json import loads
from typing import Any, Final, NamedTuple, TypeAlias

from app.scoring.effort import Attention, Tallies
from app.scoring.playbook_index import Plan, Window
from app.scoring.snapshot import Frame, Measure, Newest, Said, Sold
from app.store.sql import column_types as types

Rows: TypeAlias = Sequence[Sequence[Any]]  # Any: each column has its own type
Span: TypeAlias = tuple[str, int, int]
Sums: TypeAlias = tuple[int, int, int, int]
Order: TypeAlias = tuple[int, int, tuple[int, str, int]]
ROWS: Final = 10  # that weigh as much as a loss
NONE: Final[Sums] = (0, 0, 0, 0)


class Read(NamedTuple):
    """Rows of the roll-ups that were not added before, folded.

    Shape: `orders` and `newest` are whole wherever any row is new that may lower them; `gained` are by what was matched
    and named the newest day that gained an event, and whether any lost one.
    """

    sums: Rows
    orders: Rows
    newest: Rows
    gained: Rows
    sold: Rows
    sets: Rows
    recorded: Rows
    attention: Sequence[Rows]


def whole(high: int, low: int) -> int:
    """The sum whose two parts `halves` gave."""
    return (high << 32) + low


class Folded:
    """Sums, and what is made of them, by what they are of. Once it is kept nothing is added but to copies of it.

    Shape: `windows` are the distinct ones as far as evidence goes, `stretches` as the plan has them; `labels` are those
    of the metrics of each matched set, by its name; `recorded` are the days on which each source was heard of.
    None when nobody summed the work up yet: `tallies`.
    """

    def __init__(self, plan: Plan, frame: Frame) -> None:
        """Nothing was added yet."""
        self.plan, self.frame = plan, frame
        spans = {place: _span(place, frame) for place in plan.windows}
        self.windows = sorted(set(spans.values()))
        self.stretches = plan.stretches(*frame.focus(plan.configuration))
        numbers = {span: number for number, span in enumerate(self.windows)}
        self._places: dict[int, list[Window]] = {}
        for place, span in spans.items():
            self._places.setdefault(numbers[span], []).append(place)
        self.said: dict[Window, Said] = {}
        self.labels: dict[str, Mapping[str, str]] = {}
        self.recorded: frozenset[tuple[str, int]] = frozenset()
        self.newest: dict[tuple[str, str], Newest] = {}
        self.cells: dict[tuple[object, ...], Attention] = {}
        self.sold: dict[tuple[str, str, int], Sold] = {}
        self.tallies: Tallies | None = None
        self._metrics: dict[str, frozenset[str]] = {"": frozenset()}
        self._items: dict[tuple[str, str, int], int] = {}
        self._sums: dict[int, Mapping[str, Sums]] = {}
        self._orders: dict[tuple[int, str], Order] = {}

    def copy(self) -> "Folded":
        """Another one of the same, to which more can be added. The work is summed up for the first one, and for all."""
        if self.tallies is None:
            self.tallies = Tallies(self.plan, self.cells.values())
        found = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, dict):
                setattr(found, name, value.copy())
        found.tallies = self.tallies.copy()
        return found

    @property
    def weight(self) -> int:
        """What it weighs beside losses."""
        rows = (
            len(self._sums)
            + len(self._orders)
            + len(self.cells)
            + len(self.newest)
            + len(self.sold)
        )
        return 1 + (rows + len(self.labels)) // ROWS

    def add(self, found: Read) -> None:
        """The rows are in it too."""
        for name, metrics in found.sets:
            if name not in self.labels:
                self.labels[name] = labels = dict(loads(metrics))
                self._metrics[name] = frozenset(labels)
        self.recorded |= {(source, day) for source, day in found.recorded}
        self._measure(found.sums, found.orders)
        self._refresh(found.newest, found.gained)
        self._sell(found.sold)
        for number, rows in enumerate(found.attention):
            self._work(number, rows)

    def _measure(self, sums: Rows, orders: Rows) -> None:
        touched: dict[int, dict[str, Sums]] = {}
        for place, source, count, high, low, lacking, other in sums:
            sources = touched.get(place)
            if sources is None:
                sources = touched[place] = dict(self._sums.get(place, ()))
            was = sources.get(source, NONE)
            sources[source] = (
                was[0] + count,
                was[1] + whole(high, low),
                was[2] + lacking,
                was[3] + other,
            )
            self._orders.pop((place, source), None)
        for place, source, least, most, us, name, value in orders:
            last, known = (us, name, value), self._orders.get((place, source))
            self._orders[place, source] = (
                least,
                most,
                last if known is None else max(last, known[2]),
            )
        self._sums |= touched
        for place in touched:
            self._say(place)

    def _say(self, place: int) -> None:
        """What is said in the windows of that number is made anew."""
        sums, metrics = self._sums[place], self.plan.configuration.metrics
        measures = {
            source: Measure(
                sums[source][0], sums[source][1], *self._orders.get((place, source), ())
            )
            for source in sorted(sums)
            if sums[source][0]
        }
        for window in self._places[place]:
            canonical = metrics[window[0]].canonical_source
            heard = [of for source, of in sums.items() if canonical in (None, source)]
            said = Said(measures, sum(of[2] for of in heard), sum(of[3] for of in heard))
            if any(said):
                self.said[window] = said
            else:
                self.said.pop(window, None)

    def _refresh(self, newest: Rows, gained: Rows) -> None:
        days: dict[tuple[str, str], int] = {}
        for name, objective, day, least in gained:
            known = self.newest.get((name, objective))
            if least < 0:
                self.newest.pop((name, objective), None)
            elif day is not None and (known is None or known.day < types.day(day)):
                days[name, objective] = day
        days |= {(name, objective): day for name, objective, day in newest}
        for (name, objective), day in days.items():
            self.newest[name, objective] = Newest(
                self._metrics[name], objective or None, types.day(day)
            )

    def _sell(self, rows: Rows) -> None:
        for offering, team, day, items, high, low in rows:
            place, value = (offering, team, day), whole(high, low)
            known, left = self.sold.pop(place, None), items + self._items.pop(place, 0)
            if left:
                self._items[place] = left
                self.sold[place] = Sold(
                    offering, team, types.day(day), value + (0 if known is None else known.value)
                )

    def _work(self, number: int, rows: Rows) -> None:
        running = self.stretches[number][2]
        for team, kind, name, objective, events, high, low in rows:
            place, effort = (number, team, kind, name, objective), whole(high, low)
            added = Attention(
                team, kind, self._metrics[name], objective or None, running, events, effort
            )
            if self.tallies is not None:
                self.tallies.add(added)
            known = self.cells.pop(place, None)
            if known is not None:
                added = added._replace(events=known.events + events, effort=known.effort + effort)
            if added.events:
                self.cells[place] = added


def _span(place: Window, frame: Frame) -> Span:
    """The window as far as evidence goes, its days as numbers."""
    metric, first, last = place
    return metric, types.day_number(first), types.day_number(min(last, frame.until))
