"""The recorded work of teams and the objectives that it serves."""

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


# A tuple and not a dataclass: a history makes thousands of them for every day, and a frozen
# dataclass takes four times as long to make.
class EffortCell(NamedTuple):
    """Work of one team in the focus window.

    A cell sums the events that matched exactly `metrics` and named the same objective, or none, on
    days with the same other published playbooks.
    """

    team: str
    kind: str
    metrics: frozenset[str]
    objective: str | None
    running_playbooks: frozenset[str]
    events: int
    # Ten-thousandths.
    effort: int


@dataclass(frozen=True)
class TeamEffort:
    """The work of one team in the focus window."""

    events: int = 0
    # Ten-thousandths.
    effort: int = 0
    # The effort by the objectives that share it equally. OTHER_PLAYBOOK is work for another
    # playbook; UNASSIGNED is the remaining work off this playbook.
    effort_by_objectives: Mapping[frozenset[str], int] = field(default_factory=dict)

    @cached_property
    def shares(self) -> Mapping[str, float]:
        """The share of the work by objective, sorted.

        Together with the unassigned and the other playbook's share they sum to 1.
        """
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
        """Return the shares of these objectives only, in any order."""
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
        # One denominator for all splits keeps the sums integers: each share is rounded once.
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
        """The share of work for no objective of any playbook."""
        return self.effort_by_objectives.get(UNASSIGNED, 0) / self.effort if self.effort else 0.0

    @property
    def other_playbook_share(self) -> float:
        """The share of work for another playbook."""
        return (
            self.effort_by_objectives.get(OTHER_PLAYBOOK, 0) / self.effort if self.effort else 0.0
        )


class EffortTotals:
    """Exact sums of the teams' work by destination. Cells can be added and removed."""

    def __init__(
        self, playbook_index: PlaybookIndex, effort_cells: Iterable[EffortCell] = ()
    ) -> None:
        """Sum the cells."""
        self._destinations = find_destinations(playbook_index)
        self._teams = playbook_index.configuration.teams
        self._everything: dict[str, _TeamTotals] = {}
        self._activity: dict[str, _TeamTotals] = {}
        for cell in effort_cells:
            self.add(cell)

    def copy(self) -> "EffortTotals":
        """Return an independent copy."""
        duplicate = copy(self)
        for attribute_name in ("_everything", "_activity"):
            setattr(
                duplicate,
                attribute_name,
                {team: totals.copy() for team, totals in getattr(self, attribute_name).items()},
            )
        return duplicate

    def has_same_destinations(self, playbook_index: PlaybookIndex) -> bool:
        """Return True if the same work leads to the same objectives in both playbooks."""
        return (
            self._destinations is find_destinations(playbook_index)
            and self._teams == playbook_index.configuration.teams
        )

    def add(self, cell: EffortCell) -> None:
        """Add a cell. A cell with negative events and effort removes an earlier one."""
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
        """Return the work by team: all of it, and the activities among it."""
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
    """The sums of one team."""

    __slots__ = ("effort_by_objectives", "events")

    def __init__(self) -> None:
        self.events = 0
        self.effort_by_objectives: dict[frozenset[str], int] = {}

    def copy(self) -> "_TeamTotals":
        """Return an independent copy."""
        duplicate = _TeamTotals()
        duplicate.events = self.events
        duplicate.effort_by_objectives = self.effort_by_objectives.copy()
        return duplicate

    def to_team_effort(self) -> TeamEffort:
        """Return the work of the team. Without effort it has no destination."""
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
    """Return the destinations of work in a playbook."""
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
    """The objectives that work serves, computed once for each combination of matches."""

    __slots__ = ("_destination_by_match", "_playbook_index")

    def __init__(self, playbook_index: PlaybookIndex) -> None:
        self._playbook_index = playbook_index
        self._destination_by_match: dict[tuple[object, ...], frozenset[str]] = {}

    def find(self, cell: EffortCell) -> frozenset[str]:
        """Return the objectives that share a cell's work, or OTHER_PLAYBOOK, or UNASSIGNED."""
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
    """Return True if the work belongs to an objective of the playbook."""
    return (
        not metrics.isdisjoint(playbook_index.objectives_by_metric)
        if named_objective is None
        else named_objective in playbook_index.objectives
    )
