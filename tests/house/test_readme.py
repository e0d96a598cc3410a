"""README.md and docs/ name only commands and addresses that exist."""

import json
import re

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from app.cli import app as command
from tests.support.documents import list_documents, read_blocks
from tests.support.house import ROOT

FIRST_SCREEN = 50  # lines


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str) -> str:
    """What stands in its fenced blocks and in its code spans, lines continued by a backslash joined."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    return re.sub(r"\\\n\s*", " ", "\n".join([*fenced, *spans]))


def unknown_commands(text: str) -> list[str]:
    """The `sightline ...` lines whose command, subcommand or option the program does not have."""
    root = get_command(command)
    lines = re.findall(r"(?:^|[\s$/])sightline ([a-z][^\n|#>]*)", blocks(text))
    return [line for line in lines if not _known(root, [word for word in line.split() if word.strip()])]


def _known(here: object, words: list[str]) -> bool:
    assert isinstance(here, TyperGroup | TyperCommand)
    options = {name for parameter in here.params for name in [*parameter.opts, *parameter.secondary_opts]} | {"--help"}
    for position, word in enumerate(words):
        if isinstance(here, TyperGroup) and not word.startswith("-"):
            found = here.commands.get(word.strip(",.;`"))
            return found is not None and _known(found, words[position + 1 :])
        if word.startswith("--") and word.partition("=")[0] not in options:
            return False
    return True


def called(text: str) -> list[str]:
    """The paths of the curl calls, without their queries."""
    found = []
    for line in blocks(text).splitlines():
        if "curl " in line and '"$URL"' not in line:  # the address of a hook, which a reply gave
            address = re.search(r"(?:https?://[^\s/'\"]+|\$\{?\w+\}?)(/[^\s?'\"#]*)", line)
            found.append(address[1] if address else f"no address in: {line}")
    return found


def unknown_paths(text: str) -> list[str]:
    contract = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))
    known = [re.compile(re.sub(r"\\?\{[^}]*\\?\}", "[^/]+", re.escape(path))) for path in contract["paths"]]
    return [path for path in called(text) if not any(pattern.fullmatch(path) for pattern in known)]


def test_the_first_screen_says_how_to_run_and_test_it():
    screen = "\n".join(readme().splitlines()[:FIRST_SCREEN])
    assert "make run" in screen
    assert "make test" in screen


def test_every_command_in_a_page_exists():
    pages = {path.name: unknown_commands(path.read_text(encoding="utf-8")) for path in list_documents()}
    assert {name: unknown for name, unknown in pages.items() if unknown} == {}
    for planted in ("sightline frobnicate", "sightline openapi --nonsense", "sightline db nothing --json"):
        assert unknown_commands(f"```\n{planted}\n```\n"), planted
    assert not unknown_commands("```\n$ sightline openapi --client > x.json\n```\n")


def test_every_address_that_a_page_calls_is_in_the_contract():
    pages = {path.name: unknown_paths(path.read_text(encoding="utf-8")) for path in list_documents()}
    assert {name: unknown for name, unknown in pages.items() if unknown} == {}
    assert unknown_paths("```\ncurl -s http://127.0.0.1:8000/v1/nothing-like-it/x\n```\n")
    assert unknown_paths("```\ncurl -X POST \\\n  $SIGHTLINE_URL/v0/teams\n```\n")


def test_every_json_block_of_a_page_is_json():
    blocks = [block for path in list_documents() for block in read_blocks(path) if block.language == "json"]
    assert blocks
    for block in blocks:
        assert json.loads(block.text) is not None, block.place
