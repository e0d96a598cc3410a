import pytest

from app.cli.support.local_service import embedded, ensured, perform, ready, settings_for
from app.cli.support.terminal import CommandError
from app.services.operations import rollup_check as maintenance


@pytest.fixture
def with_keys(monkeypatch):
    key = "k1:" + "A" * 43 + "="
    monkeypatch.setenv("SIGHTLINE_SECRET_KEYS", key)
    monkeypatch.setenv("SIGHTLINE_KEY_PEPPER", key)


def test_a_file_is_migrated_and_a_server_is_not(sightline, tmp_path, postgresql_url, with_keys):
    file = settings_for(f"sqlite+aiosqlite:///{tmp_path / 'new.db'}")
    with pytest.raises(CommandError, match=r"has no schema yet\. Run: sightline db upgrade"):
        ensured(file)
    ready(file)
    ensured(file)
    server = settings_for(postgresql_url)
    assert not embedded(server)
    ready(server)


def test_the_work_is_done_on_a_service_and_its_answer_given(database_url, with_keys):
    assert perform(database_url, maintenance.organizations) == []


@pytest.mark.parametrize(
    "url",
    ["nonsense", "mysql://a:secret@b/c", "sqlite:///a.db", "sqlite+aiosqlite:////no/such/x.db"],
)
def test_an_address_that_we_do_not_know_is_refused_without_telling_it(url):
    with pytest.raises(CommandError) as refused:
        settings_for(url)
    assert "secret" not in str(refused.value)


def test_the_environment_names_the_database(monkeypatch):
    monkeypatch.setenv("SIGHTLINE_DATABASE_URL", "sqlite+aiosqlite:///a.db")
    assert settings_for(None).database_url == "sqlite+aiosqlite:///a.db"
    assert settings_for("sqlite+aiosqlite:///b.db").database_url == "sqlite+aiosqlite:///b.db"
