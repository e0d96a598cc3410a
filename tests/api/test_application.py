"""The application as a whole."""

from fastapi.routing import APIRoute

from app.api.application import ROUTERS, build
from app.api.operation import Operation, contract_of
from tests.support.contract import contract


def test_every_route_is_in_the_document_but_the_documents_own():
    app = build()
    running = {getattr(route, "path", "") for route in app.routes}
    outside = {path for path in running - set(contract()["paths"]) if not path.startswith(("/docs", "/problems/"))}
    assert outside == {"/openapi.json"}


def test_every_route_declares_its_contract():
    routes = [route for router in ROUTERS for route in router.routes]
    assert [route for route in routes if not isinstance(route, Operation) or contract_of(route) is None] == []
    assert len(routes) > 60


def test_only_health_and_hooks_are_open():
    app = build()
    contracts = {route.path: contract_of(route) for route in app.routes if isinstance(route, APIRoute)}
    assert {path for path, contract in contracts.items() if contract is not None and contract.scope is None} == {
        "/livez",
        "/readyz",
        "/hooks/{hook_id}",
    }


def test_no_page_loads_scripts_from_elsewhere():
    paths = {getattr(route, "path", "") for route in build().routes}
    assert paths & {"/redoc", "/docs/oauth2-redirect"} == set()
