"""YAML with the core schema of YAML 1.2, without repeated keys. PyYAML itself reads YAML 1.1."""

import re
from collections.abc import Hashable
from typing import Any, Final

import yaml

from app.cli.support.terminal import command_error

INTEGER_PATTERN: Final = re.compile(r"[-+]?[0-9]+\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
TIMESTAMP_TAG: Final = "tag:yaml.org,2002:timestamp"
CORE_SCHEMA: Final = (
    ("tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    ("tag:yaml.org,2002:int", INTEGER_PATTERN, list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z"),
        list("-+0123456789."),
    ),
)


class CoreSchemaLoader(yaml.SafeLoader):
    """Reads `no` and `2026-10-01` as texts and `010` as ten, and refuses repeated keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # PyYAML's attribute

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, Any]:  # PyYAML's signature. Any: YAML values
        """Build a mapping.

        Raises: yaml.constructor.ConstructorError for a key that is not a text or is repeated.
        """
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.tag != "tag:yaml.org,2002:str":
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a text", key_node.start_mark
                )
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key_node.value}' is here twice", key_node.start_mark
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep=deep)

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        """Build an integer: decimal even with leading zeros, 0o octal, 0x hexadecimal."""
        text = str(self.construct_scalar(node))
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


class CoreSchemaDumper(yaml.SafeDumper):
    """Writes YAML that both this loader and YAML 1.1 read back.

    Only dates are texts for this loader alone.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {  # noqa: RUF012  # PyYAML's attribute
        first: [pair for pair in pairs if pair[0] != TIMESTAMP_TAG]
        for first, pairs in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }

    def increase_indent(
        self,
        flow: bool = False,
        indentless: bool = False,  # noqa: ARG002  # PyYAML's signature
    ) -> None:
        """Indent lists below their key."""
        super().increase_indent(flow, False)


for _tag, _pattern, _first in CORE_SCHEMA:
    CoreSchemaLoader.add_implicit_resolver(_tag, _pattern, _first)
    CoreSchemaDumper.add_implicit_resolver(_tag, _pattern, _first)
CoreSchemaLoader.add_constructor("tag:yaml.org,2002:int", CoreSchemaLoader.construct_integer)


def load_yaml(text: str) -> object:
    """Return the document in a YAML text. Raises: CommandError with the line and column."""
    try:
        return yaml.load(text, CoreSchemaLoader)  # noqa: S506  # a SafeLoader with fewer types
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        position = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise command_error(
            "malformed-input", f"This is not the YAML that is read here{position}: {error.problem}."
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise command_error(
            "malformed-input", f"This is not the YAML that is read here: {first_error_line(error)}."
        ) from None


def dump_yaml(document: object) -> str:
    """Return a value as YAML, with its keys in their order."""
    return yaml.dump(
        document, Dumper=CoreSchemaDumper, sort_keys=False, allow_unicode=True, width=110
    )


def first_error_line(error: Exception) -> str:
    """Return the first line of an error, without its final period."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
