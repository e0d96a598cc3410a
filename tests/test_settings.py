"""Settings come from the given environment, and unknown names are refused."""

import pytest
from pydantic import ValidationError

from app.settings import Settings, load_settings


def test_an_empty_environment_gives_embedded_sqlite():
    settings = load_settings({})
    assert settings == Settings()
    assert settings.database_url == "sqlite+aiosqlite:///sightline.db"
    assert settings.public_url == "http://127.0.0.1:8000"
    assert (settings.secret_keys, settings.key_pepper) == (None, None)


def test_only_variables_with_the_prefix_are_read():
    settings = load_settings(
        {
            "SIGHTLINE_POOL_SIZE": "7",
            "SIGHTLINE_LOG_FORMAT": "json",
            "PATH": "/bin",
            "POOL_SIZE": "9",
        }
    )
    assert (settings.pool_size, settings.log_format) == (7, "json")


def test_variables_of_the_client_and_of_the_tests_are_ignored():
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
def test_unknown_names_and_invalid_values_are_refused(environment: dict[str, str]):
    with pytest.raises(ValidationError):
        load_settings(environment)


def test_settings_do_not_change():
    with pytest.raises(ValidationError):
        Settings().pool_size = 9  # type: ignore[misc]  # the assignment must fail
