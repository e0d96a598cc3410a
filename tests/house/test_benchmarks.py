"""The benchmark of the past runs, small."""

import pytest

from benchmarks.past import ASKED, SMALL, measure, report


@pytest.mark.postgresql
async def test_the_benchmark_of_the_past_measures_everything_it_reports(postgresql_url: str) -> None:
    times = await measure(postgresql_url, SMALL)
    assert {what for what, _ in times} == set(ASKED)
    assert all(len(found) == SMALL.rounds - 1 for found in times.values())
    assert report(times).count("limit") == 1
