"""What every flow is handed: the database, the clock, the vault and the address that CRMs call."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from app.security.rate_limiter import Limit
from app.security.vault import Vault
from app.services.events.validation import Entry, Item
from app.services.runtime.api_key_cache import Keyring
from app.services.runtime.hook_cache import Hooked, Hooks
from app.services.runtime.matcher_cache import Catalogues
from app.services.runtime.single_flight import Together
from app.services.runtime.versioned_cache import Kept
from app.services.runtime.write_coalescer import Coalescer
from app.store.access.organization_version import Standing
from app.store.sql.database import Database


@dataclass(frozen=True, slots=True)
class Tokens:
    """How access tokens are read, and which of their claims name the organization and the team.

    Raises: `read` raises NotAuthenticError and UnavailableError.
    """

    read: Callable[[str], Awaitable[Mapping[str, Any]]]  # Any: JSON values
    organization_claim: str
    team_claim: str


@dataclass(frozen=True, slots=True)
class Service:
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
    noted: dict[str, datetime] = field(default_factory=dict)
    refused: dict[tuple[UUID, str], datetime] = field(default_factory=dict)
    asked: Limit = field(default_factory=lambda: Limit("key", 0))
    failed: Limit = field(default_factory=lambda: Limit("address", 0))
    tokens: Tokens | None = None
    restate_at_once: int = 10_000
    catalogues: Catalogues = field(default_factory=Catalogues)
    keyring: Keyring = field(default_factory=Keyring)
    hooks: Hooks = field(default_factory=Hooks)
    singles: Coalescer[Entry, Item] = field(default_factory=Coalescer)
    arrivals: Coalescer[Any, Any] = field(
        default_factory=partial(Coalescer, 500, 32)
    )  # Any: deliveries' own
    kept: Kept = field(default_factory=Kept)
    standings: Together[Standing] = field(default_factory=Together)
    hookings: Together[Hooked] = field(default_factory=Together)
