"""Scopes and bindings of keys. No key can issue one with more rights than its own."""

from itertools import combinations
from uuid import UUID

import pytest

from app.domain.access.actor import (
    SCOPES,
    Actor,
    require_configuration,
    require_key_issuing,
    require_team,
)
from app.domain.primitives.errors import ForbiddenError


def make_actor(*scopes: str, team: str | None = None, source: str | None = None) -> Actor:
    return Actor(UUID(int=1), "somebody", frozenset(scopes), team, source)


def is_allowed(check: object, *arguments: object) -> bool:
    try:
        check(*arguments)  # type: ignore[operator]  # one of the functions under test
    except ForbiddenError:
        return False
    return True


def test_a_scope_permits_itself_and_admin_permits_every_scope():
    for scope in SCOPES:
        assert make_actor("admin").has_scope(scope)
        assert make_actor(scope).has_scope(scope)
        for required_scope in SCOPES:
            assert make_actor(scope).has_scope(required_scope) == (
                scope in (required_scope, "admin")
            )
    with pytest.raises(ForbiddenError, match="'events:write'"):
        make_actor("read").require_scope("events:write")


@pytest.mark.parametrize(
    ("caller", "permitted"),
    [
        (make_actor("playbook:write"), True),
        (make_actor("admin"), True),
        (make_actor("read", "events:write"), False),
        (make_actor("playbook:write", team="sales"), False),
        (make_actor("admin", team="sales"), False),
        (make_actor("admin", source="billing"), False),
    ],
)
def test_the_configuration_is_changed_by_keys_that_are_not_bound(caller: Actor, *, permitted: bool):
    assert is_allowed(require_configuration, caller) is permitted


def test_sources_and_the_organization_need_admin():
    assert not is_allowed(require_configuration, make_actor("playbook:write"), "admin")
    assert is_allowed(require_configuration, make_actor("admin"), "admin")


@pytest.mark.parametrize(
    ("caller", "permitted"),
    [
        (make_actor("playbook:write", team="sales"), True),
        (make_actor("admin"), True),
        (make_actor("admin", team="sales"), True),
        (make_actor("playbook:write"), False),
        (make_actor("playbook:write", team="marketing"), False),
        (make_actor("admin", team="marketing"), False),
        (make_actor("read", team="sales"), False),
        (make_actor("playbook:write", team="sales", source="billing"), False),
        (make_actor("admin", source="billing"), False),
    ],
)
def test_an_act_of_a_team_needs_its_own_key_or_admin(caller: Actor, *, permitted: bool):
    assert is_allowed(require_team, caller, "sales") is permitted


@pytest.mark.parametrize("issuer_scopes", [c for n in range(1, 4) for c in combinations(SCOPES, n)])
def test_nobody_issues_scopes_beyond_their_own(issuer_scopes: tuple[str, ...]):
    for scope in SCOPES:
        assert is_allowed(
            require_key_issuing, make_actor(*issuer_scopes), frozenset({scope}), None, None
        ) == ("admin" in issuer_scopes)


@pytest.mark.parametrize(
    ("team", "source", "permitted"),
    [
        ("sales", "billing", True),
        (None, None, False),
        ("sales", None, False),
        ("marketing", "billing", False),
    ],
)
def test_nobody_issues_keys_beyond_their_own_binding(
    team: str | None, source: str | None, *, permitted: bool
):
    bound_actor = make_actor("admin", team="sales", source="billing")
    assert (
        is_allowed(require_key_issuing, bound_actor, frozenset({"read"}), team, source) is permitted
    )
