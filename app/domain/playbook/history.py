"""The configuration as it stood: the present one with later changes taken back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.domain.events.metrics import Metric
from app.domain.playbook.configuration import Configuration, Resource

PERMANENT_KINDS: Final = ("organization", "policy")
CHANGE_ACTIONS: Final = ("create", "update", "restore", "archive")


@dataclass(frozen=True, slots=True)
class ChangeToRevert:
    """A change to take back. None for what it created: `before`."""

    kind: str
    key: str
    action: str
    before: Resource | None


def revert(configuration: Configuration, changes: Iterable[ChangeToRevert]) -> Configuration:
    """The configuration before those changes; of each thing only the earliest is given.

    An organization and its policy were always there: of days before them they are as they began.
    """
    resources_by_kind: dict[str, tuple[dict[str, Resource], dict[str, Resource]]] = {}
    for change in changes:
        if change.before is None and change.kind in PERMANENT_KINDS:
            continue
        if change.kind not in resources_by_kind:
            live_and_archived = (
                configuration.resources_of(change.kind),
                configuration.archived.get(change.kind, {}),
            )
            resources_by_kind[change.kind] = dict(live_and_archived[0]), dict(live_and_archived[1])
        live, archived = resources_by_kind[change.kind]
        live.pop(change.key, None)
        archived.pop(change.key, None)
        if change.before is not None:
            (archived if change.action == "restore" else live)[change.key] = change.before
    for kind, (live, archived) in resources_by_kind.items():
        configuration = configuration.with_resources(kind, live, archived)
    return configuration


def with_current_metrics(
    past_configuration: Configuration, current_metrics: Mapping[str, Metric]
) -> Configuration:
    """The past configuration with its metrics matched as they are at present: redefining one restates history.

    Shape: `present` are the metrics by which events match now, archived ones too.
    """
    restated_metrics = {
        key: _with_current_matching(metric, current_metrics.get(key, metric))
        for key, metric in past_configuration.metrics.items()
    }
    return (
        past_configuration
        if restated_metrics == past_configuration.metrics
        else replace(past_configuration, metrics=restated_metrics)
    )


def _with_current_matching(past_metric: Metric, current_metric: Metric) -> Metric:
    is_count = "count" in (past_metric.aggregation, current_metric.aggregation)
    return replace(
        past_metric,
        unit=current_metric.unit,
        events=current_metric.events,
        activities=current_metric.activities,
        where=current_metric.where,
        value=current_metric.value,
        aggregation=current_metric.aggregation if is_count else past_metric.aggregation,
    )


def effective_metrics(
    configuration: Configuration, pending: Mapping[str, Metric | None]
) -> Mapping[str, Metric]:
    """The metrics by which events match, by key.

    Archived ones too, for the days on which they were live; those whose history is still being restated as they were
    before, and one that was not there before (None) not at all.
    """
    archived_metrics = {
        key: resource
        for key, resource in configuration.archived.get("metric", {}).items()
        if isinstance(resource, Metric)
    }
    metrics = {**archived_metrics, **configuration.metrics, **pending}
    return {key: metric for key, metric in metrics.items() if metric is not None}
