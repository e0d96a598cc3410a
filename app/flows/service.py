"""What every flow is handed: the database, the clock, the vault and the address that CRMs call."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from app.flows.vault import Vault
from app.store.database import Database


@dataclass(frozen=True, slots=True)
class Service:
    """A running service, without HTTP."""

    database: Database
    clock: Callable[[], datetime]
    vault: Vault
    public_url: str = "http://127.0.0.1:8000"
