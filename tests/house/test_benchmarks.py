"""The benchmarks run, small."""

import pytest

from benchmarks import exports
from benchmarks.past import ASKED, SMALL, measure, report


@pytest.mark.postgresql
async def test_the_benchmark_of_the_past_measures_everything_it_reports(postgresql_url: str) -> None:
    times = await measure(postgresql_url, SMALL)
    assert {what for what, _ in times} == set(ASKED)
    assert all(len(found) == SMALL.rounds - 1 for found in times.values())
    assert report(times).count("limit") == 1


async def test_the_benchmark_of_exports_measures_that_memory_is_flat(sqlite_url: str) -> None:
    peaks = await exports.measure(sqlite_url, exports.SMALL)
    lines = {name: found[0][2] for name, found in peaks.items()}
    assert (lines["ndjson", "few"], lines["csv", "many"]) == (exports.SMALL.events, exports.SMALL.events * 2 + 1)
    assert exports.report(peaks).count("limit") == len(exports.FORMATS)
