"""What makes a configuration valid: each rule is a pure step from one Configuration to the next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import dropwhile
from typing import Final, TypeAlias
from zoneinfo import available_timezones

from app.domain.events.metrics import Condition, Metric
from app.domain.playbook.configuration import Configuration, Draft, Noun
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Organization, Policy
from app.domain.playbook.playbooks import Playbook
from app.domain.primitives.decimals import ONE
from app.domain.primitives.errors import Fault, InUseError, InvalidError, NotFoundError, unknown
from app.domain.sources.sources import CRMS, Source

Faults: TypeAlias = list[Fault]
ORDERED: Final = frozenset({"gt", "gte", "lt", "lte"})
RISING: Final = frozenset({"sum", "count"})
SHOWN: Final = 10


def put(configuration: Configuration, noun: Noun) -> Configuration:
    """The configuration with `noun` in it. Raises: InvalidError with what is wrong with it."""
    faults = check(configuration, noun)
    HANGING.get(noun.kind, _nothing)(configuration, noun, faults)
    if faults:
        raise InvalidError(faults[0].detail, faults)
    return configuration.put(noun)


def check(configuration: Configuration, noun: Noun) -> Faults:
    """What is wrong with putting it there, but for what hangs on it already: that takes a look at everything."""
    faults: Faults = []
    CHECKS.get(noun.kind, _nothing)(configuration, noun, faults)
    return faults


def archive(configuration: Configuration, kind: str, key: str) -> Configuration:
    """The configuration without that thing. Raises: NotFoundError, or InUseError naming what needs it."""
    if key not in configuration.of(kind):
        raise NotFoundError(unknown(kind.replace("_", " "), key, configuration.of(kind)))
    needs = _needing(configuration, kind, key)
    if needs:
        raise InUseError(f"The {kind.replace('_', ' ')} '{key}' is needed by {needs}.")
    draft = Draft(configuration)
    for result in configuration.key_results.values():
        if kind == "objective" and result.objective == key:
            draft.drop("key_result", result.key)
    for part in configuration.responsibilities.values():
        if (kind == "objective" and part.objective == key) or (kind == "team" and part.team == key):
            draft.drop("responsibility", part.key)
    draft.drop(kind, key)
    return draft.present


def _needing(configuration: Configuration, kind: str, key: str) -> str:
    """A clause naming the first live thing that keeps it; empty when none does."""
    c = configuration
    if kind == "playbook":
        found = [f"the objective '{o.key}'" for o in c.objectives.values() if o.playbook == key]
    elif kind == "metric":
        found = [f"the key result '{k.key}'" for k in c.key_results.values() if k.metric == key]
    elif kind == "objective":
        found = [f"its child '{o.key}'" for o in c.objectives.values() if o.parent == key]
    elif kind == "team":
        found = [
            f"its responsibility for '{r.objective}'"
            for r in c.responsibilities.values()
            if r.team == key and r.bears
        ]
        found += [f"the source '{s.key}'" for s in c.sources.values() if s.team == key]
        found += [f"the offering '{o.key}'" for o in c.offerings.values() if o.team == key]
    else:
        found = []
    return min(found) if found else ""


def _nothing(_configuration: Configuration, _noun: Noun, _faults: Faults) -> None:
    """Things that can be wrong only by their fields, which the wire has checked."""


def _refer(
    faults: Faults, pointer: str, kind: str, key: str | None, known: Mapping[str, object]
) -> bool:
    """Whether the key is known; adds the fault when it is not."""
    if key is None or key in known:
        return True
    faults.append(Fault(pointer, unknown(kind, key, known)))
    return False


@cache
def _zones() -> frozenset[str]:
    """The IANA zones of this machine, which it takes its whole time zone database to list."""
    return frozenset(available_timezones())


def _organization(_configuration: Configuration, noun: Noun, faults: Faults) -> None:
    if isinstance(noun, Organization) and noun.time_zone not in _zones():
        faults.append(Fault("/time_zone", f"'{noun.time_zone}' is not an IANA time zone."))


def _policy(_configuration: Configuration, noun: Noun, faults: Faults) -> None:
    if isinstance(noun, Policy) and not 0 <= noun.minimum_coverage <= ONE:
        faults.append(Fault("/minimum_coverage", "Must be between 0 and 1."))


def _where(condition: Condition, pointer: str, faults: Faults) -> None:
    value, op = condition.value, condition.op
    scalar = isinstance(value, (str, bool, int, float))
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if op in ORDERED and not number:
        faults.append(
            Fault(f"{pointer}/value", f"'{op}' compares numbers alone: its value must be one.")
        )
    elif op in ("eq", "ne") and not scalar:
        faults.append(Fault(f"{pointer}/value", f"'{op}' needs a text, a number, true or false."))
    elif op in ("in", "not_in") and (not isinstance(value, tuple) or not value):
        faults.append(Fault(f"{pointer}/value", f"'{op}' needs a list of values."))
    elif op == "exists" and value is not None and not isinstance(value, bool):
        faults.append(Fault(f"{pointer}/value", "'exists' takes true or false."))


def _offering(configuration: Configuration, noun: Noun, faults: Faults) -> None:
    if not isinstance(noun, Offering):
        return
    _refer(faults, "/team", "team", noun.team, configuration.teams)
    if noun.retired_on is not None and noun.retired_on <= noun.available_from:
        faults.append(Fault("/retired_on", "Must be after available_from."))


def _source(configuration: Configuration, noun: Noun, faults: Faults) -> None:
    if not isinstance(noun, Source):
        return
    _refer(faults, "/team", "team", noun.team, configuration.teams)
    if noun.connector in CRMS and noun.team is None:
        faults.append(Fault("/team", "A CRM's source needs a default team."))
    was = configuration.sources.get(noun.key) or configuration.archived.get("source", {}).get(
        noun.key
    )
    if isinstance(was, Source) and was.connector != noun.connector:
        faults.append(
            Fault("/connector", f"It is '{was.connector}' and stays so: make another source.")
        )


def _playbook(_configuration: Configuration, noun: Noun, faults: Faults) -> None:
    if not isinstance(noun, Playbook):
        return
    if noun.ends_on < noun.starts_on:
        faults.append(Fault("/ends_on", "Must not be before starts_on."))


def _in_playbook(configuration: Configuration, noun: Noun, faults: Faults) -> None:
    if not isinstance(noun, Playbook) or noun.ends_on < noun.starts_on:
        return
    for result in configuration.key_results.values():
        objective = configuration.objectives.get(result.objective)
        if objective is not None and objective.playbook == noun.key and not _inside(result, noun):
            faults.append(
                Fault(
                    "/ends_on", f"The window of the key result '{result.key}' would not be inside."
                )
            )


def _inside(result: KeyResult, playbook: Playbook) -> bool:
    first, last = result.starts_on or playbook.starts_on, result.ends_on or playbook.ends_on
    return playbook.starts_on <= first <= last <= playbook.ends_on


def _objective(configuration: Configuration, noun: Noun, faults: Faults) -> None:
    if not isinstance(noun, Objective):
        return
    _refer(faults, "/playbook", "playbook", noun.playbook, configuration.playbooks)
    if noun.parent == noun.key:
        faults.append(Fault("/parent", "An objective cannot be its own parent."))
    elif noun.parent is not None and _refer(
        faults, "/parent", "objective", noun.parent, configuration.objectives
    ):
        parent = configuration.objectives[noun.parent]
        if parent.playbook != noun.playbook:
            faults.append(
                Fault("/parent", f"The objective '{noun.parent}' is in another playbook.")
            )


def _under_objective(configuration: Configuration, noun: Noun, faults: Faults) -> None:
    if not isinstance(noun, Objective):
        return
    found = ring({**configuration.objectives, noun.key: noun}, noun.key, set())
    if len(found) > 1:
        faults.append(Fault("/parent", circular(found)))
    playbook = configuration.playbooks.get(noun.playbook)
    if playbook is None:
        return
    for result in configuration.key_results.values():
        if result.objective == noun.key and not _inside(result, playbook):
            faults.append(
                Fault(
                    "/playbook", f"The window of the key result '{result.key}' would not be inside."
                )
            )
    strangers = [
        o.key
        for o in configuration.objectives.values()
        if o.parent == noun.key and o.playbook != noun.playbook
    ]
    if strangers:
        faults.append(Fault("/playbook", f"Its child '{strangers[0]}' is in another playbook."))


def ring(objectives: Mapping[str, Objective], key: str, ended: set[str]) -> list[str]:
    """The ring of parents that the way up from `key` comes into; empty when it ends.

    Shape: `ended` are keys from which no ring is to be told any more; it grows.
    """
    way: dict[str, None] = {}
    above: str | None = key
    while above is not None and above in objectives and above not in way and above not in ended:
        way[above] = None
        above = objectives[above].parent
    ended.update(way)
    return (
        list(dropwhile(lambda one: one != above, way)) if above is not None and above in way else []
    )


def circular(found: Sequence[str]) -> str:
    """A sentence that tells a ring of parents, the middle of a long one left out."""
    told = (
        [*found, found[0]]
        if len(found) <= SHOWN
        else [*found[: SHOWN - 1], "...", found[-1], found[0]]
    )
    return f"This would be a cycle: {' under '.join(told)}."


def _key_result(configuration: Configuration, noun: Noun, faults: Faults) -> None:
    if not isinstance(noun, KeyResult):
        return
    _refer(faults, "/objective", "objective", noun.objective, configuration.objectives)
    _refer(faults, "/metric", "metric", noun.metric, configuration.metrics)
    if noun.target == noun.baseline:
        faults.append(Fault("/target", "Must differ from the baseline."))
    metric = configuration.metrics.get(noun.metric)
    if metric is not None:
        _direction(metric, noun, "/target", faults)
    if noun.starts_on is not None and noun.ends_on is not None and noun.ends_on < noun.starts_on:
        faults.append(Fault("/ends_on", "Must not be before starts_on."))
        return
    objective = configuration.objectives.get(noun.objective)
    playbook = configuration.playbooks.get(objective.playbook) if objective is not None else None
    if playbook is not None and not _inside(noun, playbook):
        window = f"{playbook.starts_on.isoformat()} to {playbook.ends_on.isoformat()}"
        pointer = (
            "/starts_on"
            if noun.starts_on is not None and noun.starts_on < playbook.starts_on
            else "/ends_on"
        )
        faults.append(Fault(pointer, f"Must be inside the playbook's window, {window}."))


def _direction(metric: Metric, result: KeyResult, pointer: str, faults: Faults) -> None:
    if metric.aggregation in RISING and result.target < result.baseline:
        text = f"A {metric.aggregation} only rises: report a level that should fall with the aggregation 'last'."
        faults.append(Fault(pointer, text))


def _metric(_configuration: Configuration, noun: Noun, faults: Faults) -> None:
    if not isinstance(noun, Metric):
        return
    if not noun.events:
        faults.append(Fault("/events", "Must name at least one event type."))
    for index, condition in enumerate(noun.where):
        _where(condition, f"/where/{index}", faults)


def _by_metric(configuration: Configuration, noun: Noun, faults: Faults) -> None:
    if not isinstance(noun, Metric) or noun.aggregation not in RISING:
        return
    for result in configuration.key_results.values():
        if result.metric == noun.key:
            faults += turned(noun, result)


def turned(metric: Metric, result: KeyResult) -> Faults:
    """What is wrong with a metric that the key result, which should fall, is measured by."""
    if metric.aggregation not in RISING or result.target >= result.baseline:
        return []
    text = f"The key result '{result.key}' should fall, and a {metric.aggregation} only rises."
    return [Fault("/aggregation", text)]


def _responsibility(configuration: Configuration, noun: Noun, faults: Faults) -> None:
    if isinstance(noun, Responsibility):
        _refer(faults, "/team", "team", noun.team, configuration.teams)
        _refer(faults, "/objective", "objective", noun.objective, configuration.objectives)


CHECKS: Final[Mapping[str, Callable[[Configuration, Noun, Faults], None]]] = {
    "organization": _organization,
    "policy": _policy,
    "metric": _metric,
    "offering": _offering,
    "source": _source,
    "playbook": _playbook,
    "objective": _objective,
    "key_result": _key_result,
    "responsibility": _responsibility,
}
# What hangs on a thing would be wrong with it as it shall be.
HANGING: Final[Mapping[str, Callable[[Configuration, Noun, Faults], None]]] = {
    "metric": _by_metric,
    "playbook": _in_playbook,
    "objective": _under_objective,
}


def put_responsibility(configuration: Configuration, noun: Responsibility) -> Configuration:
    """The configuration with that responsibility; a changed role or share is proposed again. Raises: InvalidError."""
    return put(configuration, proposed(configuration, noun))


def proposed(configuration: Configuration, noun: Responsibility) -> Responsibility:
    """The responsibility with what the team said to its role and share: nothing yet when either has changed."""
    was = configuration.responsibilities.get(noun.key)
    if was is not None and (was.role, was.share) == (noun.role, noun.share):
        return replace(noun, status=was.status, by=was.by, note=was.note)
    return replace(noun, status="proposed", by="", note="")
