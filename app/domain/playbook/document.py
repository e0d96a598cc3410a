"""Playbooks as code: a document that is applied to a configuration or rendered from one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.domain.events.metrics import Metric
from app.domain.playbook.configuration import Configuration, ConfigurationDraft, Resource
from app.domain.playbook.dependents import (
    describe_cycle,
    find_direction_faults,
    find_parent_cycle,
)
from app.domain.playbook.lifecycle import get_playbook
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Team
from app.domain.playbook.playbooks import Playbook
from app.domain.playbook.validation import reset_acceptance, validate_resource
from app.domain.primitives.errors import Fault, ForbiddenError, InvalidError, PruneNeededError
from app.domain.sources.sources import Source


@dataclass(frozen=True, slots=True)
class Located:
    """A resource with its place in a document."""

    # A JSON Pointer.
    pointer: str
    resource: Resource


@dataclass(frozen=True, slots=True)
class Document:
    """A playbook and the resources that it needs, each with its place in the document."""

    playbook: Playbook
    sources: tuple[Located, ...] = ()
    teams: tuple[Located, ...] = ()
    metrics: tuple[Located, ...] = ()
    offerings: tuple[Located, ...] = ()
    objectives: tuple[Located, ...] = ()
    # The status is `accepted` if the document accepts it, else `proposed`.
    responsibilities: tuple[Located, ...] = ()
    key_results: tuple[Located, ...] = ()

    @property
    def resources(self) -> tuple[Located, ...]:
        """All resources, ordered so that references point backwards.

        Parents of objectives are the exception.
        """
        located_playbook = Located("/playbook", self.playbook)
        prerequisites = (
            *self.teams,
            *self.sources,
            *self.metrics,
            *self.offerings,
            located_playbook,
        )
        return (*prerequisites, *self.objectives, *self.key_results, *self.responsibilities)


def list_names(document: Document) -> tuple[tuple[str, str], ...]:
    """Return the kind and key of every resource in the document."""
    return tuple((located.resource.kind, located.resource.key) for located in document.resources)


def apply_document(
    configuration: Configuration, document: Document, *, prune: bool, accept: bool
) -> Configuration:
    """Return the configuration with a document applied. Applying it twice changes nothing.

    Raises: InvalidError with all validation errors.
    Raises: PruneNeededError if more than half of the playbook would be archived without `prune`.
    Raises: ForbiddenError if the document accepts responsibilities without `accept`.
    """
    faults = [*_duplicate_keys(document), *_keys_of_other_playbooks(configuration, document)]
    draft = ConfigurationDraft(configuration)
    _archive_unnamed(draft, document, prune=prune)
    _archive_named(draft, document)
    faults += _direction_errors(draft.configuration, document)
    faults += _put_resources(draft, document, accept=accept)
    faults += _parent_cycles(draft.configuration, document)
    if faults:
        # Objectives are validated twice, so that faults may repeat.
        raise InvalidError(faults[0].detail, list(dict.fromkeys(faults)))
    return draft.configuration


def _duplicate_keys(document: Document) -> Iterable[Fault]:
    seen_names: set[tuple[str, str]] = set()
    for located in document.resources:
        typed_key = (located.resource.kind, located.resource.key)
        if typed_key in seen_names:
            member = "team" if isinstance(located.resource, Responsibility) else "key"
            yield Fault(
                f"{located.pointer}/{member}",
                f"The {_describe(located.resource)} is here twice.",
            )
        seen_names.add(typed_key)


def _describe(resource: Resource) -> str:
    return f"{resource.kind.replace('_', ' ')} '{resource.key}'"


def _keys_of_other_playbooks(configuration: Configuration, document: Document) -> Iterable[Fault]:
    """Yield a fault for each objective or key result that belongs to another playbook.

    A document cannot move a resource between playbooks; the resource's own endpoint can.
    """
    for located in (*document.objectives, *document.key_results):
        existing = configuration.resources_of(located.resource.kind).get(located.resource.key)
        objective = (
            configuration.objectives.get(existing.objective)
            if isinstance(existing, KeyResult)
            else existing
        )
        if isinstance(objective, Objective) and objective.playbook != document.playbook.key:
            description = _describe(located.resource)
            yield Fault(
                f"{located.pointer}/key",
                f"The {description} is of the playbook '{objective.playbook}'.",
            )


def _direction_errors(configuration: Configuration, document: Document) -> Iterable[Fault]:
    """Yield the faults that redefined metrics cause for key results of other playbooks."""
    declared_metrics = {
        located.resource.key: (located, located.resource)
        for located in document.metrics
        if isinstance(located.resource, Metric)
    }
    for key_result in configuration.key_results.values():
        if key_result.metric in declared_metrics:
            located, metric = declared_metrics[key_result.metric]
            for fault in find_direction_faults(metric, key_result):
                yield Fault(located.pointer + fault.pointer, fault.detail)


def _parent_cycles(configuration: Configuration, document: Document) -> Iterable[Fault]:
    """Yield a fault for each cycle of parents, at the objective that closes it."""
    positions = {located.resource.key: index for index, located in enumerate(document.objectives)}
    checked_keys: set[str] = set()
    for objective_key in positions:
        cycle = find_parent_cycle(configuration.objectives, objective_key, checked_keys)
        if len(cycle) > 1:
            closing_key = max(cycle, key=lambda member: positions.get(member, -1))
            start = cycle.index(closing_key)
            message = describe_cycle([*cycle[start:], *cycle[:start]])
            yield Fault(f"{document.objectives[positions[closing_key]].pointer}/parent", message)


def _put_resources(
    draft: ConfigurationDraft, document: Document, *, accept: bool
) -> Iterable[Fault]:
    # Objectives are put without parents first, so that a child may precede its parent.
    objectives_without_parent = [
        Located(located.pointer, replace(located.resource, parent=None))
        for located in document.objectives
        if isinstance(located.resource, Objective)
    ]
    independent_resources = [
        located
        for located in document.resources
        if located.resource.kind not in ("objective", "key_result", "responsibility")
    ]
    for candidate in [
        *independent_resources,
        *objectives_without_parent,
        *document.objectives,
        *document.key_results,
        *document.responsibilities,
    ]:
        resource = _with_retained_fields(draft.configuration, candidate.resource, accept=accept)
        faults = validate_resource(draft.configuration, resource)
        if not faults:
            draft.put(resource)
        for fault in faults:
            yield Fault(candidate.pointer + fault.pointer, fault.detail)


def _archive_named(draft: ConfigurationDraft, document: Document) -> None:
    """Archive the objectives and key results that the document names.

    They are put back one by one, and so validated against their new siblings only. Without this
    step, moving a playbook's window or swapping parent and child would fail on an intermediate
    state.
    """
    for located in (*document.key_results, *document.objectives):
        if located.resource.key in draft.configuration.resources_of(located.resource.kind):
            draft.archive(located.resource.kind, located.resource.key)


def _with_retained_fields(
    configuration: Configuration, resource: Resource, *, accept: bool
) -> Resource:
    """Return the resource with the fields that a document does not contain."""
    if isinstance(resource, Responsibility):
        responsibility = reset_acceptance(configuration, resource)
        if resource.status != "accepted" or responsibility.status == "accepted":
            return responsibility
        if not accept:
            raise ForbiddenError("A document that accepts responsibilities needs an admin key.")
        return replace(responsibility, status="accepted")
    if isinstance(resource, Playbook):
        previous = configuration.playbooks.get(resource.key) or configuration.archived.get(
            "playbook", {}
        ).get(resource.key)
        if isinstance(previous, Playbook):
            return replace(
                resource,
                state=previous.state,
                revision=previous.revision,
                published_at=previous.published_at,
            )
    if isinstance(resource, Source):
        existing = configuration.sources.get(resource.key)
        if existing is not None:
            return replace(existing, name=resource.name)
    return resource


def _archive_unnamed(draft: ConfigurationDraft, document: Document, *, prune: bool) -> None:
    """Archive the resources of the playbook that the document does not name."""
    playbook = document.playbook.key
    configuration = draft.configuration
    named_keys = set(list_names(document))
    objective_keys = {o.key for o in configuration.objectives.values() if o.playbook == playbook}
    playbook_resources: list[Resource] = [
        *(
            configuration.responsibilities[k]
            for k, r in configuration.responsibilities.items()
            if r.objective in objective_keys
        ),
        *(
            configuration.key_results[k]
            for k, r in configuration.key_results.items()
            if r.objective in objective_keys
        ),
        *(configuration.objectives[k] for k in objective_keys),
    ]
    unnamed = [
        resource
        for resource in playbook_resources
        if (resource.kind, resource.key) not in named_keys
    ]
    if len(unnamed) * 2 > len(playbook_resources) and not prune:
        raise PruneNeededError(
            f"The document would archive {len(unnamed)} of the {len(playbook_resources)} parts "
            f"that '{playbook}' has; say prune=true if it shall."
        )
    for resource in unnamed:
        draft.archive(resource.kind, resource.key)


def render_document(configuration: Configuration, key: str) -> Document:
    """Return the document that recreates a playbook and what it needs.

    Raises: NotFoundError.
    """
    playbook = get_playbook(configuration, key)
    objectives = sorted(
        (o for o in configuration.objectives.values() if o.playbook == key), key=lambda o: o.key
    )
    objective_keys = {o.key for o in objectives}
    key_results = sorted(
        (k for k in configuration.key_results.values() if k.objective in objective_keys),
        key=lambda k: k.key,
    )
    responsibilities = sorted(
        (r for r in configuration.responsibilities.values() if r.objective in objective_keys),
        key=lambda r: r.key,
    )
    metrics = [
        configuration.metrics[metric_key] for metric_key in sorted({k.metric for k in key_results})
    ]
    sources = [s for s in configuration.sources.values() if s.connector == "api"]
    return Document(
        playbook,
        sources=_locate(sources),
        teams=_locate(configuration.teams.values()),
        metrics=_locate(metrics),
        offerings=_locate(configuration.offerings.values()),
        objectives=_locate(objectives),
        responsibilities=_locate(responsibilities),
        key_results=_locate(key_results),
    )


def _locate(
    resources: Iterable[Source | Team | Metric | Offering | Objective | Responsibility | KeyResult],
) -> tuple[Located, ...]:
    return tuple(
        Located("", resource) for resource in sorted(resources, key=lambda resource: resource.key)
    )
