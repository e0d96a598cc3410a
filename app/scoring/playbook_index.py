"""What a configuration says about one playbook: indexed once, and kept for as long as the configuration is the same."""

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
NONE: Final[tuple[Sequence[str], Sequence[int], int]] = ((), (), 0)
# A metric, and the first and the last day on which its events count: most key results share theirs with others.
Window: TypeAlias = tuple[str, date, date]


def window(key_result: KeyResult, playbook: Playbook) -> Window:
    """The key result's metric and its own window, else the playbook's; both ends are inside."""
    return (
        key_result.metric,
        key_result.starts_on or playbook.starts_on,
        key_result.ends_on or playbook.ends_on,
    )


def active_objectives(configuration: Configuration, playbook: str) -> tuple[Objective, ...]:
    """The objectives of that playbook which score, by key."""
    found = (configuration.objectives[key] for key in sorted(configuration.objectives))
    return tuple(o for o in found if o.playbook == playbook and o.state == "active")


def objectives_by_metric(
    configuration: Configuration, playbook: str
) -> Mapping[str, frozenset[str]]:
    """For each metric the active objectives of that playbook to which its key results lead."""
    active = {objective.key for objective in active_objectives(configuration, playbook)}
    leads: dict[str, set[str]] = {}
    for result in configuration.key_results.values():
        if result.objective in active:
            leads.setdefault(result.metric, set()).add(result.objective)
    return {metric: frozenset(found) for metric, found in leads.items()}


# What was made last under a name, and of what.
Family: TypeAlias = dict[object, tuple[tuple[object, ...], object]]


