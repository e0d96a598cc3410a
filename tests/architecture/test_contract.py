"""openapi/ is a promise: the files are what the service says of itself now."""

import difflib
import json
import re
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app as command
from tests.support.house import ROOT


@pytest.mark.parametrize(
    ("name", "flags"), [("openapi.json", []), ("openapi-client.json", ["--client"])]
)
def test_the_committed_contract_is_what_the_service_says(name, flags):
    said = CliRunner().invoke(command, ["openapi", *flags], catch_exceptions=False)
    assert said.exit_code == 0
    committed = (ROOT / "openapi" / name).read_text(encoding="utf-8")
    drift = difflib.unified_diff(
        committed.splitlines(), said.stdout.splitlines(), f"openapi/{name}", "the service", n=1
    )
    assert "\n".join(list(drift)[:40]) == "", "run `make openapi` and look at what changed"


def file(name: str) -> Any:
    return json.loads((ROOT / "openapi" / name).read_text(encoding="utf-8"))


def test_the_form_for_clients_is_the_whole_one_without_webhooks():
    whole = file("openapi.json")
    assert whole.pop("webhooks")["events"]["post"]["tags"] == ["webhooks"]
    whole["tags"] = [tag for tag in whole["tags"] if tag["name"] != "webhooks"]
    assert file("openapi-client.json") == whole


def test_the_document_of_the_last_release_is_kept_and_is_not_newer():
    ours, theirs = (
        tuple(map(int, file(name)["info"]["version"].split(".")))
        for name in ("openapi.json", "released.json")
    )
    assert theirs <= ours


def test_the_tools_are_locked_to_the_byte_and_ask_no_particular_registry():
    wanted = file("package.json")["devDependencies"]
    locked = file("package-lock.json")["packages"]
    for name, version in wanted.items():
        assert re.fullmatch(r"(npm:[a-z]+@)?\d+\.\d+\.\d+", version), name
        assert locked[f"node_modules/{name}"]["version"] == version.rpartition("@")[2], name
    assert [name for name, entry in locked.items() if name and "integrity" not in entry] == []
    assert [name for name, entry in locked.items() if "resolved" in entry] == []
