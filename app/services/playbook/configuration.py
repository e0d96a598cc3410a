"""Every write of configuration: read it whole, think, write the difference with its journal, in one transaction."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from app.domain.access.actor import Actor, require_configuration
from app.domain.playbook import validation as rules
from app.domain.playbook.configuration import (
    Configuration,
    ConfigurationChange,
    Resource,
    diff_configurations,
)
from app.domain.playbook.objectives import Responsibility
from app.domain.playbook.playbooks import Playbook
from app.domain.primitives.errors import (
    Fault,
    InvalidError,
    NotFoundError,
    PreconditionError,
    unknown_key_message,
)
from app.services.events import metric_restatement as restatement
from app.services.runtime.context import ServiceContext
from app.store.access import organization_version as cursor
from app.store.access.organization_version import WritePosition
from app.store.events import rollup_rebuild as rebuild
from app.store.playbook import configuration as store
from app.store.playbook.configuration import StoredResource
from app.store.sql.database import Connection


@dataclass(frozen=True, slots=True)
class Precondition:
    """What the caller expects to be there.

    Shape: `if_match` are the ETags' versions, empty for any; None when not asked.
    """

    if_match: frozenset[str] | None = None
    if_none_match: bool = False


@dataclass(frozen=True, slots=True)
class WrittenResource:
    """A thing as it was written. Shape: `changed` is the version of its last change."""

    resource: Resource
    is_new: bool
    version: int


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """A configuration that was written: before, after, what differs, and where it stands.

    None when nothing was guarded, or the guarded thing was not there: `stored`, read under the lock.
    """

    before: Configuration
    after: Configuration
    changes: tuple[ConfigurationChange, ...]
    position: WritePosition
    stored: StoredResource | None = None


UNCONDITIONAL = Precondition()
"""Nothing is expected."""


def check_precondition(precondition: Precondition, stored: StoredResource | None) -> None:
    """Returns when the precondition holds for what is there. Raises: PreconditionError."""
    exists = stored is not None and not stored.is_archived
    if precondition.if_none_match and exists:
        raise PreconditionError("It exists already.")
    accepted_versions = precondition.if_match
    if accepted_versions is not None and (
        stored is None
        or not exists
        or (accepted_versions and str(stored.changed_version) not in accepted_versions)
    ):
        raise PreconditionError("It has changed since it was read; read it again.")


async def write_configuration(
    service: ServiceContext,
    actor: Actor,
    transform: Callable[[Configuration], Configuration],
    guard: tuple[str, str, Precondition] | None = None,
    *,
    dry_run: bool = False,
    extra_write: Callable[[Connection, WriteOutcome], Awaitable[bool]] | None = None,
) -> WriteOutcome:
    """Applies a pure step to the organization's configuration and stores the difference; with `dry_run` only tells it.

    Shape: `guard` is a kind, a key and what must hold for it; `also` is done in the same transaction and says
    whether it wrote anything. Where nothing was written, the organization's version stays.
    """
    try:
        async with service.database.write_transaction() as connection:
            outcome = await _apply_transform(service, connection, actor, transform, guard)
            if not dry_run:
                await _save_outcome(service, connection, actor, outcome)
            has_extra_write = (
                extra_write is not None and not dry_run and await extra_write(connection, outcome)
            )
            if dry_run or not (outcome.changes or has_extra_write):
                await connection.rollback()
            return outcome
    finally:  # whoever gave up may have done so after the commit
        service.hook_cache.invalidate(actor.organization)


async def _apply_transform(
    service: ServiceContext,
    connection: Connection,
    actor: Actor,
    transform: Callable[[Configuration], Configuration],
    guard: tuple[str, str, Precondition] | None,
) -> WriteOutcome:
    organization, now = actor.organization, service.clock()
    zone = await cursor.time_zone(connection, organization)
    # The cursor's row is locked first: what is read after it cannot change under the write.
    position = await cursor.advance_version(
        connection, organization, now, zone, changes_configuration=True
    )
    stored = None
    if guard is not None:
        kind, key, precondition = guard
        stored = await store.find_resource(connection, organization, kind, key)
        check_precondition(precondition, stored)
    before = await store.load_configuration(connection, organization)
    after = transform(before)
    return WriteOutcome(before, after, diff_configurations(before, after), position, stored)


async def _save_outcome(
    service: ServiceContext, connection: Connection, actor: Actor, outcome: WriteOutcome
) -> None:
    organization, configurations = actor.organization, (outcome.before, outcome.after)
    await store.save_changes(
        connection, organization, outcome.position, actor.name, outcome.changes
    )
    journal_index = len(outcome.changes)
    await restatement.begin_restatement(
        service,
        connection,
        organization,
        actor.name,
        *configurations,
        outcome.position,
        journal_index,
    )


async def put_resource(
    service: ServiceContext,
    actor: Actor,
    resource: Resource,
    precondition: Precondition = UNCONDITIONAL,
) -> WrittenResource:
    """The thing is as given, created or replaced. Raises: InvalidError, PreconditionError, ForbiddenError."""
    require_configuration(actor, _required_scope(resource.kind))

    def transform(configuration: Configuration) -> Configuration:
        if isinstance(resource, Responsibility):
            return rules.put_responsibility(configuration, resource)
        return rules.put_resource(configuration, _with_stored_state(configuration, resource))

    outcome = await write_configuration(
        service, actor, transform, (resource.kind, resource.key, precondition)
    )
    return to_written_resource(outcome, resource.kind, resource.key)


async def patch_resource(
    service: ServiceContext,
    actor: Actor,
    kind: str,
    key: str,
    edit: Callable[[Resource], Resource],
    precondition: Precondition = UNCONDITIONAL,
) -> WrittenResource:
    """The thing is as `edit` makes it of what is there.

    Raises: NotFoundError, InvalidError, PreconditionError, ForbiddenError.
    """
    require_configuration(actor, _required_scope(kind))

    def transform(configuration: Configuration) -> Configuration:
        resources = configuration.resources_of(kind)
        if key not in resources:
            raise NotFoundError(unknown_key_message(kind.replace("_", " "), key, resources))
        return rules.put_resource(configuration, edit(resources[key]))

    async def forbid_time_zone_change(connection: Connection, outcome: WriteOutcome) -> bool:
        is_same_zone = outcome.before.organization.time_zone == outcome.after.organization.time_zone
        if not is_same_zone and await rebuild.has_events(connection, actor.organization):
            detail = "The time zone is fixed once events exist."
            raise InvalidError(detail, [Fault("/time_zone", detail)])
        return False

    guard = (kind, key, precondition)
    outcome = await write_configuration(
        service,
        actor,
        transform,
        guard,
        extra_write=forbid_time_zone_change if kind == "organization" else None,
    )
    return to_written_resource(outcome, kind, key)


async def archive_resource(
    service: ServiceContext,
    actor: Actor,
    kind: str,
    key: str,
    precondition: Precondition = UNCONDITIONAL,
) -> None:
    """The thing is archived. Raises: NotFoundError, InUseError, PreconditionError, ForbiddenError."""
    require_configuration(actor, _required_scope(kind))
    await write_configuration(
        service,
        actor,
        lambda configuration: rules.archive_resource(configuration, kind, key),
        (kind, key, precondition),
    )


def to_written_resource(outcome: WriteOutcome, kind: str, key: str) -> WrittenResource:
    """How a guarded thing stands after that outcome: unchanged, it keeps the version that was read under the lock."""
    is_changed = any(change.kind == kind and change.key == key for change in outcome.changes)
    version = (
        outcome.position.seq
        if is_changed or outcome.stored is None
        else outcome.stored.changed_version
    )
    return WrittenResource(
        outcome.after.resources_of(kind)[key], key not in outcome.before.resources_of(kind), version
    )


def _required_scope(kind: str) -> str:
    return "admin" if kind in ("source", "organization") else "playbook:write"


def _with_stored_state(configuration: Configuration, resource: Resource) -> Resource:
    """A playbook keeps its state and revision: they change by publishing and closing alone."""
    previous = configuration.resources_of(resource.kind).get(
        resource.key
    ) or configuration.archived.get(resource.kind, {}).get(resource.key)
    return resource if previous is None else keep_playbook_state(resource, previous)


def keep_playbook_state(resource: Resource, previous: Resource) -> Resource:
    """The playbook as given, in the state that it is in."""
    if isinstance(resource, Playbook) and isinstance(previous, Playbook):
        return replace(
            resource,
            state=previous.state,
            revision=previous.revision,
            published_at=previous.published_at,
        )
    return resource
