import pytest

from app.domain.primitives.decimals import ONE
from app.scoring.key_result_progress import value
from app.scoring.snapshot import Measure

TWO = {
    "crm": Measure(2, 30, -5, 20, (7, "b", 1)),
    "erp": Measure(1, 4, 4, 4, (7, "a", 2)),
}


@pytest.mark.parametrize(
    ("aggregation", "exact"),
    [
        ("sum", (34, 1)),
        ("count", (3 * ONE, 1)),
        ("mean", (34, 3)),
        ("min", (-5, 1)),
        ("max", (20, 1)),
        ("last", (2, 1)),
    ],
)
def test_sources_together_make_one_value(aggregation, exact):
    assert value(aggregation, TWO) == exact


def test_the_last_value_is_of_the_latest_time_then_source_then_id():
    one, two = Measure(1, 0, last=(7, "b", 1)), Measure(1, 0, last=(8, "a", 2))
    assert value("last", {"zoo": one, "ant": two}) == (2, 1)


def test_no_source_has_no_value():
    assert value("sum", {}) is None
