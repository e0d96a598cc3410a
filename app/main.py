"""The composition root: settings and clock in, application out."""

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from app import clock
from app.api.app import create_application
from app.security import vault
from app.security.oidc import OidcTokenVerifier
from app.security.rate_limiter import RateLimiter
from app.security.vault import Vault
from app.services.events import metric_restatement as metric_restatement_service
from app.services.operations import retention
from app.services.runtime.context import AccessTokenConfig, ServiceContext
from app.settings import Settings, load_settings
from app.store.sql.database import connect
from app.store.sql.dialect import database_file

# Between two looks for history to restate.
RESTATEMENT_POLL_SECONDS: Final = 1.0
# Between two looks for raw bodies that are too old.
RETENTION_POLL_SECONDS: Final = 600.0
# A result over a large playbook creates many objects at once, and drops them together. With the
# default thresholds, garbage collection takes a third of the time of a history.
GC_THRESHOLDS: Final = (50_000, 20, 20)
# For a worker to finish its current step.
SHUTDOWN_GRACE_SECONDS: Final = 15.0


async def wait_for_next_round(
    stopping: asyncio.Event,
    seconds: float,
    is_busy: bool,  # noqa: FBT001  # the workers pass it by position
) -> bool:
    """Wait before a worker's next round, unless it is busy. Return whether the service stops."""
    if not is_busy:
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), seconds)
    return stopping.is_set()


def make_service(
    settings: Settings, read_clock: Callable[[], datetime] = clock.utc_now
) -> ServiceContext:
    """Return a service without HTTP.

    Raises: ValueError when PostgreSQL is used without the service's own keys.
    """
    database = connect(
        settings.database_url,
        pool_size=settings.pool_size,
        pool_timeout=settings.pool_timeout_seconds,
        statement_timeout=settings.statement_timeout_seconds,
    )
    return ServiceContext(
        database,
        read_clock,
        make_vault(settings),
        settings.public_url.rstrip("/"),
        request_limiter=RateLimiter("key", settings.requests_per_minute),
        auth_failure_limiter=RateLimiter("address", settings.failures_per_minute),
        token_config=make_token_config(settings, read_clock),
    )


def make_token_config(
    settings: Settings, read_clock: Callable[[], datetime]
) -> AccessTokenConfig | None:
    """Return how access tokens are verified, or None if no issuer is configured.

    Raises: ValueError when the audience is missing.
    """
    if settings.oidc_issuer is None:
        return None
    if settings.oidc_audience is None:
        raise ValueError("SIGHTLINE_OIDC_AUDIENCE is required with SIGHTLINE_OIDC_ISSUER.")
    verifier = OidcTokenVerifier(settings.oidc_issuer, settings.oidc_audience, read_clock)
    return AccessTokenConfig(
        verifier.verify_token, settings.oidc_organization_claim, settings.oidc_team_claim
    )


def make_vault(settings: Settings) -> Vault:
    """Return the vault of the settings.

    For embedded SQLite, missing keys are read from a file beside the database.

    Raises: ValueError when PostgreSQL is used without keys.
    """
    secret = settings.secret_keys
    pepper = settings.key_pepper
    if secret is None or pepper is None:
        database_path = database_file(settings.database_url)
        if database_path is None:
            raise ValueError(
                "SIGHTLINE_SECRET_KEYS and SIGHTLINE_KEY_PEPPER are required with PostgreSQL."
            )
        embedded_keys = _load_embedded_keys(Path(f"{database_path}.keys"))
        secret = secret or embedded_keys[0]
        pepper = pepper or embedded_keys[1]
    return Vault(vault.parse_keys(secret), vault.parse_keys(pepper))


def _load_embedded_keys(path: Path) -> tuple[str, str]:
    """Return the two keys of an embedded database.

    Generate them if the file does not exist. Only its owner can read it.
    """
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{vault.generate_key()}\n{vault.generate_key()}\n")
    secret, pepper = path.read_text(encoding="ascii").split()
    return secret, pepper


def create_app(
    settings: Settings | None = None, read_clock: Callable[[], datetime] = clock.utc_now
) -> FastAPI:
    """Return the HTTP application. Without settings, read them from the environment."""
    effective_settings = load_settings(os.environ) if settings is None else settings
    service = make_service(effective_settings, read_clock)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        stopping = asyncio.Event()
        retention_days = effective_settings.raw_retention_days
        workers = [
            asyncio.create_task(
                metric_restatement_service.run_worker(
                    service, partial(wait_for_next_round, stopping, RESTATEMENT_POLL_SECONDS)
                )
            ),
            asyncio.create_task(
                retention.run_worker(
                    service,
                    retention_days,
                    partial(wait_for_next_round, stopping, RETENTION_POLL_SECONDS),
                )
            ),
        ]
        try:
            yield
        finally:
            stopping.set()  # the workers finish their current step
            await asyncio.wait(workers, timeout=SHUTDOWN_GRACE_SECONDS)
            for worker in workers:
                worker.cancel()
            await asyncio.wait(workers)
            await service.event_coalescer.close()
            await service.delivery_coalescer.close()
            await service.database.close()

    application = create_application(lifespan)
    application.state.service = service
    return application


def create_server_app() -> FastAPI:
    """Return the application for a process that does nothing else, with rare garbage collection."""
    application = create_app()
    # Log records need no source line, thread or process, and finding them takes a fifth of the time
    # of a record. The documentation of `logging` describes this ("Optimization").
    logging._srcfile = None  # noqa: SLF001  # see above
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    return application
