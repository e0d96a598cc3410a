"""Who may do what: scopes, bindings, and that nobody issues a key beyond their own."""

from itertools import combinations
from uuid import UUID

import pytest

from app.domain.access.actor import (
    SCOPES,
    Actor,
    require_configuration,
    require_issuing,
    require_team,
)
from app.domain.primitives.errors import ForbiddenError


def actor(*scopes: str, team: str | None = None, source: str | None = None) -> Actor:
    return Actor(UUID(int=1), "somebody", frozenset(scopes), team, source)


def allowed(call: object, *arguments: object) -> bool:
    try:
        call(*arguments)  # type: ignore[operator]  # one of the functions under test
    except ForbiddenError:
        return False
    return True


def test_a_key_may_what_its_scopes_say_and_admin_may_all():
    for scope in SCOPES:
        assert actor("admin").may(scope)
        assert actor(scope).may(scope)
        for other in SCOPES:
            assert actor(scope).may(other) == (scope in (other, "admin"))
    with pytest.raises(ForbiddenError, match="'events:write'"):
        actor("read").require("events:write")


@pytest.mark.parametrize(
    ("who", "may"),
    [
        (actor("playbook:write"), True),
        (actor("admin"), True),
        (actor("read", "events:write"), False),
        (actor("playbook:write", team="sales"), False),
        (actor("admin", team="sales"), False),
        (actor("admin", source="billing"), False),
    ],
)
def test_the_configuration_is_changed_by_keys_that_are_not_bound(who: Actor, *, may: bool):
    assert allowed(require_configuration, who) is may


def test_sources_and_the_organization_need_admin():
    assert not allowed(require_configuration, actor("playbook:write"), "admin")
    assert allowed(require_configuration, actor("admin"), "admin")


@pytest.mark.parametrize(
    ("who", "may"),
    [
        (actor("playbook:write", team="sales"), True),
        (actor("admin"), True),
        (actor("admin", team="sales"), True),
        (actor("playbook:write"), False),
        (actor("playbook:write", team="marketing"), False),
        (actor("admin", team="marketing"), False),
        (actor("read", team="sales"), False),
        (actor("playbook:write", team="sales", source="billing"), False),
        (actor("admin", source="billing"), False),
    ],
)
def test_an_act_of_a_team_needs_its_own_key_or_admin(who: Actor, *, may: bool):
    assert allowed(require_team, who, "sales") is may


@pytest.mark.parametrize("own", [c for n in range(1, 4) for c in combinations(SCOPES, n)])
def test_nobody_issues_scopes_beyond_their_own(own: tuple[str, ...]):
    for scope in SCOPES:
        assert allowed(require_issuing, actor(*own), frozenset({scope}), None, None) == (
            "admin" in own
        )


@pytest.mark.parametrize(
    ("team", "source", "may"),
    [
        ("sales", "billing", True),
        (None, None, False),
        ("sales", None, False),
        ("marketing", "billing", False),
    ],
)
def test_nobody_issues_keys_beyond_their_own_binding(
    team: str | None, source: str | None, *, may: bool
):
    bound = actor("admin", team="sales", source="billing")
    assert allowed(require_issuing, bound, frozenset({"read"}), team, source) is may
