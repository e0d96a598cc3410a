"""Use cases for API keys: issue and revoke them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from app.domain.access.actor import SCOPES, Actor, require_key_issuing
from app.domain.primitives.errors import (
    Fault,
    InvalidError,
    NotFoundError,
    unknown_key_message,
)
from app.security import vault
from app.services.runtime.context import ServiceContext
from app.store.access import api_keys as api_keys_store
from app.store.access import organization_version
from app.store.access.api_keys import StoredApiKey
from app.store.playbook import configuration as configuration_store
from app.store.playbook import journal
from app.store.playbook.journal import RecordedAction
from app.store.sql.database import Connection

MAX_NAME_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class IssueKey:
    """The properties of a new API key."""

    name: str
    scopes: frozenset[str]
    # The only team that the key may write for. None for no such limit.
    team: str | None = None
    # The only source that the key may write for. None for no such limit.
    source: str | None = None
    # None for a key that never expires.
    expires_at: datetime | None = None


async def issue_key(
    service: ServiceContext, actor: Actor, key_request: IssueKey
) -> tuple[StoredApiKey, str]:
    """Issue a key.

    Return it with its text, which is not stored. Raises: ForbiddenError, InvalidError.
    """
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
    """Issue a key within a transaction.

    Raises: InvalidError with the given faults and those of team and source.
    """
    now = service.clock()
    all_faults = list(faults)
    zone = await organization_version.time_zone(connection, actor.organization)
    position = await organization_version.advance_version(
        connection, actor.organization, now, zone, changes_configuration=False
    )
    current_configuration = await configuration_store.load_configuration(
        connection, actor.organization, ("team", "source")
    )
    if key_request.team is not None and key_request.team not in current_configuration.teams:
        all_faults.append(
            Fault(
                "/team", unknown_key_message("team", key_request.team, current_configuration.teams)
            )
        )
    if key_request.source is not None and key_request.source not in current_configuration.sources:
        all_faults.append(
            Fault(
                "/source",
                unknown_key_message("source", key_request.source, current_configuration.sources),
            )
        )
    if all_faults:
        raise InvalidError("The key cannot be issued as asked.", all_faults)
    issued_key, text = _make_key(service, key_request, now, actor.name)
    await api_keys_store.add_api_key(connection, actor.organization, issued_key)
    act = RecordedAction(
        actor.name, "api_key", issued_key.id, "create", None, _to_journal_content(issued_key)
    )
    await journal.add_action(connection, actor.organization, position, act)
    return issued_key, text


async def revoke_key(service: ServiceContext, actor: Actor, key_id: str) -> None:
    """Revoke a key. Raises: NotFoundError, ForbiddenError."""
    actor.require_scope("admin")
    now = service.clock()
    async with service.database.write_transaction() as connection:
        zone = await organization_version.time_zone(connection, actor.organization)
        position = await organization_version.advance_version(
            connection, actor.organization, now, zone, changes_configuration=False
        )
        stored_key = await api_keys_store.find_api_key(connection, actor.organization, key_id)
        if stored_key is None or stored_key.revoked_at is not None:
            raise NotFoundError("There is no such API key.")
        require_key_issuing(actor, frozenset(stored_key.scopes), stored_key.team, stored_key.source)
        await api_keys_store.revoke_api_key(connection, actor.organization, key_id, now)
        act = RecordedAction(
            actor.name, "api_key", key_id, "archive", _to_journal_content(stored_key), None
        )
        await journal.add_action(connection, actor.organization, position, act)
    service.api_key_cache.invalidate(lambda cached_key: cached_key.key.id == key_id)


def operator_actor(organization: UUID) -> Actor:
    """Return the actor for the operator of the service, who has every scope."""
    return Actor(organization, "operator", frozenset({"admin"}))


def _make_key(
    service: ServiceContext, key_request: IssueKey, now: datetime, created_by: str
) -> tuple[StoredApiKey, str]:
    text, key_id, secret = vault.generate_api_key()
    pepper_id = service.vault.pepper_id
    api_key = StoredApiKey(
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
    return api_key, text


def _to_journal_content(key: StoredApiKey) -> dict[str, object]:
    """Return the fields that the journal stores of a key: all but its digest."""
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
