"""What every flow is handed: the database, the clock, the vault and the address that CRMs call."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from app.flows.vault import Vault
from app.store.database import Database


@dataclass(frozen=True, slots=True)
class Service:
    """A running service, without HTTP.

    Shape: `noted` is when this process last noted an API key's use, by its id; `restate_at_once` is how many events a
    redefined metric may concern for history to be restated within the write.
    """

    database: Database
    clock: Callable[[], datetime]
    vault: Vault
    public_url: str = "http://127.0.0.1:8000"
    noted: dict[str, datetime] = field(default_factory=dict)
    restate_at_once: int = 10_000
