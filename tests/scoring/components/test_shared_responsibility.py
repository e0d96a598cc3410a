import pytest

from app.domain.playbook.organization import Policy
from app.domain.primitives.decimals import ONE
from app.scoring.engine import score
from app.scoring.snapshot import Snapshot
from tests.scoring.scenes import bears, losses, objective, snapshot, team

TEAMS = (team("ann", "sales"), team("bob", "sales"), team("cyd", "ops"))


def judged(found: Snapshot) -> tuple[float | None, list[str]]:
    answer = score(found)
    return answer.components[1].score, [
        loss.reason for loss in losses(answer.losses, "shared_responsibility")
    ]


@pytest.mark.parametrize(
    ("parts", "value", "reasons"),
    [
        ((), 0, ["no_owner"]),
        ((bears("win", "ann", status="proposed"),), 0, ["not_accepted"]),
        ((bears("win", "ann", "consulted", status="proposed"),), 0, ["no_owner"]),
        ((bears("win", "ann", status="declined"),), 0, ["no_owner"]),
        ((bears("win", "ann", "accountable"), bears("win", "bob")), 0, ["single_function"]),
        ((bears("win", "ann"), bears("win", "cyd")), 0.5, ["no_accountable"]),
        (
            (bears("win", "ann", "accountable"), bears("win", "cyd", "accountable")),
            0.5,
            ["several_accountable"],
        ),
        ((bears("win", "ann", "accountable"), bears("win", "cyd")), 1, []),
        (
            (bears("win", "ann", "accountable", 3), bears("win", "cyd")),
            1 / (9 / 16 + 1 / 16) - 1,
            ["unbalanced"],
        ),
    ],
)
def test_an_objective_wants_several_functions_and_one_accountable_team(parts, value, reasons):
    found, why = judged(snapshot(*TEAMS, objective("win"), *parts))
    assert found == pytest.approx(value)
    assert why == reasons


def test_one_function_is_enough_where_there_is_no_other():
    assert judged(snapshot(*TEAMS[:2], objective("win"), bears("win", "ann", "accountable"))) == (
        1,
        [],
    )
    assert judged(snapshot(*TEAMS[:2], objective("win"), bears("win", "ann"))) == (
        0.5,
        ["no_accountable"],
    )
    assert (
        judged(
            snapshot(
                *TEAMS,
                objective("win"),
                bears("win", "ann", "accountable"),
                Policy(required_functions=1),
            )
        )[0]
        == 1
    )


def test_objectives_weigh_by_their_priority():
    parts = (bears("win", "ann", "accountable"), bears("win", "cyd"))
    assert judged(snapshot(*TEAMS, objective("win", 3), objective("keep"), *parts)) == (
        0.75,
        ["no_owner"],
    )


def test_paused_objectives_and_those_of_other_playbooks_do_not_score():
    paused, other = objective("paused", state="paused"), objective("other", playbook="q3")
    assert judged(snapshot(*TEAMS, paused, other)) == (None, [])


def test_the_largest_effective_number_of_functions_is_no_more_than_asked_for():
    parts = (bears("win", "ann", "accountable"), bears("win", "cyd"), bears("win", "dee"))
    assert (
        judged(
            snapshot(
                *TEAMS, team("dee", "legal"), objective("win"), *parts, Policy(minimum_coverage=ONE)
            )
        )[0]
        == 1
    )
