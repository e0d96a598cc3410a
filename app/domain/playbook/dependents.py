"""Dependents of a resource: the parts of a configuration that a change of it could make invalid."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import dropwhile
from typing import Final

from app.domain.events.metrics import RISING_AGGREGATIONS, Metric
from app.domain.playbook.configuration import Configuration, Resource
from app.domain.playbook.objectives import KeyResult, Objective
from app.domain.playbook.playbooks import Playbook
from app.domain.primitives.errors import Fault

MAX_SHOWN_KEYS: Final = 10


def validate_dependents(configuration: Configuration, resource: Resource) -> list[Fault]:
    """Return the validation errors that a new version of a resource causes in its dependents."""
    find_faults = DEPENDENT_CHECKS.get(resource.kind)
    return [] if find_faults is None else list(find_faults(configuration, resource))


def find_dependent(configuration: Configuration, kind: str, key: str) -> str:
    """Return a clause that names a dependent of the resource, or an empty text if it has none.

    Of several dependents, the first one in the order of the clauses is named.
    """
    return min(_iterate_dependents(configuration, kind, key), default="")


def _iterate_dependents(configuration: Configuration, kind: str, key: str) -> Iterator[str]:
    objectives = configuration.objectives.values()
    if kind == "playbook":
        yield from (f"the objective '{child.key}'" for child in objectives if child.playbook == key)
    elif kind == "objective":
        yield from (f"its child '{child.key}'" for child in objectives if child.parent == key)
    elif kind == "metric":
        for key_result in configuration.key_results.values():
            if key_result.metric == key:
                yield f"the key result '{key_result.key}'"
    elif kind == "team":
        yield from _iterate_team_dependents(configuration, key)


def _iterate_team_dependents(configuration: Configuration, team: str) -> Iterator[str]:
    for responsibility in configuration.responsibilities.values():
        if responsibility.team == team and responsibility.is_load_bearing:
            yield f"its responsibility for '{responsibility.objective}'"
    for source in configuration.sources.values():
        if source.team == team:
            yield f"the source '{source.key}'"
    for offering in configuration.offerings.values():
        if offering.team == team:
            yield f"the offering '{offering.key}'"


def _check_playbook(configuration: Configuration, resource: Resource) -> Iterator[Fault]:
    if not isinstance(resource, Playbook) or resource.ends_on < resource.starts_on:
        return
    for key_result in configuration.key_results.values():
        objective = configuration.objectives.get(key_result.objective)
        if (
            objective is not None
            and objective.playbook == resource.key
            and not is_inside_playbook(key_result, resource)
        ):
            yield _outside_window_fault("/ends_on", key_result)


def is_inside_playbook(key_result: KeyResult, playbook: Playbook) -> bool:
    """Return True if the window of a key result lies inside the window of a playbook."""
    first_day = key_result.starts_on or playbook.starts_on
    last_day = key_result.ends_on or playbook.ends_on
    return playbook.starts_on <= first_day <= last_day <= playbook.ends_on


def _outside_window_fault(pointer: str, key_result: KeyResult) -> Fault:
    return Fault(pointer, f"The window of the key result '{key_result.key}' would not be inside.")


def _check_objective(configuration: Configuration, resource: Resource) -> Iterator[Fault]:
    if not isinstance(resource, Objective):
        return
    objectives = {**configuration.objectives, resource.key: resource}
    cycle = find_parent_cycle(objectives, resource.key, set())
    if len(cycle) > 1:
        yield Fault("/parent", describe_cycle(cycle))
    playbook = configuration.playbooks.get(resource.playbook)
    if playbook is None:
        return
    for key_result in configuration.key_results.values():
        if key_result.objective == resource.key and not is_inside_playbook(key_result, playbook):
            yield _outside_window_fault("/playbook", key_result)
    for objective in configuration.objectives.values():
        if objective.parent == resource.key and objective.playbook != resource.playbook:
            yield Fault("/playbook", f"Its child '{objective.key}' is in another playbook.")
            return


def find_parent_cycle(
    objectives: Mapping[str, Objective], key: str, checked_keys: set[str]
) -> list[str]:
    """Return the cycle of parents that the ancestors of `key` lead into; empty without one.

    The search ends at `checked_keys` and adds the keys it visits, so that repeated calls report
    each cycle once.
    """
    path: dict[str, None] = {}
    ancestor: str | None = key
    while (
        ancestor is not None
        and ancestor in objectives
        and ancestor not in path
        and ancestor not in checked_keys
    ):
        path[ancestor] = None
        ancestor = objectives[ancestor].parent
    checked_keys.update(path)
    if ancestor is None or ancestor not in path:
        return []
    return list(dropwhile(lambda member: member != ancestor, path))


def describe_cycle(cycle: Sequence[str]) -> str:
    """Describe a cycle of parents in a sentence; a long one is shortened in the middle."""
    shown_keys = (
        [*cycle, cycle[0]]
        if len(cycle) <= MAX_SHOWN_KEYS
        else [*cycle[: MAX_SHOWN_KEYS - 1], "...", cycle[-1], cycle[0]]
    )
    return f"This would be a cycle: {' under '.join(shown_keys)}."


def _check_metric(configuration: Configuration, resource: Resource) -> Iterator[Fault]:
    if isinstance(resource, Metric) and resource.aggregation in RISING_AGGREGATIONS:
        for key_result in configuration.key_results.values():
            if key_result.metric == resource.key:
                yield from find_direction_faults(resource, key_result)


def find_direction_faults(metric: Metric, key_result: KeyResult) -> list[Fault]:
    """Return a fault if the metric can only rise and the key result should fall."""
    if metric.aggregation not in RISING_AGGREGATIONS or key_result.target >= key_result.baseline:
        return []
    message = (
        f"The key result '{key_result.key}' should fall, and a {metric.aggregation} only rises."
    )
    return [Fault("/aggregation", message)]


DEPENDENT_CHECKS: Final[Mapping[str, Callable[[Configuration, Resource], Iterable[Fault]]]] = {
    "metric": _check_metric,
    "playbook": _check_playbook,
    "objective": _check_objective,
}
