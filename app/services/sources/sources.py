"""Sources: connected with a hook and a secret, told how to read their deliveries, and asked how they are doing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from app.connectors import registry
from app.domain.access.actor import Actor, require_configuration
from app.domain.playbook import validation as rules
from app.domain.playbook.configuration import Configuration, Noun
from app.domain.primitives.errors import ConflictError, Fault, InvalidError, NotFoundError, unknown
from app.domain.sources.mapping import mapping
from app.domain.sources.sources import Source
from app.security import identifiers as ids
from app.services.playbook.configuration import (
    UNCONDITIONAL,
    Outcome,
    Precondition,
    Written,
    write,
    written,
)
from app.services.runtime.context import Service
from app.store.access import api_keys as keys
from app.store.playbook import journal
from app.store.playbook.journal import Act
from app.store.sources import source_health as store_health
from app.store.sources import sources
from app.store.sources.source_health import Health
from app.store.sources.sources import Hook, Sealed
from app.store.sql.database import Connection

OVERLAP: Final = timedelta(hours=24)
HOOK_LENGTH: Final = 32
SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Connected:
    """A source as it was written. None when it has no hook: `hook_id`; when no secret was made for it: `secret`."""

    written: Written
    hook_id: str | None
    secret: str | None


async def put(
    service: Service,
    actor: Actor,
    found: Source,
    secret: str | None,
    precondition: Precondition = UNCONDITIONAL,
) -> Connected:
    """The source is as given; without a secret it keeps the one it has, or is given one that is told this once.

    Raises: InvalidError, PreconditionError, ForbiddenError.
    """
    require_configuration(actor, "admin")

    def step(configuration: Configuration) -> Configuration:
        after = rules.put(configuration, found)
        check(after, found)
        return after

    return await _connect(service, actor, found.key, step, secret, precondition)


async def patch(  # an edit and a secret
    service: Service,
    actor: Actor,
    key: str,
    edit: Callable[[Noun], Noun],
    secret: str | None,
    precondition: Precondition = UNCONDITIONAL,
) -> Connected:
    """The source is as `edit` makes it of what is there.

    Raises: NotFoundError, InvalidError, PreconditionError, ForbiddenError.
    """
    require_configuration(actor, "admin")

    def step(configuration: Configuration) -> Configuration:
        if key not in configuration.sources:
            raise NotFoundError(unknown("source", key, configuration.sources))
        noun = edit(configuration.sources[key])
        after = rules.put(configuration, noun)
        if isinstance(noun, Source):
            check(after, noun)
        return after

    return await _connect(service, actor, key, step, secret, precondition)


def check(configuration: Configuration, found: Source) -> None:
    """Returns when the source's mapping can be used. Raises: InvalidError with what is wrong with it."""
    if found.connector == "api":
        if found.mapping:
            raise InvalidError(
                "A source of the connector 'api' has no mapping.",
                [Fault("/mapping", "Must be empty.")],
            )
        return
    connector = registry.get(found.connector)
    connector.check_account(found.account)
    read = mapping.parse(found.mapping, connector.default_mapping, connector.form)
    strangers = sorted(read.teams() - configuration.teams.keys())
    if strangers:
        detail = unknown("team", strangers[0], configuration.teams)
        raise InvalidError(detail, [Fault("/mapping/team", detail)])


