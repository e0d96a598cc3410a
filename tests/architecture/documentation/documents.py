"""Read the commands in README.md and docs/, and run them against a service of their own."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx

from tests.architecture.documentation.warm_command import start_server
from tests.support.source_files import ROOT

# A page marks a block that the suite cannot run: `<!-- not executed: REASON -->` before it.
NOT_EXECUTED = re.compile(r"<!-- not executed: (.*?) -->")
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
SAVED_AS = re.compile(r"Save this as `([\w.-]+)`")
TODAY = datetime.now(ZoneInfo("Europe/Berlin")).date()  # the time zone of the organization
# Lines that the suite does not run as they are, and where they are tested instead.
TESTED_ELSEWHERE = {
    "pip install .": "tests/architecture/test_wheel.py installs the wheel",
    "make run": "tests/cli/test_demo.py runs the same demo",
    "make test": "runs this suite",
    "sightline serve": "Newcomer.start_service runs it on a free port",
    "export SIGHTLINE_API_KEY": "Newcomer.run_page exports the printed key",
}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str
    reason: str | None  # why the suite does not run it
    file: str | None  # the name under which a reader saves it
    shows_problem: bool  # the reply on the page, which is the next block, is a problem document

    @property
    def location(self) -> str:
        """Where the block starts."""
        return f"{self.page}:{self.line}"


def list_documents() -> list[Path]:
    """Return README.md and all pages of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def read_blocks(path: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    text = path.read_text(encoding="utf-8")
    blocks: list[Block] = []
    end = 0
    for match in FENCE.finditer(text):
        lead = text[end : match.start()]
        mark = NOT_EXECUTED.fullmatch(lead.rstrip().rpartition("\n")[2].strip())
        saved = SAVED_AS.search(lead)
        body = re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE)
        line = text.count("\n", 0, match.start()) + 1
        page = path.relative_to(ROOT).as_posix()
        reason = mark[1] if mark else None
        file = saved[1] if saved else None
        reply = FENCE.match(text, match.end() + len("\n\n"))
        shows_problem = reply is not None and reply[3].startswith('{"type": "/problems/')
        blocks.append(Block(page, line, match[2], body, reason, file, shows_problem))
        end = match.end()
    return blocks


def find_free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def move_to_today(text: str) -> str:
    """Replace the days of a text: the playbook's window by one around today, others by today."""
    start = TODAY - timedelta(days=40)
    end = TODAY + timedelta(days=40)
    text = re.sub(r"starts_on: \S+", f"starts_on: {start:%Y/%m/%d}", text)
    text = re.sub(r"ends_on: \S+", f"ends_on: {end:%Y/%m/%d}", text)
    text = re.sub(r"\b20\d\d-\d\d-\d\d(?=[T\"'&\s,}]|$)", str(TODAY), text)
    return re.sub(r"(s_on: \d{4})/(\d\d)/(\d\d)", r"\1-\2-\3", text)


def split_at_service(script: str) -> tuple[str, str, bool]:
    """Return the commands before and after `sightline serve`, and whether the script has it."""
    before, marker, after = re.sub(r"\\\n", "\\\n", script).partition("\nsightline serve\n")
    return (before, after, True) if marker else (script, "", False)


def remove_lines_tested_elsewhere(script: str) -> str:
    """Return the script without the lines that another test runs."""
    return "".join(
        line
        for line in script.splitlines(keepends=True)
        if not line.startswith(tuple(TESTED_ELSEWHERE))
    )


