"""The OpenAPI document: FastAPI's, made into the one that clients are generated from."""

from collections.abc import Iterator
from copy import deepcopy
from importlib.resources import files
from json import dumps, loads
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.http.route import CONTRACT, Contract
from app.api.http.schema_base import examples
from app.api.openapi.components import HEADERS, INFO, RESPONSES, SECURITY, SERVERS, TAGS
from app.api.openapi.descriptions import WORDS
from app.api.openapi.webhooks import TAG, WEBHOOKS

Node = dict[str, Any]  # Any: a JSON object of the OpenAPI Specification
RAW: Final[Node] = {
    "schema": {
        "type": "string",
        "format": "binary",
        "description": "The sender's own bytes, in its own media type.",
    },
    "examples": {"example": {"value": "[]"}},
}


def _kept(name: str) -> Node:
    found: Node = loads(
        files("app.api.openapi").joinpath("examples", name).read_text(encoding="utf-8")
    )
    return found


# What the demo organization answers, and what it was told, by operationId: openapi/examples.py writes them.
WRITES: Final[Node] = _kept("requests.json")
REPLIES: Final[Node] = _kept("replies.json") | {name: one["reply"] for name, one in WRITES.items()}
DROPPED: Final = ("HTTPValidationError", "ValidationError")
PROBLEM_NAMES: Final = {int(response["x-status"]): name for name, response in RESPONSES.items()}


def document(app: FastAPI, *, client: bool = False) -> Node:
    """The OpenAPI document of `app`; `client` is the form without webhooks, for generators that stumble over them."""
    found: Node = get_openapi(
        title=INFO["title"],
        version=app.version,
        summary=INFO["summary"],
        description=INFO["description"],
        contact=INFO["contact"],
        license_info=INFO["license"],
        servers=deepcopy(SERVERS),
        tags=deepcopy(TAGS),
        routes=sorted(app.routes, key=_chapter),
    )
    components: Node = found.setdefault("components", {})
    schemas: Node = components.setdefault("schemas", {})
    for name in DROPPED:
        schemas.pop(name, None)
    shown = examples()
    for name, schema in schemas.items():
        _tidy(schema)
        _refer(schema, schemas)
        _describe(schema)
        if name in shown:
            schema["examples"] = [deepcopy(shown[name])]
    for path, method, operation in _operations(found):
        _finish(path, method, operation, schemas)
    components["securitySchemes"] = deepcopy(SECURITY)
    said = dumps([found["paths"], RESPONSES])
    components["headers"] = {
        name: deepcopy(header)
        for name, header in HEADERS.items()
        if f'"#/components/headers/{name}"' in said
    }
    components["responses"] = {
        name: {part: deepcopy(value) for part, value in response.items() if part != "x-status"}
        for name, response in RESPONSES.items()
    }
    if not client:
        found["webhooks"] = deepcopy(WEBHOOKS)
        found["tags"].append(deepcopy(TAG))
    return found


def install(app: FastAPI) -> None:
    """`app.openapi()` gives this document, made once."""
    made: list[Node] = []

    def openapi() -> Node:
        if not made:
            made.append(document(app))
        return made[0]

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to replace it


def _operations(found: Node) -> Iterator[tuple[str, str, Node]]:
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _tidy(node: object) -> None:
    """Takes out the titles that Pydantic makes of member names, for they collide; bounds of integers are integers."""
    if isinstance(node, dict):
        for member in node.get("properties", {}).values():
            member.pop("title", None)
        if node.get("type") == "integer":  # FastAPI made floats of the bounds
            node |= {name: int(node[name]) for name in ("minimum", "maximum") if name in node}
        for value in node.values():
            _tidy(value)
        _fold(node)
    elif isinstance(node, list):
        for value in node:
            _tidy(value)


def _fold(node: Node) -> None:
    """`X or null` becomes one schema of two types, which reads better than a union; an enumeration stays one."""
    either: list[Node] = node.get("anyOf", [])
    if len(either) == 2 and either[1] == {"type": "null"} and "type" in either[0]:
        first = either[0]
        if "enum" not in first and "const" not in first:
            del node["anyOf"]
            node |= {**first, "type": [first["type"], "null"]}


def _chapter(route: object) -> int:
    """Where a route stands in the document: with its tag."""
    names = getattr(route, "tags", None) or [""]
    return next((place for place, tag in enumerate(TAGS) if tag["name"] == names[0]), len(TAGS))


def _describe(schema: Node) -> None:
    for name, member in schema.get("properties", {}).items():
        if "description" not in member and name in WORDS:
            member["description"] = WORDS[name]


