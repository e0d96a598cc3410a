"""Settings come from the environment that the caller gives, and nothing misspelled passes."""

import pytest
from pydantic import ValidationError

from app.settings import Settings, load_settings


def test_no_environment_at_all_is_embedded_sqlite_on_this_machine():
    settings = load_settings({})
    assert settings == Settings()
    assert settings.database_url == "sqlite+aiosqlite:///sightline.db"
    assert settings.public_url == "http://127.0.0.1:8000"
    assert (settings.secret_keys, settings.key_pepper) == (None, None)


def test_what_is_set_is_read_and_what_belongs_to_others_is_not():
    settings = load_settings(
        {
            "SIGHTLINE_POOL_SIZE": "7",
            "SIGHTLINE_LOG_FORMAT": "json",
            "PATH": "/bin",
            "POOL_SIZE": "9",
        }
    )
    assert (settings.pool_size, settings.log_format) == (7, "json")


def test_names_of_the_client_and_of_the_tests_are_no_settings():
    assert (
        load_settings(
            {"SIGHTLINE_URL": "x", "SIGHTLINE_API_KEY": "x", "SIGHTLINE_REQUIRE_POSTGRESQL": "1"}
        )
        == Settings()
    )


@pytest.mark.parametrize(
    "environment",
    [
        {"SIGHTLINE_DATABASE": "sqlite://"},
        {"SIGHTLINE_POOL_SIZE": "0"},
        {"SIGHTLINE_POOL_SIZE": "many"},
        {"SIGHTLINE_LOG_FORMAT": "xml"},
        {"SIGHTLINE_STATEMENT_TIMEOUT_SECONDS": "0"},
    ],
)
def test_what_is_misspelled_or_out_of_bounds_is_refused(environment: dict[str, str]):
    with pytest.raises(ValidationError):
        load_settings(environment)


def test_settings_do_not_change():
    with pytest.raises(ValidationError):
        Settings().pool_size = 9  # type: ignore[misc]  # frozen: that is the point
