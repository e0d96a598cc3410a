"""What an operation asks of its caller, declared once: the route enforces it and the document says it."""

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import Any, Final, TypeVar

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.http.authentication import authorize, get_request_context
from app.api.http.body import JSON, KIB, MERGE_PATCH, parse_json_request, read_body
from app.api.http.body import check_media_type as check_media
from app.domain.primitives.errors import Fault, InvalidError

CONTRACT_KEY: Final = "x-contract"
MAX_PARAMETERS: Final = 50
# None where the endpoint itself has to be asked.
CachedReplyFunction = Callable[[Request], Awaitable[Response | None]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., object])
CACHED_REPLIES: Final[dict[Callable[..., object], CachedReplyFunction]] = {}
BODY_PARSERS: Final[dict[Callable[..., object], Callable[[object], object]]] = {}


@dataclass(frozen=True, slots=True)
class Contract:
    """What an operation asks and promises.

    None when anyone may: `scope`; when there is no body: `media_type`, which is `*/*` when anything is read.
    Shape: `deprecated` is what `deprecation` gives; a `direct` operation is a function of the call and its body that
    makes its reply itself (see `read_by`), and is called without what FastAPI would find out anew for each request.
    Units: `limit` in bytes.
    """

    scope: str | None = None
    media_type: str | None = None
    max_body_bytes: int = 64 * KIB
    problem_statuses: tuple[int, ...] = ()
    has_etag: bool = False
    can_create: bool = False
    is_paginated: bool = False
    accepts_any_query: bool = False
    is_body_optional: bool = False
    direct: bool = False
    deprecation_headers: tuple[tuple[str, str], ...] = ()


def route_contract(contract: Contract) -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """The keyword of a route that carries its contract."""
    return {"openapi_extra": {CONTRACT_KEY: asdict(contract)}}


def list_contract(scope: str = "read") -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """The contract of a list."""
    return route_contract(Contract(scope, is_paginated=True))


def read_contract(
    scope: str = "read", *problem_statuses: int
) -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """The contract of reading one thing."""
    return route_contract(Contract(scope, problem_statuses=problem_statuses, has_etag=True))


def put_contract(
    scope: str, *problem_statuses: int, max_body_bytes: int = 64 * KIB
) -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """The contract of creating or replacing one thing."""
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
    """The contract of changing one thing by a merge patch."""
    return route_contract(
        Contract(scope, MERGE_PATCH, problem_statuses=(409, 412, *problem_statuses), has_etag=True)
    )


def delete_contract(
    scope: str, *problem_statuses: int
) -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """The contract of archiving one thing."""
    return {
        "status_code": 204,
        **route_contract(Contract(scope, problem_statuses=(409, 412, *problem_statuses))),
    }


def deprecation_headers(
    deprecated_on: date, removed_on: date, replacement: str
) -> tuple[tuple[str, str], ...]:
    """The headers that say from when on an operation is deprecated, until when it is there, and what comes instead.

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


def with_cached_reply(find_reply: CachedReplyFunction) -> Callable[[Endpoint], Endpoint]:
    """An endpoint for whose caller `reply` is asked first, before anything of the request but its key is looked at."""

    def register(endpoint: Endpoint) -> Endpoint:
        CACHED_REPLIES[endpoint] = find_reply
        return endpoint

    return register


def with_body_parser(parse_body: Callable[[object], object]) -> Callable[[Endpoint], Endpoint]:
    """A direct endpoint that is given what `reader` makes of the JSON value; what is documented is its annotation."""

    def register(endpoint: Endpoint) -> Endpoint:
        BODY_PARSERS[endpoint] = parse_body
        return endpoint

    return register


def get_contract(route: object) -> Contract | None:
    """The contract of a route, None for one that has none."""
    fields = (getattr(route, "openapi_extra", None) or {}).get(CONTRACT_KEY)
    return None if fields is None else Contract(**fields)


def _check_query(request: Request, allowed: frozenset[str]) -> None:
    names = Counter(name for name, _ in request.query_params.multi_items())
    if names.total() > MAX_PARAMETERS:
        raise InvalidError(
            f"There are more than {MAX_PARAMETERS} parameters.", [Fault("", "too many parameters")]
        )
    unknown_names = sorted(names.keys() - allowed)
    repeated_names = sorted(name for name, count in names.items() if count > 1)
    if unknown_names:
        raise InvalidError(
            f"There is no parameter '{unknown_names[0][:100]}' here.",
            [Fault(name[:100], "unknown parameter") for name in unknown_names[:20]],
        )
    if repeated_names:
        raise InvalidError(
            f"The parameter '{repeated_names[0]}' is given more than once.",
            [Fault(n, "given twice") for n in repeated_names],
        )


class ContractRoute(APIRoute):
    """A route that asks for its key and scope before it reads a body, and reads bodies strictly."""

    def __init__(
        self, path: str, endpoint: Callable[..., Any], **route_options: Any
    ) -> None:  # Any: APIRoute's own keywords
        """Named by its function."""
        super().__init__(path, endpoint, **{**route_options, "operation_id": endpoint.__name__})
        self._path_prefix = path.partition("{")[0]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As a route does: most are told apart by how their address begins, without its pattern."""
        return super().matches(scope) if self._path_prefix in scope["path"] else (Match.NONE, {})

    def get_route_handler(
        self,
    ) -> Callable[[Request], Coroutine[Any, Any, Response]]:  # Any: APIRoute's own signature
        """FastAPI's handler, behind the contract."""
        contract = get_contract(self)
        assert contract is not None, f"{self.path} declares no contract"
        run_endpoint = self._call_directly if contract.direct else super().get_route_handler()
        allowed_parameters = frozenset(
            field.alias
            for field in get_flat_params(self.dependant)
            if isinstance(field.field_info, Query)
        )
        media_type, find_cached_reply = contract.media_type, CACHED_REPLIES.get(self.endpoint)

        async def handle(request: Request) -> Response:
            request.state.deprecated = contract.deprecation_headers
            await authorize(request, contract.scope)
            if find_cached_reply is not None:
                reply = await find_cached_reply(request)
                if reply is not None:
                    return reply
            if not contract.accepts_any_query and request.scope["query_string"]:
                _check_query(request, allowed_parameters)
            if media_type == "*/*":
                check_media(request, None)
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

    async def _call_directly(self, request: Request) -> Response:
        """The endpoint's own reply."""
        body = BODY_PARSERS[self.endpoint](await request.json())
        response: Response = await self.endpoint(await get_request_context(request), body)
        return response


def fast_routes(app: FastAPI) -> Mapping[tuple[str, str], ASGIApp]:
    """The direct operations by method and path: nothing has to be looked up for them."""
    handlers = app.exception_handlers
    return {
        (method, route.path): ExceptionMiddleware(_fast_route(route), handlers)
        for route in app.routes
        if isinstance(route, ContractRoute) and getattr(get_contract(route), "direct", False)
        for method in route.methods or ()
    }


def _fast_route(route: ContractRoute) -> ASGIApp:
    handle = route.get_route_handler()

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = route
        response = await handle(Request(scope, receive, send))
        await response(scope, receive, send)

    return serve


def create_router(tag: str) -> APIRouter:
    """A router for one resource."""
    return APIRouter(route_class=ContractRoute, tags=[tag])
