"""Every command in README.md and docs/ is run, in the order of its page, or says why it is not."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.documentation.documents import (
    TESTED_ELSEWHERE,
    Newcomer,
    list_documents,
    move_to_today,
    read_blocks,
    remove_lines_tested_elsewhere,
    serve_newcomer,
)
from tests.support.source_files import ROOT

# The languages of blocks that hold no commands.
NO_COMMANDS = {
    "text",
    "json",
    "yaml",
    "python",
    "typescript",
    "ini",
    "http",
    "csv",
    "nginx",
    "sql",
    "xml",
}
FIRST_PAGES = ("README.md", "docs/getting-started.md")
# Pages that need an organization without the objects of the first steps, and why.
FRESH_PAGES = {"docs/time-travel.md": "its playbook uses the same keys"}
MIN_REASON_LENGTH = 10


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    yield from serve_newcomer(tmp_path)


def list_commands() -> list[str]:
    """Return the places of the blocks that the suite has to run."""
    blocks = [block for path in list_documents() for block in read_blocks(path)]
    return [block.location for block in blocks if block.language == "sh" and block.reason is None]


@pytest.mark.slow
def test_the_quick_start_of_the_readme_ends_in_a_score(newcomer):
    newcomer.run_page(ROOT / "README.md")
    assert newcomer.get("/v1/alignment")["score"] is not None


@pytest.mark.slow
def test_the_first_steps_and_every_other_page_run(newcomer):
    newcomer.run_page(ROOT / "docs/getting-started.md")
    wins = newcomer.get("/v1/events?source=hubspot&type=deal.won")["items"]
    assert isinstance(wins, list)
    assert [(event["value"], event["metrics"]) for event in wins] == [(50000, ["enterprise-arr"])]
    pages = [path.relative_to(ROOT).as_posix() for path in list_documents()]
    for page in sorted(set(pages) - {*FIRST_PAGES}, key=lambda page: (page in FRESH_PAGES, page)):
        if page in FRESH_PAGES:
            newcomer.create_organization(Path(page).stem)
        newcomer.run_page(ROOT / page)
    readme = {block.location for block in read_blocks(ROOT / "README.md")}
    assert set(newcomer.executed) == set(list_commands()) - readme


def test_every_block_names_a_language_and_every_mark_gives_a_reason():
    for path in list_documents():
        blocks = read_blocks(path)
        unknown = [block.location for block in blocks if block.language not in NO_COMMANDS | {"sh"}]
        assert unknown == [], "commands are in blocks of the language sh"
        for block in blocks:
            assert block.reason is None or len(block.reason) >= MIN_REASON_LENGTH, block.location
        marks = path.read_text(encoding="utf-8").count("<!-- not executed")
        assert marks == sum(block.reason is not None for block in blocks), path


def test_lines_that_another_test_runs_are_in_a_page():
    scripts = "".join(
        block.text
        for path in list_documents()
        for block in read_blocks(path)
        if block.language == "sh"
    )
    for line in TESTED_ELSEWHERE:
        assert re.search(rf"^{re.escape(line)}", scripts, re.MULTILINE), f"no page has {line}"


def test_the_machinery_reads_a_page(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.architecture.documentation.documents.ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "Save this as `a.yaml`:\n\n```yaml\nstarts_on: 2020-01-01\n```\n\n"
        "1. x\n\n   ```sh\n   ls\n   ```\n\n"
        "<!-- not executed: needs an engine -->\n```sh\ndocker run x\n```\n",
        encoding="utf-8",
    )
    first, second, third = read_blocks(page)
    assert (first.file, first.line) == ("a.yaml", 3)
    assert (second.text, second.reason, second.file) == ("ls\n", None, None)
    assert third.reason == "needs an engine"
    assert "2020" not in move_to_today(
        "starts_on: 2020-01-01\nends_on: 2020-03-31\n?as_of=2020-02-02"
    )
    assert remove_lines_tested_elsewhere("make run # x\nls\n") == "ls\n"
