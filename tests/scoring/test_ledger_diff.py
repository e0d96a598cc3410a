from hypothesis import given
from hypothesis import strategies as st

from app.scoring.components.outcomes import UnmeasuredObjective
from app.scoring.ledger import Loss
from app.scoring.ledger_diff import diff_ledgers, loss_key
from tests.scoring.evidence.test_evidence_scope import SCOPE

LEDGERS = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1), max_size=6)


def make_losses(points_by_objective: dict[str, float]) -> list[Loss]:
    return [
        Loss(
            "outcomes",
            "unmeasured",
            points,
            UnmeasuredObjective(SCOPE, objective_key),
            objective=objective_key,
        )
        for objective_key, points in points_by_objective.items()
    ]


@given(LEDGERS, LEDGERS)
def test_a_difference_has_each_change_once_the_largest_first(
    before: dict[str, float], after: dict[str, float]
):
    differences = diff_ledgers(make_losses(before), make_losses(after))
    expected_changes = {
        key: after.get(key, 0) - before.get(key, 0) for key in before.keys() | after.keys()
    }
    assert {loss_change.loss.objective: loss_change.change for loss_change in differences} == {
        k: v for k, v in expected_changes.items() if abs(v) >= 1e-12
    }
    sizes = [abs(loss_change.change) for loss_change in differences]
    assert sizes == sorted(sizes, reverse=True)


def test_losses_are_the_same_when_they_concern_the_same():
    first, second = make_losses({"a": 0.1, "b": 0.1})
    assert loss_key(first) == loss_key(first._replace(points=0.5)) != loss_key(second)
