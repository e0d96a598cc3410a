"""The service is built from the settings. An embedded database has its own key file."""

import gc
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI

from app import clock
from app.main import create_app, create_server_app, make_service, make_vault
from app.security.vault import generate_key
from app.settings import Settings

SERVER_URL = "postgresql+asyncpg://nobody@localhost/nothing"


def make_embedded_settings(folder: Path, **overrides: str) -> Settings:
    return Settings(database_url=f"sqlite+aiosqlite:///{folder}/sightline.db", **overrides)  # type: ignore[arg-type]  # texts


def test_an_embedded_database_generates_its_keys_once_readable_only_by_their_owner(tmp_path: Path):
    vault = make_vault(make_embedded_settings(tmp_path))
    key_file = tmp_path / "sightline.db.keys"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert make_vault(make_embedded_settings(tmp_path)) == vault
    assert vault.secret_keys != vault.peppers


def test_configured_keys_are_used_and_none_are_generated(tmp_path: Path):
    vault = make_vault(
        make_embedded_settings(
            tmp_path, secret_keys=generate_key("a"), key_pepper=generate_key("b")
        )
    )
    assert (list(vault.secret_keys), list(vault.peppers)) == (["a"], ["b"])
    assert list(tmp_path.iterdir()) == []


def test_one_configured_key_is_combined_with_the_other_of_the_file(tmp_path: Path):
    file_vault = make_vault(make_embedded_settings(tmp_path))
    vault = make_vault(make_embedded_settings(tmp_path, secret_keys=generate_key("a")))
    assert (list(vault.secret_keys), vault.peppers) == (["a"], file_vault.peppers)


@pytest.mark.parametrize(
    "configured_keys", [{}, {"secret_keys": generate_key()}, {"key_pepper": generate_key()}]
)
def test_postgresql_needs_configured_keys(configured_keys: dict[str, str]):
    with pytest.raises(ValueError, match="required"):
        make_vault(Settings(database_url=SERVER_URL, **configured_keys))  # type: ignore[arg-type]  # texts


async def test_a_service_has_the_address_of_the_settings_and_the_given_clock(tmp_path: Path):
    instant = datetime(2026, 1, 1, tzinfo=UTC)
    service = make_service(
        make_embedded_settings(tmp_path, public_url="https://sightline.example/"), lambda: instant
    )
    assert (service.public_url, service.clock()) == ("https://sightline.example", instant)
    await service.database.close()


async def test_the_application_opens_no_database_before_the_first_request(tmp_path: Path):
    application = create_app(make_embedded_settings(tmp_path))
    assert application.state.service.public_url == "http://127.0.0.1:8000"
    async with application.router.lifespan_context(application):
        assert not (tmp_path / "sightline.db").exists(), "no request was made"


def test_the_clock_is_the_present_instant_in_utc():
    before = datetime.now(UTC)
    now = clock.utc_now()
    assert before <= now <= before + timedelta(minutes=1)
    assert now.utcoffset() == timedelta(0)


def test_an_issuer_without_an_audience_is_refused_at_the_start(tmp_path):
    with pytest.raises(ValueError, match="SIGHTLINE_OIDC_AUDIENCE"):
        make_service(make_embedded_settings(tmp_path, oidc_issuer="https://issuer.example"))


def test_the_garbage_collector_ignores_the_objects_of_the_start(monkeypatch, tmp_path):
    monkeypatch.setenv("SIGHTLINE_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'served.db'}")
    before = gc.get_freeze_count()
    try:
        assert isinstance(create_server_app(), FastAPI)
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
