"""The README is done, not only read: its blocks are run in order against a service of their own."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.reference_model.worked import WORKED
from tests.support.house import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
YAML_END = "baseline: 0, target: 2000000}"
TODAY = datetime.now(ZoneInfo("Europe/Berlin")).date()  # where the README's organization is


def block(after: str, language: str = "sh") -> str:
    """The first fenced block of a language after those words."""
    found = re.search(
        rf"^( *)```{language}\n(.*?)^ *```", README[README.index(after) :], re.DOTALL | re.MULTILINE
    )
    assert found is not None, after
    return re.sub(rf"^{found[1]}", "", found[2], flags=re.MULTILINE)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Newcomer:
    """Somebody in an empty folder, with `sightline` on the path and nothing else set."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SIGHTLINE_", "PYTHON"))
        }
        path = os.pathsep.join(
            [
                str(Path(sys.executable).parent),
                kept.get("PATH", ""),
                str(ROOT / "tests/support/shims"),
            ]
        )
        self.environment = {
            **kept,
            "PATH": path,
            "SIGHTLINE_URL": self.url,
            "SIGHTLINE_PUBLIC_URL": self.url,
        }

    def run(self, script: str) -> str:
        """What the script prints; it stops at the first line that fails."""
        text = f"set -eo pipefail\n{script.replace('http://127.0.0.1:8000', self.url)}"
        done = subprocess.run(
            ["bash", "-c", text],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def serve(self) -> subprocess.Popen[bytes]:
        command = ["sightline", "serve", "--port", str(self.port)]
        with (self.folder / "serve.log").open("wb") as log:
            server = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )
        for _ in range(300):
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return server
            except httpx.TransportError:
                time.sleep(0.1)
        server.kill()
        raise AssertionError((self.folder / "serve.log").read_text())

    def get(self, path: str) -> dict[str, object]:
        headers = {"Authorization": f"Bearer {self.environment['SIGHTLINE_API_KEY']}"}
        answer = httpx.get(self.url + path, headers=headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    found = Newcomer(tmp_path)
    found.run("sightline db upgrade")
    made = found.run(
        'sightline organizations create acme --name "Acme" --time-zone Europe/Berlin --json'
    )
    found.environment["SIGHTLINE_API_KEY"] = json.loads(made)["api_key"]
    server = found.serve()
    yield found
    server.terminate()
    server.wait(30)


def this_quarter(text: str) -> str:
    """The document with a window that holds today, as its comment asks."""
    text = re.sub(r"starts_on: \S+", f"starts_on: {TODAY.replace(day=1)}", text)
    return re.sub(r"ends_on: \S+", f"ends_on: {TODAY.replace(year=TODAY.year + 1, day=1)}", text)


@pytest.mark.slow
def test_ten_minutes_with_the_readme_end_in_a_score_that_a_crm_changes(newcomer: Newcomer):
    (newcomer.folder / "playbook.yaml").write_text(
        this_quarter(block("Save this as", "yaml")), encoding="utf-8"
    )
    applied = block(YAML_END)
    newcomer.run("\n".join(line for line in applied.splitlines() if not line.startswith("export")))
    newcomer.run(block("Writing, signing and accepting"))
    first = newcomer.run(
        re.sub(r'"time": "[^T]*T', f'"time": "{TODAY}T', block("Events come one by one"))
    )
    assert '"score":' in first

    newcomer.run(block("1. Make the source"))
    source = newcomer.get("/v1/sources/hubspot")
    before = newcomer.get("/v1/alignment/ledger")
    signed = block("sign a sample as HubSpot does").replace(
        "URL=...", f"URL={source['hook_url']}", 1
    )
    answered = newcomer.run(signed)
    assert json.loads(answered)["state"] == "processed"
    after = newcomer.get("/v1/alignment/ledger")
    won = newcomer.get("/v1/events?source=hubspot&type=deal.won")["items"]
    assert isinstance(won, list)
    assert [(event["value"], event["metrics"]) for event in won] == [(50000, ["enterprise-arr"])]
    assert after["items"] != before["items"]
    assert "enterprise-arr" in newcomer.run("sightline document fy26-q4")
    assert "win-enterprise" in newcomer.run("sightline alignment")

    asked = newcomer.run(
        block("Every answer is to be had for any past day").replace("2026-11-02", str(TODAY))
    )
    assert asked.count('"as_of":') >= 4
    assert "Nothing changed." in asked
    assert '"differences":0' in asked.replace(" ", "")


def test_the_worked_organizations_of_the_readme_are_those_that_are_computed():
    rows = [
        [cell.strip(" *") for cell in line.strip("|").split("|")]
        for line in README[README.index("| | [harbor]") :].partition("\n\n")[0].splitlines()
    ]
    names = [re.sub(r"\[(\w+)\].*", r"\1", cell) for cell in rows[0][1:]]
    table = {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows[2:]}
    for name in names:
        _, expected = WORKED[name]()
        for figure in ("score", "floor", "coverage"):
            assert table[figure][name] == str(getattr(expected, figure)).replace("None", "null"), (
                name,
                figure,
            )
        for component, (score, _) in expected.components.items():
            gone = component in expected.not_applying
            assert table[component][name] == (
                "does not apply" if gone else str(score).replace("None", "null")
            )
