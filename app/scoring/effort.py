"""Where the recorded work of each team went."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from math import lcm
from typing import Final, NamedTuple

from app.scoring.playbook_index import PlaybookIndex

UNASSIGNED: Final[frozenset[str]] = frozenset()
OTHER_PLAYBOOK: Final = frozenset(("",))  # no objective has an empty key


# A tuple and not a dataclass: a history makes thousands of them for every day, and a frozen dataclass
# takes four times as long to make.
class EffortCell(NamedTuple):
    """Work of one team over the focus window. Units: `effort` in ten-thousandths.

    Shape: events that matched exactly `metrics` and named `objective` (or none), on days on which the same other
    published playbooks were `running`.
    """

    team: str
    kind: str
    metrics: frozenset[str]
    objective: str | None
    running_playbooks: frozenset[str]
    events: int
    effort: int


@dataclass(frozen=True)
class TeamEffort:
    """One team's attention over the focus days.

    Units: `effort` in ten-thousandths. Shape: `split` is the effort by the objectives that it was split over equally;
    that which led to another playbook stands under ELSEWHERE, the rest of what is off this one under NOWHERE.
    """

    events: int = 0
    effort: int = 0
    effort_by_objectives: Mapping[frozenset[str], int] = field(default_factory=dict)

    @cached_property
    def shares(self) -> Mapping[str, float]:
        """The share of it by objective, without those that got none; with `other` and `nowhere` they sum to 1."""
        return {
            objective: self.unsorted_shares[objective] for objective in sorted(self.unsorted_shares)
        }

    @cached_property
    def unsorted_shares(self) -> Mapping[str, float]:
        """The same shares in any order."""
        return self._compute_shares(
            [(objectives, objectives) for objectives in self._assigned_objectives]
        )

    def shares_of(self, objectives: AbstractSet[str]) -> Mapping[str, float]:
        """The shares of some objectives alone, in any order."""
        return self._compute_shares(
            [
                (split_objectives, split_objectives & objectives)
                for split_objectives in self._assigned_objectives
            ]
        )

    @property
    def _assigned_objectives(self) -> AbstractSet[frozenset[str]]:
        return self.effort_by_objectives.keys() - {UNASSIGNED, OTHER_PLAYBOOK}

    def _compute_shares(
        self, splits: Sequence[tuple[frozenset[str], AbstractSet[str]]]
    ) -> Mapping[str, float]:
        # One denominator for all equal splits keeps the sums integers: each share is rounded once, by its division.
        denominator = lcm(*{len(split_objectives) for split_objectives, _ in splits})
        exact_efforts: dict[str, int] = {}
        for split_objectives, objectives in splits:
            if objectives:
                objective_effort = self.effort_by_objectives[split_objectives] * (
                    denominator // len(split_objectives)
                )
                for objective in objectives:
                    exact_efforts[objective] = exact_efforts.get(objective, 0) + objective_effort
        total_effort = self.effort * denominator
        return {
            objective: objective_effort_sum / total_effort
            for objective, objective_effort_sum in exact_efforts.items()
        }

    @property
    def unassigned_share(self) -> float:
        """The share that led to no objective of any playbook."""
        return self.effort_by_objectives.get(UNASSIGNED, 0) / self.effort if self.effort else 0.0

    @property
    def other_playbook_share(self) -> float:
        """The share that led to another playbook."""
        return (
            self.effort_by_objectives.get(OTHER_PLAYBOOK, 0) / self.effort if self.effort else 0.0
        )


class EffortTotals:
    """Exact sums of what teams worked, by where it led; what was added can be taken away again."""

    def __init__(
        self, playbook_index: PlaybookIndex, effort_cells: Iterable[EffortCell] = ()
    ) -> None:
        """Of those cells."""
        self._destinations, self._teams = (
            find_destinations(playbook_index),
            playbook_index.configuration.teams,
        )
        self._everything: dict[str, _TeamTotals] = {}
        self._activity: dict[str, _TeamTotals] = {}
        for cell in effort_cells:
            self.add(cell)

    def copy(self) -> "EffortTotals":
        """Another one of the same sums."""
        duplicate = copy(self)
        for name in ("_everything", "_activity"):
            setattr(
                duplicate,
                name,
                {team: totals.copy() for team, totals in getattr(self, name).items()},
            )
        return duplicate

    def has_same_destinations(self, playbook_index: PlaybookIndex) -> bool:
        """Whether that plan leads the same work of the same teams to the same objectives."""
        return (
            self._destinations is find_destinations(playbook_index)
            and self._teams == playbook_index.configuration.teams
        )

    def add(self, cell: EffortCell) -> None:
        """The cell is counted where it leads; what was counted before goes with events and effort below 0."""
        team, kind, *_, events, effort = cell
        if team in self._teams:
            destination = self._destinations.find(cell)
            for totals_by_team in (
                (self._everything, self._activity) if kind == "activity" else (self._everything,)
            ):
                totals = totals_by_team.get(team)
                if totals is None:
                    totals = totals_by_team[team] = _TeamTotals()
                totals.events += events
                totals.effort_by_objectives[destination] = (
                    totals.effort_by_objectives.get(destination, 0) + effort
                )

    def to_team_efforts(self) -> tuple[Mapping[str, TeamEffort], Mapping[str, TeamEffort]]:
        """The work of every team of the organization that has any: all of it, and its activities alone."""
        return (
            {
                team: totals.to_team_effort()
                for team, totals in self._everything.items()
                if totals.events
            },
            {
                team: totals.to_team_effort()
                for team, totals in self._activity.items()
                if totals.events
            },
        )


class _TeamTotals:
    """One team's sums."""

    __slots__ = ("effort_by_objectives", "events")

    def __init__(self) -> None:
        self.events = 0
        self.effort_by_objectives: dict[frozenset[str], int] = {}

    def copy(self) -> "_TeamTotals":
        """Another one of the same sums."""
        duplicate = _TeamTotals()
        duplicate.events, duplicate.effort_by_objectives = (
            self.events,
            self.effort_by_objectives.copy(),
        )
        return duplicate

    def to_team_effort(self) -> TeamEffort:
        """The tally as it stands; without any effort it leads nowhere."""
        effort_by_objectives = {
            objectives: effort for objectives, effort in self.effort_by_objectives.items() if effort
        }
        effort = sum(effort_by_objectives.values())
        return (
            TeamEffort(self.events, effort, effort_by_objectives)
            if effort > 0
            else TeamEffort(self.events)
        )


