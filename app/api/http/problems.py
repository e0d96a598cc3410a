"""Problem documents (RFC 9457), and the one table that maps error codes to them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from json import dumps
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from app.api.http.schema_base import ResponseModel, json_schema_example
from app.api.http.schema_types import Address, Int32, LongText, Name
from app.domain.primitives.errors import Fault, SightlineError, UnsupportedError

MEDIA_TYPE: Final = "application/problem+json"
MAX_FAULTS: Final = 100
MAX_POINTER_LENGTH: Final = 300
Code = Annotated[str, Field(strict=True, max_length=64)]


class ProblemPlace(ResponseModel):
    """One error in the input."""

    pointer: Annotated[
        LongText, Field(description="A JSON Pointer into the body, or the name of a parameter.")
    ]
    detail: LongText


class Problem(ResponseModel):
    """The reason for a rejection (RFC 9457)."""

    type: Annotated[Address, Field(description="A stable URI reference, `/problems/<code>`.")]
    title: Name
    status: Annotated[Int32, Field(description="The HTTP status.")]
    detail: LongText
    code: Annotated[
        Code,
        Field(
            description=(
                "A stable code for programs. The description of this document lists all codes."
            )
        ),
    ]
    instance: Address
    request_id: Code
    errors: Annotated[list[ProblemPlace], Field(max_length=100)] = Field(default_factory=list)

    model_config = {
        "json_schema_serialization_defaults_required": False,
        "json_schema_extra": json_schema_example(
            type="/problems/invalid-input",
            title="The input breaks a rule",
            status=422,
            detail="/function: Field required",
            code="invalid-input",
            instance="/v1/teams/sales",
            request_id="018fd1a0c5d44b7e8a2f6d0e9c1b3a57",
            errors=[{"pointer": "/function", "detail": "Field required"}],
        ),
    }


class BodyTooLargeError(SightlineError):
    """The body is larger than the operation accepts."""

    code: ClassVar[str] = "too-large"


class BodyTimeoutError(SightlineError):
    """The body did not arrive in time. The connection is closed, as the rest may still arrive."""

    code: ClassVar[str] = "request-timeout"
    headers: ClassVar[Mapping[str, str]] = {"Connection": "close"}


class UnsupportedMediaError(UnsupportedError):
    """The operation does not accept the media type; a header names the one that it does."""

    def __init__(self, detail: str, header: str, accepted: str) -> None:
        """Store the header that names the accepted type."""
        super().__init__(detail)
        self.headers = {header: accepted}


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """The status, title and headers of all problems with one code."""

    status: int
    title: str
    headers: Mapping[str, str] | None = None


_RETRY_AFTER: Final = {"Retry-After": "1"}
PROBLEM_KINDS: Final[Mapping[str, ProblemKind]] = {
    "malformed-input": ProblemKind(400, "The request cannot be read"),
    "unauthorized": ProblemKind(
        401, "Not authenticated", {"WWW-Authenticate": 'Bearer realm="sightline"'}
    ),
    "forbidden": ProblemKind(403, "Not allowed"),
    "not-found": ProblemKind(404, "Not found"),
    "no-current-playbook": ProblemKind(404, "No published playbook covers this day"),
    "method-not-allowed": ProblemKind(405, "This address does not take that method"),
    "request-timeout": ProblemKind(408, "The body did not arrive in time"),
    "conflict": ProblemKind(409, "The state of things does not allow it"),
    "in-use": ProblemKind(409, "Something live needs it"),
    "event-conflict": ProblemKind(409, "The event was recorded with other content"),
    "source-is-connected": ProblemKind(409, "The source takes its events from its hook only"),
    "old-revision": ProblemKind(409, "Only the current revision can be signed off"),
    "playbook-state": ProblemKind(409, "The playbook's state does not allow it"),
    "prune-needed": ProblemKind(409, "More than half of the playbook would be archived"),
    "alignment-changed": ProblemKind(409, "The answer has changed since the first page"),
    "bucket-full": ProblemKind(409, "A sum would no longer fit"),
    "precondition-failed": ProblemKind(412, "It has changed in the meantime"),
    "too-large": ProblemKind(413, "The body is too large"),
    "unsupported-media-type": ProblemKind(415, "The body is in a form that is not read here"),
    "invalid-input": ProblemKind(422, "The input breaks a rule"),
    "too-many-requests": ProblemKind(429, "Asked too often"),
    "internal-error": ProblemKind(500, "Something went wrong on our side"),
    "unavailable": ProblemKind(503, "Not available at the moment", _RETRY_AFTER),
}


def problem_fields(code: str, detail: str, faults: Sequence[Fault] = ()) -> dict[str, object]:
    """Return the members of a problem document that do not depend on the request."""
    kind = PROBLEM_KINDS[code]
    fields: dict[str, object] = {
        "type": f"/problems/{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": _to_valid_text(detail, 4_000),
        "code": code,
    }
    if faults:
        fields["errors"] = [
            {
                "pointer": _to_valid_text(fault.pointer, MAX_POINTER_LENGTH),
                "detail": _to_valid_text(fault.detail, 1_000),
            }
            for fault in faults[:MAX_FAULTS]
        ]
    return fields


def _to_valid_text(text: str, max_length: int) -> str:
    """Return a text that satisfies our own schema, for details that quote the caller."""
    return text[:max_length].replace("\x00", "\ufffd")


def from_error(error: SightlineError) -> dict[str, object]:
    """Return the members of the problem document of an error."""
    return problem_fields(
        error.code if error.code in PROBLEM_KINDS else "conflict", error.detail, error.faults
    )


def to_response(
    scope: Scope, fields: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Response:
    """Return the response with a problem document."""
    code = str(fields["code"])
    status = PROBLEM_KINDS[str(fields["code"])].status
    scope.setdefault("state", {})["problem"] = code
    document = {
        **fields,
        "instance": quote(scope["path"].encode("utf-8", "replace"), safe="/:@!$&'()*+,;=~-._")[
            :2_000
        ],
        "request_id": scope["state"].get("request_id", ""),
    }
    return Response(
        dumps(document),
        status,
        headers={**(PROBLEM_KINDS[code].headers or {}), **(headers or {})},
        media_type=MEDIA_TYPE,
    )


def to_json_pointer(segments: Iterable[int | str]) -> str:
    """Return the JSON Pointer (RFC 6901) of a path of names and indexes."""
    return "".join(
        f"/{str(path_segment).replace('~', '~0').replace('/', '~1')}" for path_segment in segments
    )


def to_faults(
    errors: Iterable[Mapping[str, Any]], skip: int = 0
) -> tuple[Fault, ...]:  # Any: Pydantic's own shape
    """Convert Pydantic's errors to faults, without the first `skip` segments of each location."""
    return tuple(
        Fault(
            to_json_pointer(error["loc"][skip:]),
            str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, "),
        )
        for error in errors
    )