def _refer(schema: Node, schemas: Node) -> None:
    """A shape that stands whole inside of another, as the items of a list read one by one do, becomes a reference."""
    for member in schema.get("properties", {}).values():
        items = member.get("items", {})
        if items.get("title") in schemas:
            member["items"] = {"$ref": f"#/components/schemas/{items['title']}"}


def _finish(path: str, method: str, operation: Node, schemas: Node) -> None:
    contract = Contract(**operation.pop(CONTRACT))
    words = operation["operationId"].replace("_", " ")
    operation["summary"] = words[0].upper() + words[1:]
    if contract.deprecated:
        operation["deprecated"] = True
    operation["security"] = [] if contract.scope is None else [{"ApiKey": []}]
    operation["x-required-scopes"] = [] if contract.scope is None else [contract.scope]
    for parameter in operation.get("parameters", []):
        _tidy(parameter["schema"])
        for name in ("title", "description"):
            parameter["schema"].pop(name, None)
    if contract.media_type is not None:
        operation["x-max-body-bytes"] = contract.limit
    if contract.media_type == "*/*":
        operation["requestBody"] = {
            "required": True,
            "content": {"application/octet-stream": deepcopy(RAW)},
        }
    elif contract.media_type is not None:
        operation["requestBody"]["content"] = {
            contract.media_type: _body(operation["requestBody"]["content"])
        }
    _examples(operation.get("requestBody", {}), schemas)
    _tell(operation, raw=contract.media_type == "*/*")
    operation["responses"] = _responses(path, method, operation, contract, schemas)


def _tell(operation: Node, *, raw: bool) -> None:
    """The example of a request is the one whose answer is the example of the reply."""
    told = WRITES.get(operation["operationId"], {}).get("told")
    if told is not None:
        (media,) = operation["requestBody"]["content"].values()
        media["examples"] = {"example": {"value": dumps(told) if raw else deepcopy(told)}}


def _body(content: Node) -> Node:
    """What FastAPI says of a body: of one that may be left out, without saying that it may be null besides."""
    (media,) = content.values()
    either = media["schema"].get("anyOf")
    return {**media, "schema": either[0]} if either else media


def _responses(path: str, method: str, operation: Node, contract: Contract, schemas: Node) -> Node:
    good = {code: reply for code, reply in operation["responses"].items() if code.startswith("2")}
    for reply in good.values():
        _examples(reply, schemas)
        if operation["operationId"] in REPLIES:
            (media,) = reply["content"].values()
            media["examples"] = {"example": {"value": deepcopy(REPLIES[operation["operationId"]])}}
        reply["headers"] = _headers(
            "X-Request-Id",
            *(("RateLimit-Policy", "RateLimit") if contract.scope is not None else ()),
            *(("ETag",) if contract.etag else ()),
            *(("Link",) if contract.pages or contract.deprecated else ()),
            *(("Deprecation", "Sunset") if contract.deprecated else ()),
        )
    if contract.creates:
        good["200"]["description"] = "Replaced."
        good["201"] = {**deepcopy(good["200"]), "description": "Created, or brought back."}
        good["201"]["headers"] |= _headers("Location")
    if contract.etag and method == "get":
        good["304"] = {
            "description": "Not changed since.",
            "headers": _headers("X-Request-Id", "ETag"),
        }
    bad = {
        status: {"$ref": f"#/components/responses/{PROBLEM_NAMES[status]}"}
        for status in _problems(path, contract)
    }
    return {**dict(sorted(good.items())), **{str(status): bad[status] for status in sorted(bad)}}


def _problems(path: str, contract: Contract) -> set[int]:
    """The statuses of the problems that can happen: most follow from what the operation asks."""
    found = {422, 500, 503, *contract.problems}
    if contract.scope is not None:
        found |= {401, 403, 429}
    if "{" in path:
        found.add(404)
    if contract.media_type is not None:
        found |= {400, 408, 413, 415}
    return found


def _headers(*names: str) -> Node:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _examples(holder: Node, schemas: Node) -> None:
    """Puts the example of a named schema where people and tools look for it."""
    for media in holder.get("content", {}).values():
        shown = _example(media.get("schema", {}), schemas)
        if shown is not None:
            media["examples"] = {"example": {"value": shown}}


def _example(schema: Node, schemas: Node) -> object:
    """The example of a schema; that of a page is made of the one of its items."""
    named = schemas.get(schema.get("$ref", "").rpartition("/")[2])
    if named is None:
        return None
    if "examples" in named:
        return deepcopy(named["examples"][0])
    members = named.get("properties", {})
    if "next_cursor" not in members:
        return None
    item = _example(members["items"].get("items", {}), schemas)
    return None if item is None else {"items": [item], "next_cursor": None}
