"""The index of a configuration for one playbook, cached until the configuration changes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from math import fsum
from typing import Final, TypeAlias, TypeVar, cast

from app.domain.playbook.configuration import Configuration
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.organization import Policy, Team
from app.domain.playbook.playbooks import Playbook

T = TypeVar("T")
NO_KEY_RESULTS: Final[tuple[Sequence[str], Sequence[int], int]] = ((), (), 0)
# A metric, and the first and last day on which its events count. Many key results share one window.
MetricWindow: TypeAlias = tuple[str, date, date]


def window_of(key_result: KeyResult, playbook: Playbook) -> MetricWindow:
    """Return the metric and the window of a key result, by default the playbook's.

    Both days are included.
    """
    return (
        key_result.metric,
        key_result.starts_on or playbook.starts_on,
        key_result.ends_on or playbook.ends_on,
    )


def active_objectives(configuration: Configuration, playbook: str) -> tuple[Objective, ...]:
    """Return the active objectives of a playbook, in the order of their keys."""
    sorted_objectives = (configuration.objectives[key] for key in sorted(configuration.objectives))
    return tuple(
        objective
        for objective in sorted_objectives
        if objective.playbook == playbook and objective.state == "active"
    )


def objectives_by_metric(
    configuration: Configuration, playbook: str
) -> Mapping[str, frozenset[str]]:
    """Return the active objectives whose key results use each metric."""
    active_keys = {objective.key for objective in active_objectives(configuration, playbook)}
    objective_sets: dict[str, set[str]] = {}
    for key_result in configuration.key_results.values():
        if key_result.objective in active_keys:
            objective_sets.setdefault(key_result.metric, set()).add(key_result.objective)
    return {metric: frozenset(objective_keys) for metric, objective_keys in objective_sets.items()}


# The latest result of each function, with the inputs that it was computed from.
SharedMemo: TypeAlias = dict[object, tuple[tuple[object, ...], object]]


class PlaybookIndex:
    """The configuration that one playbook is scored by. Mappings are in the order of their keys.

    The index depends neither on a day nor on evidence. A history needs a new index only when the
    configuration changes. Attributes are computed on first use. Indexes with a shared memo reuse
    results that were computed from equal inputs.
    """

    def __init__(
        self, configuration: Configuration, playbook_key: str, shared_memo: SharedMemo | None = None
    ) -> None:
        """Index the configuration for a playbook, which must exist."""
        self.configuration = configuration
        self.playbook: Playbook = configuration.playbooks[playbook_key]
        self._shared_memo: SharedMemo = {} if shared_memo is None else shared_memo
        self._memo: dict[object, object] = {}

    def memoize(self, compute: Callable[["PlaybookIndex"], T], *inputs: object) -> T:
        """Return the result of `compute`, computed on first use.

        With `inputs`, a result of another index is reused if its inputs were equal. They must be
        everything that `compute` reads.
        """
        if compute not in self._memo:
            memoized = self._shared_memo.get(compute) if inputs else None
            if memoized is None or memoized[0] != inputs:
                memoized = self._shared_memo[compute] = inputs, compute(self)
            self._memo[compute] = memoized[1]
        return cast("T", self._memo[compute])

    @property
    def policy(self) -> Policy:
        """The organization's policy."""
        return self.configuration.policy

    @cached_property
    def teams(self) -> Mapping[str, Team]:
        """All teams of the organization."""
        return {
            team_key: self.configuration.teams[team_key]
            for team_key in sorted(self.configuration.teams)
        }

    @cached_property
    def total_team_size(self) -> int:
        """The size of all teams in ten-thousandths."""
        return sum(team.size for team in self.teams.values())

    @cached_property
    def objectives(self) -> Mapping[str, Objective]:
        """The active objectives of the playbook."""
        return {
            objective.key: objective
            for objective in active_objectives(self.configuration, self.playbook.key)
        }

    @cached_property
    def priorities(self) -> Sequence[int]:
        """The priorities of the objectives, in their order."""
        return [objective.priority for objective in self.objectives.values()]

    @cached_property
    def objective_weights(self) -> Mapping[str, float]:
        """The weight of each objective, summing to 1."""
        total_priority = sum(self.priorities)
        return {
            objective_key: objective.priority / total_priority
            for objective_key, objective in self.objectives.items()
        }

    @cached_property
    def objectives_by_metric(self) -> Mapping[str, frozenset[str]]:
        """The objectives whose key results use each metric."""
        return objectives_by_metric(self.configuration, self.playbook.key)

    @cached_property
    def key_results(self) -> Mapping[str, tuple[KeyResult, ...]]:
        """The key results of each objective."""
        key_results_by_objective = self.memoize(
            _key_results_by_objective, self.configuration.key_results
        )
        return {key: key_results_by_objective.get(key, ()) for key in self.objectives}

    @cached_property
    def key_result_weights(self) -> Sequence[tuple[str, Sequence[str], Sequence[int], int]]:
        """Each objective with the keys, the weights and the total weight of its key results."""
        weights_by_objective = self.memoize(_weights_by_objective, self.configuration.key_results)
        return [(key, *weights_by_objective.get(key, NO_KEY_RESULTS)) for key in self.objectives]

    @cached_property
    def windows(self) -> Mapping[MetricWindow, tuple[KeyResult, ...]]:
        """The key results of all objectives, by metric window."""
        key_results_by_window: dict[MetricWindow, list[KeyResult]] = {}
        for key_results in self.key_results.values():
            for key_result in key_results:
                key_results_by_window.setdefault(window_of(key_result, self.playbook), []).append(
                    key_result
                )
        return {
            window: tuple(key_results_by_window[window]) for window in sorted(key_results_by_window)
        }

    @property
    def responsibilities(self) -> Mapping[str, tuple[Responsibility, ...]]:
        """The load-bearing responsibilities by objective; objectives without any are absent."""
        return self.memoize(
            _load_bearing_responsibilities,
            self.configuration.responsibilities,
            self.configuration.teams,
        )

    @cached_property
    def team_shares(self) -> Mapping[str, Mapping[str, float]]:
        """The shares of each objective's responsible teams, summing to 1."""
        shares_by_objective = self.memoize(
            _shares_by_objective, self.configuration.responsibilities, self.configuration.teams
        )
        return {key: shares_by_objective.get(key, {}) for key in self.objectives}

    @cached_property
    def objective_shares(self) -> Mapping[str, Mapping[str, float]]:
        """By team and objective: the weight of the objective times the team's share."""
        shares_by_team: dict[str, dict[str, float]] = {}
        for objective, team_shares in self.team_shares.items():
            for team, share in team_shares.items():
                shares_by_team.setdefault(team, {})[objective] = (
                    self.objective_weights[objective] * share
                )
        return shares_by_team

    @cached_property
    def expected_shares(self) -> Mapping[str, Mapping[str, float]]:
        """The expected share of each team's work by objective.

        A team without responsibility is expected to follow the weights of all objectives.
        """
        return {
            team: _normalize(objective_shares)
            if (objective_shares := self.objective_shares.get(team))
            else self.objective_weights
            for team in self.teams
        }

    @cached_property
    def other_playbooks(self) -> tuple["PlaybookIndex", ...]:
        """The indexes of all other published playbooks."""
        return tuple(
            PlaybookIndex(self.configuration, playbook_key)
            for playbook_key, playbook in self.configuration.playbooks.items()
            if playbook_key != self.playbook.key and playbook.state == "published"
        )

    def split_by_other_playbooks(
        self, first_day: date, last_day: date
    ) -> list[tuple[date, date, frozenset[str]]]:
        """Split the days where another published playbook begins or ends.

        Return each period with the keys of the other playbooks in force; no periods if the last day
        is before the first.
        """
        if last_day < first_day:
            return []
        start_days = {first_day}
        other_playbooks = [other_index.playbook for other_index in self.other_playbooks]
        for other_playbook in other_playbooks:
            start_days |= {
                day
                for day in (other_playbook.starts_on, other_playbook.ends_on + timedelta(days=1))
                if first_day < day <= last_day
            }
        sorted_starts = sorted(start_days)
        end_days = [start_day - timedelta(days=1) for start_day in sorted_starts[1:]] + [last_day]
        return [
            (
                start_day,
                end_day,
                frozenset(
                    other_playbook.key
                    for other_playbook in other_playbooks
                    if other_playbook.starts_on <= start_day <= other_playbook.ends_on
                ),
            )
            for start_day, end_day in zip(sorted_starts, end_days, strict=True)
        ]


