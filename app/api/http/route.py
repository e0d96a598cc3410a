"""Routes with a contract: declared once, enforced by the route, stated by the OpenAPI document."""

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.http.authentication import RequestContext, authorize, get_request_context
from app.api.http.body import (
    JSON,
    KIB,
    MERGE_PATCH,
    check_media_type,
    parse_json_request,
    read_body,
)
from app.domain.primitives.errors import Fault, InvalidError

MAX_PARAMETERS: Final = 50
_CONTRACT_OPTION: Final = "x-contract"  # APIRouter's decorators pass `openapi_extra` to the route
BodyParser = Callable[[object], object]
CachedReplyFinder = Callable[[RequestContext], Awaitable[Response | None]]


@dataclass(frozen=True, slots=True)
class Contract:
    """The requirements and promises of one operation."""

    # The scope that the caller needs; None for an operation without authentication.
    scope: str | None = None
    # The media type of the body; None without a body, `*/*` for raw bytes in any type.
    media_type: str | None = None
    max_body_bytes: int = 64 * KIB
    # Statuses of problems that do not follow from the other fields.
    problem_statuses: tuple[int, ...] = ()
    # The reply has an entity tag; a GET then answers If-None-Match.
    has_etag: bool = False
    # A success is 201 when the operation has created something.
    can_create: bool = False
    # The reply has a Link header when there is a next page.
    is_paginated: bool = False
    # Query parameters are not checked: CRMs append their own to a hook's address.
    accepts_any_query: bool = False
    is_body_optional: bool = False
    # The headers from `deprecation_headers`, for every reply of a deprecated operation.
    deprecation_headers: tuple[tuple[str, str], ...] = ()
    # A *direct* operation: the route calls `endpoint(context, parse_body(json))` and sends the
    # returned response. FastAPI's routing, dependencies and validation are skipped (100 µs a
    # request); the endpoint's annotations still document it.
    parse_body: BodyParser | None = None
    # Called after authentication, before the query is parsed. A response is sent as it is; for
    # None the endpoint is called.
    find_cached_reply: CachedReplyFinder | None = None


def route_contract(contract: Contract) -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """Return the keyword of a route decorator that carries the contract."""
    return {"openapi_extra": {_CONTRACT_OPTION: contract}}


def list_contract(scope: str = "read") -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """Return the contract of a list."""
    return route_contract(Contract(scope, is_paginated=True))


def read_contract(
    scope: str = "read", *problem_statuses: int
) -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """Return the contract of reading one object."""
    return route_contract(Contract(scope, problem_statuses=problem_statuses, has_etag=True))


def put_contract(
    scope: str, *problem_statuses: int, max_body_bytes: int = 64 * KIB
) -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """Return the contract of creating or replacing one object."""
    return route_contract(
        Contract(
            scope,
            JSON,
            max_body_bytes,
            (409, 412, *problem_statuses),
            has_etag=True,
            can_create=True,
        )
    )


def patch_contract(
    scope: str, *problem_statuses: int
) -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """Return the contract of changing one object by a merge patch."""
    return route_contract(
        Contract(scope, MERGE_PATCH, problem_statuses=(409, 412, *problem_statuses), has_etag=True)
    )


def delete_contract(
    scope: str, *problem_statuses: int
) -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """Return the contract of archiving one object."""
    return {
        "status_code": 204,
        **route_contract(Contract(scope, problem_statuses=(409, 412, *problem_statuses))),
    }


def deprecation_headers(
    deprecated_on: date, removed_on: date, replacement: str
) -> tuple[tuple[str, str], ...]:
    """Return the headers of a deprecated operation: since when, until when, and its replacement.

    Source: RFC 9745, RFC 8594.
    """
    deprecated_at, removed_at = (
        datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (deprecated_on, removed_on)
    )
    return (
        ("Deprecation", f"@{int(deprecated_at.timestamp())}"),
        ("Sunset", format_datetime(removed_at, usegmt=True)),
        ("Link", f'<{replacement}>; rel="deprecation"'),
    )


