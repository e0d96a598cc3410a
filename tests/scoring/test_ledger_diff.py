from hypothesis import given
from hypothesis import strategies as st

from app.scoring.components.outcomes import Unmeasured
from app.scoring.ledger import Loss
from app.scoring.ledger_diff import difference, place
from tests.scoring.test_evidence import SCOPE

LEDGERS = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1), max_size=6)


def ledger(found: dict[str, float]) -> list[Loss]:
    return [
        Loss("outcomes", "unmeasured", points, Unmeasured(SCOPE, key), objective=key)
        for key, points in found.items()
    ]


@given(LEDGERS, LEDGERS)
def test_a_difference_has_each_change_once_the_largest_first(
    before: dict[str, float], after: dict[str, float]
):
    found = difference(ledger(before), ledger(after))
    changed = {key: after.get(key, 0) - before.get(key, 0) for key in before.keys() | after.keys()}
    assert {one.loss.objective: one.change for one in found} == {
        k: v for k, v in changed.items() if abs(v) >= 1e-12
    }
    sizes = [abs(one.change) for one in found]
    assert sizes == sorted(sizes, reverse=True)


def test_losses_are_the_same_when_they_concern_the_same():
    one, other = ledger({"a": 0.1, "b": 0.1})
    assert place(one) == place(one._replace(points=0.5)) != place(other)
