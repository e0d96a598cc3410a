"""Where the recorded work of each team went."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from math import lcm
from typing import Final, NamedTuple

from app.scoring.playbook_index import Plan

NOWHERE: Final[frozenset[str]] = frozenset()
ELSEWHERE: Final = frozenset(("",))  # no objective has an empty key


# A tuple and not a dataclass: a history makes thousands of them for every day, and a frozen dataclass
# takes four times as long to make.
class Attention(NamedTuple):
    """Work of one team over the focus window. Units: `effort` in ten-thousandths.

    Shape: events that matched exactly `metrics` and named `objective` (or none), on days on which the same other
    published playbooks were `running`.
    """

    team: str
    kind: str
    metrics: frozenset[str]
    objective: str | None
    running: frozenset[str]
    events: int
    effort: int


@dataclass(frozen=True)
class Work:
    """One team's attention over the focus days.

    Units: `effort` in ten-thousandths. Shape: `split` is the effort by the objectives that it was split over equally;
    that which led to another playbook stands under ELSEWHERE, the rest of what is off this one under NOWHERE.
    """

    events: int = 0
    effort: int = 0
    split: Mapping[frozenset[str], int] = field(default_factory=dict)

    @cached_property
    def shares(self) -> Mapping[str, float]:
        """The share of it by objective, without those that got none; with `other` and `nowhere` they sum to 1."""
        return {objective: self.unsorted[objective] for objective in sorted(self.unsorted)}

    @cached_property
    def unsorted(self) -> Mapping[str, float]:
        """The same shares in any order."""
        return self._shares([(place, place) for place in self._here])

    def shares_of(self, wanted: AbstractSet[str]) -> Mapping[str, float]:
        """The shares of some objectives alone, in any order."""
        return self._shares([(place, place & wanted) for place in self._here])

    @property
    def _here(self) -> AbstractSet[frozenset[str]]:
        return self.split.keys() - {NOWHERE, ELSEWHERE}

    def _shares(
        self, places: Sequence[tuple[frozenset[str], AbstractSet[str]]]
    ) -> Mapping[str, float]:
        # One denominator for all equal splits keeps the sums integers: each share is rounded once, by its division.
        parts = lcm(*{len(place) for place, _ in places})
        exact: dict[str, int] = {}
        for place, objectives in places:
            if objectives:
                each = self.split[place] * (parts // len(place))
                for objective in objectives:
                    exact[objective] = exact.get(objective, 0) + each
        whole = self.effort * parts
        return {objective: part / whole for objective, part in exact.items()}

    @property
    def nowhere(self) -> float:
        """The share that led to no objective of any playbook."""
        return self.split.get(NOWHERE, 0) / self.effort if self.effort else 0.0

    @property
    def other(self) -> float:
        """The share that led to another playbook."""
        return self.split.get(ELSEWHERE, 0) / self.effort if self.effort else 0.0


class Tallies:
    """Exact sums of what teams worked, by where it led; what was added can be taken away again."""

    def __init__(self, plan: Plan, attention: Iterable[Attention] = ()) -> None:
        """Of those cells."""
        self._led, self._teams = destinations(plan), plan.configuration.teams
        self._everything: dict[str, _Tally] = {}
        self._activity: dict[str, _Tally] = {}
        for cell in attention:
            self.add(cell)

    def copy(self) -> "Tallies":
        """Another one of the same sums."""
        found = copy(self)
        for name in ("_everything", "_activity"):
            setattr(
                found, name, {team: tally.copy() for team, tally in getattr(self, name).items()}
            )
        return found

    def fit(self, plan: Plan) -> bool:
        """Whether that plan leads the same work of the same teams to the same objectives."""
        return self._led is destinations(plan) and self._teams == plan.configuration.teams

    def add(self, cell: Attention) -> None:
        """The cell is counted where it leads; what was counted before goes with events and effort below 0."""
        team, kind, *_, events, effort = cell
        if team in self._teams:
            destination = self._led.of(cell)
            for tallies in (
                (self._everything, self._activity) if kind == "activity" else (self._everything,)
            ):
                tally = tallies.get(team)
                if tally is None:
                    tally = tallies[team] = _Tally()
                tally.events += events
                tally.split[destination] = tally.split.get(destination, 0) + effort

    def work(self) -> tuple[Mapping[str, Work], Mapping[str, Work]]:
        """The work of every team of the organization that has any: all of it, and its activities alone."""
        return (
            {team: tally.work() for team, tally in self._everything.items() if tally.events},
            {team: tally.work() for team, tally in self._activity.items() if tally.events},
        )


class _Tally:
    """One team's sums."""

    __slots__ = ("events", "split")

    def __init__(self) -> None:
        self.events = 0
        self.split: dict[frozenset[str], int] = {}

    def copy(self) -> "_Tally":
        """Another one of the same sums."""
        found = _Tally()
        found.events, found.split = self.events, self.split.copy()
        return found

    def work(self) -> Work:
        """The tally as it stands; without any effort it leads nowhere."""
        split = {place: effort for place, effort in self.split.items() if effort}
        effort = sum(split.values())
        return Work(self.events, effort, split) if effort > 0 else Work(self.events)


def destinations(plan: Plan) -> "_Destinations":
    """Where cells of attention lead by that plan."""
    others = [
        (other.playbook.key, other.leads, frozenset(other.objectives)) for other in plan.others
    ]
    return plan.once(_Destinations, plan.leads, frozenset(plan.objectives), others)


class _Destinations:
    """Where cells of attention lead, worked out once for all that are alike."""

    __slots__ = ("_known", "_plan")

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._known: dict[tuple[object, ...], frozenset[str]] = {}

    def of(self, cell: Attention) -> frozenset[str]:
        """The objectives of this playbook that the cell is split over, else ELSEWHERE or NOWHERE."""
        alike = cell[2:5]
        found = self._known.get(alike)
        if found is None:
            found = self._known[alike] = self._led(*alike)
        return found

    def _led(
        self, metrics: frozenset[str], named: str | None, running: frozenset[str]
    ) -> frozenset[str]:
        if named is not None:
            here = NOWHERE if named not in self._plan.objectives else frozenset((named,))
        else:
            here = NOWHERE.union(*(self._plan.leads.get(metric, NOWHERE) for metric in metrics))
        if not here and any(
            _takes(plan, metrics, named)
            for plan in self._plan.others
            if plan.playbook.key in running
        ):
            return ELSEWHERE
        return here


def _takes(plan: Plan, metrics: frozenset[str], named: str | None) -> bool:
    """Whether what matched those metrics and named that objective, or none, belongs to an objective of that plan."""
    return not metrics.isdisjoint(plan.leads) if named is None else named in plan.objectives
