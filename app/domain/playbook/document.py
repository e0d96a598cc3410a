"""Playbook as code: one document that a person keeps in git, applied to a configuration and rendered from one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.domain.events.metrics import Metric
from app.domain.playbook.configuration import Configuration, Draft, Noun
from app.domain.playbook.lifecycle import playbook_of
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Team
from app.domain.playbook.playbooks import Playbook
from app.domain.playbook.validation import check, circular, proposed, ring, turned
from app.domain.primitives.errors import Fault, ForbiddenError, InvalidError, PruneNeededError
from app.domain.sources.sources import Source


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


def apply(
    configuration: Configuration, document: Document, *, prune: bool, accept: bool
) -> Configuration:
    """The configuration as the document says; applying it twice changes nothing.

    Raises: InvalidError with all that is wrong, PruneNeededError when more than half of the playbook would be archived,
    ForbiddenError when the document accepts responsibilities and `accept` is not given.
    """
    faults = [*_twice(document), *_elsewhere(configuration, document)]
    draft = Draft(configuration)
    _drop_unnamed(draft, document, prune=prune)
    _drop_named(draft, document)
    faults += _turned(draft.present, document)
    faults += _put_all(draft, document, accept=accept)
    faults += _rings(draft.present, document)
    if faults:
        raise InvalidError(
            faults[0].detail, list(dict.fromkeys(faults))
        )  # an objective is judged twice
    return draft.present


def _twice(document: Document) -> Iterable[Fault]:
    seen: set[tuple[str, str]] = set()
    for placed in document.placed:
        name = (placed.noun.kind, placed.noun.key)
        if name in seen:
            member = "team" if isinstance(placed.noun, Responsibility) else "key"
            yield Fault(
                f"{placed.pointer}/{member}",
                f"The {placed.noun.kind.replace('_', ' ')} '{placed.noun.key}' is here twice.",
            )
        seen.add(name)


def _elsewhere(configuration: Configuration, document: Document) -> Iterable[Fault]:
    """A document takes nothing from another playbook: what has moved is moved by its own address."""
    for placed in (*document.objectives, *document.key_results):
        was = configuration.of(placed.noun.kind).get(placed.noun.key)
        objective = (
            configuration.objectives.get(was.objective) if isinstance(was, KeyResult) else was
        )
        if isinstance(objective, Objective) and objective.playbook != document.playbook.key:
            text = (
                f"The {placed.noun.kind.replace('_', ' ')} '{placed.noun.key}' is of the playbook"
            )
            yield Fault(f"{placed.pointer}/key", f"{text} '{objective.playbook}'.")


def _turned(configuration: Configuration, document: Document) -> Iterable[Fault]:
    """What is wrong for other playbooks' key results, the only ones left, with the metrics as they shall be."""
    metrics = {
        placed.noun.key: (placed, placed.noun)
        for placed in document.metrics
        if isinstance(placed.noun, Metric)
    }
    for result in configuration.key_results.values():
        if result.metric in metrics:
            placed, metric = metrics[result.metric]
            for fault in turned(metric, result):
                yield Fault(placed.pointer + fault.pointer, fault.detail)


def _rings(configuration: Configuration, document: Document) -> Iterable[Fault]:
    """Each ring of parents, told where the document closes it."""
    places = {placed.noun.key: index for index, placed in enumerate(document.objectives)}
    ended: set[str] = set()
    for key in places:
        found = ring(configuration.objectives, key, ended)
        if len(found) > 1:
            last = max(found, key=lambda one: places.get(one, -1))
            start = found.index(last)
            told = circular([*found[start:], *found[:start]])
            yield Fault(f"{document.objectives[places[last]].pointer}/parent", told)


def _put_all(draft: Draft, document: Document, *, accept: bool) -> Iterable[Fault]:
    # Objectives first stand without their parents, so that a child may come before its parent in the document.
    rootless = [
        Placed(p.pointer, replace(p.noun, parent=None))
        for p in document.objectives
        if isinstance(p.noun, Objective)
    ]
    ordered = [
        p
        for p in document.placed
        if p.noun.kind not in ("objective", "key_result", "responsibility")
    ]
    for placed in [
        *ordered,
        *rootless,
        *document.objectives,
        *document.key_results,
        *document.responsibilities,
    ]:
        noun = _settled(draft.present, placed.noun, accept=accept)
        faults = check(draft.present, noun)
        if not faults:
            draft.put(noun)
        for fault in faults:
            yield Fault(placed.pointer + fault.pointer, fault.detail)


def _drop_named(draft: Draft, document: Document) -> None:
    """The objectives and key results that the document names stand aside, to be judged by what they will be together.

    Else a playbook could not move with its windows, nor a parent change places with its child.
    """
    for placed in (*document.key_results, *document.objectives):
        if placed.noun.key in draft.present.of(placed.noun.kind):
            draft.drop(placed.noun.kind, placed.noun.key)


def _settled(configuration: Configuration, noun: Noun, *, accept: bool) -> Noun:
    """The thing with what a document does not say of it."""
    if isinstance(noun, Responsibility):
        after = proposed(configuration, noun)
        if noun.status != "accepted" or after.status == "accepted":
            return after
        if not accept:
            raise ForbiddenError("A document that accepts responsibilities needs an admin key.")
        return replace(after, status="accepted")
    if isinstance(noun, Playbook):
        was = configuration.playbooks.get(noun.key) or configuration.archived.get(
            "playbook", {}
        ).get(noun.key)
        if isinstance(was, Playbook):
            return replace(
                noun, state=was.state, revision=was.revision, published_at=was.published_at
            )
    if isinstance(noun, Source):
        there = configuration.sources.get(noun.key)
        if there is not None:
            return replace(there, name=noun.name)
    return noun


def _drop_unnamed(draft: Draft, document: Document, *, prune: bool) -> None:
    """What the playbook has and the document does not name any more is archived."""
    playbook, configuration = document.playbook.key, draft.present
    named = set(names(document))
    mine = {o.key for o in configuration.objectives.values() if o.playbook == playbook}
    have: list[Noun] = [
        *(
            configuration.responsibilities[k]
            for k, r in configuration.responsibilities.items()
            if r.objective in mine
        ),
        *(
            configuration.key_results[k]
            for k, r in configuration.key_results.items()
            if r.objective in mine
        ),
        *(configuration.objectives[k] for k in mine),
    ]
    gone = [noun for noun in have if (noun.kind, noun.key) not in named]
    if len(gone) * 2 > len(have) and not prune:
        text = (
            f"The document would archive {len(gone)} of the {len(have)} parts that '{playbook}' has"
        )
        raise PruneNeededError(f"{text}; say prune=true if it shall.")
    for noun in gone:
        draft.drop(noun.kind, noun.key)


def render(configuration: Configuration, key: str) -> Document:
    """The document that, applied, gives this playbook and what it needs. Raises: NotFoundError."""
    playbook = playbook_of(configuration, key)
    objectives = sorted(
        (o for o in configuration.objectives.values() if o.playbook == key), key=lambda o: o.key
    )
    mine = {o.key for o in objectives}
    results = sorted(
        (k for k in configuration.key_results.values() if k.objective in mine), key=lambda k: k.key
    )
    parts = sorted(
        (r for r in configuration.responsibilities.values() if r.objective in mine),
        key=lambda r: r.key,
    )
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
