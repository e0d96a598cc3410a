import pytest

from app.domain.playbook.organization import Policy
from app.domain.primitives.decimals import FIXED_SCALE
from app.scoring.engine import compute_alignment
from app.scoring.snapshot import Snapshot
from tests.scoring.snapshot_builders import (
    filter_losses,
    make_objective,
    make_responsibility,
    make_snapshot,
    make_team,
)

TEAMS = (make_team("ann", "sales"), make_team("bob", "sales"), make_team("cyd", "ops"))


def score_responsibility(snapshot: Snapshot) -> tuple[float | None, list[str]]:
    alignment = compute_alignment(snapshot)
    return alignment.components[1].score, [
        loss.reason for loss in filter_losses(alignment.losses, "shared_responsibility")
    ]


@pytest.mark.parametrize(
    ("parts", "value", "reasons"),
    [
        ((), 0, ["no_owner"]),
        ((make_responsibility("win", "ann", status="proposed"),), 0, ["not_accepted"]),
        ((make_responsibility("win", "ann", "consulted", status="proposed"),), 0, ["no_owner"]),
        ((make_responsibility("win", "ann", status="declined"),), 0, ["no_owner"]),
        (
            (make_responsibility("win", "ann", "accountable"), make_responsibility("win", "bob")),
            0,
            ["single_function"],
        ),
        (
            (make_responsibility("win", "ann"), make_responsibility("win", "cyd")),
            0.5,
            ["no_accountable"],
        ),
        (
            (
                make_responsibility("win", "ann", "accountable"),
                make_responsibility("win", "cyd", "accountable"),
            ),
            0.5,
            ["several_accountable"],
        ),
        (
            (make_responsibility("win", "ann", "accountable"), make_responsibility("win", "cyd")),
            1,
            [],
        ),
        (
            (
                make_responsibility("win", "ann", "accountable", 3),
                make_responsibility("win", "cyd"),
            ),
            1 / (9 / 16 + 1 / 16) - 1,
            ["unbalanced"],
        ),
    ],
)
def test_an_objective_wants_several_functions_and_one_accountable_team(parts, value, reasons):
    actual_score, actual_reasons = score_responsibility(
        make_snapshot(*TEAMS, make_objective("win"), *parts)
    )
    assert actual_score == pytest.approx(value)
    assert actual_reasons == reasons


def test_one_function_is_enough_where_there_is_no_other():
    assert score_responsibility(
        make_snapshot(
            *TEAMS[:2], make_objective("win"), make_responsibility("win", "ann", "accountable")
        )
    ) == (
        1,
        [],
    )
    assert score_responsibility(
        make_snapshot(*TEAMS[:2], make_objective("win"), make_responsibility("win", "ann"))
    ) == (
        0.5,
        ["no_accountable"],
    )
    assert (
        score_responsibility(
            make_snapshot(
                *TEAMS,
                make_objective("win"),
                make_responsibility("win", "ann", "accountable"),
                Policy(required_functions=1),
            )
        )[0]
        == 1
    )


def test_objectives_weigh_by_their_priority():
    parts = (make_responsibility("win", "ann", "accountable"), make_responsibility("win", "cyd"))
    assert score_responsibility(
        make_snapshot(*TEAMS, make_objective("win", 3), make_objective("keep"), *parts)
    ) == (
        0.75,
        ["no_owner"],
    )


def test_paused_objectives_and_those_of_other_playbooks_do_not_score():
    paused = make_objective("paused", state="paused")
    foreign = make_objective("other", playbook="q3")
    assert score_responsibility(make_snapshot(*TEAMS, paused, foreign)) == (None, [])


def test_the_largest_effective_number_of_functions_is_no_more_than_asked_for():
    parts = (
        make_responsibility("win", "ann", "accountable"),
        make_responsibility("win", "cyd"),
        make_responsibility("win", "dee"),
    )
    assert (
        score_responsibility(
            make_snapshot(
                *TEAMS,
                make_team("dee", "legal"),
                make_objective("win"),
                *parts,
                Policy(minimum_coverage=FIXED_SCALE),
            )
        )[0]
        == 1
    )
