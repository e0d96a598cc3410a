"""The configuration as it stood: the present one with later changes taken back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.domain.events.metrics import Metric
from app.domain.playbook.configuration import Configuration, Noun

ALWAYS: Final = ("organization", "policy")
ACTIONS: Final = ("create", "update", "restore", "archive")


@dataclass(frozen=True, slots=True)
class Taken:
    """A change to take back. None for what it created: `before`."""

    kind: str
    key: str
    action: str
    before: Noun | None


def undone(configuration: Configuration, changes: Iterable[Taken]) -> Configuration:
    """The configuration before those changes; of each thing only the earliest is given.

    An organization and its policy were always there: of days before them they are as they began.
    """
    own: dict[str, tuple[dict[str, Noun], dict[str, Noun]]] = {}
    for change in changes:
        if change.before is None and change.kind in ALWAYS:
            continue
        if change.kind not in own:
            found = configuration.of(change.kind), configuration.archived.get(change.kind, {})
            own[change.kind] = dict(found[0]), dict(found[1])
        live, gone = own[change.kind]
        live.pop(change.key, None)
        gone.pop(change.key, None)
        if change.before is not None:
            (gone if change.action == "restore" else live)[change.key] = change.before
    for kind, (live, gone) in own.items():
        configuration = configuration.having(kind, live, gone)
    return configuration


def restated(past: Configuration, present: Mapping[str, Metric]) -> Configuration:
    """The past configuration with its metrics matched as they are at present: redefining one restates history.

    Shape: `present` are the metrics by which events match now, archived ones too.
    """
    live = {
        key: _restated(metric, present.get(key, metric)) for key, metric in past.metrics.items()
    }
    return past if live == past.metrics else replace(past, metrics=live)


def _restated(past: Metric, present: Metric) -> Metric:
    counts = "count" in (past.aggregation, present.aggregation)
    return replace(
        past,
        unit=present.unit,
        events=present.events,
        activities=present.activities,
        where=present.where,
        value=present.value,
        aggregation=present.aggregation if counts else past.aggregation,
    )


def matched(
    configuration: Configuration, pending: Mapping[str, Metric | None]
) -> Mapping[str, Metric]:
    """The metrics by which events match, by key.

    Archived ones too, for the days on which they were live; those whose history is still being restated as they were
    before, and one that was not there before (None) not at all.
    """
    gone = {
        key: noun
        for key, noun in configuration.archived.get("metric", {}).items()
        if isinstance(noun, Metric)
    }
    found = {**gone, **configuration.metrics, **pending}
    return {key: metric for key, metric in found.items() if metric is not None}