def _check_query(request: Request, allowed: frozenset[str]) -> None:
    names = Counter(parameter_name for parameter_name, _ in request.query_params.multi_items())
    if names.total() > MAX_PARAMETERS:
        raise InvalidError(
            f"There are more than {MAX_PARAMETERS} parameters.", [Fault("", "too many parameters")]
        )
    unknown_names = sorted(names.keys() - allowed)
    repeated_names = sorted(parameter_name for parameter_name, count in names.items() if count > 1)
    if unknown_names:
        raise InvalidError(
            f"There is no parameter '{unknown_names[0][:100]}' here.",
            [
                Fault(parameter_name[:100], "unknown parameter")
                for parameter_name in unknown_names[:20]
            ],
        )
    if repeated_names:
        raise InvalidError(
            f"The parameter '{repeated_names[0]}' is given more than once.",
            [Fault(n, "given twice") for n in repeated_names],
        )


class ContractRoute(APIRoute):
    """A route that enforces its contract: the key and scope first, then the query and the body."""

    def __init__(
        self, path: str, endpoint: Callable[..., Any], **route_options: Any
    ) -> None:  # Any: APIRoute's own keywords
        """Take the contract out of the options; the operation is named after its function."""
        contract = (route_options.pop("openapi_extra", None) or {}).get(_CONTRACT_OPTION)
        assert isinstance(contract, Contract), f"{path} declares no contract"
        self.contract = contract  # before APIRoute's constructor, which asks for the handler
        self._path_prefix = path.partition("{")[0]
        super().__init__(path, endpoint, **{**route_options, "operation_id": endpoint.__name__})

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match a request; compare the fixed prefix of the path before the regular expression."""
        return super().matches(scope) if self._path_prefix in scope["path"] else (Match.NONE, {})

    def get_route_handler(
        self,
    ) -> Callable[[Request], Coroutine[Any, Any, Response]]:  # Any: APIRoute's own signature
        """Return the handler that enforces the contract and calls the endpoint."""
        contract = self.contract
        media_type = contract.media_type
        find_cached_reply = contract.find_cached_reply
        run_endpoint = (
            super().get_route_handler()
            if contract.parse_body is None
            else self._direct_handler(contract.parse_body)
        )
        allowed_parameters = frozenset(
            field.alias
            for field in get_flat_params(self.dependant)
            if isinstance(field.field_info, Query)
        )

        async def handle(request: Request) -> Response:
            request.state.deprecated = contract.deprecation_headers
            if contract.scope is not None:
                await authorize(request, contract.scope)
            if find_cached_reply is not None:
                reply = await find_cached_reply(await get_request_context(request))
                if reply is not None:
                    return reply
            if not contract.accepts_any_query and request.scope["query_string"]:
                _check_query(request, allowed_parameters)
            if media_type == "*/*":
                check_media_type(request, None)
                request.state.body = await read_body(request, contract.max_body_bytes)
            elif media_type is not None:
                request = await parse_json_request(
                    request,
                    contract.max_body_bytes,
                    media_type,
                    is_body_optional=contract.is_body_optional,
                )
            return await run_endpoint(request)

        return handle

    def _direct_handler(
        self, parse_body: BodyParser
    ) -> Callable[[Request], Coroutine[Any, Any, Response]]:  # Any: APIRoute's own signature
        async def call_endpoint(request: Request) -> Response:
            body = parse_body(await request.json())
            response: Response = await self.endpoint(await get_request_context(request), body)
            return response

        return call_endpoint


def list_direct_routes(app: FastAPI) -> Mapping[tuple[str, str], ASGIApp]:
    """Return the applications of the direct operations, by method and path."""
    handlers = app.exception_handlers
    return {
        (method, route.path): ExceptionMiddleware(_to_application(route), handlers)
        for route in app.routes
        if isinstance(route, ContractRoute) and route.contract.parse_body is not None
        for method in route.methods or ()
    }


def _to_application(route: ContractRoute) -> ASGIApp:
    handle = route.get_route_handler()

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = route
        response = await handle(Request(scope, receive, send))
        await response(scope, receive, send)

    return serve


def create_router(tag: str) -> APIRouter:
    """Return a router whose routes have a contract and this tag."""
    return APIRouter(route_class=ContractRoute, tags=[tag])
