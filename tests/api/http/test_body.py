"""Hostile bodies: every row of openapi.md, section 6, that can be said in JSON."""

import pytest

from app.api.http.body import apply_merge_patch
from tests.api.conftest import SQLITE_ONLY

SALES_JSON_START = '{"name": "Sales", "function": "sales"'


async def put_sales(admin, content, **headers):
    headers = {"Content-Type": "application/json", **headers}
    return await admin.http.put("/v1/teams/sales", content=content, headers=headers)


@SQLITE_ONLY
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"name": "a", "name": "b", "function": "sales"}',
        SALES_JSON_START.encode() + b', "size": NaN}',
        SALES_JSON_START.encode() + b', "size": Infinity}',
        SALES_JSON_START.encode() + b', "size": ' + b"9" * 5_000 + b"}",
        b"[" * 60_000,
        b'{"name": "\xff", "function": "sales"}',
        SALES_JSON_START.encode("utf-16"),
        b"\xef\xbb\xbf" + SALES_JSON_START.encode() + b"}",
        b'{"name": "a\\u0000b", "function": "sales"}',
        b'{"name": "\\ud800", "function": "sales"}',
        b'{"name": "a\x00b", "function": "sales"}',
        b'{"name": "a", "function": "sales"} {}',
    ],
)
async def test_what_cannot_be_read_is_malformed(admin, content):
    reply = await put_sales(admin, content)
    assert (reply.status_code, reply.json()["code"]) == (400, "malformed-input"), reply.text


@SQLITE_ONLY
@pytest.mark.parametrize(
    "size", ["1e400", "1E+400", "true", '"5"', "null", "0", "-1", "0.00001", "1000000000001", "[]"]
)
async def test_a_number_outside_its_bounds_is_refused_by_name(admin, size):
    reply = await put_sales(admin, f'{SALES_JSON_START}, "size": {size}}}'.encode())
    assert reply.status_code == 422, reply.text
    assert [error["pointer"] for error in reply.json()["errors"]] == ["/size"]


@pytest.mark.parametrize(
    ("size", "expected"),
    [("5.0", 5), ("0.5e1", 5), ("2.5", 2.5), ("1e12", 10**12), ("0.0001", 0.0001)],
)
async def test_a_number_may_be_written_as_json_lets_it(admin, size, expected):
    reply = await put_sales(admin, f'{SALES_JSON_START}, "size": {size}}}'.encode())
    assert reply.status_code == 201, reply.text
    assert reply.json()["size"] == expected


@SQLITE_ONLY
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "a",
        "",
    ],
)
async def test_another_media_type_is_refused_and_the_right_one_named(admin, content_type):
    headers = {} if content_type is None else {"Content-Type": content_type}
    reply = await admin.http.put(
        "/v1/teams/sales", content=f"{SALES_JSON_START}}}".encode(), headers=headers
    )
    assert (reply.status_code, reply.headers["accept"]) == (415, "application/json")


@SQLITE_ONLY
@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'],
)
async def test_the_media_type_may_be_written_in_any_case_and_with_its_charset(admin, content_type):
    assert (
        await put_sales(admin, f"{SALES_JSON_START}}}".encode(), **{"Content-Type": content_type})
    ).status_code == 201


async def test_an_unsupported_method_is_a_405_whatever_its_media_type(admin):
    reply = await admin.http.post(
        "/v1/teams/sales", content=b"x", headers={"Content-Type": "text/plain"}
    )
    assert reply.status_code == 405


@SQLITE_ONLY
@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
async def test_a_compressed_body_is_refused(admin, encoding):
    reply = await put_sales(
        admin, f"{SALES_JSON_START}}}".encode(), **{"Content-Encoding": encoding}
    )
    assert (reply.status_code, reply.headers["accept-encoding"]) == (415, "identity")


async def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not(admin):
    body = f"{SALES_JSON_START}}}".encode()
    full_body = body + b" " * (64 * 1024 - len(body))
    assert (await put_sales(admin, full_body)).status_code == 201
    assert (await put_sales(admin, full_body + b" ")).status_code == 413


async def test_a_body_that_does_not_say_its_length_is_bounded_too(admin):
    async def chunks():
        for _ in range(65):
            yield b" " * 1024

    reply = await put_sales(admin, chunks())
    assert (reply.status_code, reply.json()["code"]) == (413, "too-large")


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_gives_what_rfc_7396_says(target, patch, expected):
    assert apply_merge_patch(target, patch) == expected
