"""The settings: one frozen model, read from the environment by whoever starts the service."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ENVIRONMENT_PREFIX = "SIGHTLINE_"
CLIENT_ONLY_VARIABLES = frozenset({"SIGHTLINE_URL", "SIGHTLINE_API_KEY"})


class Settings(BaseModel):
    """What can be set; with no environment at all, embedded SQLite in the working folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: str = Field(
        "sqlite+aiosqlite:///sightline.db", description="SQLite or PostgreSQL, as an SQLAlchemy URL"
    )
    secret_keys: str | None = Field(
        None,
        description="`id:base64,...`, 32 bytes each, the first is primary; encrypts webhook secrets",
    )
    key_pepper: str | None = Field(
        None, description="`id:base64`; API keys are stored as an HMAC with it"
    )
    public_url: str = Field(
        "http://127.0.0.1:8000", description="The address that CRMs call; HubSpot signs it"
    )
    raw_retention_days: int = Field(
        30,
        ge=1,
        le=3650,
        description="How long the raw bodies of deliveries are kept; the service empties older ones",
    )
    log_format: Literal["console", "json"] = Field("console", description="How log lines look")
    pool_size: int = Field(
        5, ge=1, le=100, description="Database connections a process keeps (PostgreSQL)"
    )
    pool_timeout_seconds: float = Field(
        5.0, gt=0, le=60, description="How long a request waits for a connection"
    )
    statement_timeout_seconds: float = Field(
        30.0, gt=0, le=3600, description="How long a statement may run (PostgreSQL)"
    )
    oidc_issuer: str | None = Field(
        None,
        description="The OpenID Connect issuer whose access tokens are taken, an https address",
    )
    oidc_audience: str | None = Field(None, description="Whom these tokens must be meant for")
    oidc_organization_claim: str = Field(
        "sightline_organization", description="The claim with the organization's key"
    )
    oidc_team_claim: str = Field(
        "sightline_team", description="The claim with the team that a token is bound to, if any"
    )
    requests_per_minute: int = Field(
        6_000, ge=0, description="What an API key may ask of a process; 0: no limit"
    )
    failures_per_minute: int = Field(
        60,
        ge=0,
        description="Failed authentications of an address, before its unknown keys are refused unread; 0: no limit",
    )


def load_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that `environment` gives. Raises: pydantic.ValidationError, for unknown SIGHTLINE_ names too."""
    settings_fields = {
        name.removeprefix(ENVIRONMENT_PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX)
        and name not in CLIENT_ONLY_VARIABLES
        and not name.startswith("SIGHTLINE_REQUIRE")
    }
    return Settings.model_validate(settings_fields)
