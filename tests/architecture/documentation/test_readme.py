"""README.md and docs/ name only commands and addresses that exist."""

import json
import re

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from app.cli import app as command_line
from tests.architecture.documentation.documents import list_documents, read_blocks
from tests.support.source_files import ROOT

FIRST_SCREEN = 50  # lines


def read_readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def extract_code(text: str) -> str:
    """Return the text of fenced blocks and code spans, with continued lines joined."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    spans = re.findall(
        r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    )
    return re.sub(r"\\\n\s*", " ", "\n".join([*fenced, *spans]))


def find_unknown_commands(text: str) -> list[str]:
    """Return the `sightline ...` lines with a command or option that does not exist."""
    root = get_command(command_line)
    lines = re.findall(r"(?:^|[\s$/])sightline ([a-z][^\n|#>]*)", extract_code(text))
    return [
        line
        for line in lines
        if not _is_known_command(root, [word for word in line.split() if word.strip()])
    ]


def _is_known_command(command: object, words: list[str]) -> bool:
    assert isinstance(command, TyperGroup | TyperCommand)
    options = {
        name
        for parameter in command.params
        for name in [*parameter.opts, *parameter.secondary_opts]
    } | {"--help"}
    for position, word in enumerate(words):
        if isinstance(command, TyperGroup) and not word.startswith("-"):
            subcommand = command.commands.get(word.strip(",.;`"))
            return subcommand is not None and _is_known_command(subcommand, words[position + 1 :])
        if word.startswith("--") and word.partition("=")[0] not in options:
            return False
    return True


def list_called_paths(text: str) -> list[str]:
    """Return the paths of the curl calls, without their queries."""
    paths = []
    for line in extract_code(text).splitlines():
        if "curl " in line and '"$URL"' not in line:  # the address of a hook, which a reply gave
            address = re.search(r"(?:https?://[^\s/'\"]+|\$\{?\w+\}?)(/[^\s?'\"#]*)", line)
            paths.append(address[1] if address else f"no address in: {line}")
    return paths


def find_unknown_paths(text: str) -> list[str]:
    contract = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))
    known_patterns = [
        re.compile(re.sub(r"\\?\{[^}]*\\?\}", "[^/]+", re.escape(path)))
        for path in contract["paths"]
    ]
    return [
        path
        for path in list_called_paths(text)
        if not any(pattern.fullmatch(path) for pattern in known_patterns)
    ]


def test_the_first_screen_says_how_to_run_and_test_it():
    screen = "\n".join(read_readme().splitlines()[:FIRST_SCREEN])
    assert "make run" in screen
    assert "make test" in screen


def test_every_command_in_a_page_exists():
    pages = {
        path.name: find_unknown_commands(path.read_text(encoding="utf-8"))
        for path in list_documents()
    }
    assert {name: unknown for name, unknown in pages.items() if unknown} == {}
    for planted in (
        "sightline frobnicate",
        "sightline openapi --nonsense",
        "sightline db nothing --json",
    ):
        assert find_unknown_commands(f"```\n{planted}\n```\n"), planted
    assert not find_unknown_commands("```\n$ sightline openapi --client > x.json\n```\n")


def test_every_address_that_a_page_calls_is_in_the_contract():
    pages = {
        path.name: find_unknown_paths(path.read_text(encoding="utf-8")) for path in list_documents()
    }
    assert {name: unknown for name, unknown in pages.items() if unknown} == {}
    assert find_unknown_paths("```\ncurl -s http://127.0.0.1:8000/v1/nothing-like-it/x\n```\n")
    assert find_unknown_paths("```\ncurl -X POST \\\n  $SIGHTLINE_URL/v0/teams\n```\n")


def test_every_json_block_of_a_page_is_json():
    blocks = [
        block
        for path in list_documents()
        for block in read_blocks(path)
        if block.language == "json"
    ]
    assert blocks
    for block in blocks:
        assert json.loads(block.text) is not None, block.location
