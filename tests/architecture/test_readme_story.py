"""The README's blocks work: the test runs them in order against a service of its own."""

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

from tests.reference_model.examples.worked_examples import WORKED_EXAMPLES
from tests.support.source_files import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
YAML_END = "baseline: 0, target: 2000000}"
# The time zone of the README's organization.
TODAY = datetime.now(ZoneInfo("Europe/Berlin")).date()


def extract_block(heading: str, language: str = "sh") -> str:
    """Return the first fenced block of a language after the heading."""
    match = re.search(
        rf"^( *)```{language}\n(.*?)^ *```",
        README[README.index(heading) :],
        re.DOTALL | re.MULTILINE,
    )
    assert match is not None, heading
    return re.sub(rf"^{match[1]}", "", match[2], flags=re.MULTILINE)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ReadmeUser:
    """A user in an empty folder, with `sightline` on the path and no other settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = find_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SIGHTLINE_", "PYTHON"))
        }
        search_path = os.pathsep.join(
            [
                str(Path(sys.executable).parent),
                inherited.get("PATH", ""),
                str(ROOT / "tests/support/shims"),
            ]
        )
        self.environment = {
            **inherited,
            "PATH": search_path,
            "SIGHTLINE_URL": self.url,
            "SIGHTLINE_PUBLIC_URL": self.url,
        }

    def run_script(self, script: str) -> str:
        """Run the script until a line fails. Return its output."""
        text = f"set -eo pipefail\n{script.replace('http://127.0.0.1:8000', self.url)}"
        process = subprocess.run(
            ["bash", "-c", text],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert process.returncode == 0, f"{script}\n{process.stdout}{process.stderr}"
        return process.stdout

    def start_server(self) -> subprocess.Popen[bytes]:
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

    def get_json(self, path: str) -> dict[str, object]:
        headers = {"Authorization": f"Bearer {self.environment['SIGHTLINE_API_KEY']}"}
        response = httpx.get(self.url + path, headers=headers)
        assert response.status_code == 200, response.text
        body: dict[str, object] = response.json()
        return body


@pytest.fixture
def readme_user(tmp_path: Path) -> Iterator[ReadmeUser]:
    user = ReadmeUser(tmp_path)
    user.run_script("sightline db upgrade")
    output = user.run_script(
        'sightline organizations create acme --name "Acme" --time-zone Europe/Berlin --json'
    )
    user.environment["SIGHTLINE_API_KEY"] = json.loads(output)["api_key"]
    server = user.start_server()
    yield user
    server.terminate()
    server.wait(30)


def with_current_window(text: str) -> str:
    """Change the document's window to include today, as its comment asks."""
    text = re.sub(r"starts_on: \S+", f"starts_on: {TODAY.replace(day=1)}", text)
    return re.sub(r"ends_on: \S+", f"ends_on: {TODAY.replace(year=TODAY.year + 1, day=1)}", text)


@pytest.mark.slow
def test_ten_minutes_with_the_readme_end_in_a_score_that_a_crm_changes(readme_user: ReadmeUser):
    (readme_user.folder / "playbook.yaml").write_text(
        with_current_window(extract_block("Save this as", "yaml")), encoding="utf-8"
    )
    apply_script = extract_block(YAML_END)
    readme_user.run_script(
        "\n".join(line for line in apply_script.splitlines() if not line.startswith("export"))
    )
    readme_user.run_script(extract_block("Writing, signing and accepting"))
    alignment_output = readme_user.run_script(
        re.sub(r'"time": "[^T]*T', f'"time": "{TODAY}T', extract_block("Events come one by one"))
    )
    assert '"score":' in alignment_output

    readme_user.run_script(extract_block("1. Make the source"))
    source = readme_user.get_json("/v1/sources/hubspot")
    before = readme_user.get_json("/v1/alignment/ledger")
    delivery_script = extract_block("sign a sample as HubSpot does").replace(
        "URL=...", f"URL={source['hook_url']}", 1
    )
    delivery_output = readme_user.run_script(delivery_script)
    assert json.loads(delivery_output)["state"] == "processed"
    after = readme_user.get_json("/v1/alignment/ledger")
    won = readme_user.get_json("/v1/events?source=hubspot&type=deal.won")["items"]
    assert isinstance(won, list)
    assert [(event["value"], event["metrics"]) for event in won] == [(50000, ["enterprise-arr"])]
    assert after["items"] != before["items"]
    assert "enterprise-arr" in readme_user.run_script("sightline document fy26-q4")
    assert "win-enterprise" in readme_user.run_script("sightline alignment")

    past_output = readme_user.run_script(
        extract_block("Every answer is to be had for any past day").replace(
            "2026-11-02", str(TODAY)
        )
    )
    assert past_output.count('"as_of":') >= 4
    assert "Nothing changed." in past_output
    assert '"differences":0' in past_output.replace(" ", "")


def test_the_worked_organizations_of_the_readme_are_those_that_are_computed():
    rows = [
        [cell.strip(" *") for cell in line.strip("|").split("|")]
        for line in README[README.index("| | [harbor]") :].partition("\n\n")[0].splitlines()
    ]
    names = [re.sub(r"\[(\w+)\].*", r"\1", cell) for cell in rows[0][1:]]
    table = {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows[2:]}
    for name in names:
        _, expected = WORKED_EXAMPLES[name]
        for figure in ("score", "floor", "coverage"):
            assert table[figure][name] == str(getattr(expected, figure)).replace("None", "null"), (
                name,
                figure,
            )
        for component, (score, _) in expected.components.items():
            does_not_apply = component in expected.not_applying
            assert table[component][name] == (
                "does not apply" if does_not_apply else str(score).replace("None", "null")
            )
