"""The files in openapi/ equal the documents that the service generates."""

import difflib
import json
import re
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app as command
from tests.support.source_files import ROOT


@pytest.mark.parametrize(
    ("name", "flags"), [("openapi.json", []), ("openapi-client.json", ["--client"])]
)
def test_the_committed_contract_is_what_the_service_says(name, flags):
    invocation = CliRunner().invoke(command, ["openapi", *flags], catch_exceptions=False)
    assert invocation.exit_code == 0
    committed = (ROOT / "openapi" / name).read_text(encoding="utf-8")
    drift = difflib.unified_diff(
        committed.splitlines(),
        invocation.stdout.splitlines(),
        f"openapi/{name}",
        "the service",
        n=1,
    )
    assert "\n".join(list(drift)[:40]) == "", "run `make openapi` and look at what changed"


def read_json_file(name: str) -> Any:
    return json.loads((ROOT / "openapi" / name).read_text(encoding="utf-8"))


def test_the_client_document_is_the_full_one_without_webhooks():
    full_document = read_json_file("openapi.json")
    assert full_document.pop("webhooks")["events"]["post"]["tags"] == ["webhooks"]
    full_document["tags"] = [tag for tag in full_document["tags"] if tag["name"] != "webhooks"]
    assert read_json_file("openapi-client.json") == full_document


def test_the_released_document_is_not_newer_than_the_current_one():
    current_version, released_version = (
        tuple(map(int, read_json_file(file_name)["info"]["version"].split(".")))
        for file_name in ("openapi.json", "released.json")
    )
    assert released_version <= current_version


def test_the_tools_are_locked_to_the_byte_and_ask_no_particular_registry():
    declared = read_json_file("package.json")["devDependencies"]
    locked = read_json_file("package-lock.json")["packages"]
    for package_name, version in declared.items():
        assert re.fullmatch(r"(npm:[a-z]+@)?\d+\.\d+\.\d+", version), package_name
        assert locked[f"node_modules/{package_name}"]["version"] == version.rpartition("@")[2], (
            package_name
        )
    assert [
        package_name
        for package_name, package in locked.items()
        if package_name and "integrity" not in package
    ] == []
    assert [package_name for package_name, package in locked.items() if "resolved" in package] == []
