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

DEPTH: Final = 64
DIGITS: Final = 40
EXPONENT: Final = 10_000
_LONG: Final = 10**DIGITS
_BOM: Final = b"\xef\xbb\xbf"
_OPENING: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKET: Final = bytes(set(range(256)) - set(b'[]{}"'))
_SPACED_NAME: Final = re.compile(rb'"[ \t\n\r]+:')
_HOSTILE_ESCAPE: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def _constant(name: str) -> NoReturn:
    raise MalformedError(f"{name} is not a number that JSON has.")


def _integer(text: str) -> int:
    if len(text) > DIGITS and len(text.lstrip("-")) > DIGITS:
        raise MalformedError(f"A number has more than {DIGITS} digits.")
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > DIGITS + 2:  # a point and a sign
        raise MalformedError(f"A number has more than {DIGITS} digits.")
    try:
        value = Decimal(text)
    except InvalidOperation as error:  # beyond what a Decimal's exponent can be
        raise MalformedError("A number's exponent is too large.") from error
    if "e" in text or "E" in text:
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or abs(exponent) > EXPONENT:
            raise MalformedError("A number's exponent is too large.")
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise MalformedError(f"The member name '{twice[:100]}' occurs twice in one object.")
    return members


# json.loads makes a decoder for every call that has hooks; one for all calls keeps its C scanner.
_DECODER: Final = json.JSONDecoder(
    parse_float=_decimal, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_object
)


_ENCODER: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def _check_depth(body: bytes) -> None:
    """Refuses nesting that would exhaust the scanner's stack, in a few passes of C over the body: this is the hot path.

    Brackets inside of texts do not count. What is no JSON may be judged wrongly after its first error: there
    the scanner stops.
    """
    if body.count(b"[") + body.count(b"{") <= DEPTH:
        return
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = b"".join(body.translate(_OPENING, _NO_BRACKET).split(b'"')[::2])
    for _ in range(DEPTH):  # each pass takes the innermost pairs away
        fewer = brackets.replace(b"[]", b"")
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    if b"[]" in brackets or brackets.count(b"[") > DEPTH:
        raise MalformedError(f"The JSON is nested deeper than {DEPTH} levels.")


def _hostile(value: object) -> bool:
    """Whether any text in `value`, names included, holds U+0000 or half of a surrogate pair."""
    if isinstance(value, str):
        return "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, Mapping):
        return any(_hostile(name) or _hostile(member) for name, member in value.items())
    return isinstance(value, list) and any(map(_hostile, value))


class _DoubtfulError(Exception):
    """The body has to be read with care."""


_QUICK: Final = Decoder(float_hook=_decimal)


def _names(value: object, left: int) -> int:
    """How many members the objects in a value have. Raises: _DoubtfulError for too deep nesting or long integers."""
    if left == 0:
        raise _DoubtfulError
    members, count = value, 0
    if type(value) is dict:
        members, count = value.values(), len(value)
    for member in members:  # type: ignore[attr-defined]  # it is a list, or a view
        kind = type(member)
        if kind is dict or kind is list:
            count += _names(member, left - 1)
        elif kind is int and not -_LONG < member < _LONG:
            raise _DoubtfulError
    return count


def _quickly(body: bytes) -> object:
    """The JSON value of a body without anything unusual. Raises: _DoubtfulError.

    The quick decoder is as strict but for three things. It takes half of a surrogate pair or U+0000 from an escape. It
    takes long integers and deep nesting, which show in the value. And it takes a name twice: there are then fewer names
    in the value than the body has quotation marks before a colon, which each name has, for here no space is between.
    """
    if _SPACED_NAME.search(body) or (b"\\" in body and _HOSTILE_ESCAPE.search(body)):
        raise _DoubtfulError
    try:
        value: object = _QUICK.decode(body)
    except (MsgspecError, MalformedError, UnicodeDecodeError, RecursionError):
        raise _DoubtfulError from None
    if type(value) not in (dict, list) or _names(value, DEPTH) != body.count(b'":'):
        raise _DoubtfulError
    return value


def loads(body: bytes) -> object:
    """The JSON value of `body`: numbers with a point or an exponent as Decimal, integers as int.

    Raises: MalformedError, with a sentence, for what is not JSON in UTF-8 (a byte order mark too), NaN and Infinity, a
    name twice in one object, U+0000 or a lone surrogate, nesting deeper than 64 levels, numbers of more than 40 digits.
    """
    try:
        return _quickly(body)
    except _DoubtfulError:
        return carefully(body)


def carefully(body: bytes) -> object:
    """The same, of any body, and more slowly: it is what says what is wrong. Raises: MalformedError."""
    if body.startswith(_BOM):
        raise MalformedError("The body begins with a byte order mark; send UTF-8 without one.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("The body is not UTF-8.") from error
    _check_depth(body)
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedError(
            f"The body is not JSON: {error.msg.removesuffix(' at')} at {place}."
        ) from error
    # Only an escape can say them: a raw surrogate is no UTF-8, and the scanner refuses a raw U+0000.
    if _HOSTILE_ESCAPE.search(body) and _hostile(value):
        raise MalformedError("A text holds U+0000 or half of a surrogate pair.")
    return value


def _plain(value: object) -> str:
    """The canonical text of one value, Decimals anywhere in it."""
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, Decimal):
        return shortest(value)
    if isinstance(value, Mapping):
        return (
            "{"
            + ",".join(
                [f"{encode_basestring(name)}:{_plain(value[name])}" for name in sorted(value)]
            )
            + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_plain, value)) + "]"
    return json.dumps(value, allow_nan=False)


def shortest(value: Decimal) -> str:
    """The shortest text of a finite number that JSON takes: no needless zeros, an exponent only where it is shorter.

    Raises: ValueError for what is not finite.
    """
    if not value.is_finite():
        raise ValueError("only finite numbers have a JSON text")
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    trimmed = text.rstrip("0")
    if not trimmed:
        return "0"
    power = int(exponent) + len(text) - len(trimmed)
    point = len(trimmed) + power
    if power >= 0:
        plain = trimmed + "0" * power if power <= DIGITS else ""
    elif point > 0:
        plain = f"{trimmed[:point]}.{trimmed[point:]}"
    else:
        plain = f"0.{'0' * -point}{trimmed}" if -point <= DIGITS else ""
    scientific = f"{trimmed}e{power}"
    best = plain if plain and len(plain) <= len(scientific) else scientific
    return f"-{best}" if sign else best


def dumps(value: object) -> str:
    """The one canonical JSON text of a value: names sorted, no spaces, letters beyond ASCII kept, the shortest numbers.

    Raises: TypeError for what JSON does not have; ValueError for a number that is not finite.
    """
    try:
        return _ENCODER.encode(value)
    except (
        TypeError
    ):  # a Decimal in it, or a mapping that is no dict: the C encoder cannot write those
        return _plain(value)