class Plan:
    """A configuration as one playbook is scored by it. Everything by key runs in the order of the keys.

    It knows neither a day nor any evidence, so a history makes a plan only where the configuration changed. What nobody
    asks of it is never worked out, and plans of one family take over from each other what comes to the same.
    """

    def __init__(
        self, configuration: Configuration, key: str, family: Family | None = None
    ) -> None:
        """Of the playbook of that key, which is there."""
        self.configuration = configuration
        self.playbook: Playbook = configuration.playbooks[key]
        self._family: Family = {} if family is None else family
        self._own: dict[object, object] = {}

    def once(self, make: Callable[["Plan"], T], *of: object) -> T:
        """What `make` makes of the plan, made when it is first asked for.

        With `of` another plan's is taken over when that was made of the same: it is all that `make` looks at.
        """
        if make not in self._own:
            known = self._family.get(make) if of else None
            if known is None or known[0] != of:
                known = self._family[make] = of, make(self)
            self._own[make] = known[1]
        return cast("T", self._own[make])

    @property
    def policy(self) -> Policy:
        """The organization's policy."""
        return self.configuration.policy

    @cached_property
    def teams(self) -> Mapping[str, Team]:
        """All teams of the organization."""
        return {key: self.configuration.teams[key] for key in sorted(self.configuration.teams)}

    @cached_property
    def size(self) -> int:
        """The size of all teams together, in ten-thousandths."""
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
    def parts(self) -> Mapping[str, float]:
        """The weight of each objective, summing to 1."""
        total = sum(self.priorities)
        return {key: objective.priority / total for key, objective in self.objectives.items()}

    @cached_property
    def leads(self) -> Mapping[str, frozenset[str]]:
        """For each metric the objectives to which its key results lead."""
        return objectives_by_metric(self.configuration, self.playbook.key)

    @cached_property
    def key_results(self) -> Mapping[str, tuple[KeyResult, ...]]:
        """The key results of each objective."""
        found = self.once(_results, self.configuration.key_results)
        return {key: found.get(key, ()) for key in self.objectives}

    @cached_property
    def weights(self) -> Sequence[tuple[str, Sequence[str], Sequence[int], int]]:
        """Each objective with the keys and the weights of its key results, and the sum of these."""
        found = self.once(_weights, self.configuration.key_results)
        return [(key, *found.get(key, NONE)) for key in self.objectives]

    @cached_property
    def windows(self) -> Mapping[Window, tuple[KeyResult, ...]]:
        """The key results of all objectives, by window."""
        found: dict[Window, list[KeyResult]] = {}
        for results in self.key_results.values():
            for result in results:
                found.setdefault(window(result, self.playbook), []).append(result)
        return {place: tuple(found[place]) for place in sorted(found)}

    @property
    def bearing(self) -> Mapping[str, tuple[Responsibility, ...]]:
        """The load-bearing responsibilities of any objective that has some, by team."""
        return self.once(_bearing, self.configuration.responsibilities, self.configuration.teams)

    @cached_property
    def shares(self) -> Mapping[str, Mapping[str, float]]:
        """The shares of each objective's teams, summing to 1."""
        found = self.once(_shares, self.configuration.responsibilities, self.configuration.teams)
        return {key: found.get(key, {}) for key in self.objectives}

    @cached_property
    def borne(self) -> Mapping[str, Mapping[str, float]]:
        """By team, for each objective that it bears, the objective's part times the team's share."""
        found: dict[str, dict[str, float]] = {}
        for objective, of in self.shares.items():
            for team, share in of.items():
                found.setdefault(team, {})[objective] = self.parts[objective] * share
        return found

    @cached_property
    def expected(self) -> Mapping[str, Mapping[str, float]]:
        """The shares of its work that each team is to give to objectives; one that bears none follows them all."""
        return {
            team: _blended(borne) if (borne := self.borne.get(team)) else self.parts
            for team in self.teams
        }

    @cached_property
    def others(self) -> tuple["Plan", ...]:
        """The plans of all other published playbooks."""
        return tuple(
            Plan(self.configuration, key)
            for key, playbook in self.configuration.playbooks.items()
            if key != self.playbook.key and playbook.state == "published"
        )

    def stretches(self, first: date, last: date) -> list[tuple[date, date, frozenset[str]]]:
        """Those days, cut where another published playbook begins or ends, and the others that run in each stretch.

        None when the last is before the first.
        """
        if last < first:
            return []
        cuts, others = {first}, [plan.playbook for plan in self.others]
        for other in others:
            cuts |= {
                day
                for day in (other.starts_on, other.ends_on + timedelta(days=1))
                if first < day <= last
            }
        starts = sorted(cuts)
        ends = [start - timedelta(days=1) for start in starts[1:]] + [last]
        return [
            (
                start,
                end,
                frozenset(
                    other.key for other in others if other.starts_on <= start <= other.ends_on
                ),
            )
            for start, end in zip(starts, ends, strict=True)
        ]


def _results(plan: Plan) -> Mapping[str, tuple[KeyResult, ...]]:
    """All key results of any objective."""
    found: dict[str, list[KeyResult]] = {}
    for key in sorted(plan.configuration.key_results):
        result = plan.configuration.key_results[key]
        found.setdefault(result.objective, []).append(result)
    return {key: tuple(results) for key, results in found.items()}


def _weights(plan: Plan) -> Mapping[str, tuple[Sequence[str], Sequence[int], int]]:
    return {
        key: (
            [result.key for result in results],
            weights := [result.weight for result in results],
            sum(weights),
        )
        for key, results in plan.once(_results, plan.configuration.key_results).items()
    }


def _bearing(plan: Plan) -> Mapping[str, tuple[Responsibility, ...]]:
    found: dict[str, list[Responsibility]] = {}
    for key in sorted(plan.configuration.responsibilities):
        part = plan.configuration.responsibilities[key]
        if part.bears and part.team in plan.configuration.teams:
            found.setdefault(part.objective, []).append(part)
    return {key: tuple(parts) for key, parts in found.items()}


def _shares(plan: Plan) -> Mapping[str, Mapping[str, float]]:
    found = {}
    for key, parts in plan.bearing.items():
        total = sum(part.share for part in parts)
        found[key] = {part.team: part.share / total for part in parts}
    return found


def _blended(borne: Mapping[str, float]) -> Mapping[str, float]:
    total = fsum(borne.values())
    return {objective: part / total for objective, part in borne.items()}
