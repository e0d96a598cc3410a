"""The benchmarks run at their smallest size."""

import asyncpg
import pytest

from app.main import make_service
from app.security.vault import generate_key
from app.services.operations import rollup_check
from app.settings import Settings
from benchmarks import benchmark_company, exports
from benchmarks.past_answers import (
    QUESTIONS,
    SMALL_SIZE,
    FakeClock,
    format_report,
    measure_questions,
)


@pytest.mark.postgresql
async def test_the_benchmark_of_the_past_measures_everything_it_reports(
    postgresql_url: str,
) -> None:
    times = await measure_questions(postgresql_url, SMALL_SIZE)
    assert {question for question, _ in times} == set(QUESTIONS)
    assert all(len(seconds) == SMALL_SIZE.rounds - 1 for seconds in times.values())
    assert format_report(times).count("limit") == 1


async def test_the_benchmark_of_exports_measures_that_memory_is_flat(sqlite_url: str) -> None:
    peaks = await exports.measure_exports(sqlite_url, exports.SMALL_SIZE)
    line_counts = {size_name: measurements[0][2] for size_name, measurements in peaks.items()}
    assert (line_counts["ndjson", "few"], line_counts["csv", "many"]) == (
        exports.SMALL_SIZE.events,
        exports.SMALL_SIZE.events * 2 + 1,
    )
    assert exports.format_report(peaks).count("limit") == len(exports.FORMATS)


@pytest.mark.postgresql
async def test_events_that_a_benchmark_multiplies_are_those_that_the_rollups_count(
    postgresql_url: str,
) -> None:
    clock = FakeClock()
    service = make_service(
        Settings(
            database_url=postgresql_url, secret_keys=generate_key(), key_pepper=generate_key()
        ),
        clock,
    )
    company = await benchmark_company.create_company(service, clock, 10, 900)
    connection = await asyncpg.connect(postgresql_url.replace("+asyncpg", ""))
    await benchmark_company.multiply_events(connection, company.organization, 3)
    await connection.close()
    differences = await rollup_check.count_rollup_differences(service, company.organization)
    assert not any(differences.values())
    await service.database.close()
