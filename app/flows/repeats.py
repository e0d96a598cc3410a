"""Whether what is sent again is what was recorded, also where the recorded content is gone."""

from typing import Final

from app.domain.events import Event, fingerprint
from app.flows.vault import Vault
from app.store.events import StoredEvent

SHORT: Final = 32


def pseudonym(vault: Vault, told: str) -> str:
    """What stands for a text that is gone: equal for equal texts, and telling nothing without the service's pepper."""
    return _digest(vault, vault.pepper, told)


def hidden(vault: Vault, stored: StoredEvent) -> str:
    """What an erased event keeps of its fingerprint, which could be guessed back to its content."""
    return f"{vault.pepper}.{_digest(vault, vault.pepper, stored.fingerprint)}"


def repeats(vault: Vault, stored: StoredEvent, event: Event) -> bool:
    """Whether the event says what the recorded one of its name said.

    One that was erased under a pepper that the service has no more cannot be contradicted.
    """
    if stored.event.erased is None:
        return stored.fingerprint == fingerprint(event)
    pepper, _, digest = stored.fingerprint.rpartition(".")
    return pepper not in vault.peppers or digest == _digest(vault, pepper, fingerprint(event))


def _digest(vault: Vault, pepper: str, told: str) -> str:
    return vault.digest(pepper, f"erased\n{told}")[:SHORT]
