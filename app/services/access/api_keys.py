"""API keys: issued once, checked at every request, revoked at once."""

import hmac
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from app.domain.access.actor import SCOPES, Actor, require_issuing
from app.domain.primitives.errors import (
    Fault,
    InvalidError,
    NotAuthenticError,
    NotFoundError,
    UnavailableError,
    unknown,
)
from app.security import vault
from app.services.runtime.api_key_cache import Known
from app.services.runtime.context import Service
from app.store.access import api_keys as keys
from app.store.access import organization_version as cursor
from app.store.access.api_keys import ApiKey
from app.store.playbook import configuration, journal
from app.store.playbook.journal import Act
from app.store.sql.database import Connection

LONGEST_NAME: Final = 200
USED_EVERY: Final = timedelta(minutes=1)
NOBODY: Final = "0" * 64
NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class IssueKey:
    """What a new key shall be. None when it is bound to nothing, or never expires."""

    name: str
    scopes: frozenset[str]
    team: str | None = None
    source: str | None = None
    expires_at: datetime | None = None


async def authenticate(service: Service, presented: str) -> Actor:
    """Whose key it is and what it may do. Raises: NotAuthenticError, the same for whatever is wrong with it."""
    parts = vault.split_api_key(presented)
    if parts is None:
        raise NotAuthenticError("This needs a valid API key.")
    name, secret = parts
    now = service.clock()
    organization, key = await _known(service, name, now)
    pepper = service.vault.pepper if key is None else key.pepper
    given = service.vault.digest(pepper, secret)
    matches = hmac.compare_digest(given, NOBODY if key is None else key.digest)
    if key is None or organization is None or not matches or not _valid(key, now):
        raise NotAuthenticError("This needs a valid API key.")
    await _note_use(service, organization, key, now)
    return Actor(
        organization, f"{key.name} ({key.id})", frozenset(key.scopes), key.team, key.source
    )


def known(service: Service, presented: str) -> bool:
    """Whether it names a key that was good for this process before; asks no database."""
    parts = vault.split_api_key(presented)
    return parts is not None and parts[0] in service.noted


async def _known(service: Service, name: str, now: datetime) -> tuple[UUID | None, ApiKey | None]:
    """The key of that id and whose it is, as it was at most some seconds ago. None when there is none."""
    kept = service.keyring.find(name, now)
    if kept is not None:
        return kept.organization, kept.key
    async with service.database.reading() as connection:
        organization = await keys.owner(connection, "api_key", name)
        key = None if organization is None else await keys.find(connection, organization, name)
    if organization is not None and key is not None:
        service.keyring.keep(name, Known(organization, key, now))
    return organization, key


async def _note_use(service: Service, organization: UUID, key: ApiKey, now: datetime) -> None:
    """The key's last use is noted about once a minute; a request does not fail for it, and tries no more often."""
    last = max(key.last_used_at or NEVER, service.noted.get(key.id, NEVER))
    service.noted[key.id] = last
    if now - last < USED_EVERY:
        return
    service.noted[key.id] = now
    with suppress(UnavailableError):
        async with service.database.writing() as connection:
            await keys.used(connection, organization, key.id, now)


def _valid(key: ApiKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


async def issue(service: Service, actor: Actor, wanted: IssueKey) -> tuple[ApiKey, str]:
    """A new key, and the text of it, which is never told again. Raises: ForbiddenError, InvalidError."""
    require_issuing(actor, wanted.scopes, wanted.team, wanted.source)
    now = service.clock()
    faults = []
    if not wanted.scopes or not wanted.scopes <= set(SCOPES):
        faults.append(Fault("/scopes", f"Must be some of {', '.join(SCOPES)}."))
    if wanted.expires_at is not None and wanted.expires_at <= now:
        faults.append(Fault("/expires_at", "Must be in the future."))
    if not 1 <= len(wanted.name) <= LONGEST_NAME:
        faults.append(Fault("/name", f"Must have 1 to {LONGEST_NAME} characters."))
    async with service.database.writing() as connection:
        return await issue_within(service, connection, actor, wanted, faults)


async def issue_within(
    service: Service,
    connection: Connection,
    actor: Actor,
    wanted: IssueKey,
    faults: Sequence[Fault] = (),
) -> tuple[ApiKey, str]:
    """As `issue`, in a transaction that is under way. Raises: InvalidError, for the faults given too."""
    now, faults = service.clock(), list(faults)
    zone = await cursor.zone(connection, actor.organization)
    position = await cursor.advance(connection, actor.organization, now, zone, catalogue=False)
    known = await configuration.load(connection, actor.organization, ("team", "source"))
    if wanted.team is not None and wanted.team not in known.teams:
        faults.append(Fault("/team", unknown("team", wanted.team, known.teams)))
    if wanted.source is not None and wanted.source not in known.sources:
        faults.append(Fault("/source", unknown("source", wanted.source, known.sources)))
    if faults:
        raise InvalidError("The key cannot be issued as asked.", faults)
    key, text = _make(service, wanted, now, actor.name)
    await keys.add(connection, actor.organization, key)
    act = Act(actor.name, "api_key", key.id, "create", None, _described(key))
    await journal.add(connection, actor.organization, position, act)
    return key, text


async def revoke(service: Service, actor: Actor, name: str) -> None:
    """The key is refused from now on. Raises: NotFoundError, ForbiddenError."""
    actor.require("admin")
    now = service.clock()
    async with service.database.writing() as connection:
        zone = await cursor.zone(connection, actor.organization)
        position = await cursor.advance(connection, actor.organization, now, zone, catalogue=False)
        key = await keys.find(connection, actor.organization, name)
        if key is None or key.revoked_at is not None:
            raise NotFoundError("There is no such API key.")
        require_issuing(actor, frozenset(key.scopes), key.team, key.source)
        await keys.revoke(connection, actor.organization, name, now)
        act = Act(actor.name, "api_key", name, "archive", _described(key), None)
        await journal.add(connection, actor.organization, position, act)
    service.keyring.drop(name)


def operator(organization: UUID) -> Actor:
    """Who runs the service, for whom no scope is too high."""
    return Actor(organization, "operator", frozenset({"admin"}))


def _make(service: Service, wanted: IssueKey, now: datetime, by: str) -> tuple[ApiKey, str]:
    text, name, secret = vault.new_api_key()
    pepper = service.vault.pepper
    key = ApiKey(
        id=name,
        name=wanted.name,
        digest=service.vault.digest(pepper, secret),
        pepper=pepper,
        last_four=text[-4:],
        scopes=tuple(scope for scope in SCOPES if scope in wanted.scopes),
        team=wanted.team,
        source=wanted.source,
        created_at=now,
        created_by=by,
        expires_at=wanted.expires_at,
        revoked_at=None,
        last_used_at=None,
    )
    return key, text


def _described(key: ApiKey) -> dict[str, object]:
    """What the journal keeps of a key: never its digest."""
    expires = None if key.expires_at is None else key.expires_at.isoformat().replace("+00:00", "Z")
    return {
        "name": key.name,
        "scopes": list(key.scopes),
        "team": key.team,
        "source": key.source,
        "expires_at": expires,
    }