def _key_results_by_objective(playbook_index: PlaybookIndex) -> Mapping[str, tuple[KeyResult, ...]]:
    """Return the key results of every objective, scored or not."""
    grouped: dict[str, list[KeyResult]] = {}
    for key in sorted(playbook_index.configuration.key_results):
        key_result = playbook_index.configuration.key_results[key]
        grouped.setdefault(key_result.objective, []).append(key_result)
    return {key: tuple(key_results) for key, key_results in grouped.items()}


def _weights_by_objective(
    playbook_index: PlaybookIndex,
) -> Mapping[str, tuple[Sequence[str], Sequence[int], int]]:
    return {
        key: (
            [key_result.key for key_result in key_results],
            weights := [key_result.weight for key_result in key_results],
            sum(weights),
        )
        for key, key_results in playbook_index.memoize(
            _key_results_by_objective, playbook_index.configuration.key_results
        ).items()
    }


def _load_bearing_responsibilities(
    playbook_index: PlaybookIndex,
) -> Mapping[str, tuple[Responsibility, ...]]:
    grouped: dict[str, list[Responsibility]] = {}
    for key in sorted(playbook_index.configuration.responsibilities):
        responsibility = playbook_index.configuration.responsibilities[key]
        if (
            responsibility.is_load_bearing
            and responsibility.team in playbook_index.configuration.teams
        ):
            grouped.setdefault(responsibility.objective, []).append(responsibility)
    return {key: tuple(responsibilities) for key, responsibilities in grouped.items()}


def _shares_by_objective(playbook_index: PlaybookIndex) -> Mapping[str, Mapping[str, float]]:
    shares_by_objective = {}
    for objective_key, responsibilities in playbook_index.responsibilities.items():
        total_share = sum(responsibility.share for responsibility in responsibilities)
        shares_by_objective[objective_key] = {
            responsibility.team: responsibility.share / total_share
            for responsibility in responsibilities
        }
    return shares_by_objective


def _normalize(objective_shares: Mapping[str, float]) -> Mapping[str, float]:
    total_share = fsum(objective_shares.values())
    return {objective: share / total_share for objective, share in objective_shares.items()}
