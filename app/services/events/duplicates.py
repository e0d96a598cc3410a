"""Whether what is sent again is what was recorded, also where the recorded content is gone."""

from typing import Final

from app.domain.events.events import Event, fingerprint
from app.security.vault import Vault
from app.store.events.event_queries import StoredEvent

SHORT: Final = 32


def pseudonym(vault: Vault, told: str) -> str:
    """What stands for a text that is gone: equal for equal texts, and telling nothing without the service's pepper."""
    return _digest(vault, vault.pepper, told)


def hidden(vault: Vault, digest: str) -> str:
    """What is kept of a digest that could be guessed back to its content."""
    return f"{vault.pepper}.{_digest(vault, vault.pepper, digest)}"


def hides(vault: Vault, kept: str, digest: str) -> bool:
    """Whether that digest was hidden. What was hidden with a pepper that is gone cannot be contradicted."""
    pepper, _, told = kept.rpartition(".")
    return pepper not in vault.peppers or told == _digest(vault, pepper, digest)


def repeats(vault: Vault, stored: StoredEvent, event: Event) -> bool:
    """Whether the event says what the recorded one of its name said.

    One that was erased under a pepper that the service has no more cannot be contradicted.
    """
    if stored.event.erased is None:
        return stored.fingerprint == fingerprint(event)
    return hides(vault, stored.fingerprint, fingerprint(event))


def _digest(vault: Vault, pepper: str, told: str) -> str:
    return vault.digest(pepper, f"erased\n{told}")[:SHORT]
