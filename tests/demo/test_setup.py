import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.demo.company import ORGANIZATION, Quarter
from app.demo.setup import DemoAccess, QuarterOverError, prepare_demo
from app.domain.primitives.errors import ConflictError
from app.main import create_app
from app.security.vault import generate_key
from app.services.access import organizations
from app.services.operations import rollup_check
from app.settings import Settings
from tests.support.databases import copy_sqlite_template

QUARTER = Quarter(date(2026, 9, 28))
SECRET = generate_key()
PEPPER = generate_key()
TWO_WEEKS_IN = datetime(2026, 10, 13, 13, tzinfo=UTC)
EIGHT_WEEKS_IN = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def settings_for(url: str) -> Settings:
    return Settings(database_url=url, secret_keys=SECRET, key_pepper=PEPPER)


async def request_all(
    settings: Settings, key: str, now: datetime, *paths: str, method: str = "GET"
) -> list[Any]:
    application = create_app(settings, lambda: now)
    transport = httpx.ASGITransport(app=application)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://a.test", headers=headers
    ) as http:
        responses = [await http.request(method, path) for path in paths]
    await application.state.service.database.close()
    return [response.json() if response.content else response.status_code for response in responses]


async def read_score(settings: Settings, prepared: DemoAccess, now: datetime) -> list[Any]:
    documents = await request_all(
        settings, prepared.read_key, now, "/v1/alignment", "/v1/alignment/ledger?limit=200"
    )
    return [
        {
            member_name: member
            for member_name, member in document.items()
            if member_name != "version"
        }
        for document in documents
    ]


@pytest.mark.slow
async def test_a_resumed_demo_scores_like_a_single_start_and_revokes_the_old_keys(sqlite_url):
    single_settings = settings_for(f"sqlite+aiosqlite:///{copy_sqlite_template()}")
    resumed_settings = settings_for(sqlite_url)
    first = await prepare_demo(resumed_settings, datetime(2026, 10, 7, 13, tzinfo=UTC), QUARTER)
    second = await prepare_demo(resumed_settings, TWO_WEEKS_IN)
    single_start = await prepare_demo(single_settings, TWO_WEEKS_IN, QUARTER)
    assert second.played_count < single_start.played_count
    assert await read_score(resumed_settings, second, TWO_WEEKS_IN) == await read_score(
        single_settings, single_start, TWO_WEEKS_IN
    )
    for old_key in (first.read_key, first.admin_key):
        (rejection,) = await request_all(resumed_settings, old_key, TWO_WEEKS_IN, "/v1/alignment")
        assert rejection["status"] == 401
    (key_list,) = await request_all(
        resumed_settings, second.admin_key, TWO_WEEKS_IN, "/v1/api-keys"
    )
    assert sorted(key["name"] for key in key_list["items"]) == ["demo admin", "demo reader"]
    (late_response,) = await request_all(
        resumed_settings, second.read_key, TWO_WEEKS_IN + timedelta(hours=24), "/v1/alignment"
    )
    assert late_response["status"] == 401


@pytest.mark.slow
@pytest.mark.postgresql
async def test_the_same_seed_gives_the_same_bytes_on_both_databases(sqlite_url, postgresql_url):
    score_texts = []
    for url in (sqlite_url, postgresql_url):
        prepared = await prepare_demo(settings_for(url), TWO_WEEKS_IN, QUARTER)
        score_texts.append(json.dumps(await read_score(settings_for(url), prepared, TWO_WEEKS_IN)))
    assert score_texts[0] == score_texts[1]


@pytest.mark.slow
async def test_eight_weeks_in_the_story_is_in_the_ledger(sqlite_url):
    settings = settings_for(sqlite_url)
    steps: list[tuple[int, int]] = []
    prepared = await prepare_demo(
        settings, EIGHT_WEEKS_IN, QUARTER, lambda completed, total: steps.append((completed, total))
    )
    alignment, ledger = await read_score(settings, prepared, EIGHT_WEEKS_IN)
    assert steps[-1] == (prepared.played_count, prepared.played_count)
    assert 0.45 < alignment["score"] < 0.65
    assert alignment["coverage"] > 0.8
    assert [
        component["name"] for component in alignment["components"] if component["score"] is None
    ] == []
    losses = {
        (loss["reason"], loss["team"] or loss["objective"] or loss["offering"])
        for loss in ledger["items"]
    }
    assert {
        ("off_playbook", "sales"),
        ("stale", "open-partner-channel"),
        ("not_yet_available", "advisory"),
        ("retired", "legacy-setup"),
        ("unknown_offering", "tailored-rollout"),
        ("sources_disagree", "win-enterprise"),
        ("signed_old_revision", "operations"),
        ("not_signed", "marketing"),
        ("did_not_contribute", "sales"),
        ("behind_pace", "win-enterprise"),
    } <= losses
    largest_loss = max(ledger["items"], key=lambda loss: loss["points"])
    assert (largest_loss["reason"], largest_loss["team"]) == ("off_playbook", "sales")
    await check_evidence_sources_and_rollups(settings, prepared)


async def check_evidence_sources_and_rollups(settings: Settings, prepared: DemoAccess) -> None:
    """Check that evidence exists, sources are healthy, and roll-ups match the events."""
    evidence, hubspot = await request_all(
        settings, prepared.read_key, EIGHT_WEEKS_IN, prepared.evidence, "/v1/sources/hubspot"
    )
    assert evidence["items"]
    assert (hubspot["health"]["failures_last_day"], hubspot["health"]["unmapped"]) == (0, [])
    application = create_app(settings, lambda: EIGHT_WEEKS_IN)
    service = application.state.service
    identity = await organizations.find_organization(service, ORGANIZATION)
    assert not any((await rollup_check.count_rollup_differences(service, identity)).values())
    await service.database.close()


@pytest.mark.slow
async def test_a_quarter_that_is_over_is_not_resumed(sqlite_url):
    await prepare_demo(settings_for(sqlite_url), datetime(2026, 9, 29, tzinfo=UTC), QUARTER)
    with pytest.raises(QuarterOverError, match="2026-12-27"):
        await prepare_demo(settings_for(sqlite_url), datetime(2026, 12, 28, tzinfo=UTC))


@pytest.mark.slow
async def test_a_broken_story_is_reported(sqlite_url):
    monday = datetime(2026, 9, 28, 20, tzinfo=UTC)
    prepared = await prepare_demo(settings_for(sqlite_url), monday, QUARTER)
    statuses = await request_all(
        settings_for(sqlite_url),
        prepared.admin_key,
        monday,
        "/v1/sources/projects",
        method="DELETE",
    )
    assert statuses == [204]
    with pytest.raises(ConflictError, match=r"cannot go on.*projects"):
        await prepare_demo(settings_for(sqlite_url), monday + timedelta(days=1))
