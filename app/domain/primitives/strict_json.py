"""JSON read strictly: exact numbers, one meaning per document, nothing that a database would choke on."""

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
    except InvalidOperation as error:  # beyond what a Decimal's exponent can be
        raise MalformedError("A number's exponent is too large.") from error
    if "e" in text or "E" in text:
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int) or abs(exponent) > MAX_EXPONENT:
            raise MalformedError("A number's exponent is too large.")
    return number


def _build_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        duplicate, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise MalformedError(f"The member name '{duplicate[:100]}' occurs twice in one object.")
    return members


# json.loads makes a decoder for every call that has hooks; one for all calls keeps its C scanner.
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
    """Refuses nesting that would exhaust the scanner's stack, in a few passes of C over the body: this is the hot path.

    Brackets inside of texts do not count. What is no JSON may be judged wrongly after its first error: there
    the scanner stops.
    """
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = b"".join(body.translate(_BRACES_TO_BRACKETS, _NON_BRACKET_BYTES).split(b'"')[::2])
    for _ in range(MAX_DEPTH):  # each pass takes the innermost pairs away
        remaining_brackets = brackets.replace(b"[]", b"")
        if len(remaining_brackets) == len(brackets):
            break
        brackets = remaining_brackets
    if b"[]" in brackets or brackets.count(b"[") > MAX_DEPTH:
        raise MalformedError(f"The JSON is nested deeper than {MAX_DEPTH} levels.")


def _has_forbidden_character(value: object) -> bool:
    """Whether any text in `value`, names included, holds U+0000 or half of a surrogate pair."""
    if isinstance(value, str):
        return "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, Mapping):
        return any(
            _has_forbidden_character(name) or _has_forbidden_character(member)
            for name, member in value.items()
        )
    return isinstance(value, list) and any(map(_has_forbidden_character, value))


class _NeedsStrictParsingError(Exception):
    """The body has to be read with care."""


_FAST_DECODER: Final = Decoder(float_hook=_parse_decimal)


def _count_members(value: object, remaining_depth: int) -> int:
    """How many members the objects in a value have. Raises: _DoubtfulError for too deep nesting or long integers."""
    if remaining_depth == 0:
        raise _NeedsStrictParsingError
    members, member_count = value, 0
    if type(value) is dict:
        members, member_count = value.values(), len(value)
    for member in members:  # type: ignore[attr-defined]  # it is a list, or a view
        member_type = type(member)
        if member_type is dict or member_type is list:
            member_count += _count_members(member, remaining_depth - 1)
        elif member_type is int and not -_MAX_INTEGER < member < _MAX_INTEGER:
            raise _NeedsStrictParsingError
    return member_count


def _parse_fast(body: bytes) -> object:
    """The JSON value of a body without anything unusual. Raises: _DoubtfulError.

    The quick decoder is as strict but for three things. It takes half of a surrogate pair or U+0000 from an escape. It
    takes long integers and deep nesting, which show in the value. And it takes a name twice: there are then fewer names
    in the value than the body has quotation marks before a colon, which each name has, for here no space is between.
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
    """The JSON value of `body`: numbers with a point or an exponent as Decimal, integers as int.

    Raises: MalformedError, with a sentence, for what is not JSON in UTF-8 (a byte order mark too), NaN and Infinity, a
    name twice in one object, U+0000 or a lone surrogate, nesting deeper than 64 levels, numbers of more than 40 digits.
    """
    try:
        return _parse_fast(body)
    except _NeedsStrictParsingError:
        return parse_strict(body)


def parse_strict(body: bytes) -> object:
    """The same, of any body, and more slowly: it is what says what is wrong. Raises: MalformedError."""
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
    # Only an escape can say them: a raw surrogate is no UTF-8, and the scanner refuses a raw U+0000.
    if _FORBIDDEN_ESCAPE.search(body) and _has_forbidden_character(document):
        raise MalformedError("A text holds U+0000 or half of a surrogate pair.")
    return document


def _encode_canonical(value: object) -> str:
    """The canonical text of one value, Decimals anywhere in it."""
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, Decimal):
        return shortest_number(value)
    if isinstance(value, Mapping):
        return (
            "{"
            + ",".join(
                [
                    f"{encode_basestring(name)}:{_encode_canonical(value[name])}"
                    for name in sorted(value)
                ]
            )
            + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_encode_canonical, value)) + "]"
    return json.dumps(value, allow_nan=False)


def shortest_number(number: Decimal) -> str:
    """The shortest text of a finite number that JSON takes: no needless zeros, an exponent only where it is shorter.

    Raises: ValueError for what is not finite.
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
    """The one canonical JSON text of a value: names sorted, no spaces, letters beyond ASCII kept, the shortest numbers.

    Raises: TypeError for what JSON does not have; ValueError for a number that is not finite.
    """
    try:
        return _ENCODER.encode(value)
    except (
        TypeError
    ):  # a Decimal in it, or a mapping that is no dict: the C encoder cannot write those
        return _encode_canonical(value)
