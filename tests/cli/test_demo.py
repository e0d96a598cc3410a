import asyncio
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from app.cli.demo import play_demo, print_welcome
from app.cli.support.terminal import CommandError
from app.demo.company import Quarter
from app.demo.setup import DemoAccess, prepare_demo
from app.settings import Settings

KEY = "k1:" + "A" * 43 + "="
PAST_QUARTER = Quarter(date(2024, 1, 8))
IN_PAST_QUARTER = datetime(2024, 1, 9, tzinfo=UTC)


def test_the_welcome_has_the_keys_and_three_curl_commands(capsys):
    print_welcome(
        "http://127.0.0.1:8123",
        DemoAccess("sightline_read", "sightline_admin", "/v1/events?team=sales", 3),
    )
    output = capsys.readouterr().out
    assert "SIGHTLINE_API_KEY=sightline_read" in output
    assert "sightline_admin" in output
    assert output.count("curl -s") == 3
    assert '"http://127.0.0.1:8123/v1/events?team=sales"' in output


@pytest.mark.slow
@pytest.mark.postgresql
def test_a_server_whose_quarter_is_over_is_left_alone(postgresql_url):
    settings = Settings(database_url=postgresql_url, secret_keys=KEY, key_pepper=KEY)
    asyncio.run(prepare_demo(settings, IN_PAST_QUARTER, PAST_QUARTER))
    with pytest.raises(CommandError, match="Give the demo an empty database"):
        play_demo(settings)


@pytest.mark.slow
def test_a_file_whose_quarter_is_over_is_replaced(sqlite_url, capsys):
    settings = Settings(database_url=sqlite_url, secret_keys=KEY, key_pepper=KEY)
    asyncio.run(prepare_demo(settings, IN_PAST_QUARTER, PAST_QUARTER))
    before = Path(sqlite_url.removeprefix("sqlite+aiosqlite:///")).stat().st_ino
    prepared = play_demo(settings)
    assert prepared.played_count > 100
    assert "It begins anew." in capsys.readouterr().out
    assert Path(sqlite_url.removeprefix("sqlite+aiosqlite:///")).stat().st_ino != before
