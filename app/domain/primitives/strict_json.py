"""Strict JSON: exact numbers, unique member names, and only texts that a database accepts."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring
from typing import Final, NoReturn

from msgspec import MsgspecError
from msgspec.json import Decoder

from app.domain.primitives.errors import MalformedError

MAX_DEPTH: Final = 64
MAX_DIGITS: Final = 40
MAX_EXPONENT: Final = 10_000
_MAX_INTEGER: Final = 10**MAX_DIGITS
_BOM: Final = b"\xef\xbb\xbf"
_BRACES_TO_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_NON_BRACKET_BYTES: Final = bytes(set(range(256)) - set(b'[]{}"'))
_SPACED_NAME: Final = re.compile(rb'"[ \t\n\r]+:')
_FORBIDDEN_ESCAPE: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def _reject_constant(name: str) -> NoReturn:
    raise MalformedError(f"{name} is not a number that JSON has.")


def _parse_integer(text: str) -> int:
    if len(text) > MAX_DIGITS and len(text.lstrip("-")) > MAX_DIGITS:
        raise MalformedError(f"A number has more than {MAX_DIGITS} digits.")
    return int(text)


def _parse_decimal(text: str) -> Decimal:
    if len(text) > MAX_DIGITS + 2:  # a point and a sign
        raise MalformedError(f"A number has more than {MAX_DIGITS} digits.")
    try:
        number = Decimal(text)
    except InvalidOperation as error:  # beyond the exponent of a Decimal
        raise MalformedError("A number's exponent is too large.") from error
    if "e" in text or "E" in text:
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int) or abs(exponent) > MAX_EXPONENT:
            raise MalformedError("A number's exponent is too large.")
    return number


def _build_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        duplicate, _ = Counter(member_name for member_name, _ in pairs).most_common(1)[0]
        raise MalformedError(f"The member name '{duplicate[:100]}' occurs twice in one object.")
    return members


# json.loads makes a decoder for every call with hooks; one decoder keeps its C scanner.
_DECODER: Final = json.JSONDecoder(
    parse_float=_parse_decimal,
    parse_int=_parse_integer,
    parse_constant=_reject_constant,
    object_pairs_hook=_build_object,
)


_ENCODER: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def _check_depth(body: bytes) -> None:
    """Raise MalformedError for nesting that would exhaust the scanner's stack.

    A few passes of C code over the body keep the hot path fast. Brackets inside of strings do not
    count. The result for invalid JSON may be wrong after the first error, where the scanner stops
    anyway.
    """
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = b"".join(body.translate(_BRACES_TO_BRACKETS, _NON_BRACKET_BYTES).split(b'"')[::2])
    for _ in range(MAX_DEPTH):  # each pass removes the innermost pairs
        remaining_brackets = brackets.replace(b"[]", b"")
        if len(remaining_brackets) == len(brackets):
            break
        brackets = remaining_brackets
    if b"[]" in brackets or brackets.count(b"[") > MAX_DEPTH:
        raise MalformedError(f"The JSON is nested deeper than {MAX_DEPTH} levels.")


def _has_forbidden_character(value: object) -> bool:
    """Return True if a text, member names included, holds U+0000 or half a surrogate pair."""
    if isinstance(value, str):
        return "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, Mapping):
        return any(
            _has_forbidden_character(member_name) or _has_forbidden_character(member)
            for member_name, member in value.items()
        )
    return isinstance(value, list) and any(map(_has_forbidden_character, value))


class _NeedsStrictParsingError(Exception):
    """The fast parser cannot decide whether the body is valid."""


_FAST_DECODER: Final = Decoder(float_hook=_parse_decimal)


def _count_members(value: object, remaining_depth: int) -> int:
    """Return the number of members of all objects in a value.

    Raises: _NeedsStrictParsingError for deep nesting or long integers.
    """
    if remaining_depth == 0:
        raise _NeedsStrictParsingError
    members = value
    member_count = 0
    if type(value) is dict:
        members = value.values()
        member_count = len(value)
    for member in members:  # type: ignore[attr-defined]  # it is a list, or a view
        member_type = type(member)
        if member_type is dict or member_type is list:
            member_count += _count_members(member, remaining_depth - 1)
        elif member_type is int and not -_MAX_INTEGER < member < _MAX_INTEGER:
            raise _NeedsStrictParsingError
    return member_count


def _parse_fast(body: bytes) -> object:
    """Parse a body without anything unusual.

    The fast decoder accepts three kinds of forbidden input. Escapes of U+0000 and of half a
    surrogate pair are found by a pattern. Long integers and deep nesting show in the value.
    Duplicate names show in a count: the value has fewer names than the body has quotation marks
    followed by a colon.
    Raises: _NeedsStrictParsingError.
    """
    if _SPACED_NAME.search(body) or (b"\\" in body and _FORBIDDEN_ESCAPE.search(body)):
        raise _NeedsStrictParsingError
    try:
        document: object = _FAST_DECODER.decode(body)
    except (MsgspecError, MalformedError, UnicodeDecodeError, RecursionError):
        raise _NeedsStrictParsingError from None
    if type(document) not in (dict, list) or _count_members(document, MAX_DEPTH) != body.count(
        b'":'
    ):
        raise _NeedsStrictParsingError
    return document


def loads(body: bytes) -> object:
    """Parse a JSON document with exact numbers.

    Raises: MalformedError.
    """
    try:
        return _parse_fast(body)
    except _NeedsStrictParsingError:
        return parse_strict(body)


def parse_strict(body: bytes) -> object:
    """Parse any body, and explain the error of an invalid one; slower than `loads`.

    Raises: MalformedError.
    """
    if body.startswith(_BOM):
        raise MalformedError("The body begins with a byte order mark; send UTF-8 without one.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("The body is not UTF-8.") from error
    _check_depth(body)
    try:
        document: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        position = f"line {error.lineno}, column {error.colno}"
        raise MalformedError(
            f"The body is not JSON: {error.msg.removesuffix(' at')} at {position}."
        ) from error
    # They can only come from an escape: a raw surrogate is no UTF-8, and the scanner rejects
    # a raw U+0000.
    if _FORBIDDEN_ESCAPE.search(body) and _has_forbidden_character(document):
        raise MalformedError("A text holds U+0000 or half of a surrogate pair.")
    return document


def _encode_canonical(value: object) -> str:
    """Return the canonical JSON of a value that may contain Decimals."""
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, Decimal):
        return shortest_number(value)
    if isinstance(value, Mapping):
        return (
            "{"
            + ",".join(
                [
                    f"{encode_basestring(member_name)}:{_encode_canonical(value[member_name])}"
                    for member_name in sorted(value)
                ]
            )
            + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_encode_canonical, value)) + "]"
    return json.dumps(value, allow_nan=False)


def shortest_number(number: Decimal) -> str:
    """Return the shortest JSON text of a finite number.

    The text has no needless zeros, and an exponent only where this is shorter.
    Raises: ValueError for a number that is not finite.
    """
    if not number.is_finite():
        raise ValueError("only finite numbers have a JSON text")
    sign, digits, exponent = number.as_tuple()
    digit_text = "".join(map(str, digits)).lstrip("0")
    significant = digit_text.rstrip("0")
    if not significant:
        return "0"
    exponent_power = int(exponent) + len(digit_text) - len(significant)
    point_position = len(significant) + exponent_power
    if exponent_power >= 0:
        plain_text = significant + "0" * exponent_power if exponent_power <= MAX_DIGITS else ""
    elif point_position > 0:
        plain_text = f"{significant[:point_position]}.{significant[point_position:]}"
    else:
        plain_text = (
            f"0.{'0' * -point_position}{significant}" if -point_position <= MAX_DIGITS else ""
        )
    scientific_text = f"{significant}e{exponent_power}"
    shortest_text = (
        plain_text if plain_text and len(plain_text) <= len(scientific_text) else scientific_text
    )
    return f"-{shortest_text}" if sign else shortest_text


def dumps(value: object) -> str:
    """Return the canonical JSON of a value.

    Names are sorted, there are no spaces, characters beyond ASCII are not escaped, and numbers are
    in their shortest form.
    Raises: TypeError for a value that JSON does not have; ValueError for a number that is not
    finite.
    """
    try:
        return _ENCODER.encode(value)
    except TypeError:  # the C encoder writes neither a Decimal nor a mapping that is no dict
        return _encode_canonical(value)