async def _connect(  # as `put`
    service: Service,
    actor: Actor,
    key: str,
    step: Callable[[Configuration], Configuration],
    secret: str | None,
    precondition: Precondition,
) -> Connected:
    made: dict[str, str | None] = {"hook_id": None, "secret": None}

    async def also(connection: Connection, outcome: Outcome) -> bool:
        source = outcome.after.sources[key]
        if source.connector == "api":
            if secret is not None:
                raise InvalidError(
                    "A source of the connector 'api' has no secret.",
                    [Fault("/secret", "Must be left out.")],
                )
            return False
        hook = await sources.hook_of(connection, actor.organization, key)
        fresh = _new_secret(source, secret, kept=hook is not None)
        if (
            hook is not None
            and service.vault.open(hook.secrets[0].text, place(actor, key)) == fresh
        ):
            fresh = None  # the one it has: the secret before it keeps its day
        if hook is not None and fresh is not None:
            act = Act(actor.name, "source", key, "rotate")
            await journal.add(
                connection, actor.organization, outcome.position, act, len(outcome.changes)
            )
        if hook is None:
            hook = Hook(key, ids.base62(HOOK_LENGTH), ())
            await keys.enter(connection, "hook", hook.hook_id, actor.organization)
        if fresh is not None:
            sealed = Sealed(service.vault.seal(fresh, place(actor, key)), None)
            await sources.keep_hook(
                connection, actor.organization, Hook(key, hook.hook_id, (sealed,))
            )
        made["hook_id"] = hook.hook_id
        made["secret"] = fresh or None if secret is None else None
        return fresh is not None

    outcome = await write(service, actor, step, ("source", key, precondition), also=also)
    return Connected(written(outcome, "source", key), made["hook_id"], made["secret"])


def place(actor: Actor, source: str) -> str:
    """Where a source's secret is kept: sealed for one place, it opens in no other."""
    return f"hook/{actor.organization}/{source}"


def _new_secret(source: Source, given: str | None, *, kept: bool) -> str | None:
    """The secret to keep from now on.

    None when the one that is kept stays. Raises: InvalidError when one must be given.
    """
    connector = registry.get(source.connector)
    if given is not None:
        connector.check_secret(given)
        return given
    if kept:
        return None
    if connector.secret_required:
        text = f"The secret that {source.connector} gave you is required."
        raise InvalidError(text, [Fault("/secret", text)])
    return connector.new_secret(ids.random_bytes(SECRET_BYTES))


async def rotate(service: Service, actor: Actor, key: str, secret: str | None) -> Connected:
    """The source has a new secret; the one before is taken for another 24 hours.

    Raises: NotFoundError, ConflictError.
    """
    require_configuration(actor, "admin")
    now = service.clock()
    made: dict[str, str | None] = {"hook_id": None, "secret": None}

    def step(configuration: Configuration) -> Configuration:
        if key not in configuration.sources:
            raise NotFoundError(unknown("source", key, configuration.sources))
        if configuration.sources[key].connector == "api":
            raise ConflictError(
                f"The source '{key}' has no secret: its events come with an API key."
            )
        return configuration

    async def also(connection: Connection, outcome: Outcome) -> bool:
        hook = await sources.hook_of(connection, actor.organization, key)
        if hook is None:
            raise NotFoundError(f"The source '{key}' has no hook.")
        fresh = _new_secret(outcome.after.sources[key], secret, kept=False)
        if not fresh:
            raise ConflictError(
                f"The source '{key}' has no secret: the address of its hook is it; make another source."
            )
        old = [Sealed(found.text, found.until or now + OVERLAP) for found in hook.secrets]
        live = tuple(found for found in old if found.until is None or found.until > now)
        sealed = Sealed(service.vault.seal(fresh, place(actor, key)), None)
        await sources.keep_hook(
            connection, actor.organization, Hook(key, hook.hook_id, (sealed, *live))
        )
        act = Act(actor.name, "source", key, "rotate")
        await journal.add(connection, actor.organization, outcome.position, act)
        made["hook_id"], made["secret"] = hook.hook_id, fresh if secret is None else None
        return True

    outcome = await write(service, actor, step, ("source", key, UNCONDITIONAL), also=also)
    return Connected(written(outcome, "source", key), made["hook_id"], made["secret"])


async def health(
    service: Service, actor: Actor, found: Sequence[Source]
) -> tuple[Mapping[str, Health], Mapping[str, str]]:
    """How each of the sources is doing, and the ids of the hooks, for an admin's key alone, by the source's key."""
    actor.require("read")
    async with service.database.reading() as connection:
        well = await store_health.health(connection, actor.organization, found, service.clock())
        hooks = await sources.hook_ids(connection, actor.organization) if actor.may("admin") else {}
    return well, hooks
