"""Dependents of a resource refuse a change that would make them invalid."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.playbook.objectives import Objective
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Team
from app.domain.playbook.validation import (
    archive_resource,
    put_resource,
)
from app.domain.primitives.errors import InUseError
from app.domain.sources.sources import Source
from tests.domain.playbook.test_validation import DAY, errors_by_pointer
from tests.support.configurations import (
    FIRST_DAY,
    LAST_DAY,
    NEXT_QUARTER,
    make_configuration,
    make_key_result,
    make_playbook,
)


def test_a_playbook_s_window_holds_those_of_its_key_results():
    previous_configuration = make_configuration(
        make_key_result(starts_on=FIRST_DAY + DAY, ends_on=LAST_DAY - DAY)
    )
    assert (
        errors_by_pointer(
            make_playbook(starts_on=FIRST_DAY + DAY, ends_on=LAST_DAY - DAY), previous_configuration
        )
        == {}
    )
    assert (
        "'arr-2m'"
        in errors_by_pointer(make_playbook(starts_on=FIRST_DAY + 2 * DAY), previous_configuration)[
            "/ends_on"
        ]
    )
    assert list(
        errors_by_pointer(make_playbook(ends_on=LAST_DAY - 2 * DAY), previous_configuration)
    ) == ["/ends_on"]
    assert errors_by_pointer(make_playbook("other", *NEXT_QUARTER), previous_configuration) == {}


def test_an_objective_moves_only_where_the_windows_of_its_key_results_fit():
    previous_configuration = make_configuration(
        make_playbook("next", *NEXT_QUARTER), make_key_result(starts_on=FIRST_DAY, ends_on=LAST_DAY)
    )
    assert list(errors_by_pointer(Objective("win", "next", "Win"), previous_configuration)) == [
        "/playbook"
    ]
    assert (
        errors_by_pointer(
            Objective("win", "next", "Win"),
            make_configuration(make_playbook("next", *NEXT_QUARTER)),
        )
        == {}
    )


@given(st.integers(2, 6))
def test_parents_cannot_form_a_cycle(length: int):
    keys = [f"o{n}" for n in range(length)]
    chain = make_configuration(Objective(keys[0], "q4", "O"))
    for parent, key in pairwise(keys):
        chain = put_resource(chain, Objective(key, "q4", "O", parent=parent))
    errors = errors_by_pointer(Objective(keys[0], "q4", "O", parent=keys[-1]), chain)
    assert list(errors) == ["/parent"]
    assert errors["/parent"].startswith(f"This would be a cycle: {keys[0]} under {keys[-1]}")


@pytest.mark.parametrize(
    ("kind", "key", "dependent"),
    [
        ("playbook", "q4", "the objective 'below'"),
        ("metric", "arr", "the key result 'arr-2m'"),
        ("team", "sales", "its responsibility for 'win'"),
        ("team", "ops", "the source 'crm'"),
        ("team", "care", "the offering 'support'"),
        ("objective", "top", "its child 'below'"),
    ],
)
def test_archiving_a_resource_in_use_is_refused_and_names_its_dependent(
    kind: str, key: str, dependent: str
):
    resources = (
        Team("ops", "Ops", "operations"),
        Source("crm", "CRM", "hubspot", team="ops"),
        Team("care", "Care", "any"),
        Offering("support", "Support", FIRST_DAY, team="care"),
        Objective("top", "q4", "Top"),
        Objective("below", "q4", "Below", parent="top"),
    )
    with pytest.raises(InUseError) as excinfo:
        archive_resource(make_configuration(*resources), kind, key)
    assert dependent in excinfo.value.detail


def test_a_long_cycle_is_described_in_a_short_sentence():
    keys = [f"o{n}" for n in range(500)]
    chain = make_configuration(Objective(keys[0], "q4", "O"))
    for parent, key in pairwise(keys):
        chain = chain.with_resource(Objective(key, "q4", "O", parent=parent))
    (message,) = errors_by_pointer(Objective(keys[0], "q4", "O", parent=keys[-1]), chain).values()
    assert message.startswith("This would be a cycle: o0 under o499 under o498")
    assert message.endswith("under ... under o1 under o0.")
    assert len(message) < 200
