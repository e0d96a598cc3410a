"""What makes a configuration valid: each rule is a pure step from one Configuration to the next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import dropwhile
from typing import Final, TypeAlias
from zoneinfo import available_timezones

from app.domain.events.metrics import Condition, Metric
from app.domain.playbook.configuration import Configuration, ConfigurationDraft, Resource
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Organization, Policy
from app.domain.playbook.playbooks import Playbook
from app.domain.primitives.decimals import FIXED_SCALE
from app.domain.primitives.errors import (
    Fault,
    InUseError,
    InvalidError,
    NotFoundError,
    unknown_key_message,
)
from app.domain.sources.sources import CRM_CONNECTORS, Source

Faults: TypeAlias = list[Fault]
ORDERING_OPERATORS: Final = frozenset({"gt", "gte", "lt", "lte"})
RISING_AGGREGATIONS: Final = frozenset({"sum", "count"})
MAX_SHOWN_KEYS: Final = 10


def put_resource(configuration: Configuration, resource: Resource) -> Configuration:
    """The configuration with `noun` in it. Raises: InvalidError with what is wrong with it."""
    faults = validate_resource(configuration, resource)
    DEPENDENT_CHECKS.get(resource.kind, _check_nothing)(configuration, resource, faults)
    if faults:
        raise InvalidError(faults[0].detail, faults)
    return configuration.with_resource(resource)


def validate_resource(configuration: Configuration, resource: Resource) -> Faults:
    """What is wrong with putting it there, but for what hangs on it already: that takes a look at everything."""
    faults: Faults = []
    RESOURCE_CHECKS.get(resource.kind, _check_nothing)(configuration, resource, faults)
    return faults


def archive_resource(configuration: Configuration, kind: str, key: str) -> Configuration:
    """The configuration without that thing. Raises: NotFoundError, or InUseError naming what needs it."""
    if key not in configuration.resources_of(kind):
        raise NotFoundError(
            unknown_key_message(kind.replace("_", " "), key, configuration.resources_of(kind))
        )
    dependent = _first_dependent(configuration, kind, key)
    if dependent:
        raise InUseError(f"The {kind.replace('_', ' ')} '{key}' is needed by {dependent}.")
    draft = ConfigurationDraft(configuration)
    for key_result in configuration.key_results.values():
        if kind == "objective" and key_result.objective == key:
            draft.archive("key_result", key_result.key)
    for responsibility in configuration.responsibilities.values():
        if (kind == "objective" and responsibility.objective == key) or (
            kind == "team" and responsibility.team == key
        ):
            draft.archive("responsibility", responsibility.key)
    draft.archive(kind, key)
    return draft.configuration


def _first_dependent(configuration: Configuration, kind: str, key: str) -> str:
    """A clause naming the first live thing that keeps it; empty when none does."""
    c = configuration
    if kind == "playbook":
        dependents = [
            f"the objective '{objective.key}'"
            for objective in c.objectives.values()
            if objective.playbook == key
        ]
    elif kind == "metric":
        dependents = [
            f"the key result '{key_result.key}'"
            for key_result in c.key_results.values()
            if key_result.metric == key
        ]
    elif kind == "objective":
        dependents = [
            f"its child '{objective.key}'"
            for objective in c.objectives.values()
            if objective.parent == key
        ]
    elif kind == "team":
        dependents = [
            f"its responsibility for '{responsibility.objective}'"
            for responsibility in c.responsibilities.values()
            if responsibility.team == key and responsibility.is_load_bearing
        ]
        dependents += [
            f"the source '{source.key}'" for source in c.sources.values() if source.team == key
        ]
        dependents += [
            f"the offering '{objective.key}'"
            for objective in c.offerings.values()
            if objective.team == key
        ]
    else:
        dependents = []
    return min(dependents) if dependents else ""


def _check_nothing(_configuration: Configuration, _resource: Resource, _faults: Faults) -> None:
    """Things that can be wrong only by their fields, which the wire has checked."""


def _check_reference(
    faults: Faults, pointer: str, kind: str, key: str | None, known_keys: Mapping[str, object]
) -> bool:
    """Whether the key is known; adds the fault when it is not."""
    if key is None or key in known_keys:
        return True
    faults.append(Fault(pointer, unknown_key_message(kind, key, known_keys)))
    return False


@cache
def _iana_zones() -> frozenset[str]:
    """The IANA zones of this machine, which it takes its whole time zone database to list."""
    return frozenset(available_timezones())


def _check_organization(_configuration: Configuration, resource: Resource, faults: Faults) -> None:
    if isinstance(resource, Organization) and resource.time_zone not in _iana_zones():
        faults.append(Fault("/time_zone", f"'{resource.time_zone}' is not an IANA time zone."))


def _check_policy(_configuration: Configuration, resource: Resource, faults: Faults) -> None:
    if isinstance(resource, Policy) and not 0 <= resource.minimum_coverage <= FIXED_SCALE:
        faults.append(Fault("/minimum_coverage", "Must be between 0 and 1."))


def _check_condition(condition: Condition, pointer: str, faults: Faults) -> None:
    operand, op = condition.value, condition.op
    is_scalar = isinstance(operand, (str, bool, int, float))
    is_number = isinstance(operand, (int, float)) and not isinstance(operand, bool)
    if op in ORDERING_OPERATORS and not is_number:
        faults.append(
            Fault(f"{pointer}/value", f"'{op}' compares numbers alone: its value must be one.")
        )
    elif op in ("eq", "ne") and not is_scalar:
        faults.append(Fault(f"{pointer}/value", f"'{op}' needs a text, a number, true or false."))
    elif op in ("in", "not_in") and (not isinstance(operand, tuple) or not operand):
        faults.append(Fault(f"{pointer}/value", f"'{op}' needs a list of values."))
    elif op == "exists" and operand is not None and not isinstance(operand, bool):
        faults.append(Fault(f"{pointer}/value", "'exists' takes true or false."))


def _check_offering(configuration: Configuration, resource: Resource, faults: Faults) -> None:
    if not isinstance(resource, Offering):
        return
    _check_reference(faults, "/team", "team", resource.team, configuration.teams)
    if resource.retired_on is not None and resource.retired_on <= resource.available_from:
        faults.append(Fault("/retired_on", "Must be after available_from."))


def _check_source(configuration: Configuration, resource: Resource, faults: Faults) -> None:
    if not isinstance(resource, Source):
        return
    _check_reference(faults, "/team", "team", resource.team, configuration.teams)
    if resource.connector in CRM_CONNECTORS and resource.team is None:
        faults.append(Fault("/team", "A CRM's source needs a default team."))
    previous = configuration.sources.get(resource.key) or configuration.archived.get(
        "source", {}
    ).get(resource.key)
    if isinstance(previous, Source) and previous.connector != resource.connector:
        faults.append(
            Fault("/connector", f"It is '{previous.connector}' and stays so: make another source.")
        )


def _check_playbook(_configuration: Configuration, resource: Resource, faults: Faults) -> None:
    if not isinstance(resource, Playbook):
        return
    if resource.ends_on < resource.starts_on:
        faults.append(Fault("/ends_on", "Must not be before starts_on."))


def _check_playbook_dependents(
    configuration: Configuration, resource: Resource, faults: Faults
) -> None:
    if not isinstance(resource, Playbook) or resource.ends_on < resource.starts_on:
        return
    for key_result in configuration.key_results.values():
        objective = configuration.objectives.get(key_result.objective)
        if (
            objective is not None
            and objective.playbook == resource.key
            and not _is_inside_playbook(key_result, resource)
        ):
            faults.append(
                Fault(
                    "/ends_on",
                    f"The window of the key result '{key_result.key}' would not be inside.",
                )
            )


def _is_inside_playbook(key_result: KeyResult, playbook: Playbook) -> bool:
    first, last = key_result.starts_on or playbook.starts_on, key_result.ends_on or playbook.ends_on
    return playbook.starts_on <= first <= last <= playbook.ends_on


def _check_objective(configuration: Configuration, resource: Resource, faults: Faults) -> None:
    if not isinstance(resource, Objective):
        return
    _check_reference(faults, "/playbook", "playbook", resource.playbook, configuration.playbooks)
    if resource.parent == resource.key:
        faults.append(Fault("/parent", "An objective cannot be its own parent."))
    elif resource.parent is not None and _check_reference(
        faults, "/parent", "objective", resource.parent, configuration.objectives
    ):
        parent = configuration.objectives[resource.parent]
        if parent.playbook != resource.playbook:
            faults.append(
                Fault("/parent", f"The objective '{resource.parent}' is in another playbook.")
            )


def _check_objective_dependents(
    configuration: Configuration, resource: Resource, faults: Faults
) -> None:
    if not isinstance(resource, Objective):
        return
    cycle = parent_cycle({**configuration.objectives, resource.key: resource}, resource.key, set())
    if len(cycle) > 1:
        faults.append(Fault("/parent", describe_cycle(cycle)))
    playbook = configuration.playbooks.get(resource.playbook)
    if playbook is None:
        return
    for key_result in configuration.key_results.values():
        if key_result.objective == resource.key and not _is_inside_playbook(key_result, playbook):
            faults.append(
                Fault(
                    "/playbook",
                    f"The window of the key result '{key_result.key}' would not be inside.",
                )
            )
    foreign_children = [
        objective.key
        for objective in configuration.objectives.values()
        if objective.parent == resource.key and objective.playbook != resource.playbook
    ]
    if foreign_children:
        faults.append(
            Fault("/playbook", f"Its child '{foreign_children[0]}' is in another playbook.")
        )


def parent_cycle(
    objectives: Mapping[str, Objective], key: str, checked_keys: set[str]
) -> list[str]:
    """The ring of parents that the way up from `key` comes into; empty when it ends.

    Shape: `ended` are keys from which no ring is to be told any more; it grows.
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
    return (
        list(dropwhile(lambda member: member != ancestor, path))
        if ancestor is not None and ancestor in path
        else []
    )