def find_destinations(playbook_index: PlaybookIndex) -> "_Destinations":
    """Where cells of attention lead by that plan."""
    other_playbooks = [
        (
            other_index.playbook.key,
            other_index.objectives_by_metric,
            frozenset(other_index.objectives),
        )
        for other_index in playbook_index.other_playbooks
    ]
    return playbook_index.memoize(
        _Destinations,
        playbook_index.objectives_by_metric,
        frozenset(playbook_index.objectives),
        other_playbooks,
    )


class _Destinations:
    """Where cells of attention lead, worked out once for all that are alike."""

    __slots__ = ("_destination_by_match", "_playbook_index")

    def __init__(self, playbook_index: PlaybookIndex) -> None:
        self._playbook_index = playbook_index
        self._destination_by_match: dict[tuple[object, ...], frozenset[str]] = {}

    def find(self, cell: EffortCell) -> frozenset[str]:
        """The objectives of this playbook that the cell is split over, else ELSEWHERE or NOWHERE."""
        match_key = cell[2:5]
        destination = self._destination_by_match.get(match_key)
        if destination is None:
            destination = self._destination_by_match[match_key] = self._compute_destination(
                *match_key
            )
        return destination

    def _compute_destination(
        self,
        metrics: frozenset[str],
        named_objective: str | None,
        running_playbooks: frozenset[str],
    ) -> frozenset[str]:
        if named_objective is not None:
            assigned_objectives = (
                UNASSIGNED
                if named_objective not in self._playbook_index.objectives
                else frozenset((named_objective,))
            )
        else:
            assigned_objectives = UNASSIGNED.union(
                *(
                    self._playbook_index.objectives_by_metric.get(metric, UNASSIGNED)
                    for metric in metrics
                )
            )
        if not assigned_objectives and any(
            _has_matching_objective(other_index, metrics, named_objective)
            for other_index in self._playbook_index.other_playbooks
            if other_index.playbook.key in running_playbooks
        ):
            return OTHER_PLAYBOOK
        return assigned_objectives


def _has_matching_objective(
    playbook_index: PlaybookIndex, metrics: frozenset[str], named_objective: str | None
) -> bool:
    """Whether what matched those metrics and named that objective, or none, belongs to an objective of that plan."""
    return (
        not metrics.isdisjoint(playbook_index.objectives_by_metric)
        if named_objective is None
        else named_objective in playbook_index.objectives
    )
