"""The HTTP application: all routes, behind the outermost layer, with problems and document of our own."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from fastapi import APIRouter, FastAPI

from app.api import (
    alignment,
    apply,
    cloudevents,
    contributions,
    deliveries,
    document,
    erasures,
    events,
    exports,
    health,
    hooks,
    journal,
    key_results,
    keys,
    metrics,
    objectives,
    offerings,
    organization,
    playbooks,
    policy,
    problems,
    replays,
    responsibilities,
    signoffs,
    sources,
    teams,
)
from app.api.middleware import Shell
from app.api.openapi import documentation
from app.api.operation import lanes

ROUTERS: Final[tuple[APIRouter, ...]] = (
    organization.router,
    teams.router,
    metrics.router,
    offerings.router,
    playbooks.router,
    contributions.router,
    signoffs.router,
    objectives.router,
    responsibilities.router,
    key_results.router,
    policy.router,
    events.router,
    exports.router,
    erasures.router,
    sources.router,
    deliveries.router,
    replays.router,
    cloudevents.router,
    hooks.router,
    alignment.router,
    apply.router,
    keys.router,
    journal.router,
    health.router,
)

# One path is tried after the other: what programs ask all day comes first.
OFTEN: Final = (alignment.router, events.router, hooks.router, cloudevents.router)


def _version() -> str:
    try:
        return version("sightline")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0.0.0"


def build(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None) -> FastAPI:
    """An application with every route; whoever builds it gives it a service as `state.service`."""
    app = FastAPI(
        title="Sightline",
        version=_version(),
        lifespan=lifespan,
        openapi_url="/openapi.json",
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # its records keep bodies and exceptions
    )
    for router in (*OFTEN, *(router for router in ROUTERS if router not in OFTEN)):
        # Not include_router: every route has its whole path already, and an included router is matched twice.
        app.router.routes.extend(router.routes)
    problems.install(app)
    document.install(app)
    documentation.install(app)
    app.add_middleware(Shell, lanes=lanes(app))
    return app
