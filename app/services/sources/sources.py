"""Sources: connected with a hook and a secret, told how to read their deliveries, and asked how they are doing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from app.connectors import registry
from app.domain.access.actor import Actor, require_configuration
from app.domain.playbook import validation as rules
from app.domain.playbook.configuration import Configuration, Resource
from app.domain.primitives.errors import (
    ConflictError,
    Fault,
    InvalidError,
    NotFoundError,
    unknown_key_message,
)
from app.domain.sources.mapping import mapping
from app.domain.sources.sources import Source
from app.security import identifiers as ids
from app.services.playbook.configuration import (
    UNCONDITIONAL,
    Precondition,
    WriteOutcome,
    WrittenResource,
    to_written_resource,
    write_configuration,
)
from app.services.runtime.context import ServiceContext
from app.store.access import directory
from app.store.playbook import journal
from app.store.playbook.journal import RecordedAction
from app.store.sources import source_health as store_health
from app.store.sources import sources
from app.store.sources.source_health import SourceHealthReport
from app.store.sources.sources import SealedSecret, StoredHook
from app.store.sql.database import Connection

SECRET_OVERLAP: Final = timedelta(hours=24)
HOOK_LENGTH: Final = 32
SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class SavedSource:
    """A source as it was written. None when it has no hook: `hook_id`; when no secret was made for it: `secret`."""

    written_resource: WrittenResource
    hook_id: str | None
    secret: str | None


async def put_source(
    service: ServiceContext,
    actor: Actor,
    source: Source,
    secret: str | None,
    precondition: Precondition = UNCONDITIONAL,
) -> SavedSource:
    """The source is as given; without a secret it keeps the one it has, or is given one that is told this once.

    Raises: InvalidError, PreconditionError, ForbiddenError.
    """
    require_configuration(actor, "admin")

    def transform(configuration: Configuration) -> Configuration:
        changed_configuration = rules.put_resource(configuration, source)
        check_source(changed_configuration, source)
        return changed_configuration

    return await _write_source(service, actor, source.key, transform, secret, precondition)


async def patch_source(  # an edit and a secret
    service: ServiceContext,
    actor: Actor,
    key: str,
    edit: Callable[[Resource], Resource],
    secret: str | None,
    precondition: Precondition = UNCONDITIONAL,
) -> SavedSource:
    """The source is as `edit` makes it of what is there.

    Raises: NotFoundError, InvalidError, PreconditionError, ForbiddenError.
    """
    require_configuration(actor, "admin")

    def transform(configuration: Configuration) -> Configuration:
        if key not in configuration.sources:
            raise NotFoundError(unknown_key_message("source", key, configuration.sources))
        resource = edit(configuration.sources[key])
        changed_configuration = rules.put_resource(configuration, resource)
        if isinstance(resource, Source):
            check_source(changed_configuration, resource)
        return changed_configuration

    return await _write_source(service, actor, key, transform, secret, precondition)


def check_source(configuration: Configuration, source: Source) -> None:
    """Returns when the source's mapping can be used. Raises: InvalidError with what is wrong with it."""
    if source.connector == "api":
        if source.mapping:
            raise InvalidError(
                "A source of the connector 'api' has no mapping.",
                [Fault("/mapping", "Must be empty.")],
            )
        return
    connector = registry.get_connector(source.connector)
    connector.check_account(source.account)
    deal_mapping = mapping.parse_mapping(
        source.mapping, connector.default_mapping, connector.mapping_form
    )
    unknown_teams = sorted(deal_mapping.team_keys() - configuration.teams.keys())
    if unknown_teams:
        detail = unknown_key_message("team", unknown_teams[0], configuration.teams)
        raise InvalidError(detail, [Fault("/mapping/team", detail)])


async def _write_source(  # as `put`
    service: ServiceContext,
    actor: Actor,
    key: str,
    transform: Callable[[Configuration], Configuration],
    secret: str | None,
    precondition: Precondition,
) -> SavedSource:
    hook_details: dict[str, str | None] = {"hook_id": None, "secret": None}

    async def store_hook(connection: Connection, outcome: WriteOutcome) -> bool:
        source = outcome.after.sources[key]
        if source.connector == "api":
            if secret is not None:
                raise InvalidError(
                    "A source of the connector 'api' has no secret.",
                    [Fault("/secret", "Must be left out.")],
                )
            return False
        hook = await sources.find_hook_of_source(connection, actor.organization, key)
        new_secret = _choose_secret(source, secret, has_secret=hook is not None)
        if (
            hook is not None
            and service.vault.open(hook.secrets[0].ciphertext, encryption_context(actor, key))
            == new_secret
        ):
            new_secret = None  # the one it has: the secret before it keeps its day
        if hook is not None and new_secret is not None:
            act = RecordedAction(actor.name, "source", key, "rotate")
            await journal.add_action(
                connection, actor.organization, outcome.position, act, len(outcome.changes)
            )
        if hook is None:
            hook = StoredHook(key, ids.random_base62(HOOK_LENGTH), ())
            await directory.add_public_id(connection, "hook", hook.hook_id, actor.organization)
        if new_secret is not None:
            sealed_secret = SealedSecret(
                service.vault.seal(new_secret, encryption_context(actor, key)), None
            )
            await sources.save_hook(
                connection, actor.organization, StoredHook(key, hook.hook_id, (sealed_secret,))
            )
        hook_details["hook_id"] = hook.hook_id
        hook_details["secret"] = new_secret or None if secret is None else None
        return new_secret is not None

    outcome = await write_configuration(
        service, actor, transform, ("source", key, precondition), extra_write=store_hook
    )
    return SavedSource(
        to_written_resource(outcome, "source", key), hook_details["hook_id"], hook_details["secret"]
    )


