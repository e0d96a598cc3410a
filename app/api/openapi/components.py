"""The shared parts of the OpenAPI document: info, tags, headers and problem responses."""

from typing import Any, Final

from app.api.http.problems import MEDIA_TYPE, PROBLEM_KINDS

Node = dict[str, Any]  # Any: a JSON object of the OpenAPI Specification

_PROBLEM_TABLE: Final = "\n".join(
    f"| `{code}` | {kind.status} | {kind.title} |" for code, kind in PROBLEM_KINDS.items()
)

OPENAPI_INFO: Final[Node] = {
    "title": "Sightline",
    "summary": "How aligned an organization is, computed from what was observed, with every missing point explained.",
    "description": f"""Sightline holds the playbook, the shared responsibilities and the stream of outcome events of
an organization, and computes on read how aligned it is.

Send an API key as `Authorization: Bearer <api key>`; `x-required-scopes` says which scope an operation needs.
Everything with a key of its own is written with PUT to its address, changed with a JSON merge patch and archived with
DELETE; `ETag`, `If-Match` and `If-None-Match` work everywhere. Lists have `limit` and `cursor`. Numbers have at most
4 decimals and 15 significant digits. Enumerations in replies may grow.

Every refusal is a problem document (RFC 9457, `{MEDIA_TYPE}`) whose `code` is one of these, and whose `type` is
`/problems/<code>`:

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
        ("teams", "Who delivers: each team has a function and a size."),
        ("metrics", "Numbers defined once for everyone."),
        ("offerings", "What can be sold, and between which days it can be delivered."),
        ("playbooks", "The strategy for a period, who contributed to it and who signed it."),
        ("objectives", "What the playbook is after, and which teams bear it."),
        ("key-results", "The measurable outcomes of objectives."),
        ("policy", "The weights and windows of the score."),
        ("events", "Append-only facts: outcomes and activities."),
        ("sources", "The systems that events come from, and what they delivered."),
        ("hooks", "Where CRMs deliver; authenticated by their own signatures."),
        ("alignment", "The computed answer: score, coverage, components and ledger."),
        ("apply", "Playbook as code."),
        ("api-keys", "Keys to this API."),
        ("journal", "Every change of configuration: who, when, before, after."),
        ("health", "Whether the service lives and is ready."),
    )
]

SECURITY: Final[Node] = {
    "ApiKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "sightline API key",
        "description": "An API key, or an access token of the issuer that the service is told to believe.",
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
    "X-Request-Id": _header_schema("Names this request in the log.", 64, required=True),
    "ETag": _header_schema("The entity tag of what is shown.", 100),
    "Location": _header_schema("Where the created thing is.", 2_000),
    "Link": _header_schema('The next page, `rel="next"`, when there is one.', 4_000),
    "Retry-After": _header_schema("Seconds to wait before trying again.", 10),
    "WWW-Authenticate": _header_schema("How to authenticate.", 200),
    "RateLimit-Policy": _header_schema(
        "How many requests make the quota, and in how many seconds it comes back.", 200
    ),
    "RateLimit": _header_schema(
        "How many requests are left, and in how many seconds the quota is whole again.", 200
    ),
    "Deprecation": _header_schema("Since when the operation is deprecated (RFC 9745).", 20),
    "Sunset": _header_schema("When the operation will be gone (RFC 8594).", 40),
    "Accept-Post": _header_schema("What a POST reads here.", 200),
    "Accept-Patch": _header_schema("What a PATCH reads here.", 200),
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
            name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *headers)
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
