"""The service that every use case receives as its first argument."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from app.security.rate_limiter import RateLimiter
from app.security.vault import Vault
from app.services.runtime.cache_entries import (
    CACHE_TTL,
    MAX_CACHED_API_KEYS,
    MAX_CACHED_HOOKS,
    CachedApiKey,
    CachedHook,
)
from app.services.runtime.compiled_configuration import MAX_CACHED_RESOURCES
from app.services.runtime.single_flight import SingleFlight
from app.services.runtime.submissions import EventSubmission, SubmissionResult
from app.services.runtime.ttl_cache import TtlCache
from app.services.runtime.versioned_cache import VersionedCache
from app.services.runtime.write_coalescer import WriteCoalescer
from app.store.access.organization_version import OrganizationVersion
from app.store.sql.database import Database

MAX_QUEUED_DELIVERIES: Final = 500
MAX_DELIVERY_BATCH: Final = 32


@dataclass(frozen=True, slots=True)
class AccessTokenConfig:
    """How access tokens are verified, and the names of the claims that are read from them."""

    # Returns the claims of an authentic token. Raises NotAuthenticError or UnavailableError.
    verify_token: Callable[[str], Awaitable[Mapping[str, Any]]]  # Any: JSON values
    # The claim that holds the organization's key.
    organization_claim: str
    # The claim that holds the key of the team to which the token is bound.
    team_claim: str


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """The database, the clock, the vault, and what one process caches, limits and coalesces."""

    database: Database
    # Returns the current instant in UTC.
    clock: Callable[[], datetime]
    # Encrypts webhook secrets and hashes API keys.
    vault: Vault
    # The address that CRMs call, without a final slash.
    public_url: str = "http://127.0.0.1:8000"
    # When this process last stored an API key's use, by the key's id; at most once a minute.
    last_key_use_noted: dict[str, datetime] = field(default_factory=dict)
    # When this process last stored that a delivery was rejected, by organization and source.
    last_rejection_noted: dict[tuple[UUID, str], datetime] = field(default_factory=dict)
    # Limits the requests of an API key; a quota of 0 is no limit.
    request_limiter: RateLimiter = field(default_factory=lambda: RateLimiter("key", 0))
    # Limits the failed authentications of an address; a quota of 0 is no limit.
    auth_failure_limiter: RateLimiter = field(default_factory=lambda: RateLimiter("address", 0))
    # None when no OpenID Connect issuer is configured.
    token_config: AccessTokenConfig | None = None
    # A redefined metric restates at most this many events within the write, more in the background.
    max_inline_restated_events: int = 10_000
    # The configurations that events are matched against, by organization. It is apart from
    # `answer_cache`, so that answers cannot displace what every ingest needs.
    compiled_configuration_cache: VersionedCache = field(
        default_factory=partial(VersionedCache, MAX_CACHED_RESOURCES)
    )
    # API keys by their public id.
    api_key_cache: TtlCache[str, CachedApiKey] = field(
        default_factory=partial(TtlCache, CACHE_TTL, MAX_CACHED_API_KEYS)
    )
    # Sources of inbound webhooks, by the hook's id.
    hook_cache: TtlCache[str, CachedHook] = field(
        default_factory=partial(TtlCache, CACHE_TTL, MAX_CACHED_HOOKS)
    )
    # Writes events that arrive one by one at the same time in one transaction.
    event_coalescer: WriteCoalescer[EventSubmission, SubmissionResult] = field(
        default_factory=WriteCoalescer
    )
    # Processes deliveries that arrive at the same time in one transaction. Any: the types of
    # app.services.sources.inbound_webhooks, which imports this module.
    delivery_coalescer: WriteCoalescer[Any, Any] = field(
        default_factory=partial(WriteCoalescer, MAX_QUEUED_DELIVERIES, MAX_DELIVERY_BATCH)
    )
    # Alignments, score histories, configurations and closed days' evidence, by organization.
    answer_cache: VersionedCache = field(default_factory=VersionedCache)
    # Shares one read of an organization's version among simultaneous requests.
    version_flight: SingleFlight[OrganizationVersion] = field(default_factory=SingleFlight)
    # Shares one read of a hook among simultaneous deliveries.
    hook_flight: SingleFlight[CachedHook] = field(default_factory=SingleFlight)
