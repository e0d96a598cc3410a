"""Commands, settings and URLs in the README exist in the program."""

import json
import re

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from app.cli import app as command
from app.settings import ENVIRONMENT_PREFIX, Settings
from tests.support.source_files import ROOT

FIRST_SCREEN_LINES = 50


def read_readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def extract_code(text: str) -> str:
    """Return the fenced blocks and the code spans. Join lines that a backslash continues."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    spans = re.findall(
        r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    )
    return re.sub(r"\\\n\s*", " ", "\n".join([*fenced, *spans]))


def find_unknown_commands(text: str) -> list[str]:
    """Return the `sightline ...` lines with a command or an option that does not exist."""
    root_command = get_command(command)
    lines = re.findall(r"(?:^|[\s$/])sightline ([a-z][^\n|#>]*)", extract_code(text))
    return [
        line
        for line in lines
        if not _is_known_command(root_command, [word for word in line.split() if word.strip()])
    ]


def _is_known_command(command_node: object, words: list[str]) -> bool:
    assert isinstance(command_node, TyperGroup | TyperCommand)
    options = {
        name
        for parameter in command_node.params
        for name in [*parameter.opts, *parameter.secondary_opts]
    } | {"--help"}
    for position, word in enumerate(words):
        if isinstance(command_node, TyperGroup) and not word.startswith("-"):
            subcommand = command_node.commands.get(word.strip(",.;`"))
            return subcommand is not None and _is_known_command(subcommand, words[position + 1 :])
        if word.startswith("--") and word.partition("=")[0] not in options:
            return False
    return True


def find_called_paths(text: str) -> list[str]:
    """Return the paths of the curl calls, without their queries."""
    paths = []
    for line in extract_code(text).splitlines():
        if "curl " in line:
            address = re.search(r"(?:https?://[^\s/'\"]+|\$\{?\w+\}?)(/[^\s?'\"#]*)", line)
            paths.append(address[1] if address else f"no address in: {line}")
    return paths


def find_unknown_paths(text: str) -> list[str]:
    contract = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))
    patterns = [
        re.compile(re.sub(r"\\?\{[^}]*\\?\}", "[^/]+", re.escape(path)))
        for path in contract["paths"]
    ]
    return [
        path
        for path in find_called_paths(text)
        if not any(pattern.fullmatch(path) for pattern in patterns)
    ]


def find_settings_in_table(text: str) -> set[str]:
    return set(re.findall(rf"^\|\s*`({ENVIRONMENT_PREFIX}\w+)`", text, re.MULTILINE))


def test_the_first_screen_says_how_to_run_and_test_it():
    screen = "\n".join(read_readme().splitlines()[:FIRST_SCREEN_LINES])
    assert "make run" in screen
    assert "make test" in screen


def test_every_setting_is_in_the_table_and_no_other():
    setting_names = {ENVIRONMENT_PREFIX + name.upper() for name in Settings.model_fields}
    documented = find_settings_in_table(read_readme())
    assert setting_names - documented == set(), "settings that the README does not name"
    assert {
        name
        for name in documented - setting_names
        if name not in {f"{ENVIRONMENT_PREFIX}URL", f"{ENVIRONMENT_PREFIX}API_KEY"}
    } == set()


def test_every_command_in_the_readme_exists():
    assert find_unknown_commands(read_readme()) == []
    for command_line in (
        "sightline frobnicate",
        "sightline openapi --nonsense",
        "sightline db nothing --json",
    ):
        assert find_unknown_commands(f"```\n{command_line}\n```\n"), command_line
    assert not find_unknown_commands("```\n$ sightline openapi --client > x.json\n```\n")


def test_every_address_that_the_readme_calls_is_in_the_contract():
    assert find_unknown_paths(read_readme()) == []
    assert find_unknown_paths("```\ncurl -s http://127.0.0.1:8000/v1/nothing-like-it/x\n```\n")
    assert find_unknown_paths("```\ncurl -X POST \\\n  $SIGHTLINE_URL/v0/teams\n```\n")


def test_every_json_block_of_the_readme_is_json():
    json_blocks = re.findall(r"^```json\n(.*?)^```", read_readme(), re.DOTALL | re.MULTILINE)
    for block in json_blocks:
        assert json.loads(block) is not None