def encryption_context(actor: Actor, source_key: str) -> str:
    """Where a source's secret is kept: sealed for one place, it opens in no other."""
    return f"hook/{actor.organization}/{source_key}"


def _choose_secret(source: Source, submitted_secret: str | None, *, has_secret: bool) -> str | None:
    """The secret to keep from now on.

    None when the one that is kept stays. Raises: InvalidError when one must be given.
    """
    connector = registry.get_connector(source.connector)
    if submitted_secret is not None:
        connector.check_secret(submitted_secret)
        return submitted_secret
    if has_secret:
        return None
    if connector.is_secret_required:
        detail = f"The secret that {source.connector} gave you is required."
        raise InvalidError(detail, [Fault("/secret", detail)])
    return connector.generate_secret(ids.random_bytes(SECRET_BYTES))


async def rotate_secret(
    service: ServiceContext, actor: Actor, key: str, secret: str | None
) -> SavedSource:
    """The source has a new secret; the one before is taken for another 24 hours.

    Raises: NotFoundError, ConflictError.
    """
    require_configuration(actor, "admin")
    now = service.clock()
    hook_details: dict[str, str | None] = {"hook_id": None, "secret": None}

    def require_secret(configuration: Configuration) -> Configuration:
        if key not in configuration.sources:
            raise NotFoundError(unknown_key_message("source", key, configuration.sources))
        if configuration.sources[key].connector == "api":
            raise ConflictError(
                f"The source '{key}' has no secret: its events come with an API key."
            )
        return configuration

    async def replace_secret(connection: Connection, outcome: WriteOutcome) -> bool:
        hook = await sources.find_hook_of_source(connection, actor.organization, key)
        if hook is None:
            raise NotFoundError(f"The source '{key}' has no hook.")
        new_secret = _choose_secret(outcome.after.sources[key], secret, has_secret=False)
        if not new_secret:
            raise ConflictError(
                f"The source '{key}' has no secret: the address of its hook is it; make another source."
            )
        expiring_secrets = [
            SealedSecret(old_secret.ciphertext, old_secret.valid_until or now + SECRET_OVERLAP)
            for old_secret in hook.secrets
        ]
        live_secrets = tuple(
            old_secret
            for old_secret in expiring_secrets
            if old_secret.valid_until is None or old_secret.valid_until > now
        )
        sealed_secret = SealedSecret(
            service.vault.seal(new_secret, encryption_context(actor, key)), None
        )
        await sources.save_hook(
            connection,
            actor.organization,
            StoredHook(key, hook.hook_id, (sealed_secret, *live_secrets)),
        )
        act = RecordedAction(actor.name, "source", key, "rotate")
        await journal.add_action(connection, actor.organization, outcome.position, act)
        hook_details["hook_id"], hook_details["secret"] = (
            hook.hook_id,
            new_secret if secret is None else None,
        )
        return True

    outcome = await write_configuration(
        service, actor, require_secret, ("source", key, UNCONDITIONAL), extra_write=replace_secret
    )
    return SavedSource(
        to_written_resource(outcome, "source", key), hook_details["hook_id"], hook_details["secret"]
    )


async def get_health(
    service: ServiceContext, actor: Actor, queried_sources: Sequence[Source]
) -> tuple[Mapping[str, SourceHealthReport], Mapping[str, str]]:
    """How each of the sources is doing, and the ids of the hooks, for an admin's key alone, by the source's key."""
    actor.require_scope("read")
    async with service.database.read_transaction() as connection:
        health_by_source = await store_health.load_source_health(
            connection, actor.organization, queried_sources, service.clock()
        )
        hook_ids = (
            await sources.load_hook_ids(connection, actor.organization)
            if actor.has_scope("admin")
            else {}
        )
    return health_by_source, hook_ids
