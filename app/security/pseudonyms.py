"""Keyed digests, which compare erased content without storing it."""

from typing import Final

from app.security.vault import Vault

DIGEST_LENGTH: Final = 32


def make_pseudonym(vault: Vault, text: str) -> str:
    """Return the pseudonym of a text.

    Equal texts have equal pseudonyms. Without the pepper, nobody can find the text by trying
    guesses.
    """
    return _compute_digest(vault, vault.pepper_id, text)


def keyed_digest(vault: Vault, digest: str) -> str:
    """Return what is stored of a digest whose content could be guessed."""
    return f"{vault.pepper_id}.{_compute_digest(vault, vault.pepper_id, digest)}"


def matches_keyed_digest(vault: Vault, stored_digest: str, digest: str) -> bool:
    """Return whether a stored digest was made from `digest`.

    Return True if its pepper is no longer configured: nothing can contradict it then.
    """
    pepper_id, _, digest_part = stored_digest.rpartition(".")
    return pepper_id not in vault.peppers or digest_part == _compute_digest(
        vault, pepper_id, digest
    )


def _compute_digest(vault: Vault, pepper_id: str, text: str) -> str:
    return vault.digest(pepper_id, f"erased\n{text}")[:DIGEST_LENGTH]
