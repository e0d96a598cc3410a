import pytest

from app.cli.support.local_service import (
    is_embedded,
    load_command_settings,
    prepare_schema,
    require_current_schema,
    run_with_service,
)
from app.cli.support.terminal import CommandError
from app.services.operations import rollup_check


@pytest.fixture
def service_keys(monkeypatch):
    encryption_key = "k1:" + "A" * 43 + "="
    monkeypatch.setenv("SIGHTLINE_SECRET_KEYS", encryption_key)
    monkeypatch.setenv("SIGHTLINE_KEY_PEPPER", encryption_key)


def test_a_file_is_migrated_and_a_server_is_not(sightline, tmp_path, postgresql_url, service_keys):
    file_settings = load_command_settings(f"sqlite+aiosqlite:///{tmp_path / 'new.db'}")
    with pytest.raises(CommandError, match=r"has no schema yet\. Run: sightline db upgrade"):
        require_current_schema(file_settings)
    prepare_schema(file_settings)
    require_current_schema(file_settings)
    server_settings = load_command_settings(postgresql_url)
    assert not is_embedded(server_settings)
    prepare_schema(server_settings)


def test_an_action_runs_on_a_service_and_its_result_is_returned(database_url, service_keys):
    assert run_with_service(database_url, rollup_check.list_organizations) == []


@pytest.mark.parametrize(
    "url",
    ["nonsense", "mysql://a:secret@b/c", "sqlite:///a.db", "sqlite+aiosqlite:////no/such/x.db"],
)
def test_an_unsupported_database_url_is_refused_without_printing_it(url):
    with pytest.raises(CommandError) as excinfo:
        load_command_settings(url)
    assert "secret" not in str(excinfo.value)


def test_the_environment_names_the_database(monkeypatch):
    monkeypatch.setenv("SIGHTLINE_DATABASE_URL", "sqlite+aiosqlite:///a.db")
    assert load_command_settings(None).database_url == "sqlite+aiosqlite:///a.db"
    assert (
        load_command_settings("sqlite+aiosqlite:///b.db").database_url == "sqlite+aiosqlite:///b.db"
    )
