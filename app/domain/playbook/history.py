"""Past configurations: the current configuration with later changes reverted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.domain.events.metrics import Metric
from app.domain.playbook.configuration import Configuration, Resource

PERMANENT_KINDS: Final = ("organization", "policy")
CHANGE_ACTIONS: Final = ("create", "update", "restore", "archive")


@dataclass(frozen=True, slots=True)
class ChangeToRevert:
    """A change to revert."""

    kind: str
    key: str
    action: str
    # None for a change that created the resource.
    before: Resource | None


def revert(configuration: Configuration, changes: Iterable[ChangeToRevert]) -> Configuration:
    """Return the configuration before the changes.

    Pass only the earliest change of each resource. The organization and its policy always exist:
    for days before their creation, their first version is used.
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
    """Return a past configuration whose metrics match as they do now.

    Redefining a metric restates history. `current_metrics` are the metrics by which events match
    now, archived ones included.
    """
    restated_metrics = {
        metric_key: _with_current_matching(metric, current_metrics.get(metric_key, metric))
        for metric_key, metric in past_configuration.metrics.items()
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
    """Return the metrics by which events match, by key.

    Archived metrics are included for the days on which they were live. A metric whose history is
    still being restated appears in its previous version, or not at all if it is new (None in
    `pending`).
    """
    archived_metrics = {
        metric_key: resource
        for metric_key, resource in configuration.archived.get("metric", {}).items()
        if isinstance(resource, Metric)
    }
    metrics = {**archived_metrics, **configuration.metrics, **pending}
    return {metric_key: metric for metric_key, metric in metrics.items() if metric is not None}
