"""The one place that knows everyone: settings and clock in, application out."""

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
from app.services.events import metric_restatement as restatement
from app.services.operations import retention
from app.services.runtime.context import AccessTokenConfig, ServiceContext
from app.settings import Settings, load_settings
from app.store.sql.database import connect
from app.store.sql.dialect import database_file

RESTATEMENT_POLL_SECONDS: Final = 1.0  # seconds between looks for history to restate
RETENTION_POLL_SECONDS: Final = 600.0  # seconds between looks for raw bodies that grew too old
# Answers over large playbooks make many things at once that go all together: looking for garbage more often than this
# takes a third of a history's time.
GC_THRESHOLDS: Final = (50_000, 20, 20)
SHUTDOWN_GRACE_SECONDS: Final = 15.0  # seconds for a step of either to end


async def wait_for_next_round(
    stopping: asyncio.Event,
    seconds: float,
    is_busy: bool,  # noqa: FBT001  # called by position
) -> bool:  # called by position
    """Waits before the next look, unless there is something to do; whether the service is stopping."""
    if not is_busy:
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), seconds)
    return stopping.is_set()


def make_service(
    settings: Settings, read_clock: Callable[[], datetime] = clock.utc_now
) -> ServiceContext:
    """A service without HTTP. Raises: ValueError when PostgreSQL is used without the service's own keys."""
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
    """How access tokens are read. None when no issuer is configured. Raises: ValueError for half a configuration."""
    if settings.oidc_issuer is None:
        return None
    if settings.oidc_audience is None:
        raise ValueError("SIGHTLINE_OIDC_AUDIENCE is required with SIGHTLINE_OIDC_ISSUER.")
    verifier = OidcTokenVerifier(settings.oidc_issuer, settings.oidc_audience, read_clock)
    return AccessTokenConfig(
        verifier.verify_token, settings.oidc_organization_claim, settings.oidc_team_claim
    )


def make_vault(settings: Settings) -> Vault:
    """The vault that the settings give; on embedded SQLite its keys are made and kept beside the database."""
    secret, pepper = settings.secret_keys, settings.key_pepper
    if secret is None or pepper is None:
        database_path = database_file(settings.database_url)
        if database_path is None:
            raise ValueError(
                "SIGHTLINE_SECRET_KEYS and SIGHTLINE_KEY_PEPPER are required with PostgreSQL."
            )
        embedded_keys = _load_embedded_keys(Path(f"{database_path}.keys"))
        secret, pepper = secret or embedded_keys[0], pepper or embedded_keys[1]
    return Vault(vault.parse_keys(secret), vault.parse_keys(pepper))


def _load_embedded_keys(path: Path) -> tuple[str, str]:
    """The two keys of an embedded database, made when they are not there yet; readable by their owner alone."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{vault.generate_key()}\n{vault.generate_key()}\n")
    secret, pepper = path.read_text(encoding="ascii").split()
    return secret, pepper


def create_app(
    settings: Settings | None = None, read_clock: Callable[[], datetime] = clock.utc_now
) -> FastAPI:
    """The HTTP application; with no settings, those of the environment."""
    effective_settings = load_settings(os.environ) if settings is None else settings
    service = make_service(effective_settings, read_clock)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        stopping = asyncio.Event()
        retention_days = effective_settings.raw_retention_days
        workers = [
            asyncio.create_task(
                restatement.run_worker(
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
            stopping.set()  # a step that is under way is ended, not cut off
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


def served() -> FastAPI:
    """The application of a process that serves nothing else: garbage is looked for seldom."""
    application = create_app()
    # No line of the log says where in the code it was written, or by whom: finding out takes a fifth of its time.
    logging._srcfile = None  # the library's own documentation says so ("Optimization")  # noqa: SLF001  # the library's own documentation says so ("Optimization")
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    return application
