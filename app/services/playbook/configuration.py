"""Writes of configuration.

Each write reads the whole configuration, applies a pure function, and stores the difference with
its journal, in one transaction.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from app.domain.access.actor import Actor, require_configuration
from app.domain.playbook import validation as validation_domain
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
from app.services.events import metric_restatement as metric_restatement_service
from app.services.events.metric_restatement import ConfigurationWrite
from app.services.runtime.context import ServiceContext
from app.store.access import organization_version
from app.store.access.organization_version import WritePosition
from app.store.events import event_queries
from app.store.playbook import configuration as configuration_store
from app.store.playbook.configuration import StoredResource
from app.store.sql.database import Connection


@dataclass(frozen=True, slots=True)
class Precondition:
    """The state of a resource that a write requires."""

    # Acceptable versions; empty for any existing resource, None for no condition.
    if_match: frozenset[str] | None = None
    # Whether the resource must not exist yet.
    if_none_match: bool = False


@dataclass(frozen=True, slots=True)
class WrittenResource:
    """A resource after a write."""

    resource: Resource
    is_new: bool
    # The organization's version at the resource's last change.
    version: int


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """A write of configuration: before, after, and the difference."""

    before: Configuration
    after: Configuration
    changes: tuple[ConfigurationChange, ...]
    position: WritePosition
    # The guarded resource before the write, read under the lock. None without one.
    stored: StoredResource | None = None


UNCONDITIONAL = Precondition()
"""Nothing is expected."""


def check_precondition(precondition: Precondition, stored: StoredResource | None) -> None:
    """Check a precondition against the stored resource. Raises: PreconditionError."""
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
    """Apply a pure function to the configuration, and store the difference.

    `guard` is a kind, a key and the precondition for that resource. `extra_write` runs in the same
    transaction and returns whether it wrote anything. With `dry_run`, nothing is stored. If nothing
    is written, the organization's version does not change.
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
    finally:  # a cancellation may arrive after the commit
        service.hook_cache.invalidate(lambda hook: hook.organization == actor.organization)


async def _apply_transform(
    service: ServiceContext,
    connection: Connection,
    actor: Actor,
    transform: Callable[[Configuration], Configuration],
    guard: tuple[str, str, Precondition] | None,
) -> WriteOutcome:
    organization = actor.organization
    now = service.clock()
    zone = await organization_version.time_zone(connection, organization)
    # This locks the organization, so that the configuration cannot change between read and write.
    position = await organization_version.advance_version(
        connection, organization, now, zone, changes_configuration=True
    )
    stored = None
    if guard is not None:
        kind, guarded_key, precondition = guard
        stored = await configuration_store.find_resource(
            connection, organization, kind, guarded_key
        )
        check_precondition(precondition, stored)
    before = await configuration_store.load_configuration(connection, organization)
    after = transform(before)
    return WriteOutcome(before, after, diff_configurations(before, after), position, stored)


async def _save_outcome(
    service: ServiceContext, connection: Connection, actor: Actor, outcome: WriteOutcome
) -> None:
    await configuration_store.save_changes(
        connection, actor.organization, outcome.position, actor.name, outcome.changes
    )
    write = ConfigurationWrite(
        actor.name, outcome.before, outcome.after, outcome.position, len(outcome.changes)
    )
    await metric_restatement_service.begin_restatement(
        service, connection, actor.organization, write
    )


async def put_resource(
    service: ServiceContext,
    actor: Actor,
    resource: Resource,
    precondition: Precondition = UNCONDITIONAL,
) -> WrittenResource:
    """Create or replace a resource. Raises: InvalidError, PreconditionError, ForbiddenError."""
    require_configuration(actor, _required_scope(resource.kind))

    def transform(configuration: Configuration) -> Configuration:
        if isinstance(resource, Responsibility):
            return validation_domain.put_responsibility(configuration, resource)
        return validation_domain.put_resource(
            configuration, _with_stored_state(configuration, resource)
        )

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
    """Replace a resource by what `edit` makes of it.

    Raises: NotFoundError, InvalidError, PreconditionError, ForbiddenError.
    """
    require_configuration(actor, _required_scope(kind))

    def transform(configuration: Configuration) -> Configuration:
        resources = configuration.resources_of(kind)
        if key not in resources:
            raise NotFoundError(unknown_key_message(kind.replace("_", " "), key, resources))
        return validation_domain.put_resource(configuration, edit(resources[key]))

    async def forbid_time_zone_change(connection: Connection, outcome: WriteOutcome) -> bool:
        is_same_zone = outcome.before.organization.time_zone == outcome.after.organization.time_zone
        if not is_same_zone and await event_queries.has_events(connection, actor.organization):
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
    """Archive a resource. Raises: NotFoundError, InUseError, PreconditionError, ForbiddenError."""
    require_configuration(actor, _required_scope(kind))
    await write_configuration(
        service,
        actor,
        lambda configuration: validation_domain.archive_resource(configuration, kind, key),
        (kind, key, precondition),
    )


def to_written_resource(outcome: WriteOutcome, kind: str, key: str) -> WrittenResource:
    """Return a guarded resource after the write.

    An unchanged resource keeps the version that was read under the lock.
    """
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
    """Return the resource with the stored state of a playbook.

    Only publishing and closing change a playbook's state and revision.
    """
    previous = configuration.resources_of(resource.kind).get(
        resource.key
    ) or configuration.archived.get(resource.kind, {}).get(resource.key)
    return resource if previous is None else keep_playbook_state(resource, previous)


def keep_playbook_state(resource: Resource, previous: Resource) -> Resource:
    """Return a playbook with the state and revision of the previous one."""
    if isinstance(resource, Playbook) and isinstance(previous, Playbook):
        return replace(
            resource,
            state=previous.state,
            revision=previous.revision,
            published_at=previous.published_at,
        )
    return resource
