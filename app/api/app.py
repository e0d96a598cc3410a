"""The HTTP application: all routes, behind the outermost layer, with problems and document of our own."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from fastapi import APIRouter, FastAPI

from app.api.access import api_keys as keys
from app.api.alignment import alignment
from app.api.events import cloudevents, events, exports
from app.api.http import problems
from app.api.http.middleware import OuterMiddleware
from app.api.http.route import fast_routes
from app.api.openapi import document, documentation
from app.api.operations import erasure as erasures
from app.api.operations import health
from app.api.playbook import (
    contributions,
    journal,
    key_results,
    metrics,
    objectives,
    offerings,
    organization,
    playbooks,
    policy,
    responsibilities,
    signoffs,
    teams,
)
from app.api.playbook import document as apply
from app.api.sources import deliveries, sources
from app.api.sources import inbound_webhooks as hooks
from app.api.sources import replay as replays

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
HOT_ROUTERS: Final = (alignment.router, events.router, hooks.router, cloudevents.router)


def _installed_version() -> str:
    try:
        return version("sightline")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0.0.0"


def create_application(
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """An application with every route; whoever builds it gives it a service as `state.service`."""
    app = FastAPI(
        title="Sightline",
        version=_installed_version(),
        lifespan=lifespan,
        openapi_url="/openapi.json",
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
        },  # its records keep bodies and exceptions
    )
    for router in (*HOT_ROUTERS, *(router for router in ROUTERS if router not in HOT_ROUTERS)):
        # Not include_router: every route has its whole path already, and an included router is matched twice.
        app.router.routes.extend(router.routes)
    problems.install_handlers(app)
    document.install_openapi(app)
    documentation.install_documentation(app)
    app.add_middleware(OuterMiddleware, fast_routes=fast_routes(app))
    return app
