"""The actor of a request and the checks of its permissions."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.domain.primitives.errors import ForbiddenError

SCOPES: Final = ("read", "events:write", "playbook:write", "admin")


@dataclass(frozen=True, slots=True)
class Actor:
    """The holder of an API key of one organization, with its scopes.

    A key may be bound to a team or to a source.
    """

    organization: UUID
    name: str
    scopes: frozenset[str]
    team: str | None = None
    source: str | None = None

    def has_scope(self, scope: str) -> bool:
        """Return True if the key has the scope; `admin` includes all scopes."""
        return scope in self.scopes or "admin" in self.scopes

    def require_scope(self, scope: str) -> None:
        """Raise ForbiddenError unless the key has the scope."""
        if not self.has_scope(scope):
            raise ForbiddenError(f"This needs a key with the scope '{scope}'.")


def require_configuration(actor: Actor, scope: str = "playbook:write") -> None:
    """Raise ForbiddenError unless the key may change the configuration.

    Keys that are bound to a team or a source may not.
    """
    actor.require_scope(scope)
    if actor.team is not None or actor.source is not None:
        raise ForbiddenError("A key bound to a team or a source may not change the configuration.")


def require_team(actor: Actor, team: str) -> None:
    """Raise ForbiddenError unless the key may act for the team: contribute, sign off, accept."""
    actor.require_scope("playbook:write")
    if actor.team is not None and actor.team != team:
        raise ForbiddenError(
            f"This key is bound to the team '{actor.team}' and may not act for '{team}'."
        )
    if actor.source is not None:
        raise ForbiddenError("A key bound to a source may not act for a team.")
    if actor.team is None and "admin" not in actor.scopes:
        raise ForbiddenError(
            f"This is an act of the team '{team}': "
            "it needs a key bound to that team, or an admin key."
        )


def require_key_issuing(
    actor: Actor, scopes: frozenset[str], team: str | None, source: str | None
) -> None:
    """Raise ForbiddenError unless the key may issue such a key.

    A key can issue only keys with no more rights than its own.
    """
    actor.require_scope("admin")
    excess_scopes = sorted(scope for scope in scopes if not actor.has_scope(scope))
    if excess_scopes:
        raise ForbiddenError(f"This key may not issue the scope '{excess_scopes[0]}'.")
    if (actor.team is not None and team != actor.team) or (
        actor.source is not None and source != actor.source
    ):
        raise ForbiddenError("A bound key may issue only keys with the same binding.")
