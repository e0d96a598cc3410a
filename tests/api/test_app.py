"""The application with all its routes."""

from app.api.app import ROUTERS, create_application
from app.api.http.route import ContractRoute
from tests.support.openapi_contract import get_contract


def test_every_route_is_in_the_document_but_the_documents_own():
    app = create_application()
    served_paths = {getattr(route, "path", "") for route in app.routes}
    unlisted_paths = {
        path
        for path in served_paths - set(get_contract()["paths"])
        if not path.startswith(("/docs", "/problems/"))
    }
    assert unlisted_paths == {"/openapi.json"}


def test_every_route_declares_its_contract():
    routes = [route for router in ROUTERS for route in router.routes]
    assert [route for route in routes if not isinstance(route, ContractRoute)] == []
    assert len(routes) > 60


def test_only_health_and_hooks_are_open():
    app = create_application()
    contracts = {
        route.path: route.contract for route in app.routes if isinstance(route, ContractRoute)
    }
    assert {path for path, contract in contracts.items() if contract.scope is None} == {
        "/livez",
        "/readyz",
        "/hooks/{hook_id}",
    }


def test_no_page_loads_scripts_from_elsewhere():
    paths = {getattr(route, "path", "") for route in create_application().routes}
    assert paths & {"/redoc", "/docs/oauth2-redirect"} == set()
