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

from app.api.http.authentication import admit, called
from app.api.http.body import JSON, KIB, MERGE_PATCH, read, strict
from app.api.http.body import check as check_media
from app.domain.primitives.errors import Fault, InvalidError

CONTRACT: Final = "x-contract"
MOST_PARAMETERS: Final = 50
# None where the endpoint itself has to be asked.
Repeats = Callable[[Request], Awaitable[Response | None]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., object])
REPEATED: Final[dict[Callable[..., object], Repeats]] = {}
READERS: Final[dict[Callable[..., object], Callable[[object], object]]] = {}


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
    limit: int = 64 * KIB
    problems: tuple[int, ...] = ()
    etag: bool = False
    creates: bool = False
    pages: bool = False
    free_query: bool = False
    may_be_empty: bool = False
    direct: bool = False
    deprecated: tuple[tuple[str, str], ...] = ()


def declare(contract: Contract) -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """The keyword of a route that carries its contract."""
    return {"openapi_extra": {CONTRACT: asdict(contract)}}


def lists(scope: str = "read") -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """The contract of a list."""
    return declare(Contract(scope, pages=True))


def reads(
    scope: str = "read", *problems: int
) -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """The contract of reading one thing."""
    return declare(Contract(scope, problems=problems, etag=True))


def puts(
    scope: str, *problems: int, limit: int = 64 * KIB
) -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """The contract of creating or replacing one thing."""
    return declare(Contract(scope, JSON, limit, (409, 412, *problems), etag=True, creates=True))


def patches(scope: str, *problems: int) -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """The contract of changing one thing by a merge patch."""
    return declare(Contract(scope, MERGE_PATCH, problems=(409, 412, *problems), etag=True))


def deletes(scope: str, *problems: int) -> dict[str, Any]:  # Any: what APIRouter's decorators take
    """The contract of archiving one thing."""
    return {"status_code": 204, **declare(Contract(scope, problems=(409, 412, *problems)))}


def deprecation(since: date, sunset: date, instead: str) -> tuple[tuple[str, str], ...]:
    """The headers that say from when on an operation is deprecated, until when it is there, and what comes instead.

    Source: RFC 9745, RFC 8594.
    """
    begun, gone = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (since, sunset))
    return (
        ("Deprecation", f"@{int(begun.timestamp())}"),
        ("Sunset", format_datetime(gone, usegmt=True)),
        ("Link", f'<{instead}>; rel="deprecation"'),
    )


def repeated(reply: Repeats) -> Callable[[Endpoint], Endpoint]:
    """An endpoint for whose caller `reply` is asked first, before anything of the request but its key is looked at."""

    def mark(endpoint: Endpoint) -> Endpoint:
        REPEATED[endpoint] = reply
        return endpoint

    return mark


def read_by(reader: Callable[[object], object]) -> Callable[[Endpoint], Endpoint]:
    """A direct endpoint that is given what `reader` makes of the JSON value; what is documented is its annotation."""

    def mark(endpoint: Endpoint) -> Endpoint:
        READERS[endpoint] = reader
        return endpoint

    return mark


def contract_of(route: object) -> Contract | None:
    """The contract of a route, None for one that has none."""
    found = (getattr(route, "openapi_extra", None) or {}).get(CONTRACT)
    return None if found is None else Contract(**found)


def _check_query(request: Request, known: frozenset[str]) -> None:
    names = Counter(name for name, _ in request.query_params.multi_items())
    if names.total() > MOST_PARAMETERS:
        raise InvalidError(
            f"There are more than {MOST_PARAMETERS} parameters.", [Fault("", "too many parameters")]
        )
    strange = sorted(names.keys() - known)
    twice = sorted(name for name, count in names.items() if count > 1)
    if strange:
        raise InvalidError(
            f"There is no parameter '{strange[0][:100]}' here.",
            [Fault(name[:100], "unknown parameter") for name in strange[:20]],
        )
    if twice:
        raise InvalidError(
            f"The parameter '{twice[0]}' is given more than once.",
            [Fault(n, "given twice") for n in twice],
        )


class Operation(APIRoute):
    """A route that asks for its key and scope before it reads a body, and reads bodies strictly."""

    def __init__(
        self, path: str, endpoint: Callable[..., Any], **more: Any
    ) -> None:  # Any: APIRoute's own keywords
        """Named by its function."""
        super().__init__(path, endpoint, **{**more, "operation_id": endpoint.__name__})
        self._begins = path.partition("{")[0]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As a route does: most are told apart by how their address begins, without its pattern."""
        return super().matches(scope) if self._begins in scope["path"] else (Match.NONE, {})

    def get_route_handler(
        self,
    ) -> Callable[[Request], Coroutine[Any, Any, Response]]:  # Any: APIRoute's own signature
        """FastAPI's handler, behind the contract."""
        contract = contract_of(self)
        assert contract is not None, f"{self.path} declares no contract"
        inner = self._directly if contract.direct else super().get_route_handler()
        known = frozenset(
            f.alias for f in get_flat_params(self.dependant) if isinstance(f.field_info, Query)
        )
        media_type, repeats = contract.media_type, REPEATED.get(self.endpoint)

        async def handle(request: Request) -> Response:
            request.state.deprecated = contract.deprecated
            await admit(request, contract.scope)
            if repeats is not None:
                reply = await repeats(request)
                if reply is not None:
                    return reply
            if not contract.free_query and request.scope["query_string"]:
                _check_query(request, known)
            if media_type == "*/*":
                check_media(request, None)
                request.state.body = await read(request, contract.limit)
            elif media_type is not None:
                request = await strict(
                    request, contract.limit, media_type, may_be_empty=contract.may_be_empty
                )
            return await inner(request)

        return handle

    async def _directly(self, request: Request) -> Response:
        """The endpoint's own reply."""
        body = READERS[self.endpoint](await request.json())
        found: Response = await self.endpoint(await called(request), body)
        return found


def lanes(app: FastAPI) -> Mapping[tuple[str, str], ASGIApp]:
    """The direct operations by method and path: nothing has to be looked up for them."""
    handlers = app.exception_handlers
    return {
        (method, route.path): ExceptionMiddleware(_lane(route), handlers)
        for route in app.routes
        if isinstance(route, Operation) and getattr(contract_of(route), "direct", False)
        for method in route.methods or ()
    }


def _lane(route: Operation) -> ASGIApp:
    handle = route.get_route_handler()

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = route
        response = await handle(Request(scope, receive, send))
        await response(scope, receive, send)

    return serve


def desk(tag: str) -> APIRouter:
    """A router for one resource."""
    return APIRouter(route_class=Operation, tags=[tag])
