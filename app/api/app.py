"""The HTTP application: all routes, the outer middleware, problem documents and OpenAPI."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from fastapi import APIRouter, FastAPI

from app.api.access import api_keys
from app.api.alignment import alignment, views
from app.api.events import cloudevents, events, exports
from app.api.http import problems
from app.api.http.middleware import OuterMiddleware
from app.api.http.route import list_direct_routes
from app.api.openapi.document import install_openapi
from app.api.openapi.documentation import install_documentation
from app.api.operations import erasure, health
from app.api.playbook import (
    document,
    journal,
    key_results,
    metrics,
    objectives,
    offerings,
    organization,
    playbooks,
    policy,
    responsibilities,
    team_statements,
    teams,
)
from app.api.sources import deliveries, inbound_webhooks, replay, sources

ROUTERS: Final[tuple[APIRouter, ...]] = (
    organization.router,
    teams.router,
    metrics.router,
    offerings.router,
    playbooks.router,
    team_statements.router,
    objectives.router,
    responsibilities.router,
    key_results.router,
    policy.router,
    events.router,
    exports.router,
    erasure.router,
    sources.router,
    deliveries.router,
    replay.router,
    cloudevents.router,
    inbound_webhooks.router,
    alignment.router,
    views.router,
    document.router,
    api_keys.router,
    journal.router,
    health.router,
)

# The router tries one route after the other, so the most frequent come first.
HOT_ROUTERS: Final = (alignment.router, events.router, inbound_webhooks.router, cloudevents.router)


def _installed_version() -> str:
    try:
        return version("sightline")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0.0.0"


def create_application(
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """Create an application with every route. The caller sets `app.state.service`."""
    app = FastAPI(
        title="Sightline",
        version=_installed_version(),
        lifespan=lifespan,
        openapi_url="/openapi.json",
        docs_url=None,  # FastAPI's pages load scripts from another host
        redoc_url=None,
        redirect_slashes=False,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
        },  # its records contain bodies and exceptions
    )
    for router in (*HOT_ROUTERS, *(router for router in ROUTERS if router not in HOT_ROUTERS)):
        # Not include_router: each route has its full path, and an included router is matched twice.
        app.router.routes.extend(router.routes)
    problems.install_handlers(app)
    install_openapi(app)
    install_documentation(app)
    app.add_middleware(OuterMiddleware, direct_routes=list_direct_routes(app))
    return app
