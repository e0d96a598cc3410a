"""Unambiguous JSON is parsed, and all other JSON is rejected with an explanation."""

import json
from decimal import Decimal
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.primitives.errors import MalformedError
from app.domain.primitives.strict_json import dumps, loads, parse_strict, shortest_number

number_strategy = st.integers(-(10**39), 10**39) | st.decimals(
    -(10**12), 10**12, allow_nan=False, places=6
)
text_strategy = st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8
)
json_strategy = st.recursive(
    st.none() | st.booleans() | number_strategy | text_strategy,
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(text_strategy, children, max_size=4)
    ),
    max_leaves=20,
)


@given(json_strategy)
def test_written_json_is_read_back_equal_and_written_the_same_again(value):
    text = dumps(value)
    assert loads(text.encode()) == value
    assert dumps(loads(text.encode())) == text


@given(json_strategy)
def test_the_fast_and_the_slow_writer_write_the_same(value):
    plain = json.loads(dumps(value), parse_float=lambda text: "f" + text)
    assert dumps([plain, Decimal(1)]) == f"[{dumps(plain)},1]"


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_the_shortest_number_is_the_same_number_and_json(value):
    text = shortest_number(value)
    assert Decimal(text) == value
    assert len(text) <= len(str(value))
    json.loads(text)


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ("0.920", "0.92"),
        ("100", "100"),
        ("1E+3", "1e3"),
        ("1200.50", "1200.5"),
        ("-0.0", "0"),
        ("1e-9", "1e-9"),
    ],
)
def test_numbers_are_written_short(literal, text):
    assert shortest_number(Decimal(literal)) == text


def test_names_are_sorted_and_non_ascii_characters_stay_unescaped():
    assert (
        dumps({"ø": [1, None], "a": {"c": True, "b": Decimal("1.50")}})
        == '{"a":{"b":1.5,"c":true},"ø":[1,null]}'
    )


def test_numbers_are_exact():
    assert loads(b"[0.1, 1200.5, 9007199254740993, -0.0]") == [
        Decimal("0.1"),
        Decimal("1200.5"),
        9007199254740993,
        0,
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"NaN", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "'c' occurs twice"),
        (b'{"a": 1, "\\u0061": 2}', "'a' occurs twice"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"a": "é"}'.encode("utf-16"), "UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "not JSON"),
        (b'"\xff"', "UTF-8"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b'"\\u0000"', "U+0000"),
        (b'{"\\u0000": 1}', "U+0000"),
        (b'["\\ud800"]', "surrogate"),
        (b'["\\uDFFF\\uD800"]', "surrogate"),
        (b'"\x00"', "not JSON"),
        (b"1" * 41, "40 digits"),
        (b"0." + b"1" * 41, "40 digits"),
        (b"1e99999", "exponent"),
        (b"1e-99999999999999999999", "exponent"),
        (b"", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"[1,]", "not JSON"),
        (b'["a]', "string starting at [^a]"),
        (b"[" * 100_000, "64 levels"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "64 levels"),
        (b'["]",' * 70 + b"1" + b"]" * 70, "64 levels"),
        (b'["\\"]",' * 70 + b"1" + b"]" * 70, "64 levels"),
        (b'["\\\\",' * 70 + b"1" + b"]" * 70, "64 levels"),
    ],
)
def test_ambiguous_json_is_refused_with_a_message(body, message):
    with pytest.raises(MalformedError, match=message.replace("+", r"\+")):
        loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 64 + b"]" * 64,
        b'{"a":' * 64 + b"1" + b"}" * 64,
        b"[" + b"[{}]," * 5000 + b"1]",
        json.dumps(["[" * 200, '\\"[{' * 200, '"]' * 50]).encode(),
    ],
)
def test_brackets_in_texts_and_sibling_brackets_add_no_depth(body):
    assert loads(body) == json.loads(body)


def test_a_complete_surrogate_pair_and_an_escaped_backslash_are_text():
    assert loads(b'["\\ud83d\\ude00", "\\\\u0000"]') == ["\U0001f600", "\\u0000"]


@given(
    st.binary(max_size=40)
    | st.text(alphabet='[]{}",:\\u01dD8eE+-.NaInf ', max_size=60).map(str.encode)
)
def test_every_text_is_rejected_or_read_as_by_the_standard_library(body):
    try:
        value = loads(body)
    except MalformedError:
        return
    assert value == json.loads(body, parse_float=Decimal)


space_strategy = st.sampled_from(["", "", "", " ", "\n", "\t "])
name_strategy = st.sampled_from(['"a"', '"b"', '":"', '"a\\":"', '"\\u0061"', '"é"', '" :"', '""'])
leaf_strategy = st.sampled_from(
    [
        *(
            '"a"',
            '":"',
            '": "',
            '" :"',
            '"\\u0000"',
            '"\\ud800"',
            '"\\ud83d\\ude00"',
            '"\\\\u0000"',
            '"\\\\":',
        ),
        *(
            "1",
            "-0",
            "1.0",
            "1e2",
            "1E-9",
            "9" * 40,
            "9" * 41,
            "-" + "9" * 41,
            "0.1",
            f"0.{'1' * 41}",
            "1e99999",
            "01",
        ),
        *(
            "true",
            "null",
            "NaN",
            "{}",
            "[]",
            "[" * 62 + "]" * 62,
            "[" * 70 + "]" * 70,
            "",
            "\ufeff",
        ),
    ]
)


def write_object_or_list(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.lists(
        st.tuples(name_strategy, space_strategy, space_strategy, children).map(
            lambda m: f"{m[0]}{m[1]}:{m[2]}{m[3]}"
        ),
        max_size=4,
    )
    return members.map(lambda parts: f"{{{','.join(parts)}}}") | st.lists(children, max_size=3).map(
        lambda parts: f"[{','.join(parts)}]"
    )


def parse_outcome(parse, body):
    try:
        parsed = parse(body)
    except MalformedError as error:
        return error.detail
    return repr(parsed)  # 1, 1.0 and true are equal, and not the same


@given(
    st.recursive(leaf_strategy, write_object_or_list, max_leaves=12).map(str.encode)
    | st.binary(max_size=20)
)
def test_the_fast_parser_agrees_with_the_strict_parser(body):
    assert parse_outcome(loads, body) == parse_outcome(parse_strict, body)


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_no_depth_exhausts_the_fast_parser(depth):
    with pytest.raises(MalformedError, match="deeper than 64"):
        loads(b"[" * depth + b"]" * depth)


def test_only_json_can_be_written():
    with pytest.raises(TypeError):
        dumps({"a": object()})
    with pytest.raises(ValueError, match="finite"):
        dumps([Decimal("NaN")])


def test_a_duplicate_name_in_a_large_object_is_found_within_two_seconds():
    members = ",".join(f'"{number}":0' for number in range(30_000))
    started = process_time()
    with pytest.raises(MalformedError, match="'29999' occurs twice"):
        loads(f'{{{members},"29999":1}}'.encode())
    assert process_time() - started < 2
