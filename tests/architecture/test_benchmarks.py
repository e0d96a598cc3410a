"""The benchmarks run, small."""

import asyncpg
import pytest

from app.main import make_service
from app.security.vault import new_keys
from app.services.operations import rollup_check as maintenance
from app.settings import Settings
from benchmarks import company, exports
from benchmarks.past import ASKED, SMALL, Clock, measure, report


@pytest.mark.postgresql
async def test_the_benchmark_of_the_past_measures_everything_it_reports(
    postgresql_url: str,
) -> None:
    times = await measure(postgresql_url, SMALL)
    assert {what for what, _ in times} == set(ASKED)
    assert all(len(found) == SMALL.rounds - 1 for found in times.values())
    assert report(times).count("limit") == 1


async def test_the_benchmark_of_exports_measures_that_memory_is_flat(sqlite_url: str) -> None:
    peaks = await exports.measure(sqlite_url, exports.SMALL)
    lines = {name: found[0][2] for name, found in peaks.items()}
    assert (lines["ndjson", "few"], lines["csv", "many"]) == (
        exports.SMALL.events,
        exports.SMALL.events * 2 + 1,
    )
    assert exports.report(peaks).count("limit") == len(exports.FORMATS)


@pytest.mark.postgresql
async def test_events_that_a_benchmark_multiplies_are_those_that_the_rollups_count(
    postgresql_url: str,
) -> None:
    clock = Clock()
    service = make_service(
        Settings(database_url=postgresql_url, secret_keys=new_keys(), key_pepper=new_keys()), clock
    )
    found = await company.furnished(service, clock, 10, 900)
    raw = await asyncpg.connect(postgresql_url.replace("+asyncpg", ""))
    await company.multiply(raw, found.organization, 3)
    await raw.close()
    assert not any((await maintenance.differences(service, found.organization)).values())
    await service.database.close()
