"""Problem documents (RFC 9457): the one table from what was refused to what stands on the wire."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from json import dumps
from typing import Any, ClassVar, Final
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from app.domain.primitives.errors import Fault, SightlineError, UnsupportedError

MEDIA_TYPE: Final = "application/problem+json"
MOST_FAULTS: Final = 100
LONGEST: Final = 300


class TooLargeError(SightlineError):
    """The body is larger than this operation takes."""

    code: ClassVar[str] = "too-large"


class SlowError(SightlineError):
    """The body did not arrive in time. The connection is closed: the rest of it may still come."""

    code: ClassVar[str] = "request-timeout"
    headers: ClassVar[Mapping[str, str]] = {"Connection": "close"}


class UnsupportedMediaError(UnsupportedError):
    """The body is in a form that this operation does not read; a header says which it does."""

    def __init__(self, detail: str, header: str, accepted: str) -> None:
        """Keeps the header that says what would be read."""
        super().__init__(detail)
        self.headers = {header: accepted}


@dataclass(frozen=True, slots=True)
class Kind:
    """How one sort of refusal shows."""

    status: int
    title: str
    headers: Mapping[str, str] | None = None


_RETRY: Final = {"Retry-After": "1"}
KINDS: Final[Mapping[str, Kind]] = {
    "malformed-input": Kind(400, "The request cannot be read"),
    "unauthorized": Kind(
        401, "Not authenticated", {"WWW-Authenticate": 'Bearer realm="sightline"'}
    ),
    "forbidden": Kind(403, "Not allowed"),
    "not-found": Kind(404, "Not found"),
    "no-current-playbook": Kind(404, "No published playbook covers this day"),
    "method-not-allowed": Kind(405, "This address does not take that method"),
    "request-timeout": Kind(408, "The body did not arrive in time"),
    "conflict": Kind(409, "The state of things does not allow it"),
    "in-use": Kind(409, "Something live needs it"),
    "event-conflict": Kind(409, "The event was recorded with other content"),
    "source-is-connected": Kind(409, "The source takes its events from its hook only"),
    "old-revision": Kind(409, "Only the current revision can be signed off"),
    "playbook-state": Kind(409, "The playbook's state does not allow it"),
    "prune-needed": Kind(409, "More than half of the playbook would be archived"),
    "alignment-changed": Kind(409, "The answer has changed since the first page"),
    "bucket-full": Kind(409, "A sum would no longer fit"),
    "precondition-failed": Kind(412, "It has changed in the meantime"),
    "too-large": Kind(413, "The body is too large"),
    "unsupported-media-type": Kind(415, "The body is in a form that is not read here"),
    "invalid-input": Kind(422, "The input breaks a rule"),
    "too-many-requests": Kind(429, "Asked too often"),
    "internal-error": Kind(500, "Something went wrong on our side"),
    "unavailable": Kind(503, "Not available at the moment", _RETRY),
}


def problem(code: str, detail: str, faults: Sequence[Fault] = ()) -> dict[str, object]:
    """The members of a problem document that do not depend on the request."""
    kind = KINDS[code]
    found: dict[str, object] = {
        "type": f"/problems/{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": _sayable(detail, 4_000),
        "code": code,
    }
    if faults:
        found["errors"] = [
            {"pointer": _sayable(f.pointer, LONGEST), "detail": _sayable(f.detail, 1_000)}
            for f in faults[:MOST_FAULTS]
        ]
    return found


def _sayable(text: str, most: int) -> str:
    """The text as our own schema lets texts be, whatever its sender put into it."""
    return text[:most].replace("\x00", "\ufffd")


def of(error: SightlineError) -> dict[str, object]:
    """The same, of a refusal."""
    return problem(error.code if error.code in KINDS else "conflict", error.detail, error.faults)


def answer(
    scope: Scope, members: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Response:
    """The reply that says a problem."""
    code, status = str(members["code"]), KINDS[str(members["code"])].status
    scope.setdefault("state", {})["problem"] = code
    document = {
        **members,
        "instance": quote(scope["path"].encode("utf-8", "replace"), safe="/:@!$&'()*+,;=~-._")[
            :2_000
        ],
        "request_id": scope["state"].get("request_id", ""),
    }
    return Response(
        dumps(document),
        status,
        headers={**(KINDS[code].headers or {}), **(headers or {})},
        media_type=MEDIA_TYPE,
    )


def pointer(parts: Iterable[int | str]) -> str:
    """The JSON Pointer (RFC 6901) of a path of names and indexes."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def faults(
    errors: Iterable[Mapping[str, Any]], skip: int = 0
) -> tuple[Fault, ...]:  # Any: Pydantic's own shape
    """What Pydantic found, as faults. Shape: the first `skip` parts of each place are left out."""
    return tuple(
        Fault(
            pointer(error["loc"][skip:]),
            str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, "),
        )
        for error in errors
    )


def _invalid(request: Request, error: RequestValidationError) -> Response:
    found = error.errors()
    in_body = faults((e for e in found if e["loc"][0] == "body"), 1)
    # A parameter that may be left out is a union: what it should have been instead of None is the fault.
    outside = [e for e in found if e["loc"][0] != "body" and e["type"] != "none_required"]
    elsewhere = tuple(
        Fault(str(e["loc"][1]), f.detail) for e, f in zip(outside, faults(outside), strict=True)
    )
    # What two parts of an operation ask of one parameter is found wrong twice.
    every = tuple(dict.fromkeys(elsewhere + in_body))
    where = every[0].pointer or "the body"
    return answer(request.scope, problem("invalid-input", f"{where}: {every[0].detail}", every))


def _methods(request: Request) -> str:
    """The union of the methods of all routes at this path, for they are separate routes to the router."""
    path, found = request.scope["path"], set()
    for context in iter_route_contexts(request.app.routes):
        matcher = getattr(context.original_route, "path_regex", None)
        if matcher is not None and matcher.match(path):
            found |= context.methods or set()
    return ", ".join(sorted(found))


def _http(request: Request, error: HTTPException) -> Response:
    if error.status_code == 405:
        members = problem(
            "method-not-allowed", "This address does not take that method; see Allow."
        )
        return answer(request.scope, members, {"Allow": _methods(request)})
    if error.status_code == 404:
        return answer(request.scope, problem("not-found", "There is nothing at this address."))
    by_status = {kind.status: code for code, kind in reversed(list(KINDS.items()))}
    code = by_status.get(
        error.status_code, "malformed-input" if error.status_code < 500 else "internal-error"
    )
    return answer(request.scope, problem(code, KINDS[code].title + "."))


def unexpected(scope: Scope) -> Response:
    """The reply to what nobody foresaw: no word of it leaves."""
    return answer(
        scope,
        problem(
            "internal-error",
            "Something went wrong on our side; the request id finds it in the log.",
        ),
    )


def install(app: FastAPI) -> None:
    """Every refusal in `app` becomes a problem document."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, SightlineError)
        return answer(request.scope, of(error), getattr(error, "headers", None))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return _invalid(request, error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _http(request, error)

    app.add_exception_handler(SightlineError, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
