"""Validation of a configuration: each function returns the next Configuration or raises."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

from app.domain.events.metrics import RISING_AGGREGATIONS, Condition, Metric
from app.domain.playbook.configuration import Configuration, ConfigurationDraft, Resource
from app.domain.playbook.dependents import find_dependent, is_inside_playbook, validate_dependents
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

ORDERING_OPERATORS: Final = frozenset({"gt", "gte", "lt", "lte"})


def put_resource(configuration: Configuration, resource: Resource) -> Configuration:
    """Return the configuration with a resource added or replaced.

    Raises: InvalidError with all validation errors.
    """
    faults = validate_resource(configuration, resource)
    faults += validate_dependents(configuration, resource)
    if faults:
        raise InvalidError(faults[0].detail, faults)
    return configuration.with_resource(resource)


def validate_resource(configuration: Configuration, resource: Resource) -> list[Fault]:
    """Return the validation errors of the resource itself.

    Dependents are not checked, because that requires a scan of the configuration.
    """
    faults: list[Fault] = []
    RESOURCE_CHECKS.get(resource.kind, _check_nothing)(configuration, resource, faults)
    return faults


def archive_resource(configuration: Configuration, kind: str, key: str) -> Configuration:
    """Return the configuration with a resource and its own dependents archived.

    An objective's key results and responsibilities, and a team's responsibilities, are archived
    too.
    Raises: NotFoundError, or InUseError that names a dependent.
    """
    if key not in configuration.resources_of(kind):
        raise NotFoundError(
            unknown_key_message(kind.replace("_", " "), key, configuration.resources_of(kind))
        )
    dependent = find_dependent(configuration, kind, key)
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


def _check_nothing(
    _configuration: Configuration, _resource: Resource, _faults: list[Fault]
) -> None:
    """Accept a resource whose kind has no rules beyond its schema."""


def _check_reference(
    faults: list[Fault], pointer: str, kind: str, key: str | None, known_keys: Mapping[str, object]
) -> bool:
    """Return True if the key is known or None; else add a fault and return False."""
    if key is None or key in known_keys:
        return True
    faults.append(Fault(pointer, unknown_key_message(kind, key, known_keys)))
    return False


# The zone database has files for these names, but they are no IANA zones.
ALTERNATIVE_ZONE_TREES: Final = ("posix/", "right/", "posixrules")


def _is_iana_zone(name: str) -> bool:
    if name.startswith(ALTERNATIVE_ZONE_TREES):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _check_organization(
    _configuration: Configuration, resource: Resource, faults: list[Fault]
) -> None:
    if isinstance(resource, Organization) and not _is_iana_zone(resource.time_zone):
        faults.append(Fault("/time_zone", f"'{resource.time_zone}' is not an IANA time zone."))


def _check_policy(_configuration: Configuration, resource: Resource, faults: list[Fault]) -> None:
    if isinstance(resource, Policy) and not 0 <= resource.minimum_coverage <= FIXED_SCALE:
        faults.append(Fault("/minimum_coverage", "Must be between 0 and 1."))


def _check_condition(condition: Condition, pointer: str, faults: list[Fault]) -> None:
    operand = condition.value
    op = condition.op
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


def _check_offering(configuration: Configuration, resource: Resource, faults: list[Fault]) -> None:
    if not isinstance(resource, Offering):
        return
    _check_reference(faults, "/team", "team", resource.team, configuration.teams)
    if resource.retired_on is not None and resource.retired_on <= resource.available_from:
        faults.append(Fault("/retired_on", "Must be after available_from."))


def _check_source(configuration: Configuration, resource: Resource, faults: list[Fault]) -> None:
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


def _check_playbook(_configuration: Configuration, resource: Resource, faults: list[Fault]) -> None:
    if not isinstance(resource, Playbook):
        return
    if resource.ends_on < resource.starts_on:
        faults.append(Fault("/ends_on", "Must not be before starts_on."))


def _check_objective(configuration: Configuration, resource: Resource, faults: list[Fault]) -> None:
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


def _check_key_result(
    configuration: Configuration, resource: Resource, faults: list[Fault]
) -> None:
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
    if playbook is not None and not is_inside_playbook(resource, playbook):
        window = f"{playbook.starts_on.isoformat()} to {playbook.ends_on.isoformat()}"
        pointer = (
            "/starts_on"
            if resource.starts_on is not None and resource.starts_on < playbook.starts_on
            else "/ends_on"
        )
        faults.append(Fault(pointer, f"Must be inside the playbook's window, {window}."))


def _check_direction(
    metric: Metric, key_result: KeyResult, pointer: str, faults: list[Fault]
) -> None:
    if metric.aggregation in RISING_AGGREGATIONS and key_result.target < key_result.baseline:
        message = (
            f"A {metric.aggregation} only rises: "
            "report a level that should fall with the aggregation 'last'."
        )
        faults.append(Fault(pointer, message))


def _check_metric(_configuration: Configuration, resource: Resource, faults: list[Fault]) -> None:
    if not isinstance(resource, Metric):
        return
    if not resource.events:
        faults.append(Fault("/events", "Must name at least one event type."))
    for index, condition in enumerate(resource.where):
        _check_condition(condition, f"/where/{index}", faults)


def _check_responsibility(
    configuration: Configuration, resource: Resource, faults: list[Fault]
) -> None:
    if isinstance(resource, Responsibility):
        _check_reference(faults, "/team", "team", resource.team, configuration.teams)
        _check_reference(
            faults, "/objective", "objective", resource.objective, configuration.objectives
        )


RESOURCE_CHECKS: Final[Mapping[str, Callable[[Configuration, Resource, list[Fault]], None]]] = {
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


def put_responsibility(
    configuration: Configuration, responsibility: Responsibility
) -> Configuration:
    """Return the configuration with a responsibility.

    A changed role or share resets the acceptance.
    Raises: InvalidError.
    """
    return put_resource(configuration, reset_acceptance(configuration, responsibility))


def reset_acceptance(
    configuration: Configuration, responsibility: Responsibility
) -> Responsibility:
    """Return the responsibility with the stored acceptance, or without one if it changed."""
    previous = configuration.responsibilities.get(responsibility.key)
    if previous is not None and (previous.role, previous.share) == (
        responsibility.role,
        responsibility.share,
    ):
        return replace(responsibility, status=previous.status, by=previous.by, note=previous.note)
    return replace(responsibility, status="proposed", by="", note="")
