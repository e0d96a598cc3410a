"""Hostile bodies: every row of openapi.md, section 6, that can be said in JSON."""

import pytest

from app.api.http.body import merged
from tests.api.conftest import EMBEDDED

SALES = '{"name": "Sales", "function": "sales"'


async def put(admin, content, **headers):
    headers = {"Content-Type": "application/json", **headers}
    return await admin.http.put("/v1/teams/sales", content=content, headers=headers)


@EMBEDDED
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"name": "a", "name": "b", "function": "sales"}',
        SALES.encode() + b', "size": NaN}',
        SALES.encode() + b', "size": Infinity}',
        SALES.encode() + b', "size": ' + b"9" * 5_000 + b"}",
        b"[" * 60_000,
        b'{"name": "\xff", "function": "sales"}',
        SALES.encode("utf-16"),
        b"\xef\xbb\xbf" + SALES.encode() + b"}",
        b'{"name": "a\\u0000b", "function": "sales"}',
        b'{"name": "\\ud800", "function": "sales"}',
        b'{"name": "a\x00b", "function": "sales"}',
        b'{"name": "a", "function": "sales"} {}',
    ],
)
async def test_what_cannot_be_read_is_malformed(admin, content):
    reply = await put(admin, content)
    assert (reply.status_code, reply.json()["code"]) == (400, "malformed-input"), reply.text


@EMBEDDED
@pytest.mark.parametrize(
    "size", ["1e400", "1E+400", "true", '"5"', "null", "0", "-1", "0.00001", "1000000000001", "[]"]
)
async def test_a_number_outside_its_bounds_is_refused_by_name(admin, size):
    reply = await put(admin, f'{SALES}, "size": {size}}}'.encode())
    assert reply.status_code == 422, reply.text
    assert [error["pointer"] for error in reply.json()["errors"]] == ["/size"]


@pytest.mark.parametrize(
    ("size", "kept"), [("5.0", 5), ("0.5e1", 5), ("2.5", 2.5), ("1e12", 10**12), ("0.0001", 0.0001)]
)
async def test_a_number_may_be_written_as_json_lets_it(admin, size, kept):
    reply = await put(admin, f'{SALES}, "size": {size}}}'.encode())
    assert reply.status_code == 201, reply.text
    assert reply.json()["size"] == kept


@EMBEDDED
@pytest.mark.parametrize(
    "given",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "a",
        "",
    ],
)
async def test_another_media_type_is_refused_and_the_right_one_named(admin, given):
    headers = {} if given is None else {"Content-Type": given}
    reply = await admin.http.put("/v1/teams/sales", content=f"{SALES}}}".encode(), headers=headers)
    assert (reply.status_code, reply.headers["accept"]) == (415, "application/json")


@EMBEDDED
@pytest.mark.parametrize(
    "given",
    ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'],
)
async def test_the_media_type_may_be_written_in_any_case_and_with_its_charset(admin, given):
    assert (await put(admin, f"{SALES}}}".encode(), **{"Content-Type": given})).status_code == 201


async def test_a_method_that_is_not_taken_is_a_405_whatever_its_media_type(admin):
    reply = await admin.http.post(
        "/v1/teams/sales", content=b"x", headers={"Content-Type": "text/plain"}
    )
    assert reply.status_code == 405


@EMBEDDED
@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
async def test_a_compressed_body_is_refused(admin, encoding):
    reply = await put(admin, f"{SALES}}}".encode(), **{"Content-Encoding": encoding})
    assert (reply.status_code, reply.headers["accept-encoding"]) == (415, "identity")


async def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not(admin):
    body = f"{SALES}}}".encode()
    full = body + b" " * (64 * 1024 - len(body))
    assert (await put(admin, full)).status_code == 201
    assert (await put(admin, full + b" ")).status_code == 413


async def test_a_body_that_does_not_say_its_length_is_bounded_too(admin):
    async def chunks():
        for _ in range(65):
            yield b" " * 1024

    reply = await put(admin, chunks())
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
    assert merged(target, patch) == expected
