"""Access to the properties of a record by plain name or JSON Pointer (RFC 6901).

A pointer starts with a slash.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Final

from app.domain.sources.crm.changes import Scalar

MAX_PARTS: Final = 16
_BAD_ESCAPE: Final = re.compile(r"~(?![01])")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,5}")


class Absent(Enum):
    """Marks a property that a record does not mention: neither a value nor null."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


def is_pointer(name: str) -> bool:
    """Return True if a property is a JSON Pointer and not a plain name."""
    return name.startswith("/")


def find_pointer_problem(name: str) -> str | None:
    """Return the problem of a property's name, or None if it can be resolved."""
    if not is_pointer(name):
        return None
    if _BAD_ESCAPE.search(name):
        return "is no JSON Pointer: ~ must be written ~0, and / in a name ~1"
    if name.count("/") > MAX_PARTS:
        return f"must have at most {MAX_PARTS} parts"
    return None


def split_pointer(name: str) -> list[str]:
    """Return the steps from the record to the property; a plain name is one step."""
    if not is_pointer(name):
        return [name]
    return [segment.replace("~1", "/").replace("~0", "~") for segment in name[1:].split("/")]


def find_value(record: object, name: str) -> object:
    """Return the JSON value of a property, or `ABSENT`."""
    node = record
    for segment in split_pointer(name):
        if isinstance(node, Mapping):
            node = node.get(segment, ABSENT)
        elif isinstance(node, list) and _INDEX.fullmatch(segment) and int(segment) < len(node):
            node = node[int(segment)]
        elif node is None:  # every property of null is known to be empty
            return None
        else:
            return ABSENT
    return node


def resolve_scalar(record: object, name: str) -> Scalar | Absent:
    """Return the scalar of a property, None for null, or `ABSENT`.

    Objects and lists count as absent. Numbers are exact: int or Decimal.
    """
    return to_scalar(find_value(record, name))


def to_scalar(node: object) -> Scalar | Absent:
    """Return a JSON value as a scalar, or `ABSENT` for an object or a list."""
    return node if node is None or isinstance(node, str | int | bool | Decimal) else ABSENT


def pick_properties(record: object, properties: Iterable[str]) -> dict[str, Scalar]:
    """Return the `fields` of a change: the scalars of the properties that a record mentions.

    Keys are the properties as given, names or pointers. None means known to be empty.
    """
    fields: dict[str, Scalar] = {}
    for property_name in sorted(properties):
        scalar = resolve_scalar(record, property_name)
        if not isinstance(scalar, Absent):
            fields[property_name] = scalar
    return fields