def describe_cycle(cycle: Sequence[str]) -> str:
    """A sentence that tells a ring of parents, the middle of a long one left out."""
    shown_keys = (
        [*cycle, cycle[0]]
        if len(cycle) <= MAX_SHOWN_KEYS
        else [*cycle[: MAX_SHOWN_KEYS - 1], "...", cycle[-1], cycle[0]]
    )
    return f"This would be a cycle: {' under '.join(shown_keys)}."


def _check_key_result(configuration: Configuration, resource: Resource, faults: Faults) -> None:
    if not isinstance(resource, KeyResult):
        return
    _check_reference(
        faults, "/objective", "objective", resource.objective, configuration.objectives
    )
    _check_reference(faults, "/metric", "metric", resource.metric, configuration.metrics)
    if resource.target == resource.baseline:
        faults.append(Fault("/target", "Must differ from the baseline."))
    metric = configuration.metrics.get(resource.metric)
    if metric is not None:
        _check_direction(metric, resource, "/target", faults)
    if (
        resource.starts_on is not None
        and resource.ends_on is not None
        and resource.ends_on < resource.starts_on
    ):
        faults.append(Fault("/ends_on", "Must not be before starts_on."))
        return
    objective = configuration.objectives.get(resource.objective)
    playbook = configuration.playbooks.get(objective.playbook) if objective is not None else None
    if playbook is not None and not _is_inside_playbook(resource, playbook):
        window = f"{playbook.starts_on.isoformat()} to {playbook.ends_on.isoformat()}"
        pointer = (
            "/starts_on"
            if resource.starts_on is not None and resource.starts_on < playbook.starts_on
            else "/ends_on"
        )
        faults.append(Fault(pointer, f"Must be inside the playbook's window, {window}."))