def _invalid_response(request: Request, error: RequestValidationError) -> Response:
    pydantic_errors = error.errors()
    body_faults = to_faults((e for e in pydantic_errors if e["loc"][0] == "body"), 1)
    # An optional parameter is a union with None; its fault is the error of the other type.
    parameter_errors = [
        e for e in pydantic_errors if e["loc"][0] != "body" and e["type"] != "none_required"
    ]
    parameter_faults = tuple(
        Fault(str(e["loc"][1]), f.detail)
        for e, f in zip(parameter_errors, to_faults(parameter_errors), strict=True)
    )
    # Two dependencies of an operation may read one parameter, and then report it twice.
    unique_faults = tuple(dict.fromkeys(parameter_faults + body_faults))
    location = unique_faults[0].pointer or "the body"
    return to_response(
        request.scope,
        problem_fields("invalid-input", f"{location}: {unique_faults[0].detail}", unique_faults),
    )


def _allowed_methods(request: Request) -> str:
    """Return the methods of all routes with this path; each method is a route of its own."""
    path = request.scope["path"]
    methods = set()
    for context in iter_route_contexts(request.app.routes):
        matcher = getattr(context.original_route, "path_regex", None)
        if matcher is not None and matcher.match(path):
            methods |= context.methods or set()
    return ", ".join(sorted(methods))


def _http_error_response(request: Request, error: HTTPException) -> Response:
    if error.status_code == 405:
        fields = problem_fields(
            "method-not-allowed", "This address does not take that method; see Allow."
        )
        return to_response(request.scope, fields, {"Allow": _allowed_methods(request)})
    if error.status_code == 404:
        return to_response(
            request.scope, problem_fields("not-found", "There is nothing at this address.")
        )
    by_status = {kind.status: code for code, kind in reversed(list(PROBLEM_KINDS.items()))}
    code = by_status.get(
        error.status_code, "malformed-input" if error.status_code < 500 else "internal-error"
    )
    return to_response(request.scope, problem_fields(code, PROBLEM_KINDS[code].title + "."))


def internal_error_response(scope: Scope) -> Response:
    """Return the response to an unexpected exception, without any detail of it."""
    return to_response(
        scope,
        problem_fields(
            "internal-error",
            "Something went wrong on our side; the request id finds it in the log.",
        ),
    )


def install_handlers(app: FastAPI) -> None:
    """Install the handlers that turn every error into a problem document."""

    async def handle_domain_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, SightlineError)
        return to_response(request.scope, from_error(error), getattr(error, "headers", None))

    async def handle_validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return _invalid_response(request, error)

    async def handle_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _http_error_response(request, error)

    app.add_exception_handler(SightlineError, handle_domain_error)
    app.add_exception_handler(RequestValidationError, handle_validation_error)
    app.add_exception_handler(HTTPException, handle_http_error)
