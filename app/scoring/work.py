"""Where the recorded work of each team went."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from math import lcm
from typing import Final

from app.domain.configuration import Configuration
from app.scoring.snapshot import Attention, Snapshot, active_objectives, objectives_by_metric

NOWHERE: Final[frozenset[str]] = frozenset()
ELSEWHERE: Final = frozenset(("",))  # no objective has an empty key


@dataclass(frozen=True, slots=True)
class Work:
    """One team's attention over the focus days.

    Units: `effort` in ten-thousandths. Shape: `shares` of it by objective, without those that got none; `other` is the
    share that led to another playbook and `nowhere` the rest of what is off this one; with the shares they sum to 1.
    """

    events: int = 0
    effort: int = 0
    shares: Mapping[str, float] = field(default_factory=dict)
    nowhere: float = 0.0
    other: float = 0.0


def work(snapshot: Snapshot, leads: Mapping[str, frozenset[str]]) -> tuple[Mapping[str, Work], Mapping[str, Work]]:
    """The work of every team of the organization that has any: all of it, and its activities alone."""
    destinations = _Destinations(snapshot, leads)
    everything: dict[str, _Tally] = {}
    activity: dict[str, _Tally] = {}
    for cell in snapshot.attention:
        if cell.team in snapshot.configuration.teams:
            destination = destinations.of(cell)
            everything.setdefault(cell.team, _Tally()).add(cell, destination)
            if cell.kind == "activity":
                activity.setdefault(cell.team, _Tally()).add(cell, destination)
    return (
        {team: tally.work() for team, tally in everything.items()},
        {team: tally.work() for team, tally in activity.items()},
    )


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """Another published playbook: its window, its active objectives and the metrics that lead to them."""

    starts_on: date
    ends_on: date
    active: frozenset[str]
    metrics: frozenset[str]

    def takes(self, cell: Attention) -> bool:
        """Whether the cell belongs to one of its objectives, on days on which it runs."""
        if not self.starts_on <= cell.first <= cell.last <= self.ends_on:
            return False
        return not self.metrics.isdisjoint(cell.metrics) if cell.objective is None else cell.objective in self.active


class _Destinations:
    """Where cells of attention lead; worked out once for each combination of metrics and named objective."""

    __slots__ = ("_active", "_known", "_leads", "_others")

    def __init__(self, snapshot: Snapshot, leads: Mapping[str, frozenset[str]]) -> None:
        here = snapshot.frame.playbook
        self._active = _active(snapshot.configuration, here)
        self._leads = leads
        self._others = tuple(_others(snapshot.configuration, here))
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


def _active(configuration: Configuration, playbook: str) -> frozenset[str]:
    return frozenset(objective.key for objective in active_objectives(configuration, playbook))


def _others(configuration: Configuration, here: str) -> Iterable[_Elsewhere]:
    for key, playbook in configuration.playbooks.items():
        if key != here and playbook.state == "published":
            leads = frozenset(objectives_by_metric(configuration, key))
            yield _Elsewhere(playbook.starts_on, playbook.ends_on, _active(configuration, key), leads)


class _Tally:
    """Exact sums of one team's work, by where it led."""

    __slots__ = ("_events", "_split")

    def __init__(self) -> None:
        self._events = 0
        self._split: dict[frozenset[str], int] = {}

    def add(self, cell: Attention, destination: frozenset[str]) -> None:
        """The cell is counted where it leads."""
        self._events += cell.events
        self._split[destination] = self._split.get(destination, 0) + cell.effort

    def work(self) -> Work:
        """The tally as shares; without any effort there are none."""
        effort = sum(self._split.values())
        if effort <= 0:
            return Work(self._events)
        nowhere, other = self._split.pop(NOWHERE, 0), self._split.pop(ELSEWHERE, 0)
        # One denominator for all equal splits keeps the sums integers: each share is rounded once, by its division.
        parts = lcm(*map(len, self._split))
        exact: dict[str, int] = {}
        for objectives, amount in self._split.items():
            each = amount * (parts // len(objectives))
            for objective in objectives if each else ():
                exact[objective] = exact.get(objective, 0) + each
        whole = effort * parts
        shares = {objective: exact[objective] / whole for objective in sorted(exact)}
        return Work(self._events, effort, shares, nowhere / effort, other / effort)
