"""The OpenAPI document is a product: what generators stumble over is not in it."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it comes with openapi-spec-validator, without types
import pytest
from openapi_spec_validator import validate

from app.api.app import build
from app.api.openapi.document import REPLIES, WRITES, document
from tests.support.contract import contract

BAD_NAMES = {"List", "Date", "Response", "Configuration", "T"}
BAD_PROPERTIES = {"to_dict", "additional_properties", "copy", "dict", "json", "schema"}


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return contract()


def operations(found: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def nodes(node: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema below a node; examples are no schemas."""
    if isinstance(node, dict):
        yield at, node
        for name, value in node.items():
            if name not in ("examples", "example", "default", "enum"):
                yield from nodes(value, f"{at}/{name}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from nodes(value, f"{at}/{index}")


def schemas(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from nodes(found["components"]["schemas"], "schemas")
    for path, method, operation in operations(found):
        for parameter in operation.get("parameters", []):
            yield from nodes(parameter["schema"], f"{method} {path} {parameter['name']}")


def test_the_document_is_valid_and_says_3_1_0(found):
    validate(found)
    assert found["openapi"] == "3.1.0"
    assert "itemSchema" not in str(found)
    assert {"title", "version", "description", "contact", "license"} <= found["info"].keys()
    assert found["servers"]


def test_operation_ids_are_unique_snake_case_and_begin_with_a_verb(found):
    names = [operation["operationId"] for _, _, operation in operations(found)]
    assert [name for name, times in Counter(names).items() if times > 1] == []
    verbs = (
        "ask|import|preview|replay|export|get|list|put|patch|delete|record|retract|publish|close|rotate|apply|issue|revoke|"
        "take|check|erase"
    )
    assert [name for name in names if not re.fullmatch(rf"({verbs})(_[a-z]+)+", name)] == []


def test_every_operation_has_one_declared_tag_a_summary_a_description_and_a_security(found):
    declared = {tag["name"] for tag in found["tags"]}
    used = set()
    for path, method, operation in operations(found):
        assert len(operation["tags"]) == 1, (method, path)
        used |= set(operation["tags"])
        assert operation["summary"]
        assert operation["description"]
        assert "security" in operation
        assert bool(operation["security"]) == bool(operation["x-required-scopes"])
    assert used == declared - {"webhooks"}
    assert all(tag["description"] for tag in found["tags"])


def test_no_schema_is_split_renamed_or_named_like_a_word_of_a_language(found):
    names = found["components"]["schemas"]
    assert [name for name in names if name.endswith(("-Input", "-Output"))] == []
    assert BAD_NAMES & set(names) == set()
    titles = Counter(schema.get("title", name) for name, schema in names.items())
    assert [title for title, times in titles.items() if times > 1] == []
    assert "HTTPValidationError" not in str(found)


def test_properties_are_snake_case_and_unlike_what_generators_add(found):
    for at, schema in schemas(found):
        for name in schema.get("properties", {}):
            if not at.endswith("/properties"):
                assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name), (at, name)
                assert name not in BAD_PROPERTIES, (at, name)


def test_every_string_array_map_and_integer_is_bounded(found):
    for at, schema in schemas(found):
        kind = schema.get("type")
        if kind == "string" and not at.endswith("/properties"):
            assert "maxLength" in schema or "enum" in schema or "const" in schema, at
        elif kind == "array":
            assert "maxItems" in schema, at
            assert schema["items"], at
        elif kind == "integer":
            bounded = {"minimum", "maximum"} <= schema.keys() and schema.get("format") in (
                "int32",
                "int64",
            )
            assert bounded or "const" in schema, at
        elif kind == "object" and schema.get("additionalProperties") is True:
            assert "maxProperties" in schema, at


def test_no_schema_is_empty_boolean_or_a_list_of_nothing(found):
    for at, schema in schemas(found):
        for name, member in schema.get("properties", {}).items():
            if not at.endswith("/properties"):
                assert isinstance(member, dict), (at, name)
                assert member.keys() & {"type", "$ref", "anyOf", "allOf", "const", "enum"}, (
                    at,
                    name,
                )


def test_enums_are_lower_case_and_unique_after_folding(found):
    for at, schema in schemas(found):
        values = [value for value in schema.get("enum", []) if isinstance(value, str)]
        folded = [re.sub(r"\W", "_", value).lower() for value in values]
        assert len(set(folded)) == len(values), at
        assert all(value == value.lower() for value in values), at
        assert None not in schema.get("enum", []), at


def test_requests_refuse_what_they_do_not_know_and_replies_always_say_everything(found):
    for name, schema in found["components"]["schemas"].items():
        if schema["type"] == "object":
            closed = schema.get("additionalProperties") is False
            whole = set(schema.get("required", [])) == set(schema["properties"])
            assert closed or whole or name == "Problem", name


def test_every_problem_refers_to_a_shared_response(found):
    for path, method, operation in operations(found):
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


def test_every_example_fits_its_schema(found):
    seen = 0
    for path, method, operation in operations(found):
        holders = [operation.get("requestBody", {}), *operation["responses"].values()]
        for media in (media for holder in holders for media in holder.get("content", {}).values()):
            resolver = {**media["schema"], "components": found["components"]}
            assert "examples" in media, (method, path)
            jsonschema.Draft202012Validator(resolver).validate(
                media["examples"]["example"]["value"]
            )
            seen += 1
    assert seen > 100


def test_what_reads_and_writes_shows_what_the_demo_organization_answered(found):
    ids: dict[str, set[str]] = {
        method: set() for method in ("get", "put", "patch", "post", "delete")
    }
    for _, method, operation in operations(found):
        ids[method].add(operation["operationId"])
    writes = ids["put"] | ids["patch"] | ids["post"]
    assert WRITES.keys() == writes, "make examples"
    assert REPLIES.keys() - writes <= ids["get"], "make examples"
    assert len(REPLIES) > 70
    for _, _, operation in operations(found):
        told = WRITES.get(operation["operationId"], {}).get("told")
        if told is not None:
            (media,) = operation["requestBody"]["content"].values()
            assert media["examples"]["example"]["value"] in (told, json.dumps(told))
    shown = found["paths"]["/v1/alignment"]["get"]["responses"]["200"]["content"][
        "application/json"
    ]["examples"]
    assert shown["example"]["value"]["playbook"] in str(REPLIES["list_playbooks"])
    assert not re.search("sightline_[0-9A-Za-z]|whsec_", str(REPLIES))


def test_every_parameter_that_may_be_left_out_does_not_say_null(found):
    for path, method, operation in operations(found):
        for parameter in operation.get("parameters", []):
            assert "anyOf" not in parameter["schema"], (method, path, parameter["name"])
            assert parameter["description"], (method, path, parameter["name"])


def test_nothing_has_a_default_that_some_generator_cannot_write(found):
    for at, schema in schemas(found):
        assert not (
            "default" in schema and "format" in schema and schema.get("type") == "string"
        ), at


def test_members_stay_apart_whatever_case_a_language_gives_them(found):
    for name, schema in found["components"]["schemas"].items():
        folded = Counter(member.replace("_", "").lower() for member in schema["properties"])
        assert [member for member, times in folded.items() if times > 1] == [], name


def test_values_of_maps_are_of_one_type(found):
    for at, schema in schemas(found):
        values = schema.get("additionalProperties")
        if isinstance(values, dict) and not at.endswith("/properties"):
            assert isinstance(values.get("type"), str) or "$ref" in values, at


def test_what_may_be_null_is_one_schema_of_two_types_and_not_a_union(found):
    for at, schema in schemas(found):
        plain = [
            member
            for member in schema.get("anyOf", [])
            if "type" in member and "enum" not in member
        ]
        nulls = [member for member in plain if member["type"] == "null"]
        assert not nulls or len(schema["anyOf"]) != 2 or len(plain) == 1, at


def test_headers_are_written_in_their_usual_capitals(found):
    for path, method, operation in operations(found):
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
                name for name, header in reply.get("headers", {}).items() if "$ref" not in header
            ] == [], (
                path,
                method,
            )


def test_no_fixed_segment_stands_beside_a_path_parameter(found):
    paths = list(found["paths"])
    for path in paths:
        head, _, last = path.rpartition("/")
        if last.startswith("{"):
            beside = [p for p in paths if p.rpartition("/")[0] == head and p != path]
            assert beside == [], (path, beside)


def test_writes_document_their_tags_and_addresses(found):
    for path, method, operation in operations(found):
        replies = operation["responses"]
        if method in ("put", "patch"):
            assert "ETag" in replies["200"]["headers"], (method, path)
        if method == "get" and "304" in replies:
            assert "ETag" in replies["200"]["headers"], (method, path)
        for code, reply in replies.items():
            if code[0] == "2":
                assert "X-Request-Id" in reply["headers"], (method, path)


def test_the_form_for_clients_has_no_webhooks():
    given = document(build(), client=True)
    assert "webhooks" not in str(given["tags"])
    assert "webhooks" not in given


async def test_the_running_service_gives_the_document(admin):
    given = (await admin.get("/openapi.json")).json()
    assert given == contract()
