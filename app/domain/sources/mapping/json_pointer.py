"""A CRM's record read by property: a plain name, or a JSON Pointer (RFC 6901) that starts with a slash.

A connector that gets whole records calls `picked(record, mapping.properties())` for a change's `fields`.
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
    """That a record does not mention a property: neither a value nor null."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


def is_pointer(name: str) -> bool:
    """Whether a property is a JSON Pointer, and no plain name."""
    return name.startswith("/")


def find_pointer_problem(name: str) -> str | None:
    """What is wrong with a property. None when it can be resolved."""
    if not is_pointer(name):
        return None
    if _BAD_ESCAPE.search(name):
        return "is no JSON Pointer: ~ must be written ~0, and / in a name ~1"
    if name.count("/") > MAX_PARTS:
        return f"must have at most {MAX_PARTS} parts"
    return None


def split_pointer(name: str) -> list[str]:
    """The steps from the record to the property; a plain name is one."""
    if not is_pointer(name):
        return [name]
    return [segment.replace("~1", "/").replace("~0", "~") for segment in name[1:].split("/")]


def find_value(record: object, name: str) -> object:
    """Whatever stands at a property. `ABSENT` where nothing does."""
    node = record
    for segment in split_pointer(name):
        if isinstance(node, Mapping):
            node = node.get(segment, ABSENT)
        elif isinstance(node, list) and _INDEX.fullmatch(segment) and int(segment) < len(node):
            node = node[int(segment)]
        elif node is None:  # what would stand in something empty is known to be empty
            return None
        else:
            return ABSENT
    return node


def resolve_scalar(record: object, name: str) -> Scalar | Absent:
    """The value of a property: set, null (None), or `ABSENT`; an object or a list is no value, so it is absent.

    Units: numbers as `strict_json` reads them, int or Decimal, exact.
    """
    return to_scalar(find_value(record, name))


def to_scalar(node: object) -> Scalar | Absent:
    """A value of JSON as a property has it: `ABSENT` for an object or a list."""
    return node if node is None or isinstance(node, str | int | bool | Decimal) else ABSENT


def pick_properties(record: object, properties: Iterable[str]) -> dict[str, Scalar]:
    """What a record says of these properties, as the `fields` of a change: None is known to be empty.

    Shape: by the property as it was given, name or pointer; what the record does not mention is not in it.
    """
    fields: dict[str, Scalar] = {}
    for name in sorted(properties):
        scalar = resolve_scalar(record, name)
        if not isinstance(scalar, Absent):
            fields[name] = scalar
    return fields
