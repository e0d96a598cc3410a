"""Authentication: the caller that an API key or an access token belongs to."""

import hmac
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from app.domain.access.actor import Actor
from app.domain.primitives.errors import NotAuthenticError, UnavailableError
from app.security import vault
from app.services.access.access_tokens import authenticate_token, is_token
from app.services.runtime.cache_entries import CachedApiKey
from app.services.runtime.context import ServiceContext
from app.store.access import api_keys as api_keys_store
from app.store.access import directory
from app.store.access.api_keys import StoredApiKey

USE_NOTE_INTERVAL: Final = timedelta(minutes=1)
UNMATCHABLE_DIGEST: Final = "0" * 64
EARLIEST_INSTANT: Final = datetime.min.replace(tzinfo=UTC)


async def authenticate_credential(
    service: ServiceContext, credential: str, *, only_known_keys: bool
) -> Actor | None:
    """Return the caller that an API key or an access token belongs to.

    Return None for anything but a key that this process has accepted before, if only known keys
    may be tried.

    Raises: NotAuthenticError when it is not valid; UnavailableError without the issuer's keys.
    """
    if only_known_keys and not is_known_key(service, credential):
        return None
    if service.token_config is not None and is_token(credential):
        return await authenticate_token(service, service.token_config, credential)
    return await authenticate_key(service, credential)


async def authenticate_key(service: ServiceContext, presented: str) -> Actor:
    """Return the caller that an API key belongs to.

    Raises: NotAuthenticError with the same text for every reason, after the same digest: neither
    text nor timing tells a caller whether the key's id exists.
    """
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
    """Return whether this process has accepted a key with this id before. Make no query."""
    key_parts = vault.split_api_key(presented)
    return key_parts is not None and key_parts[0] in service.last_key_use_noted


async def _find_key(
    service: ServiceContext, key_id: str, now: datetime
) -> tuple[UUID | None, StoredApiKey | None]:
    """Return the key with that id, and its organization. The key may be some seconds old."""
    cached_key = service.api_key_cache.get(key_id, now)
    if cached_key is not None:
        return cached_key.organization, cached_key.key
    generation = service.api_key_cache.generation
    async with service.database.read_transaction() as connection:
        organization = await directory.find_organization(connection, "api_key", key_id)
        key = (
            None
            if organization is None
            else await api_keys_store.find_api_key(connection, organization, key_id)
        )
    if organization is not None and key is not None:
        service.api_key_cache.put(key_id, CachedApiKey(organization, key), now, generation)
    return organization, key


async def _note_use(
    service: ServiceContext, organization: UUID, key: StoredApiKey, now: datetime
) -> None:
    """Store the last use of a key, about once a minute. Ignore that the database is unavailable."""
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
            await api_keys_store.update_last_use(connection, organization, key.id, now)


def _is_usable(key: StoredApiKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)
