"""Where the recorded work of each team went."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from math import lcm
from typing import Final

from app.scoring.plan import Plan
from app.scoring.snapshot import Attention, Snapshot

NOWHERE: Final[frozenset[str]] = frozenset()
ELSEWHERE: Final = frozenset(("",))  # no objective has an empty key


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
        return self.shares_of(None)

    def shares_of(self, wanted: AbstractSet[str] | None) -> Mapping[str, float]:
        """The shares of the wanted objectives alone, or of all."""
        # One denominator for all equal splits keeps the sums integers: each share is rounded once, by its division.
        here = {place: effort for place, effort in self.split.items() if effort and place and place != ELSEWHERE}
        parts = lcm(*map(len, here))
        exact: dict[str, int] = {}
        for place, effort in here.items():
            each = effort * (parts // len(place))
            for objective in place if wanted is None else place & wanted:
                exact[objective] = exact.get(objective, 0) + each
        whole = self.effort * parts
        return {objective: exact[objective] / whole for objective in sorted(exact)}

    @property
    def nowhere(self) -> float:
        """The share that led to no objective of any playbook."""
        return self.split.get(NOWHERE, 0) / self.effort if self.effort else 0.0

    @property
    def other(self) -> float:
        """The share that led to another playbook."""
        return self.split.get(ELSEWHERE, 0) / self.effort if self.effort else 0.0


def work(snapshot: Snapshot) -> tuple[Mapping[str, Work], Mapping[str, Work]]:
    """The work of every team of the organization that has any: all of it, and its activities alone."""
    of, teams = snapshot.plan.once(_Destinations).of, snapshot.configuration.teams
    everything: dict[str, _Tally] = {}
    activity: dict[str, _Tally] = {}
    for cell in snapshot.attention:
        if cell.team not in teams:
            continue
        destination = of(cell)
        for tallies in (everything, activity) if cell.kind == "activity" else (everything,):
            tally = tallies.get(cell.team)
            if tally is None:
                tally = tallies[cell.team] = _Tally()
            tally.events += cell.events
            tally.split[destination] = tally.split.get(destination, 0) + cell.effort
    return (
        {team: tally.work() for team, tally in everything.items()},
        {team: tally.work() for team, tally in activity.items()},
    )


class _Destinations:
    """Where cells of attention lead; worked out once for each combination of metrics and named objective."""

    __slots__ = ("_active", "_known", "_leads", "_others")

    def __init__(self, plan: Plan) -> None:
        self._active, self._leads = frozenset(plan.objectives), plan.leads
        self._others = tuple(map(_Elsewhere.of, plan.others))
        self._known: dict[tuple[frozenset[str], str | None], frozenset[str]] = {}

    def of(self, cell: Attention) -> frozenset[str]:
        """The objectives of this playbook that the cell is split over, else ELSEWHERE or NOWHERE."""
        key = (cell.metrics, cell.objective)
        here = self._known.get(key)
        if here is None:
            here = self._known[key] = self._here(*key)
        if here or not any(other.takes(cell) for other in self._others):
            return here
        return ELSEWHERE

    def _here(self, metrics: frozenset[str], named: str | None) -> frozenset[str]:
        if named is not None:
            return self._active & {named}
        return NOWHERE.union(*(self._leads.get(metric, NOWHERE) for metric in metrics))


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """Another published playbook: its window, its active objectives and the metrics that lead to them."""

    starts_on: date
    ends_on: date
    active: AbstractSet[str]
    metrics: AbstractSet[str]

    @classmethod
    def of(cls, plan: Plan) -> "_Elsewhere":
        return cls(plan.playbook.starts_on, plan.playbook.ends_on, plan.objectives.keys(), plan.leads.keys())

    def takes(self, cell: Attention) -> bool:
        """Whether the cell belongs to one of its objectives, on days on which it runs."""
        if not self.starts_on <= cell.first <= cell.last <= self.ends_on:
            return False
        return not self.metrics.isdisjoint(cell.metrics) if cell.objective is None else cell.objective in self.active


class _Tally:
    """Exact sums of one team's work, by where it led."""

    __slots__ = ("events", "split")

    def __init__(self) -> None:
        self.events = 0
        self.split: dict[frozenset[str], int] = {}

    def work(self) -> Work:
        """The tally; without any effort it leads nowhere."""
        effort = sum(self.split.values())
        return Work(self.events, effort, self.split) if effort > 0 else Work(self.events)
