import pytest

from app.domain.primitives.decimals import FIXED_SCALE
from app.scoring.key_result_progress import aggregate_value
from app.scoring.snapshot import SourceMeasure

MEASURES = {
    "crm": SourceMeasure(2, 30, -5, 20, (7, "b", 1)),
    "erp": SourceMeasure(1, 4, 4, 4, (7, "a", 2)),
}


@pytest.mark.parametrize(
    ("aggregation", "exact"),
    [
        ("sum", (34, 1)),
        ("count", (3 * FIXED_SCALE, 1)),
        ("mean", (34, 3)),
        ("min", (-5, 1)),
        ("max", (20, 1)),
        ("last", (2, 1)),
    ],
)
def test_measures_of_several_sources_make_one_value(aggregation, exact):
    assert aggregate_value(aggregation, MEASURES) == exact


def test_the_last_value_is_of_the_latest_time_then_source_then_id():
    earlier = SourceMeasure(1, 0, last=(7, "b", 1))
    later = SourceMeasure(1, 0, last=(8, "a", 2))
    assert aggregate_value("last", {"zoo": earlier, "ant": later}) == (2, 1)


def test_no_source_has_no_value():
    assert aggregate_value("sum", {}) is None
