"""Data that all components share, computed once from a snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import fsum
from operator import mul

from app.scoring.effort import EffortTotals, TeamEffort
from app.scoring.evidence.evidence_scope import EvidenceScope, build_scope
from app.scoring.key_result_progress import KeyResultProgress, KeyResultStanding
from app.scoring.playbook_index import PlaybookIndex, window_of
from app.scoring.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class ScoringContext:
    """An indexed snapshot. Mappings are in the order of their keys."""

    snapshot: Snapshot
    scope: EvidenceScope
    # All work, by team; teams without work are absent.
    team_efforts: Mapping[str, TeamEffort]
    # The activities among the work, by team.
    activity_efforts: Mapping[str, TeamEffort]
    key_result_progress: KeyResultProgress
    attainments: Mapping[str, float]
    # By objective: the weight of its key results with evidence, and of all. The total is at least
    # 1.
    covered_weights: Mapping[str, tuple[int, int]]
    # Results of `mean_attainment`.
    attainment_cache: dict[frozenset[str], float] = field(default_factory=dict)

    @property
    def playbook_index(self) -> PlaybookIndex:
        """The configuration of the scored playbook."""
        return self.snapshot.playbook_index

    def build_standings(self, objective: str) -> tuple[KeyResultStanding, ...]:
        """Return the standings of an objective's key results."""
        playbook = self.playbook_index.playbook
        key_results = self.playbook_index.key_results[objective]
        return tuple(
            self.key_result_progress.build_standing(window_of(key_result, playbook), key_result)
            for key_result in key_results
        )

    def mean_attainment(self, objectives: frozenset[str]) -> float:
        """Return the mean attainment of objectives.

        Return 0 for none, and for objectives of another playbook.
        """
        attainment = self.attainment_cache.get(objectives)
        if attainment is None:
            objective_attainments = [
                self.attainments[objective_key]
                for objective_key in objectives
                if objective_key in self.attainments
            ]
            attainment = self.attainment_cache[objectives] = (
                fsum(objective_attainments) / len(objective_attainments)
                if objective_attainments
                else 0.0
            )
        return attainment

    @property
    def has_evidence(self) -> bool:
        """True if any objective has evidence."""
        return any(covered_weight for covered_weight, _ in self.covered_weights.values())


def build_context(snapshot: Snapshot) -> ScoringContext:
    """Return the context of a snapshot."""
    playbook_index = snapshot.playbook_index
    scope = build_scope(playbook_index.configuration, snapshot.frame)
    team_efforts, activity_efforts = (
        snapshot.team_efforts
        or EffortTotals(playbook_index, snapshot.effort_cells).to_team_efforts()
    )
    key_result_progress = KeyResultProgress(snapshot, scope)
    return ScoringContext(
        snapshot=snapshot,
        scope=scope,
        team_efforts=team_efforts,
        activity_efforts=activity_efforts,
        key_result_progress=key_result_progress,
        attainments=_compute_attainments(playbook_index, key_result_progress),
        covered_weights=_compute_covered_weights(playbook_index, key_result_progress),
    )


def _compute_attainments(
    playbook_index: PlaybookIndex, key_result_progress: KeyResultProgress
) -> Mapping[str, float]:
    """Return the weighted mean attainment of each objective; 0 without key results."""
    attainment_of = key_result_progress.attainments.__getitem__
    # `weighted_mean`, inlined: a history computes it for every objective of every day.
    return {
        objective_key: min(1.0, fsum(map(mul, weights, map(attainment_of, keys))) / total)
        if total
        else 0.0
        for objective_key, keys, weights, total in playbook_index.key_result_weights
    }


def _compute_covered_weights(
    playbook_index: PlaybookIndex, key_result_progress: KeyResultProgress
) -> Mapping[str, tuple[int, int]]:
    """Return the weight with evidence and the total weight of each objective."""
    uncovered_weight: dict[str, int] = {}
    for window, key_results in playbook_index.windows.items():
        if key_result_progress.window_values[window].exact_value is None:
            for key_result in key_results:
                uncovered_weight[key_result.objective] = (
                    uncovered_weight.get(key_result.objective, 0) + key_result.weight
                )
    return {
        objective_key: (total - uncovered_weight.get(objective_key, 0), total or 1)
        for objective_key, _, _, total in playbook_index.key_result_weights
    }
