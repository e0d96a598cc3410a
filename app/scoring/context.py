"""What all components share of one day, indexed once from a snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import fsum
from operator import mul

from app.scoring.effort import Tallies, Work
from app.scoring.evidence_links import Scope, scope
from app.scoring.key_result_progress import Pace, Standing
from app.scoring.playbook_index import Plan, window
from app.scoring.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Context:
    """One snapshot, indexed. Everything by key runs in the order of the keys.

    Shape: `work` and `activity` are of every team that has any: all of it, and its activities alone.
    `attained` is each objective's attainment; `covered` the weight of its key results with evidence, of the weight of
    all: 0 of 1 when it has none.
    """

    snapshot: Snapshot
    scope: Scope
    work: Mapping[str, Work]
    activity: Mapping[str, Work]
    pace: Pace
    attained: Mapping[str, float]
    covered: Mapping[str, tuple[int, int]]
    together: dict[frozenset[str], float] = field(
        default_factory=dict
    )  # what `attained_of` worked out

    @property
    def plan(self) -> Plan:
        """What it is scored by."""
        return self.snapshot.plan

    def standings_of(self, objective: str) -> tuple[Standing, ...]:
        """Where that objective's key results stand."""
        playbook, results = self.plan.playbook, self.plan.key_results[objective]
        return tuple(self.pace.standing(window(result, playbook), result) for result in results)

    def attained_of(self, objectives: frozenset[str]) -> float:
        """The mean attainment of some objectives at once; 0 of none, or of those of another playbook."""
        found = self.together.get(objectives)
        if found is None:
            here = [self.attained[key] for key in objectives if key in self.attained]
            found = self.together[objectives] = fsum(here) / len(here) if here else 0.0
        return found

    @property
    def measured(self) -> bool:
        """Whether any objective has evidence."""
        return any(found for found, _ in self.covered.values())


def build(snapshot: Snapshot) -> Context:
    """The context of a snapshot."""
    plan = snapshot.plan
    asked = scope(plan.configuration, snapshot.frame)
    everything, activity = snapshot.work or Tallies(plan, snapshot.attention).work()
    pace = Pace(snapshot, asked)
    return Context(
        snapshot=snapshot,
        scope=asked,
        work=everything,
        activity=activity,
        pace=pace,
        attained=_attained(plan, pace),
        covered=_covered(plan, pace),
    )


def _attained(plan: Plan, pace: Pace) -> Mapping[str, float]:
    """The mean attainment of each objective by weight; one without key results has attained nothing."""
    of = pace.attainments.__getitem__
    # The mean of `means`, written out: this is done for every objective of every day of a history.
    return {
        key: min(1.0, fsum(map(mul, weights, map(of, keys))) / total) if total else 0.0
        for key, keys, weights, total in plan.weights
    }


def _covered(plan: Plan, pace: Pace) -> Mapping[str, tuple[int, int]]:
    """The weight with evidence, of the weight of all key results of each objective."""
    lacking: dict[str, int] = {}
    for place, results in plan.windows.items():
        if pace.stretches[place].exact is None:
            for result in results:
                lacking[result.objective] = lacking.get(result.objective, 0) + result.weight
    return {key: (total - lacking.get(key, 0), total or 1) for key, _, _, total in plan.weights}
