"""The settings, read from the environment by the process that starts the service."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ENVIRONMENT_PREFIX = "SIGHTLINE_"
CLIENT_ONLY_VARIABLES = frozenset({"SIGHTLINE_URL", "SIGHTLINE_API_KEY"})


class Settings(BaseModel):
    """All settings. By default, the service uses embedded SQLite in the working directory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: str = Field(
        "sqlite+aiosqlite:///sightline.db",
        description="The database, SQLite or PostgreSQL, as an SQLAlchemy URL",
    )
    secret_keys: str | None = Field(
        None,
        description=(
            "Keys that encrypt webhook secrets: `id:base64,...`, 32 bytes each. The service "
            "encrypts with the first one and decrypts with any"
        ),
    )
    key_pepper: str | None = Field(
        None,
        description=(
            "Keys of the HMAC that is stored in place of an API key: `id:base64,...`, "
            "32 bytes each. New API keys use the first one"
        ),
    )
    public_url: str = Field(
        "http://127.0.0.1:8000",
        description="The address that CRMs call. HubSpot includes it in its signatures",
    )
    raw_retention_days: int = Field(
        30,
        ge=1,
        le=3650,
        description=(
            "The service keeps the raw bodies of deliveries for this number of days, and then "
            "empties them"
        ),
    )
    log_format: Literal["console", "json"] = Field(
        "console", description="The format of log lines: readable text or JSON"
    )
    pool_size: int = Field(
        5,
        ge=1,
        le=100,
        description=(
            "The maximum number of database connections that a process keeps open (PostgreSQL)"
        ),
    )
    pool_timeout_seconds: float = Field(
        5.0,
        gt=0,
        le=60,
        description="The maximum time that a request waits for a database connection",
    )
    statement_timeout_seconds: float = Field(
        30.0,
        gt=0,
        le=3600,
        description="The maximum time that a database statement can run (PostgreSQL)",
    )
    oidc_issuer: str | None = Field(
        None,
        description=(
            "The OpenID Connect issuer whose access tokens the service accepts: an https address"
        ),
    )
    oidc_audience: str | None = Field(
        None,
        description="The audience that an access token must name. It is required with an issuer",
    )
    oidc_organization_claim: str = Field(
        "sightline_organization", description="The claim that holds the organization's key"
    )
    oidc_team_claim: str = Field(
        "sightline_team",
        description="The claim that holds the team that a token is bound to, if any",
    )
    requests_per_minute: int = Field(
        6_000,
        ge=0,
        description=(
            "The maximum number of requests of an API key or user to a process in a minute. "
            "0 means no limit"
        ),
    )
    failures_per_minute: int = Field(
        60,
        ge=0,
        description=(
            "The maximum number of failed authentications of an address in a minute. Then a "
            "process refuses unknown keys without reading the database. 0 means no limit"
        ),
    )


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings of an environment.

    Raises: pydantic.ValidationError, also for unknown names that start with `SIGHTLINE_`.
    """
    settings_fields = {
        variable_name.removeprefix(ENVIRONMENT_PREFIX).lower(): text
        for variable_name, text in environment.items()
        if variable_name.startswith(ENVIRONMENT_PREFIX)
        and variable_name not in CLIENT_ONLY_VARIABLES
        and not variable_name.startswith("SIGHTLINE_REQUIRE")
    }
    return Settings.model_validate(settings_fields)
