import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.demo.company import ORGANIZATION, Quarter
from app.demo.setup import OverError, Ready, prepare
from app.domain.primitives.errors import ConflictError
from app.main import create_app
from app.security.vault import new_keys
from app.services.access import organizations
from app.services.operations import rollup_check as maintenance
from app.settings import Settings
from tests.support.databases import sqlite_copy

QUARTER = Quarter(date(2026, 9, 28))
SECRET, PEPPER = new_keys(), new_keys()
WEEKS_2 = datetime(2026, 10, 13, 13, tzinfo=UTC)
WEEKS_8 = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def at(url: str) -> Settings:
    return Settings(database_url=url, secret_keys=SECRET, key_pepper=PEPPER)


async def asked(
    settings: Settings, key: str, now: datetime, *paths: str, method: str = "GET"
) -> list[Any]:
    application = create_app(settings, lambda: now)
    transport = httpx.ASGITransport(app=application)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://a.test", headers=headers
    ) as http:
        found = [await http.request(method, path) for path in paths]
    await application.state.service.database.close()
    return [answer.json() if answer.content else answer.status_code for answer in found]


async def score(settings: Settings, found: Ready, now: datetime) -> list[Any]:
    answers = await asked(
        settings, found.read_key, now, "/v1/alignment", "/v1/alignment/ledger?limit=200"
    )
    return [
        {name: value for name, value in answer.items() if name != "version"} for answer in answers
    ]


@pytest.mark.slow
async def test_two_starts_tell_what_one_start_tells_and_the_first_ones_keys_are_gone(sqlite_url):
    once, twice = at(f"sqlite+aiosqlite:///{sqlite_copy()}"), at(sqlite_url)
    first = await prepare(twice, datetime(2026, 10, 7, 13, tzinfo=UTC), QUARTER)
    second = await prepare(twice, WEEKS_2)
    whole = await prepare(once, WEEKS_2, QUARTER)
    assert second.played < whole.played
    assert await score(twice, second, WEEKS_2) == await score(once, whole, WEEKS_2)
    for old in (first.read_key, first.admin_key):
        (refused,) = await asked(twice, old, WEEKS_2, "/v1/alignment")
        assert refused["status"] == 401
    (kept,) = await asked(twice, second.admin_key, WEEKS_2, "/v1/api-keys")
    assert sorted(key["name"] for key in kept["items"]) == ["demo admin", "demo reader"]
    (late,) = await asked(twice, second.read_key, WEEKS_2 + timedelta(hours=24), "/v1/alignment")
    assert late["status"] == 401


@pytest.mark.slow
@pytest.mark.postgresql
async def test_the_same_seed_gives_the_same_bytes_on_both_databases(sqlite_url, postgresql_url):
    shown = []
    for url in (sqlite_url, postgresql_url):
        found = await prepare(at(url), WEEKS_2, QUARTER)
        shown.append(json.dumps(await score(at(url), found, WEEKS_2)))
    assert shown[0] == shown[1]


@pytest.mark.slow
async def test_eight_weeks_in_the_story_is_in_the_ledger(sqlite_url):
    settings = at(sqlite_url)
    steps: list[tuple[int, int]] = []
    found = await prepare(
        settings, WEEKS_8, QUARTER, lambda done, total: steps.append((done, total))
    )
    alignment, ledger = await score(settings, found, WEEKS_8)
    assert steps[-1] == (found.played, found.played)
    assert 0.45 < alignment["score"] < 0.65
    assert alignment["coverage"] > 0.8
    assert [one["name"] for one in alignment["components"] if one["score"] is None] == []
    told = {
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
    } <= told
    largest = max(ledger["items"], key=lambda loss: loss["points"])
    assert (largest["reason"], largest["team"]) == ("off_playbook", "sales")
    await everything_stands(settings, found)


async def everything_stands(settings: Settings, found: Ready) -> None:
    """The evidence lists something, the sources are well, and the roll-ups are what the events say."""
    evidence, hubspot = await asked(
        settings, found.read_key, WEEKS_8, found.evidence, "/v1/sources/hubspot"
    )
    assert evidence["items"]
    assert (hubspot["health"]["failures_last_day"], hubspot["health"]["unmapped"]) == (0, [])
    application = create_app(settings, lambda: WEEKS_8)
    service = application.state.service
    identity = await organizations.find(service, ORGANIZATION)
    assert not any((await maintenance.differences(service, identity)).values())
    await service.database.close()


@pytest.mark.slow
async def test_a_quarter_that_is_over_is_not_played_on(sqlite_url):
    await prepare(at(sqlite_url), datetime(2026, 9, 29, tzinfo=UTC), QUARTER)
    with pytest.raises(OverError, match="2026-12-27"):
        await prepare(at(sqlite_url), datetime(2026, 12, 28, tzinfo=UTC))


@pytest.mark.slow
async def test_a_story_that_somebody_broke_says_so(sqlite_url):
    monday = datetime(2026, 9, 28, 20, tzinfo=UTC)
    found = await prepare(at(sqlite_url), monday, QUARTER)
    gone = await asked(
        at(sqlite_url), found.admin_key, monday, "/v1/sources/projects", method="DELETE"
    )
    assert gone == [204]
    with pytest.raises(ConflictError, match=r"cannot go on.*projects"):
        await prepare(at(sqlite_url), monday + timedelta(days=1))
