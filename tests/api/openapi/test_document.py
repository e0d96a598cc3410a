"""The OpenAPI document contains nothing that client generators fail on."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it comes with openapi-spec-validator, without types
import pytest
from openapi_spec_validator import validate

from app.api.app import create_application
from app.api.openapi.document import REPLY_EXAMPLES, WRITE_EXAMPLES, build_document
from tests.support.openapi_contract import get_contract

BAD_NAMES = {"List", "Date", "Response", "Configuration", "T"}
BAD_PROPERTIES = {"to_dict", "additional_properties", "copy", "dict", "json", "schema"}


@pytest.fixture(scope="module")
def openapi_document() -> dict[str, Any]:
    return get_contract()


def list_operations(openapi_document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in openapi_document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def walk_nodes(node: Any, location: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema below a node; examples are not schemas."""
    if isinstance(node, dict):
        yield location, node
        for child_name, value in node.items():
            if child_name not in ("examples", "example", "default", "enum"):
                yield from walk_nodes(value, f"{location}/{child_name}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk_nodes(value, f"{location}/{index}")


def walk_schemas(openapi_document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from walk_nodes(openapi_document["components"]["schemas"], "schemas")
    for path, method, operation in list_operations(openapi_document):
        for parameter in operation.get("parameters", []):
            yield from walk_nodes(parameter["schema"], f"{method} {path} {parameter['name']}")


def test_the_document_is_valid_and_says_3_1_0(openapi_document):
    validate(openapi_document)
    assert openapi_document["openapi"] == "3.1.0"
    assert "itemSchema" not in str(openapi_document)
    assert {"title", "version", "description", "contact", "license"} <= openapi_document[
        "info"
    ].keys()
    assert openapi_document["servers"]


def test_operation_ids_are_unique_snake_case_and_begin_with_a_verb(openapi_document):
    names = [operation["operationId"] for _, _, operation in list_operations(openapi_document)]
    assert [operation_id for operation_id, count in Counter(names).items() if count > 1] == []
    verbs = (
        "ask|import|preview|replay|export|get|list|put|patch|delete|record|retract|publish|close|rotate|apply|issue|revoke|"
        "take|check|erase"
    )
    assert [
        operation_id
        for operation_id in names
        if not re.fullmatch(rf"({verbs})(_[a-z]+)+", operation_id)
    ] == []


def test_every_operation_has_one_declared_tag_a_summary_a_description_and_a_security(
    openapi_document,
):
    declared_tags = {tag["name"] for tag in openapi_document["tags"]}
    used_tags = set()
    for path, method, operation in list_operations(openapi_document):
        assert len(operation["tags"]) == 1, (method, path)
        used_tags |= set(operation["tags"])
        assert operation["summary"]
        assert operation["description"]
        assert "security" in operation
        assert bool(operation["security"]) == bool(operation["x-required-scopes"])
    assert used_tags == declared_tags - {"webhooks"}
    assert all(tag["description"] for tag in openapi_document["tags"])


def test_no_schema_is_split_renamed_or_named_like_a_word_of_a_language(openapi_document):
    names = openapi_document["components"]["schemas"]
    assert [
        schema_name for schema_name in names if schema_name.endswith(("-Input", "-Output"))
    ] == []
    assert BAD_NAMES & set(names) == set()
    titles = Counter(schema.get("title", schema_name) for schema_name, schema in names.items())
    assert [title for title, count in titles.items() if count > 1] == []
    assert "HTTPValidationError" not in str(openapi_document)


def test_properties_are_snake_case_and_unlike_what_generators_add(openapi_document):
    for location, schema in walk_schemas(openapi_document):
        for property_name in schema.get("properties", {}):
            if not location.endswith("/properties"):
                assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", property_name), (
                    location,
                    property_name,
                )
                assert property_name not in BAD_PROPERTIES, (location, property_name)


def test_every_string_array_map_and_integer_is_bounded(openapi_document):
    for location, schema in walk_schemas(openapi_document):
        kind = schema.get("type")
        if kind == "string" and not location.endswith("/properties"):
            assert "maxLength" in schema or "enum" in schema or "const" in schema, location
        elif kind == "array":
            assert "maxItems" in schema, location
            assert schema["items"], location
        elif kind == "integer":
            is_bounded = {"minimum", "maximum"} <= schema.keys() and schema.get("format") in (
                "int32",
                "int64",
            )
            assert is_bounded or "const" in schema, location
        elif kind == "object" and schema.get("additionalProperties") is True:
            assert "maxProperties" in schema, location


def test_no_schema_is_empty_boolean_or_a_list_of_nothing(openapi_document):
    for location, schema in walk_schemas(openapi_document):
        for property_name, member in schema.get("properties", {}).items():
            if not location.endswith("/properties"):
                assert isinstance(member, dict), (location, property_name)
                assert member.keys() & {"type", "$ref", "anyOf", "allOf", "const", "enum"}, (
                    location,
                    property_name,
                )


def test_enums_are_lower_case_and_unique_after_folding(openapi_document):
    for location, schema in walk_schemas(openapi_document):
        members = [member for member in schema.get("enum", []) if isinstance(member, str)]
        folded_members = [re.sub(r"\W", "_", member).lower() for member in members]
        assert len(set(folded_members)) == len(members), location
        assert all(member == member.lower() for member in members), location
        assert None not in schema.get("enum", []), location


def test_requests_reject_unknown_members_and_replies_require_every_member(openapi_document):
    for schema_name, schema in openapi_document["components"]["schemas"].items():
        if schema["type"] == "object":
            is_closed = schema.get("additionalProperties") is False
            is_complete = set(schema.get("required", [])) == set(schema["properties"])
            assert is_closed or is_complete or schema_name == "Problem", schema_name


def test_every_problem_refers_to_a_shared_response(openapi_document):
    for path, method, operation in list_operations(openapi_document):
        codes = operation["responses"]
        assert [code for code in codes if code[0] in "45" and "$ref" not in codes[code]] == [], (
            method,
            path,
        )
        assert {"422", "500", "503"} <= codes.keys(), (method, path)
        if operation["security"]:
            assert {"401", "403", "429"} <= codes.keys(), (method, path)
        if "requestBody" in operation:
            assert {"400", "408", "413", "415"} <= codes.keys(), (method, path)
            assert len(operation["requestBody"]["content"]) == 1
        if "{" in path:
            assert "404" in codes, (method, path)


def test_every_example_fits_its_schema(openapi_document):
    example_count = 0
    for path, method, operation in list_operations(openapi_document):
        media_owners = [operation.get("requestBody", {}), *operation["responses"].values()]
        for media in (
            media
            for media_owner in media_owners
            for media in media_owner.get("content", {}).values()
        ):
            schema = {**media["schema"], "components": openapi_document["components"]}
            assert "examples" in media, (method, path)
            jsonschema.Draft202012Validator(schema).validate(media["examples"]["example"]["value"])
            example_count += 1
    assert example_count > 100


def test_examples_are_requests_and_replies_of_the_demo_organization(openapi_document):
    operation_ids: dict[str, set[str]] = {
        method: set() for method in ("get", "put", "patch", "post", "delete")
    }
    for _, method, operation in list_operations(openapi_document):
        operation_ids[method].add(operation["operationId"])
    write_ids = operation_ids["put"] | operation_ids["patch"] | operation_ids["post"]
    assert WRITE_EXAMPLES.keys() == write_ids, "make examples"
    assert REPLY_EXAMPLES.keys() - write_ids <= operation_ids["get"], "make examples"
    assert len(REPLY_EXAMPLES) > 70
    for _, _, operation in list_operations(openapi_document):
        request_example = WRITE_EXAMPLES.get(operation["operationId"], {}).get("request")
        if request_example is not None:
            (media,) = operation["requestBody"]["content"].values()
            assert media["examples"]["example"]["value"] in (
                request_example,
                json.dumps(request_example),
            )
    alignment_examples = openapi_document["paths"]["/v1/alignment"]["get"]["responses"]["200"][
        "content"
    ]["application/json"]["examples"]
    assert alignment_examples["example"]["value"]["playbook"] in str(
        REPLY_EXAMPLES["list_playbooks"]
    )
    assert not re.search("sightline_[0-9A-Za-z]|whsec_", str(REPLY_EXAMPLES))


def test_every_parameter_that_may_be_left_out_does_not_say_null(openapi_document):
    for path, method, operation in list_operations(openapi_document):
        for parameter in operation.get("parameters", []):
            assert "anyOf" not in parameter["schema"], (method, path, parameter["name"])
            assert parameter["description"], (method, path, parameter["name"])


def test_nothing_has_a_default_that_some_generator_cannot_write(openapi_document):
    for location, schema in walk_schemas(openapi_document):
        assert not (
            "default" in schema and "format" in schema and schema.get("type") == "string"
        ), location


def test_members_stay_apart_whatever_case_a_language_gives_them(openapi_document):
    for schema_name, schema in openapi_document["components"]["schemas"].items():
        folded_names = Counter(member.replace("_", "").lower() for member in schema["properties"])
        assert [member for member, count in folded_names.items() if count > 1] == [], schema_name


def test_values_of_maps_are_of_one_type(openapi_document):
    for location, schema in walk_schemas(openapi_document):
        member_schema = schema.get("additionalProperties")
        if isinstance(member_schema, dict) and not location.endswith("/properties"):
            assert isinstance(member_schema.get("type"), str) or "$ref" in member_schema, location


def test_what_may_be_null_is_one_schema_of_two_types_and_not_a_union(openapi_document):
    for location, schema in walk_schemas(openapi_document):
        plain_members = [
            member
            for member in schema.get("anyOf", [])
            if "type" in member and "enum" not in member
        ]
        null_members = [member for member in plain_members if member["type"] == "null"]
        assert not null_members or len(schema["anyOf"]) != 2 or len(plain_members) == 1, location


def test_headers_are_written_in_their_usual_capitals(openapi_document):
    for path, method, operation in list_operations(openapi_document):
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "header":
                assert parameter["name"] == "-".join(
                    word.title() for word in parameter["name"].split("-")
                ), (
                    path,
                    method,
                )
        for reply in operation["responses"].values():
            assert [
                header_name
                for header_name, header in reply.get("headers", {}).items()
                if "$ref" not in header
            ] == [], (
                path,
                method,
            )


def test_no_fixed_segment_stands_beside_a_path_parameter(openapi_document):
    paths = list(openapi_document["paths"])
    for path in paths:
        parent, _, last_segment = path.rpartition("/")
        if last_segment.startswith("{"):
            siblings = [
                sibling
                for sibling in paths
                if sibling.rpartition("/")[0] == parent and sibling != path
            ]
            assert siblings == [], (path, siblings)


def test_writes_document_their_tags_and_addresses(openapi_document):
    for path, method, operation in list_operations(openapi_document):
        replies = operation["responses"]
        if method in ("put", "patch"):
            assert "ETag" in replies["200"]["headers"], (method, path)
        if method == "get" and "304" in replies:
            assert "ETag" in replies["200"]["headers"], (method, path)
        for code, reply in replies.items():
            if code[0] == "2":
                assert "X-Request-Id" in reply["headers"], (method, path)


def test_the_form_for_clients_has_no_webhooks():
    client_document = build_document(create_application(), for_clients=True)
    assert "webhooks" not in str(client_document["tags"])
    assert "webhooks" not in client_document


async def test_the_running_service_gives_the_document(admin):
    served_document = (await admin.get("/openapi.json")).json()
    assert served_document == get_contract()
