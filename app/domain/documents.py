"""Playbook as code: one document that a person keeps in git, applied to a configuration and rendered from one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.domain.configuration import Configuration, Noun
from app.domain.errors import Fault, ForbiddenError, InvalidError, PruneNeededError
from app.domain.metrics import Metric
from app.domain.objectives import KeyResult, Objective, Responsibility
from app.domain.offerings import Offering
from app.domain.playbooks import Playbook
from app.domain.publishing import playbook_of
from app.domain.rules import put, put_responsibility
from app.domain.sources import Source
from app.domain.teams import Team


@dataclass(frozen=True, slots=True)
class Placed:
    """A thing and where the document says it. Shape: `pointer` is a JSON Pointer."""

    pointer: str
    noun: Noun


@dataclass(frozen=True, slots=True)
class Document:
    """A playbook and what it needs, each with its place in the document.

    Shape: a responsibility's status is accepted where the document says so, else proposed.
    """

    playbook: Playbook
    sources: tuple[Placed, ...] = ()
    teams: tuple[Placed, ...] = ()
    metrics: tuple[Placed, ...] = ()
    offerings: tuple[Placed, ...] = ()
    objectives: tuple[Placed, ...] = ()
    responsibilities: tuple[Placed, ...] = ()
    key_results: tuple[Placed, ...] = ()

    @property
    def placed(self) -> tuple[Placed, ...]:
        """Everything in an order in which nothing names what is not there yet, objectives' parents apart."""
        book = Placed("/playbook", self.playbook)
        before = (*self.teams, *self.sources, *self.metrics, *self.offerings, book)
        return (*before, *self.objectives, *self.key_results, *self.responsibilities)


def names(document: Document) -> tuple[tuple[str, str], ...]:
    """Kind and key of everything the document names."""
    return tuple((placed.noun.kind, placed.noun.key) for placed in document.placed)


def apply(configuration: Configuration, document: Document, *, prune: bool, accept: bool) -> Configuration:
    """The configuration as the document says; applying it twice changes nothing.

    Raises: InvalidError with all that is wrong, PruneNeededError when more than half of the playbook would be archived,
    ForbiddenError when the document accepts responsibilities and `accept` is not given.
    """
    faults = list(_twice(document))
    configuration = _without_unnamed(configuration, document, prune=prune)
    configuration, more = _put_all(configuration, document, accept=accept)
    if faults or more:
        faults += more
        raise InvalidError(faults[0].detail, faults)
    return configuration


def _twice(document: Document) -> Iterable[Fault]:
    seen: set[tuple[str, str]] = set()
    for placed in document.placed:
        name = (placed.noun.kind, placed.noun.key)
        if name in seen:
            yield Fault(
                f"{placed.pointer}/key", f"The {placed.noun.kind.replace('_', ' ')} '{placed.noun.key}' is here twice."
            )
        seen.add(name)


def _put_all(configuration: Configuration, document: Document, *, accept: bool) -> tuple[Configuration, list[Fault]]:
    faults: list[Fault] = []
    configuration = _without_named(configuration, document)
    # Objectives first stand without their parents, so that a child may come before its parent in the document.
    rootless = [
        Placed(p.pointer, replace(p.noun, parent=None)) for p in document.objectives if isinstance(p.noun, Objective)
    ]
    ordered = [p for p in document.placed if p.noun.kind not in ("objective", "key_result", "responsibility")]
    for placed in [*ordered, *rootless, *document.objectives, *document.key_results, *document.responsibilities]:
        try:
            configuration = _put(configuration, placed.noun, accept=accept)
        except InvalidError as error:
            faults += [Fault(placed.pointer + fault.pointer, fault.detail) for fault in error.faults]
    return configuration, list(dict.fromkeys(faults))  # an objective is judged twice


def _without_named(configuration: Configuration, document: Document) -> Configuration:
    """The objectives and key results that the document names stand aside, to be judged by what they will be together.

    Else a playbook could not move with its windows, nor a parent change places with its child.
    """
    for placed in (*document.key_results, *document.objectives):
        if placed.noun.key in configuration.of(placed.noun.kind):
            configuration = configuration.drop(placed.noun.kind, placed.noun.key)
    return configuration


def _put(configuration: Configuration, noun: Noun, *, accept: bool) -> Configuration:
    if isinstance(noun, Responsibility):
        after = put_responsibility(configuration, noun)
        stands = noun.status != "accepted" or after.responsibilities.get(noun.key, noun).status == "accepted"
        if not stands and not accept:
            raise ForbiddenError("A document that accepts responsibilities needs an admin key.")
        if not stands:
            return after.put(replace(after.responsibilities[noun.key], status="accepted"))
        return after
    if isinstance(noun, Playbook):
        was = configuration.playbooks.get(noun.key) or configuration.archived.get("playbook", {}).get(noun.key)
        if isinstance(was, Playbook):
            noun = replace(noun, state=was.state, revision=was.revision, published_at=was.published_at)
    if isinstance(noun, Source):
        there = configuration.sources.get(noun.key)
        if there is not None:
            noun = replace(there, name=noun.name)
    return put(configuration, noun)


def _without_unnamed(configuration: Configuration, document: Document, *, prune: bool) -> Configuration:
    """What the playbook has and the document does not name any more is archived."""
    playbook = document.playbook.key
    named = set(names(document))
    mine = {o.key for o in configuration.objectives.values() if o.playbook == playbook}
    have: list[Noun] = [
        *(configuration.responsibilities[k] for k, r in configuration.responsibilities.items() if r.objective in mine),
        *(configuration.key_results[k] for k, r in configuration.key_results.items() if r.objective in mine),
        *(configuration.objectives[k] for k in mine),
    ]
    gone = [noun for noun in have if (noun.kind, noun.key) not in named]
    if len(gone) * 2 > len(have) and not prune:
        text = f"The document would archive {len(gone)} of the {len(have)} parts that '{playbook}' has"
        raise PruneNeededError(f"{text}; say prune=true if it shall.")
    for noun in gone:
        configuration = configuration.drop(noun.kind, noun.key)
    return configuration


def render(configuration: Configuration, key: str) -> Document:
    """The document that, applied, gives this playbook and what it needs. Raises: NotFoundError."""
    playbook = playbook_of(configuration, key)
    objectives = sorted((o for o in configuration.objectives.values() if o.playbook == key), key=lambda o: o.key)
    mine = {o.key for o in objectives}
    results = sorted((k for k in configuration.key_results.values() if k.objective in mine), key=lambda k: k.key)
    parts = sorted((r for r in configuration.responsibilities.values() if r.objective in mine), key=lambda r: r.key)
    metrics = [configuration.metrics[name] for name in sorted({k.metric for k in results})]
    sources = [s for s in configuration.sources.values() if s.connector == "api"]
    return Document(
        playbook,
        sources=_placed(sources),
        teams=_placed(configuration.teams.values()),
        metrics=_placed(metrics),
        offerings=_placed(configuration.offerings.values()),
        objectives=_placed(objectives),
        responsibilities=_placed(parts),
        key_results=_placed(results),
    )


def _placed(
    nouns: Iterable[Source | Team | Metric | Offering | Objective | Responsibility | KeyResult],
) -> tuple[Placed, ...]:
    return tuple(Placed("", noun) for noun in sorted(nouns, key=lambda noun: noun.key))
