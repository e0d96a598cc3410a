"""The shared parts of the OpenAPI document: info, tags, headers and problem responses."""

from typing import Any, Final

from app.api.http.problems import MEDIA_TYPE, PROBLEM_KINDS

Node = dict[str, Any]  # Any: a JSON object of the OpenAPI Specification

_PROBLEM_TABLE: Final = "\n".join(
    f"| `{code}` | {kind.status} | {kind.title} |" for code, kind in PROBLEM_KINDS.items()
)

OPENAPI_INFO: Final[Node] = {
    "title": "Sightline",
    "summary": (
        "The alignment of an organization, computed from events, with every missing point "
        "explained."
    ),
    "description": f"""Sightline stores the playbook, the responsibilities and the outcome events of
an organization, and computes its alignment on every read.

Send an API key as `Authorization: Bearer <api key>`. `x-required-scopes` names the scope that an
operation requires. Resources with a key are written with PUT, changed with a JSON merge patch
(PATCH) and archived with DELETE. `ETag`, `If-Match` and `If-None-Match` are supported everywhere.
Lists have `limit` and `cursor`. Numbers have at most 4 decimals and 15 significant digits.
Enumerations in replies may get new values.

Every rejection is a problem document (RFC 9457, `{MEDIA_TYPE}`). Its `type` is `/problems/<code>`
and its `code` is one of these:

| code | status | title |
|---|---|---|
{_PROBLEM_TABLE}
""",
    "contact": {"name": "Sightline"},
    "license": {"name": "All rights reserved", "identifier": "LicenseRef-Proprietary"},
}

SERVERS: Final[list[Node]] = [
    {
        "url": "{origin}",
        "description": "Where Sightline runs",
        "variables": {
            "origin": {"default": "http://127.0.0.1:8000", "description": "Scheme, host and port"}
        },
    }
]

TAGS: Final[list[Node]] = [
    {"name": name, "description": description}
    for name, description in (
        ("organization", "The tenant that the API key belongs to."),
        ("teams", "Teams, each with a function and a size."),
        ("metrics", "Numbers defined once for everyone."),
        ("offerings", "Products and services, with the days on which they can be delivered."),
        ("playbooks", "The strategy for a period, with its contributions and sign-offs."),
        ("objectives", "The objectives of a playbook, and the teams that bear them."),
        ("key-results", "The measurable outcomes of objectives."),
        ("policy", "The weights and windows of the score."),
        ("events", "Append-only facts: outcomes and activities."),
        ("sources", "The systems that send events, and their deliveries."),
        ("hooks", "The endpoints for CRMs, authenticated by their signatures."),
        ("alignment", "The computed alignment: score, coverage, components and ledger."),
        ("apply", "Playbook as code."),
        ("api-keys", "Keys to this API."),
        ("journal", "All changes of the configuration."),
        ("health", "Liveness and readiness."),
    )
]

SECURITY: Final[Node] = {
    "ApiKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "sightline API key",
        "description": "An API key, or an access token of the configured issuer.",
    }
}


def _header_schema(
    description: str, max_length: int, *, required: bool = False, **schema_fields: object
) -> Node:
    return {
        "description": description,
        "required": required,
        "schema": {"type": "string", "maxLength": max_length, **schema_fields},
    }


HEADERS: Final[Node] = {
    "X-Request-Id": _header_schema("The id of this request in the log.", 64, required=True),
    "ETag": _header_schema("The entity tag of the resource.", 100),
    "Location": _header_schema("The address of the created resource.", 2_000),
    "Link": _header_schema('The next page, `rel="next"`, if there is one.', 4_000),
    "Retry-After": _header_schema("Seconds to wait before trying again.", 10),
    "WWW-Authenticate": _header_schema("How to authenticate.", 200),
    "RateLimit-Policy": _header_schema(
        "The quota of requests, and the seconds in which it is restored.", 200
    ),
    "RateLimit": _header_schema(
        "The remaining requests, and the seconds until the quota is full.", 200
    ),
    "Deprecation": _header_schema("The date of deprecation (RFC 9745).", 20),
    "Sunset": _header_schema("The date of removal (RFC 8594).", 40),
    "Accept-Post": _header_schema("The media type that POST accepts.", 200),
    "Accept-Patch": _header_schema("The media type that PATCH accepts.", 200),
}


def _problem_response(status: int, description: str, *headers: str) -> Node:
    code, kind = next((code, kind) for code, kind in PROBLEM_KINDS.items() if kind.status == status)
    example_problem: Node = {
        "type": f"/problems/{code}",
        "title": kind.title,
        "status": status,
        "detail": description,
        "code": code,
        "instance": "/v1/teams/sales",
        "request_id": "018fd1a0c5d44b7e8a2f6d0e9c1b3a57",
    }
    return {
        "x-status": status,
        "description": description,
        "headers": {
            header_name: {"$ref": f"#/components/headers/{header_name}"}
            for header_name in ("X-Request-Id", *headers)
        },
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {"example": {"value": example_problem}},
            }
        },
    }


RESPONSES: Final[Node] = {
    "Malformed": _problem_response(400, "The request cannot be read."),
    "Unauthorized": _problem_response(
        401, "No valid API key, or a signature that does not verify.", "WWW-Authenticate"
    ),
    "Forbidden": _problem_response(403, "The API key may not do this."),
    "NotFound": _problem_response(404, "There is no such thing, or it is another organization's."),
    "RequestTimeout": _problem_response(408, "The body did not arrive in time."),
    "Conflict": _problem_response(409, "The state of things does not allow it."),
    "PreconditionFailed": _problem_response(412, "It is not as If-Match or If-None-Match says."),
    "TooLarge": _problem_response(413, "The body is too large."),
    "UnsupportedMediaType": _problem_response(
        415, "The body is in a form that is not read here.", "Accept-Post", "Accept-Patch"
    ),
    "Invalid": _problem_response(422, "The input breaks a rule; `errors` says where."),
    "TooManyRequests": _problem_response(
        429,
        "This key or this address asks too often.",
        "Retry-After",
        "RateLimit-Policy",
        "RateLimit",
    ),
    "Failed": _problem_response(500, "Something went wrong on our side."),
    "Unavailable": _problem_response(503, "Not available at the moment.", "Retry-After"),
}
