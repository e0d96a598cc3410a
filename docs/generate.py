"""Write the reference sections of the documentation from the code.

A page holds the markers `<!-- generated: NAME -->` and `<!-- end: NAME -->`. This script replaces
the lines between them. The result is committed, so that the pages are complete on a code host and
the wheel builds without the dependencies of the service. A test compares the pages with the code.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

ROOT: Final = Path(__file__).resolve().parents[1]
DOCS: Final = ROOT / "docs"
sys.path.insert(0, str(ROOT))

from app.api.http.problems import PROBLEM_KINDS  # noqa: E402  # the path is set above
from app.cli import app as command_line  # noqa: E402  # the same
from app.scoring.components.registry import COMPONENT_FIGURES  # noqa: E402  # the same
from app.settings import ENVIRONMENT_PREFIX, Settings  # noqa: E402  # the same

Explanations = Mapping[str, Any]  # Any: sentences, or mappings of them
Schema = Mapping[str, Any]  # Any: a JSON schema


def load_explanations() -> Explanations:
    """Read docs/explanations.yaml."""
    text = (DOCS / "explanations.yaml").read_text(encoding="utf-8")
    explanations: Explanations = yaml.safe_load(text)
    return explanations


def check_names(kind: str, explained: Iterable[str], existing: Iterable[str]) -> None:
    """Raise ValueError unless both name the same things."""
    missing = sorted({*existing} - {*explained})
    unknown = sorted({*explained} - {*existing})
    if missing or unknown:
        raise ValueError(f"explanations.yaml, {kind}: missing {missing}, unknown {unknown}")


def write_settings(explanations: Explanations) -> Iterator[str]:
    """Describe every setting: environment variable, type, default, meaning."""
    for name, schema in Settings.model_json_schema()["properties"].items():
        default = "none" if schema.get("default") is None else f"`{schema['default']}`"
        yield f"### `{ENVIRONMENT_PREFIX}{name.upper()}` {{#{name}}}"
        yield f"{schema['description']}."
        yield f"- Type: {describe_type(schema)}\n- Default: {default}"
    for name, meaning in explanations["client_settings"].items():
        yield f"### `{name}` {{#{name.removeprefix(ENVIRONMENT_PREFIX).lower()}}}"
        yield f"{meaning} Only the command line reads it."


def describe_type(schema: Schema) -> str:
    """Return the type of a JSON schema in words, with its bounds."""
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            return describe_type(choice)
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    bounds = (
        ("at least", schema.get("minimum")),
        ("more than", schema.get("exclusiveMinimum")),
        ("at most", schema.get("maximum")),
        ("less than", schema.get("exclusiveMaximum")),
    )
    return ", ".join(
        [schema["type"], *(f"{words} {bound:g}" for words, bound in bounds if bound is not None)]
    )


def write_problems(explanations: Explanations) -> Iterator[str]:
    """Describe every problem code: status, title, meaning, what to do."""
    check_names("problems", explanations["problems"], PROBLEM_KINDS)
    for code, kind in PROBLEM_KINDS.items():
        explanation = explanations["problems"][code]
        yield f"### `{code}` {{#{code}}}"
        yield f"Status {kind.status}: *{kind.title}*"
        yield f"{explanation['meaning']}"
        yield f"**What to do:** {explanation['action']}"


def write_components(explanations: Explanations) -> Iterator[str]:
    """Describe every component of the score."""
    check_names("components", explanations["components"], COMPONENT_FIGURES)
    for name in COMPONENT_FIGURES:
        yield f"### `{name}` {{#{name}}}"
        yield explanations["components"][name]


def write_losses(explanations: Explanations) -> Iterator[str]:
    """Describe every loss reason: meaning, what to do."""
    for reason, explanation in explanations["losses"].items():
        yield f"### `{reason}` {{#{reason}}}"
        yield f"{explanation['meaning']}"
        yield f"**What to do:** {explanation['action']}"


def write_commands(_: Explanations) -> Iterator[str]:
    """Describe every command: help, usage, arguments and options."""
    for words, command in walk_commands(("sightline",), get_command(command_line)):
        arguments = [item for item in command.params if isinstance(item, TyperArgument)]
        names = [
            item.opts[0].upper() if item.required else f"[{item.opts[0].upper()}]"
            for item in arguments
        ]
        usage = " ".join([*words, *names])
        yield f"### `{' '.join(words)}` {{#{'-'.join(words[1:])}}}"
        yield (command.help or "").strip()
        yield f"```text\n{usage}{' [OPTIONS]' if command.params else ''}\n```"
        rows = [describe_parameter(parameter) for parameter in command.params]
        if rows:
            yield "\n".join(["| argument or option | default | meaning |", "|---|---|---|", *rows])


def walk_commands(
    words: tuple[str, ...], command: object
) -> Iterator[tuple[tuple[str, ...], TyperCommand]]:
    """Yield each command below a group with the words that call it, in the order of the help."""
    if isinstance(command, TyperGroup):
        for name, child in command.commands.items():
            yield from walk_commands((*words, name), child)
    elif isinstance(command, TyperCommand):
        yield words, command


def describe_parameter(parameter: object) -> str:
    """Return the table row of an argument or option."""
    if not isinstance(parameter, (TyperArgument, TyperOption)):
        raise TypeError(f"{parameter!r} is no parameter of Typer")
    names = [parameter.opts[0].upper()] if isinstance(parameter, TyperArgument) else parameter.opts
    spelled = ", ".join(f"`{name}`" for name in [*names, *parameter.secondary_opts])
    default = parameter.default
    has_default = default is not None and default is not False and not callable(default)
    text = "required" if parameter.required else f"`{default}`" if has_default else ""
    return f"| {spelled} | {text} | {(parameter.help or '').replace('|', chr(92) + '|')} |"


WRITERS: Final[Mapping[tuple[str, str], Callable[[Explanations], Iterator[str]]]] = {
    ("settings.md", "settings"): write_settings,
    ("problems.md", "problems"): write_problems,
    ("losses.md", "components"): write_components,
    ("losses.md", "losses"): write_losses,
    ("cli.md", "commands"): write_commands,
}


def generate_pages() -> dict[Path, str]:
    """Return the pages with current sections. Raise ValueError for a page without its markers."""
    explanations = load_explanations()
    pages: dict[Path, str] = {}
    for (page, section), write in WRITERS.items():
        path = DOCS / page
        text = pages.get(path) or path.read_text(encoding="utf-8")
        begin = f"<!-- generated: {section} -->"
        end = f"<!-- end: {section} -->"
        body = "\n\n".join(write(explanations))
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        match = pattern.search(text)
        if match is None:
            raise ValueError(f"docs/{page} lacks the lines '{begin}' and '{end}'")
        pages[path] = f"{text[: match.start()]}{begin}\n\n{body}\n\n{end}{text[match.end() :]}"
    return pages


def main() -> None:
    """Write the pages that changed."""
    for path, text in generate_pages().items():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
