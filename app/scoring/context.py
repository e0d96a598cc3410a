"""What all components share of one day, indexed once from a snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import fsum

from app.domain.objectives import KeyResult
from app.scoring.evidence import Scope, scope
from app.scoring.means import clamp
from app.scoring.pace import Pace, Standing
from app.scoring.plan import Plan, window
from app.scoring.snapshot import Snapshot
from app.scoring.work import Work, work


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
    together: dict[frozenset[str], float] = field(default_factory=dict)  # what `attained_of` worked out

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
    everything, activity = work(snapshot)
    pace = Pace(snapshot, asked)
    attainment = {key: _attainment(pace, results) for key, results in plan.key_results.items()}
    return Context(
        snapshot=snapshot,
        scope=asked,
        work=everything,
        activity=activity,
        pace=pace,
        attained={key: attained for key, (attained, _) in attainment.items()},
        covered={key: covered for key, (_, covered) in attainment.items()},
    )


def _attainment(pace: Pace, results: tuple[KeyResult, ...]) -> tuple[float, tuple[int, int]]:
    """The mean attainment by weight, and the weight with evidence of all; an objective without key results has none."""
    if not results:
        return 0.0, (0, 1)
    total = sum([result.weight for result in results])
    found = sum([result.weight for result in results if result.key in pace.measured])
    terms = [result.weight * pace.attainments[result.key] for result in results]
    return clamp(fsum(terms) / total), (found, total)
