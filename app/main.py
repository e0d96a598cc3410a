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
from app.api.app import build
from app.security import vault
from app.security.oidc import Issuer
from app.security.rate_limiter import Limit
from app.security.vault import Vault
from app.services.events import metric_restatement as restatement
from app.services.operations import retention
from app.services.runtime.context import Service, Tokens
from app.settings import Settings, load
from app.store.sql.database import connect
from app.store.sql.dialect import file_of

POLL: Final = 1.0  # seconds between looks for history to restate
SELDOM: Final = 600.0  # seconds between looks for raw bodies that grew too old
# Answers over large playbooks make many things at once that go all together: looking for garbage more often than this
# takes a third of a history's time.
GARBAGE: Final = (50_000, 20, 20)
GRACE: Final = 15.0  # seconds for a step of either to end


async def pause(stopping: asyncio.Event, seconds: float, busy: bool) -> bool:  # noqa: FBT001  # called by position
    """Waits before the next look, unless there is something to do; whether the service is stopping."""
    if not busy:
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), seconds)
    return stopping.is_set()


def make_service(settings: Settings, now: Callable[[], datetime] = clock.now) -> Service:
    """A service without HTTP. Raises: ValueError when PostgreSQL is used without the service's own keys."""
    database = connect(
        settings.database_url,
        pool_size=settings.pool_size,
        pool_timeout=settings.pool_timeout_seconds,
        statement_timeout=settings.statement_timeout_seconds,
    )
    return Service(
        database,
        now,
        make_vault(settings),
        settings.public_url.rstrip("/"),
        asked=Limit("key", settings.requests_per_minute),
        failed=Limit("address", settings.failures_per_minute),
        tokens=make_tokens(settings, now),
    )


def make_tokens(settings: Settings, now: Callable[[], datetime]) -> Tokens | None:
    """How access tokens are read. None when no issuer is configured. Raises: ValueError for half a configuration."""
    if settings.oidc_issuer is None:
        return None
    if settings.oidc_audience is None:
        raise ValueError("SIGHTLINE_OIDC_AUDIENCE is required with SIGHTLINE_OIDC_ISSUER.")
    issuer = Issuer(settings.oidc_issuer, settings.oidc_audience, now)
    return Tokens(issuer.claims, settings.oidc_organization_claim, settings.oidc_team_claim)


def make_vault(settings: Settings) -> Vault:
    """The vault that the settings give; on embedded SQLite its keys are made and kept beside the database."""
    secret, pepper = settings.secret_keys, settings.key_pepper
    if secret is None or pepper is None:
        beside = file_of(settings.database_url)
        if beside is None:
            raise ValueError(
                "SIGHTLINE_SECRET_KEYS and SIGHTLINE_KEY_PEPPER are required with PostgreSQL."
            )
        kept = _kept(Path(f"{beside}.keys"))
        secret, pepper = secret or kept[0], pepper or kept[1]
    return Vault(vault.parse_keys(secret), vault.parse_keys(pepper))


def _kept(path: Path) -> tuple[str, str]:
    """The two keys of an embedded database, made when they are not there yet; readable by their owner alone."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{vault.new_keys()}\n{vault.new_keys()}\n")
    secret, pepper = path.read_text(encoding="ascii").split()
    return secret, pepper


def create_app(
    settings: Settings | None = None, now: Callable[[], datetime] = clock.now
) -> FastAPI:
    """The HTTP application; with no settings, those of the environment."""
    found = load(os.environ) if settings is None else settings
    service = make_service(found, now)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        stopping = asyncio.Event()
        kept = found.raw_retention_days
        workers = [
            asyncio.create_task(restatement.work(service, partial(pause, stopping, POLL))),
            asyncio.create_task(retention.work(service, kept, partial(pause, stopping, SELDOM))),
        ]
        try:
            yield
        finally:
            stopping.set()  # a step that is under way is ended, not cut off
            await asyncio.wait(workers, timeout=GRACE)
            for worker in workers:
                worker.cancel()
            await asyncio.wait(workers)
            await service.singles.close()
            await service.arrivals.close()
            await service.database.close()

    application = build(lifespan)
    application.state.service = service
    return application


def served() -> FastAPI:
    """The application of a process that serves nothing else: garbage is looked for seldom."""
    application = create_app()
    # No line of the log says where in the code it was written, or by whom: finding out takes a fifth of its time.
    logging._srcfile = None  # noqa: SLF001  # the library's own documentation says so ("Optimization")
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    return application