class Newcomer:
    """A reader in an empty folder, with `sightline` and the samples of the repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = find_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.server: subprocess.Popen[bytes] | None = None
        self.executed: list[str] = []
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SIGHTLINE_", "PYTHON"))
        }
        programs, self.commands = start_server(folder)
        tools = [str(programs), str(Path(sys.executable).parent), inherited.get("PATH", "")]
        path = os.pathsep.join([*tools, str(ROOT / "tests/support/shims")])
        addresses = {"SIGHTLINE_URL": self.url, "SIGHTLINE_PUBLIC_URL": self.url}
        self.environment = {**inherited, "PATH": path, **addresses}
        (folder / "openapi").symlink_to(ROOT / "openapi")

    def run_page(self, path: Path) -> None:
        """Run every block of a page, in one shell each, so that variables last until its end."""
        script = ""
        for block in read_blocks(path):
            if block.language == "yaml" and block.file is not None:
                text = move_to_today(block.text)
                script += f"cat > {block.file} <<'END_OF_FILE'\n{text}END_OF_FILE\n"
            elif block.language == "sh" and block.reason is None:
                self.executed.append(block.location)
                before, after, serves = split_at_service(f"\n{block.text}")
                script += f"echo '== {block.location}' >&2\nrefuses={block.shows_problem:d}\n"
                script += f"{move_to_today(before)}\n"
                if serves and self.server is None:
                    self._export_key(self.run(script))
                    self.start_service()
                    script = ""
                script += move_to_today(after)
        self.run(script)

    def create_organization(self, key: str) -> None:
        """Create an organization, and use its key from now on."""
        command = f"sightline organizations create {key} --name {key} --time-zone Europe/Berlin"
        self._export_key(self.run(command))

    def _export_key(self, output: str) -> None:
        keys = re.findall(r"sightline_\w{20,}", output)
        assert keys, f"no API key was printed:\n{output}"
        self.environment["SIGHTLINE_API_KEY"] = keys[0]

    def run(self, script: str) -> str:
        """Run a script up to the first command that fails. Return its output."""
        script = remove_lines_tested_elsewhere(script).replace("http://127.0.0.1:8000", self.url)
        # A reader copies the address; the suite asks for it.
        script = re.sub(r"^URL=\.\.\..*$", "URL=$(print_hook_url)", script, flags=re.MULTILINE)
        prelude = (
            "set -eo pipefail\n"
            "refuses=0\n"
            # A call fails unless its status is the one that the page shows: a problem, or none.
            "curl() { local status=0; command curl --fail-with-body --no-progress-meter "
            '"$@" || status=$?; echo; [ "$status" -eq $((refuses * 22)) ]; }\n'
            'print_hook_url() { curl "$SIGHTLINE_URL/v1/sources/hubspot" '
            '-H "Authorization: Bearer $SIGHTLINE_API_KEY" '
            '| sed \'s/.*"hook_url":"\\([^"]*\\)".*/\\1/\'; }\n'
        )
        process = subprocess.run(
            ["bash", "-c", prelude + script],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert process.returncode == 0, f"{process.stdout[-2000:]}\n{process.stderr[-2000:]}"
        return process.stdout

    def start_service(self) -> None:
        """Start `sightline serve` and wait until it answers."""
        program = str(Path(sys.executable).parent / "sightline")
        command = [program, "serve", "--port", str(self.port)]
        with (self.folder / "serve.log").open("wb") as log:
            self.server = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )
        for _ in range(300):
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        self.stop_service()
        raise AssertionError((self.folder / "serve.log").read_text(encoding="utf-8"))

    def stop_service(self) -> None:
        """End the service and the server of the commands."""
        for process in (self.server, self.commands):
            if process is not None:
                process.terminate()
                process.wait(30)

    def get(self, path: str) -> dict[str, object]:
        """Return the JSON object at a path of the service."""
        headers = {"Authorization": f"Bearer {self.environment['SIGHTLINE_API_KEY']}"}
        reply = httpx.get(self.url + path, headers=headers)
        assert reply.status_code == 200, reply.text
        document: dict[str, object] = reply.json()
        return document


def serve_newcomer(folder: Path) -> Iterator[Newcomer]:
    """Yield a newcomer, and end its service."""
    newcomer = Newcomer(folder)
    try:
        yield newcomer
    finally:
        newcomer.stop_service()
