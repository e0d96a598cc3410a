"""API keys: issued once, checked at every request, revoked at once."""

import hmac
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from app.domain.access.actor import SCOPES, Actor, require_key_issuing
from app.domain.primitives.errors import (
    Fault,
    InvalidError,
    NotAuthenticError,
    NotFoundError,
    UnavailableError,
    unknown_key_message,
)
from app.security import vault
from app.services.runtime.api_key_cache import CachedApiKey
from app.services.runtime.context import ServiceContext
from app.store.access import api_keys as keys
from app.store.access import directory
from app.store.access import organization_version as cursor
from app.store.access.api_keys import StoredApiKey
from app.store.playbook import configuration, journal
from app.store.playbook.journal import RecordedAction
from app.store.sql.database import Connection

MAX_NAME_LENGTH: Final = 200
USE_NOTE_INTERVAL: Final = timedelta(minutes=1)
UNMATCHABLE_DIGEST: Final = "0" * 64
EARLIEST_INSTANT: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class IssueKey:
    """What a new key shall be. None when it is bound to nothing, or never expires."""

    name: str
    scopes: frozenset[str]
    team: str | None = None
    source: str | None = None
    expires_at: datetime | None = None


async def authenticate_key(service: ServiceContext, presented: str) -> Actor:
    """Whose key it is and what it may do. Raises: NotAuthenticError, the same for whatever is wrong with it."""
    key_parts = vault.split_api_key(presented)
    if key_parts is None:
        raise NotAuthenticError("This needs a valid API key.")
    key_id, secret = key_parts
    now = service.clock()
    organization, key = await _find_key(service, key_id, now)
    pepper_id = service.vault.pepper_id if key is None else key.pepper
    presented_digest = service.vault.digest(pepper_id, secret)
    is_match = hmac.compare_digest(
        presented_digest, UNMATCHABLE_DIGEST if key is None else key.digest
    )
    if key is None or organization is None or not is_match or not _is_usable(key, now):
        raise NotAuthenticError("This needs a valid API key.")
    await _note_use(service, organization, key, now)
    return Actor(
        organization, f"{key.name} ({key.id})", frozenset(key.scopes), key.team, key.source
    )


def is_known_key(service: ServiceContext, presented: str) -> bool:
    """Whether it names a key that was good for this process before; asks no database."""
    key_parts = vault.split_api_key(presented)
    return key_parts is not None and key_parts[0] in service.last_key_use_noted


async def _find_key(
    service: ServiceContext, key_id: str, now: datetime
) -> tuple[UUID | None, StoredApiKey | None]:
    """The key of that id and whose it is, as it was at most some seconds ago. None when there is none."""
    cached_key = service.api_key_cache.get(key_id, now)
    if cached_key is not None:
        return cached_key.organization, cached_key.key
    async with service.database.read_transaction() as connection:
        organization = await directory.find_organization(connection, "api_key", key_id)
        key = (
            None
            if organization is None
            else await keys.find_api_key(connection, organization, key_id)
        )
    if organization is not None and key is not None:
        service.api_key_cache.put(key_id, CachedApiKey(organization, key, now))
    return organization, key


async def _note_use(
    service: ServiceContext, organization: UUID, key: StoredApiKey, now: datetime
) -> None:
    """The key's last use is noted about once a minute; a request does not fail for it, and tries no more often."""
    last_noted = max(
        key.last_used_at or EARLIEST_INSTANT,
        service.last_key_use_noted.get(key.id, EARLIEST_INSTANT),
    )
    service.last_key_use_noted[key.id] = last_noted
    if now - last_noted < USE_NOTE_INTERVAL:
        return
    service.last_key_use_noted[key.id] = now
    with suppress(UnavailableError):
        async with service.database.write_transaction() as connection:
            await keys.update_last_use(connection, organization, key.id, now)


