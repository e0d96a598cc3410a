"""The OpenAPI document: FastAPI's, completed and cleaned for client generators."""

from collections.abc import Iterator
from copy import deepcopy
from importlib.resources import files
from json import dumps, loads
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.http.route import Contract, ContractRoute
from app.api.http.schema_base import collect_examples
from app.api.openapi.components import HEADERS, OPENAPI_INFO, RESPONSES, SECURITY, SERVERS, TAGS
from app.api.openapi.descriptions import FIELD_DESCRIPTIONS
from app.api.openapi.webhooks import WEBHOOKS, WEBHOOKS_TAG

Node = dict[str, Any]  # Any: a JSON object of the OpenAPI Specification
RAW_BODY: Final[Node] = {
    "schema": {
        "type": "string",
        "format": "binary",
        "description": "The sender's own bytes, in its own media type.",
    },
    "examples": {"example": {"value": "[]"}},
}


def _load_examples(file_name: str) -> Node:
    examples_by_operation: Node = loads(
        files("app.api.openapi").joinpath("examples", file_name).read_text(encoding="utf-8")
    )
    return examples_by_operation


# Requests to the demo organization and its replies, by operationId, from openapi/examples.py.
WRITE_EXAMPLES: Final[Node] = _load_examples("requests.json")
REPLY_EXAMPLES: Final[Node] = _load_examples("replies.json") | {
    name: write["reply"] for name, write in WRITE_EXAMPLES.items()
}
DROPPED_SCHEMAS: Final = ("HTTPValidationError", "ValidationError")
RESPONSE_NAMES: Final = {int(response["x-status"]): name for name, response in RESPONSES.items()}


def build_document(app: FastAPI, *, for_clients: bool = False) -> Node:
    """Build the OpenAPI document of `app`.

    `for_clients` leaves out webhooks, which generators do not support.
    """
    specification: Node = get_openapi(
        title=OPENAPI_INFO["title"],
        version=app.version,
        summary=OPENAPI_INFO["summary"],
        description=OPENAPI_INFO["description"],
        contact=OPENAPI_INFO["contact"],
        license_info=OPENAPI_INFO["license"],
        servers=deepcopy(SERVERS),
        tags=deepcopy(TAGS),
        routes=sorted(app.routes, key=_tag_position),
    )
    components: Node = specification.setdefault("components", {})
    schemas: Node = components.setdefault("schemas", {})
    for component_name in DROPPED_SCHEMAS:
        schemas.pop(component_name, None)
    examples_by_schema = collect_examples()
    for component_name, schema in schemas.items():
        _clean_schema(schema)
        _replace_with_references(schema, schemas)
        _add_descriptions(schema)
        if component_name in examples_by_schema:
            schema["examples"] = [deepcopy(examples_by_schema[component_name])]
    contracts = {
        (route.path, method.lower()): route.contract
        for route in app.routes
        if isinstance(route, ContractRoute)
        for method in route.methods or ()
    }
    for path, method, operation in _iterate_operations(specification):
        contract = contracts[path, method]
        _complete_operation(operation, contract, schemas)
        operation["responses"] = _build_responses(path, method, operation, contract, schemas)
    _add_shared_components(specification)
    if not for_clients:
        specification["webhooks"] = deepcopy(WEBHOOKS)
        specification["tags"].append(deepcopy(WEBHOOKS_TAG))
    return specification


def _add_shared_components(specification: Node) -> None:
    components = specification["components"]
    components["securitySchemes"] = deepcopy(SECURITY)
    serialized = dumps([specification["paths"], RESPONSES])
    components["headers"] = {
        component_name: deepcopy(header)
        for component_name, header in HEADERS.items()
        if f'"#/components/headers/{component_name}"' in serialized
    }
    components["responses"] = {
        component_name: {
            part: deepcopy(node) for part, node in response.items() if part != "x-status"
        }
        for component_name, response in RESPONSES.items()
    }


def install_openapi(app: FastAPI) -> None:
    """Make `app.openapi()` return this document, built once."""
    documents: list[Node] = []

    def openapi() -> Node:
        if not documents:
            documents.append(build_document(app))
        return documents[0]

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to replace it