def _check_direction(metric: Metric, key_result: KeyResult, pointer: str, faults: Faults) -> None:
    if metric.aggregation in RISING_AGGREGATIONS and key_result.target < key_result.baseline:
        message = f"A {metric.aggregation} only rises: report a level that should fall with the aggregation 'last'."
        faults.append(Fault(pointer, message))


def _check_metric(_configuration: Configuration, resource: Resource, faults: Faults) -> None:
    if not isinstance(resource, Metric):
        return
    if not resource.events:
        faults.append(Fault("/events", "Must name at least one event type."))
    for index, condition in enumerate(resource.where):
        _check_condition(condition, f"/where/{index}", faults)


def _check_metric_dependents(
    configuration: Configuration, resource: Resource, faults: Faults
) -> None:
    if not isinstance(resource, Metric) or resource.aggregation not in RISING_AGGREGATIONS:
        return
    for key_result in configuration.key_results.values():
        if key_result.metric == resource.key:
            faults += direction_error(resource, key_result)


def direction_error(metric: Metric, key_result: KeyResult) -> Faults:
    """What is wrong with a metric that the key result, which should fall, is measured by."""
    if metric.aggregation not in RISING_AGGREGATIONS or key_result.target >= key_result.baseline:
        return []
    message = (
        f"The key result '{key_result.key}' should fall, and a {metric.aggregation} only rises."
    )
    return [Fault("/aggregation", message)]


def _check_responsibility(configuration: Configuration, resource: Resource, faults: Faults) -> None:
    if isinstance(resource, Responsibility):
        _check_reference(faults, "/team", "team", resource.team, configuration.teams)
        _check_reference(
            faults, "/objective", "objective", resource.objective, configuration.objectives
        )


RESOURCE_CHECKS: Final[Mapping[str, Callable[[Configuration, Resource, Faults], None]]] = {
    "organization": _check_organization,
    "policy": _check_policy,
    "metric": _check_metric,
    "offering": _check_offering,
    "source": _check_source,
    "playbook": _check_playbook,
    "objective": _check_objective,
    "key_result": _check_key_result,
    "responsibility": _check_responsibility,
}
# What hangs on a thing would be wrong with it as it shall be.
DEPENDENT_CHECKS: Final[Mapping[str, Callable[[Configuration, Resource, Faults], None]]] = {
    "metric": _check_metric_dependents,
    "playbook": _check_playbook_dependents,
    "objective": _check_objective_dependents,
}


def put_responsibility(
    configuration: Configuration, responsibility: Responsibility
) -> Configuration:
    """The configuration with that responsibility; a changed role or share is proposed again. Raises: InvalidError."""
    return put_resource(configuration, reset_acceptance(configuration, responsibility))


def reset_acceptance(
    configuration: Configuration, responsibility: Responsibility
) -> Responsibility:
    """The responsibility with what the team said to its role and share: nothing yet when either has changed."""
    previous = configuration.responsibilities.get(responsibility.key)
    if previous is not None and (previous.role, previous.share) == (
        responsibility.role,
        responsibility.share,
    ):
        return replace(responsibility, status=previous.status, by=previous.by, note=previous.note)
    return replace(responsibility, status="proposed", by="", note="")
