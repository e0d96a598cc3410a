"""What all components share, indexed once from a snapshot."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import fsum

from app.domain.configuration import Configuration
from app.domain.objectives import KeyResult, Objective, Responsibility
from app.domain.playbooks import Playbook
from app.domain.teams import Policy, Team
from app.scoring.evidence import Scope, scope
from app.scoring.means import clamp
from app.scoring.pace import Standing, standings
from app.scoring.snapshot import Snapshot, active_objectives, objectives_by_metric
from app.scoring.work import Work, work


@dataclass(frozen=True, slots=True)
class Context:
    """One snapshot, indexed. Everything by key runs in the order of the keys.

    Shape: `parts` is the weight of each objective, summing to 1; `bearers` its load-bearing responsibilities by team;
    `shares` its teams' shares, summing to 1; `borne` by team, for each objective it bears, the product of the two.
    `attained` is each objective's attainment; `covered` the weight of its key results with evidence, of the weight of
    all: 0 of 1 when it has none.
    """

    snapshot: Snapshot
    scope: Scope
    playbook: Playbook
    policy: Policy
    teams: Mapping[str, Team]
    objectives: Mapping[str, Objective]
    parts: Mapping[str, float]
    leads: Mapping[str, frozenset[str]]
    key_results: Mapping[str, tuple[KeyResult, ...]]
    bearers: Mapping[str, tuple[Responsibility, ...]]
    shares: Mapping[str, Mapping[str, float]]
    borne: Mapping[str, Mapping[str, float]]
    work: Mapping[str, Work]
    activity: Mapping[str, Work]
    standings: Mapping[str, Standing]
    attained: Mapping[str, float]
    covered: Mapping[str, tuple[int, int]]

    def standings_of(self, objective: str) -> tuple[Standing, ...]:
        """Where that objective's key results stand."""
        return tuple(self.standings[result.key] for result in self.key_results[objective])

    @property
    def measured(self) -> bool:
        """Whether any objective has evidence."""
        return any(found for found, _ in self.covered.values())


def build(snapshot: Snapshot) -> Context:
    """The context of a snapshot."""
    configuration, here = snapshot.configuration, snapshot.frame.playbook
    objectives = {objective.key: objective for objective in active_objectives(configuration, here)}
    total = sum(objective.priority for objective in objectives.values())
    parts = {key: objective.priority / total for key, objective in objectives.items()}
    asked = scope(configuration, snapshot.frame)
    leads = objectives_by_metric(configuration, here)
    key_results = _key_results(configuration, objectives)
    bearers = _bearers(configuration, objectives)
    shares = {key: _shares(found) for key, found in bearers.items()}
    everything, activity = work(snapshot, leads)
    stand = standings(snapshot, asked, [result for results in key_results.values() for result in results])
    attainment = {key: _attainment(stand, results) for key, results in key_results.items()}
    return Context(
        snapshot=snapshot,
        scope=asked,
        playbook=configuration.playbooks[here],
        policy=configuration.policy,
        teams={key: configuration.teams[key] for key in sorted(configuration.teams)},
        objectives=objectives,
        parts=parts,
        leads=leads,
        key_results=key_results,
        bearers=bearers,
        shares=shares,
        borne=_borne(parts, shares),
        work=everything,
        activity=activity,
        standings=stand,
        attained={key: attained for key, (attained, _) in attainment.items()},
        covered={key: covered for key, (_, covered) in attainment.items()},
    )


def _key_results(configuration: Configuration, objectives: Iterable[str]) -> Mapping[str, tuple[KeyResult, ...]]:
    found: dict[str, list[KeyResult]] = {key: [] for key in objectives}
    for key in sorted(configuration.key_results):
        result = configuration.key_results[key]
        if result.objective in found:
            found[result.objective].append(result)
    return {key: tuple(results) for key, results in found.items()}


def _bearers(configuration: Configuration, objectives: Iterable[str]) -> Mapping[str, tuple[Responsibility, ...]]:
    found: dict[str, list[Responsibility]] = {key: [] for key in objectives}
    for key in sorted(configuration.responsibilities):
        part = configuration.responsibilities[key]
        if part.bears and part.objective in found and part.team in configuration.teams:
            found[part.objective].append(part)
    return {key: tuple(parts) for key, parts in found.items()}


def _shares(parts: tuple[Responsibility, ...]) -> Mapping[str, float]:
    total = sum(part.share for part in parts)
    return {part.team: part.share / total for part in parts}


def _borne(parts: Mapping[str, float], shares: Mapping[str, Mapping[str, float]]) -> Mapping[str, Mapping[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for objective, of in shares.items():
        for team, share in of.items():
            found.setdefault(team, {})[objective] = parts[objective] * share
    return found


def _attainment(stand: Mapping[str, Standing], results: tuple[KeyResult, ...]) -> tuple[float, tuple[int, int]]:
    """The mean attainment by weight, and the weight with evidence of all; an objective without key results has none."""
    if not results:
        return 0.0, (0, 1)
    found = total = 0
    terms = []
    for result in results:
        standing = stand[result.key]
        total += result.weight
        found += 0 if standing.exact is None else result.weight
        terms.append(result.weight * standing.attainment)
    return clamp(fsum(terms) / total), (found, total)
