"""Keyed digests: compare erased content without keeping it."""

from typing import Final

from app.security.vault import Vault

DIGEST_LENGTH: Final = 32


def make_pseudonym(vault: Vault, text: str) -> str:
    """What stands for a text that is gone: equal for equal texts, and telling nothing without the service's pepper."""
    return _compute_digest(vault, vault.pepper_id, text)


def keyed_digest(vault: Vault, digest: str) -> str:
    """What is kept of a digest that could be guessed back to its content."""
    return f"{vault.pepper_id}.{_compute_digest(vault, vault.pepper_id, digest)}"


def matches_keyed_digest(vault: Vault, stored_digest: str, digest: str) -> bool:
    """Whether that digest was hidden. What was hidden with a pepper that is gone cannot be contradicted."""
    pepper_id, _, digest_part = stored_digest.rpartition(".")
    return pepper_id not in vault.peppers or digest_part == _compute_digest(
        vault, pepper_id, digest
    )


def _compute_digest(vault: Vault, pepper_id: str, text: str) -> str:
    return vault.digest(pepper_id, f"erased\n{text}")[:DIGEST_LENGTH]
