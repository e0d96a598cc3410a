"""Every write of configuration: read it whole, think, write the difference with its journal, in one transaction."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from app.domain.access.actor import Actor, require_configuration
from app.domain.playbook import validation as rules
from app.domain.playbook.configuration import Change, Configuration, Noun, changes
from app.domain.playbook.objectives import Responsibility
from app.domain.playbook.playbooks import Playbook
from app.domain.primitives.errors import (
    Fault,
    InvalidError,
    NotFoundError,
    PreconditionError,
    unknown,
)
from app.services.events import metric_restatement as restatement
from app.services.runtime.context import Service
from app.store.access import organization_version as cursor
from app.store.access.organization_version import Position
from app.store.events import rollup_rebuild as rebuild
from app.store.playbook import configuration as store
from app.store.playbook.configuration import Stored
from app.store.sql.database import Connection


@dataclass(frozen=True, slots=True)
class Precondition:
    """What the caller expects to be there.

    Shape: `if_match` are the ETags' versions, empty for any; None when not asked.
    """

    if_match: frozenset[str] | None = None
    if_none_match: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A thing as it was written. Shape: `changed` is the version of its last change."""

    value: Noun
    created: bool
    changed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A configuration that was written: before, after, what differs, and where it stands.

    None when nothing was guarded, or the guarded thing was not there: `stored`, read under the lock.
    """

    before: Configuration
    after: Configuration
    changes: tuple[Change, ...]
    position: Position
    stored: Stored | None = None


UNCONDITIONAL = Precondition()
"""Nothing is expected."""


def check(precondition: Precondition, stored: Stored | None) -> None:
    """Returns when the precondition holds for what is there. Raises: PreconditionError."""
    there = stored is not None and not stored.archived
    if precondition.if_none_match and there:
        raise PreconditionError("It exists already.")
    wanted = precondition.if_match
    if wanted is not None and (
        stored is None or not there or (wanted and str(stored.changed) not in wanted)
    ):
        raise PreconditionError("It has changed since it was read; read it again.")


async def write(
    service: Service,
    actor: Actor,
    step: Callable[[Configuration], Configuration],
    guard: tuple[str, str, Precondition] | None = None,
    *,
    dry_run: bool = False,
    also: Callable[[Connection, Outcome], Awaitable[bool]] | None = None,
) -> Outcome:
    """Applies a pure step to the organization's configuration and stores the difference; with `dry_run` only tells it.

    Shape: `guard` is a kind, a key and what must hold for it; `also` is done in the same transaction and says
    whether it wrote anything. Where nothing was written, the organization's version stays.
    """
    try:
        async with service.database.writing() as connection:
            outcome = await _write(service, connection, actor, step, guard)
            if not dry_run:
                await _store(service, connection, actor, outcome)
            more = also is not None and not dry_run and await also(connection, outcome)
            if dry_run or not (outcome.changes or more):
                await connection.rollback()
            return outcome
    finally:  # whoever gave up may have done so after the commit
        service.hooks.drop(actor.organization)


async def _write(
    service: Service,
    connection: Connection,
    actor: Actor,
    step: Callable[[Configuration], Configuration],
    guard: tuple[str, str, Precondition] | None,
) -> Outcome:
    organization, now = actor.organization, service.clock()
    zone = await cursor.zone(connection, organization)
    # The cursor's row is locked first: what is read after it cannot change under the write.
    position = await cursor.advance(connection, organization, now, zone, catalogue=True)
    stored = None
    if guard is not None:
        kind, key, precondition = guard
        stored = await store.find(connection, organization, kind, key)
        check(precondition, stored)
    before = await store.load(connection, organization)
    after = step(before)
    return Outcome(before, after, changes(before, after), position, stored)


async def _store(service: Service, connection: Connection, actor: Actor, outcome: Outcome) -> None:
    organization, states = actor.organization, (outcome.before, outcome.after)
    await store.save(connection, organization, outcome.position, actor.name, outcome.changes)
    place = len(outcome.changes)
    await restatement.begin(
        service, connection, organization, actor.name, *states, outcome.position, place
    )


async def put(
    service: Service, actor: Actor, noun: Noun, precondition: Precondition = UNCONDITIONAL
) -> Written:
    """The thing is as given, created or replaced. Raises: InvalidError, PreconditionError, ForbiddenError."""
    require_configuration(actor, _scope(noun.kind))

    def step(configuration: Configuration) -> Configuration:
        if isinstance(noun, Responsibility):
            return rules.put_responsibility(configuration, noun)
        return rules.put(configuration, _kept(configuration, noun))

    outcome = await write(service, actor, step, (noun.kind, noun.key, precondition))
    return written(outcome, noun.kind, noun.key)


async def patch(
    service: Service,
    actor: Actor,
    kind: str,
    key: str,
    edit: Callable[[Noun], Noun],
    precondition: Precondition = UNCONDITIONAL,
) -> Written:
    """The thing is as `edit` makes it of what is there.

    Raises: NotFoundError, InvalidError, PreconditionError, ForbiddenError.
    """
    require_configuration(actor, _scope(kind))

    def step(configuration: Configuration) -> Configuration:
        there = configuration.of(kind)
        if key not in there:
            raise NotFoundError(unknown(kind.replace("_", " "), key, there))
        return rules.put(configuration, edit(there[key]))

    async def also(connection: Connection, outcome: Outcome) -> bool:
        same = outcome.before.organization.time_zone == outcome.after.organization.time_zone
        if not same and await rebuild.any_event(connection, actor.organization):
            text = "The time zone is fixed once events exist."
            raise InvalidError(text, [Fault("/time_zone", text)])
        return False

    guard = (kind, key, precondition)
    outcome = await write(
        service, actor, step, guard, also=also if kind == "organization" else None
    )
    return written(outcome, kind, key)


async def archive(
    service: Service, actor: Actor, kind: str, key: str, precondition: Precondition = UNCONDITIONAL
) -> None:
    """The thing is archived. Raises: NotFoundError, InUseError, PreconditionError, ForbiddenError."""
    require_configuration(actor, _scope(kind))
    await write(
        service, actor, lambda found: rules.archive(found, kind, key), (kind, key, precondition)
    )


def written(outcome: Outcome, kind: str, key: str) -> Written:
    """How a guarded thing stands after that outcome: unchanged, it keeps the version that was read under the lock."""
    touched = any(change.kind == kind and change.key == key for change in outcome.changes)
    changed = outcome.position.seq if touched or outcome.stored is None else outcome.stored.changed
    return Written(outcome.after.of(kind)[key], key not in outcome.before.of(kind), changed)


def _scope(kind: str) -> str:
    return "admin" if kind in ("source", "organization") else "playbook:write"


def _kept(configuration: Configuration, noun: Noun) -> Noun:
    """A playbook keeps its state and revision: they change by publishing and closing alone."""
    was = configuration.of(noun.kind).get(noun.key) or configuration.archived.get(
        noun.kind, {}
    ).get(noun.key)
    return noun if was is None else keep_state(noun, was)


def keep_state(noun: Noun, was: Noun) -> Noun:
    """The playbook as given, in the state that it is in."""
    if isinstance(noun, Playbook) and isinstance(was, Playbook):
        return replace(noun, state=was.state, revision=was.revision, published_at=was.published_at)
    return noun