def _is_usable(key: StoredApiKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


async def issue_key(
    service: ServiceContext, actor: Actor, key_request: IssueKey
) -> tuple[StoredApiKey, str]:
    """A new key, and the text of it, which is never told again. Raises: ForbiddenError, InvalidError."""
    require_key_issuing(actor, key_request.scopes, key_request.team, key_request.source)
    now = service.clock()
    faults = []
    if not key_request.scopes or not key_request.scopes <= set(SCOPES):
        faults.append(Fault("/scopes", f"Must be some of {', '.join(SCOPES)}."))
    if key_request.expires_at is not None and key_request.expires_at <= now:
        faults.append(Fault("/expires_at", "Must be in the future."))
    if not 1 <= len(key_request.name) <= MAX_NAME_LENGTH:
        faults.append(Fault("/name", f"Must have 1 to {MAX_NAME_LENGTH} characters."))
    async with service.database.write_transaction() as connection:
        return await issue_key_within(service, connection, actor, key_request, faults)


async def issue_key_within(
    service: ServiceContext,
    connection: Connection,
    actor: Actor,
    key_request: IssueKey,
    faults: Sequence[Fault] = (),
) -> tuple[StoredApiKey, str]:
    """As `issue`, in a transaction that is under way. Raises: InvalidError, for the faults given too."""
    now, faults = service.clock(), list(faults)
    zone = await cursor.time_zone(connection, actor.organization)
    position = await cursor.advance_version(
        connection, actor.organization, now, zone, changes_configuration=False
    )
    current_configuration = await configuration.load_configuration(
        connection, actor.organization, ("team", "source")
    )
    if key_request.team is not None and key_request.team not in current_configuration.teams:
        faults.append(
            Fault(
                "/team", unknown_key_message("team", key_request.team, current_configuration.teams)
            )
        )
    if key_request.source is not None and key_request.source not in current_configuration.sources:
        faults.append(
            Fault(
                "/source",
                unknown_key_message("source", key_request.source, current_configuration.sources),
            )
        )
    if faults:
        raise InvalidError("The key cannot be issued as asked.", faults)
    key, text = _make_key(service, key_request, now, actor.name)
    await keys.add_api_key(connection, actor.organization, key)
    act = RecordedAction(actor.name, "api_key", key.id, "create", None, _to_journal_content(key))
    await journal.add_action(connection, actor.organization, position, act)
    return key, text


async def revoke_key(service: ServiceContext, actor: Actor, key_id: str) -> None:
    """The key is refused from now on. Raises: NotFoundError, ForbiddenError."""
    actor.require_scope("admin")
    now = service.clock()
    async with service.database.write_transaction() as connection:
        zone = await cursor.time_zone(connection, actor.organization)
        position = await cursor.advance_version(
            connection, actor.organization, now, zone, changes_configuration=False
        )
        key = await keys.find_api_key(connection, actor.organization, key_id)
        if key is None or key.revoked_at is not None:
            raise NotFoundError("There is no such API key.")
        require_key_issuing(actor, frozenset(key.scopes), key.team, key.source)
        await keys.revoke_api_key(connection, actor.organization, key_id, now)
        act = RecordedAction(
            actor.name, "api_key", key_id, "archive", _to_journal_content(key), None
        )
        await journal.add_action(connection, actor.organization, position, act)
    service.api_key_cache.mark_revoked(key_id)


def operator_actor(organization: UUID) -> Actor:
    """Who runs the service, for whom no scope is too high."""
    return Actor(organization, "operator", frozenset({"admin"}))


def _make_key(
    service: ServiceContext, key_request: IssueKey, now: datetime, created_by: str
) -> tuple[StoredApiKey, str]:
    text, key_id, secret = vault.generate_api_key()
    pepper_id = service.vault.pepper_id
    key = StoredApiKey(
        id=key_id,
        name=key_request.name,
        digest=service.vault.digest(pepper_id, secret),
        pepper=pepper_id,
        last_four=text[-4:],
        scopes=tuple(scope for scope in SCOPES if scope in key_request.scopes),
        team=key_request.team,
        source=key_request.source,
        created_at=now,
        created_by=created_by,
        expires_at=key_request.expires_at,
        revoked_at=None,
        last_used_at=None,
    )
    return key, text


def _to_journal_content(key: StoredApiKey) -> dict[str, object]:
    """What the journal keeps of a key: never its digest."""
    expires_at = (
        None if key.expires_at is None else key.expires_at.isoformat().replace("+00:00", "Z")
    )
    return {
        "name": key.name,
        "scopes": list(key.scopes),
        "team": key.team,
        "source": key.source,
        "expires_at": expires_at,
    }