def _iterate_operations(specification: Node) -> Iterator[tuple[str, str, Node]]:
    for path, methods in specification["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _clean_schema(node: object) -> None:
    """Remove the titles of members, and write bounds of integers as integers.

    Pydantic derives the titles from member names; generators make colliding types of them.
    """
    if isinstance(node, dict):
        for member in node.get("properties", {}).values():
            member.pop("title", None)
        if node.get("type") == "integer":  # FastAPI writes the bounds as floats
            node |= {
                keyword_name: int(node[keyword_name])
                for keyword_name in ("minimum", "maximum")
                if keyword_name in node
            }
        for child in node.values():
            _clean_schema(child)
        _merge_null_type(node)
    elif isinstance(node, list):
        for child in node:
            _clean_schema(child)


def _merge_null_type(node: Node) -> None:
    """Write `X or null` as one schema with two types; enumerations stay a union."""
    alternatives: list[Node] = node.get("anyOf", [])
    if len(alternatives) == 2 and alternatives[1] == {"type": "null"} and "type" in alternatives[0]:
        non_null = alternatives[0]
        if "enum" not in non_null and "const" not in non_null:
            del node["anyOf"]
            node |= {**non_null, "type": [non_null["type"], "null"]}


def _tag_position(route: object) -> int:
    """Return the position of the tag of a route in the document."""
    tags = getattr(route, "tags", None) or [""]
    return next(
        (position for position, tag in enumerate(TAGS) if tag["name"] == tags[0]), len(TAGS)
    )


def _add_descriptions(schema: Node) -> None:
    for property_name, member in schema.get("properties", {}).items():
        if "description" not in member and property_name in FIELD_DESCRIPTIONS:
            member["description"] = FIELD_DESCRIPTIONS[property_name]


def _replace_with_references(schema: Node, schemas: Node) -> None:
    """Replace inlined item schemas, as of a batch, by references to their components."""
    for member in schema.get("properties", {}).values():
        item_schema = member.get("items", {})
        if item_schema.get("title") in schemas:
            member["items"] = {"$ref": f"#/components/schemas/{item_schema['title']}"}


def _complete_operation(operation: Node, contract: Contract, schemas: Node) -> None:
    words = operation["operationId"].replace("_", " ")
    operation["summary"] = words[0].upper() + words[1:]
    if contract.deprecation_headers:
        operation["deprecated"] = True
    operation["security"] = [] if contract.scope is None else [{"ApiKey": []}]
    operation["x-required-scopes"] = [] if contract.scope is None else [contract.scope]
    for parameter in operation.get("parameters", []):
        _clean_schema(parameter["schema"])
        for keyword_name in ("title", "description"):
            parameter["schema"].pop(keyword_name, None)
    if contract.media_type is not None:
        operation["x-max-body-bytes"] = contract.max_body_bytes
    if contract.media_type == "*/*":
        operation["requestBody"] = {
            "required": True,
            "content": {"application/octet-stream": deepcopy(RAW_BODY)},
        }
    elif contract.media_type is not None:
        operation["requestBody"]["content"] = {
            contract.media_type: _required_body(operation["requestBody"]["content"])
        }
    _add_examples(operation.get("requestBody", {}), schemas)
    _add_request_example(operation, is_raw=contract.media_type == "*/*")


def _add_request_example(operation: Node, *, is_raw: bool) -> None:
    """Add the request whose reply is the example of the reply."""
    request_example = WRITE_EXAMPLES.get(operation["operationId"], {}).get("request")
    if request_example is not None:
        (media,) = operation["requestBody"]["content"].values()
        media["examples"] = {
            "example": {"value": dumps(request_example) if is_raw else deepcopy(request_example)}
        }


def _required_body(content: Node) -> Node:
    """Return FastAPI's description of a body, without null for an optional body."""
    (media,) = content.values()
    alternatives = media["schema"].get("anyOf")
    return {**media, "schema": alternatives[0]} if alternatives else media


def _build_responses(
    path: str, method: str, operation: Node, contract: Contract, schemas: Node
) -> Node:
    success = {
        code: reply for code, reply in operation["responses"].items() if code.startswith("2")
    }
    for reply in success.values():
        _add_examples(reply, schemas)
        if operation["operationId"] in REPLY_EXAMPLES:
            (media,) = reply["content"].values()
            media["examples"] = {
                "example": {"value": deepcopy(REPLY_EXAMPLES[operation["operationId"]])}
            }
        reply["headers"] = _header_references(
            "X-Request-Id",
            *(("RateLimit-Policy", "RateLimit") if contract.scope is not None else ()),
            *(("ETag",) if contract.has_etag else ()),
            *(("Link",) if contract.is_paginated or contract.deprecation_headers else ()),
            *(("Deprecation", "Sunset") if contract.deprecation_headers else ()),
        )
    if contract.can_create:
        success["200"]["description"] = "Replaced."
        success["201"] = {**deepcopy(success["200"]), "description": "Created, or brought back."}
        success["201"]["headers"] |= _header_references("Location")
    if contract.has_etag and method == "get":
        success["304"] = {
            "description": "Not changed since.",
            "headers": _header_references("X-Request-Id", "ETag"),
        }
    failures = {
        status: {"$ref": f"#/components/responses/{RESPONSE_NAMES[status]}"}
        for status in _problem_statuses(path, contract)
    }
    return {
        **dict(sorted(success.items())),
        **{str(status): failures[status] for status in sorted(failures)},
    }


def _problem_statuses(path: str, contract: Contract) -> set[int]:
    """Return the statuses of possible problems; most follow from the rest of the contract."""
    statuses = {422, 500, 503, *contract.problem_statuses}
    if contract.scope is not None:
        statuses |= {401, 403, 429}
    if "{" in path:
        statuses.add(404)
    if contract.media_type is not None:
        statuses |= {400, 408, 413, 415}
    return statuses


def _header_references(*names: str) -> Node:
    return {header_name: {"$ref": f"#/components/headers/{header_name}"} for header_name in names}


def _add_examples(holder: Node, schemas: Node) -> None:
    """Add a named schema's example to the places where it is used."""
    for media in holder.get("content", {}).values():
        schema_example = _schema_example(media.get("schema", {}), schemas)
        if schema_example is not None:
            media["examples"] = {"example": {"value": schema_example}}


def _schema_example(schema: Node, schemas: Node) -> object:
    """Return the example of a schema; build that of a page from the example of its items."""
    schema_definition = schemas.get(schema.get("$ref", "").rpartition("/")[2])
    if schema_definition is None:
        return None
    if "examples" in schema_definition:
        return deepcopy(schema_definition["examples"][0])
    members = schema_definition.get("properties", {})
    if "next_cursor" not in members:
        return None
    item_example = _schema_example(members["items"].get("items", {}), schemas)
    return None if item_example is None else {"items": [item_example], "next_cursor": None}
