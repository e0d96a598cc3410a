"""What every flow is handed: the database, the clock, the vault and the address that CRMs call."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from app.security.rate_limiter import RateLimiter
from app.security.vault import Vault
from app.services.runtime.api_key_cache import ApiKeyCache
from app.services.runtime.hook_cache import CachedHook, HookCache
from app.services.runtime.matcher_cache import CompiledConfigurationCache
from app.services.runtime.single_flight import SingleFlight
from app.services.runtime.submissions import EventSubmission, SubmissionResult
from app.services.runtime.versioned_cache import VersionedCache
from app.services.runtime.write_coalescer import WriteCoalescer
from app.store.access.organization_version import OrganizationVersion
from app.store.sql.database import Database


@dataclass(frozen=True, slots=True)
class AccessTokenConfig:
    """How access tokens are read, and which of their claims name the organization and the team.

    Raises: `read` raises NotAuthenticError and UnavailableError.
    """

    verify_token: Callable[[str], Awaitable[Mapping[str, Any]]]  # Any: JSON values
    organization_claim: str
    team_claim: str


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """A running service, without HTTP. None when no issuer is configured: `tokens`.

    Shape: `noted` is when this process last noted an API key's use, by its id, and `refused` a hook's refusal, by
    organization and source; `asked` and `failed` limit how often
    a key may ask, and how often an address may fail to authenticate; `restate_at_once` is how many events a redefined
    metric may concern for history to be restated within the write; `catalogues`, `keyring` and `hooks` are what this
    process read lately, `kept` its answers; `singles` puts single events together, `arrivals` deliveries, and
    `standings` and `hookings` who asks how an organization stands and what a hook stands for.
    """

    database: Database
    clock: Callable[[], datetime]
    vault: Vault
    public_url: str = "http://127.0.0.1:8000"
    last_key_use_noted: dict[str, datetime] = field(default_factory=dict)
    last_rejection_noted: dict[tuple[UUID, str], datetime] = field(default_factory=dict)
    request_limiter: RateLimiter = field(default_factory=lambda: RateLimiter("key", 0))
    auth_failure_limiter: RateLimiter = field(default_factory=lambda: RateLimiter("address", 0))
    token_config: AccessTokenConfig | None = None
    max_inline_restated_events: int = 10_000
    compiled_configuration_cache: CompiledConfigurationCache = field(
        default_factory=CompiledConfigurationCache
    )
    api_key_cache: ApiKeyCache = field(default_factory=ApiKeyCache)
    hook_cache: HookCache = field(default_factory=HookCache)
    event_coalescer: WriteCoalescer[EventSubmission, SubmissionResult] = field(
        default_factory=WriteCoalescer
    )
    delivery_coalescer: WriteCoalescer[Any, Any] = field(
        default_factory=partial(WriteCoalescer, 500, 32)
    )  # Any: deliveries' own
    answer_cache: VersionedCache = field(default_factory=VersionedCache)
    version_flight: SingleFlight[OrganizationVersion] = field(default_factory=SingleFlight)
    hook_flight: SingleFlight[CachedHook] = field(default_factory=SingleFlight)
