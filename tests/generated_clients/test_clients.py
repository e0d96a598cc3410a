"""Clients generated from the committed OpenAPI document are complete, compile and work.

`make test` generates them first (`make clients`). Missing or outdated clients fail here.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.domain.playbook.organization import Organization
from app.main import create_app
from app.services.access import organizations
from app.settings import Settings
from tests.support.databases import copy_sqlite_template
from tests.support.http_server import serve_application
from tests.support.service_harness import FakeClock
from tests.support.source_files import ROOT

CLIENTS_FOLDER = ROOT / "openapi" / "clients"
STORIES_FOLDER = ROOT / "openapi" / "stories"
TOOLS_FOLDER = ROOT / ".venv" / "tools" / "bin"
CLIENT_NAMES = ("python", "hey-api", "openapi-fetch", "readme")


def run_program(*command: str | Path, **environment: str) -> str:
    """Run a program and return its output. Raises: AssertionError with the output if it fails."""
    process = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, f"{process.stdout[-4000:]}{process.stderr[-4000:]}"
    return process.stdout


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    generated_from = CLIENTS_FOLDER / "openapi-client.json"
    committed = (ROOT / "openapi" / "openapi-client.json").read_bytes()
    assert generated_from.is_file(), "there are no generated clients: make clients"
    assert generated_from.read_bytes() == committed, (
        "the clients are of another contract: make clients"
    )
    document: dict[str, Any] = json.loads(committed)
    return document


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[str, dict[str, str]]]:
    """The URL of a service, and an admin key of an organization for each client."""
    database = copy_sqlite_template()
    app = create_app(Settings(database_url=f"sqlite+aiosqlite:///{database}"), FakeClock())

    async def create_organizations() -> dict[str, str]:
        admin_keys = {
            client_name: await organizations.create_organization(
                app.state.service, Organization(client_name, client_name)
            )
            for client_name in CLIENT_NAMES
        }
        await app.state.service.database.close()
        return admin_keys

    keys = asyncio.run(create_organizations())
    with serve_application(app) as base_url:
        yield base_url, keys


def list_operations(contract: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the tag and the operationId of every operation."""
    described_operations = [
        operation for methods in contract["paths"].values() for operation in methods.values()
    ]
    return [(operation["tags"][0], operation["operationId"]) for operation in described_operations]


def to_camel_case(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def test_every_operation_is_in_every_client(contract):
    sdk = (CLIENTS_FOLDER / "hey-api" / "sdk.gen.ts").read_text(encoding="utf-8")
    types = (CLIENTS_FOLDER / "openapi-fetch" / "sightline.d.ts").read_text(encoding="utf-8")
    api_folder = CLIENTS_FOLDER / "python" / "sightline_client" / "api"
    assert len(list_operations(contract)) > 70
    for tag, operation_id in list_operations(contract):
        assert (api_folder / tag.replace("-", "_") / f"{operation_id}.py").is_file(), operation_id
        assert f"export const {to_camel_case(operation_id)} = " in sdk, operation_id
        assert re.search(rf"^    {operation_id}: {{$", types, re.MULTILINE), operation_id


@pytest.mark.slow
def test_the_python_client_and_its_story_pass_type_checks(contract):
    output = run_program(
        Path(sys.executable).with_name("mypy"),
        f"--config-file={STORIES_FOLDER / 'mypy.ini'}",
        "--python-executable",
        TOOLS_FOLDER / "python",
        STORIES_FOLDER / "python.py",
        CLIENTS_FOLDER / "python",
    )
    assert output.startswith("Success")


@pytest.mark.slow
def test_a_whole_story_goes_through_the_python_client(contract, service):
    base_url, keys = service
    story = STORIES_FOLDER / "python.py"
    assert (
        run_program(
            TOOLS_FOLDER / "python",
            story,
            base_url,
            keys["python"],
            PYTHONPATH=str(CLIENTS_FOLDER / "python"),
        )
        == ""
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hey-api", "openapi-fetch"])
def test_a_whole_story_compiles_and_goes_through_the_typescript_clients(contract, service, name):
    base_url, keys = service
    # Inside openapi/, where Node finds the packages of openapi/package.json.
    output_folder = CLIENTS_FOLDER / f"out-{name}"
    compiler = ROOT / "openapi" / "node_modules" / "typescript-7" / "bin" / "tsc"
    run_program(
        TOOLS_FOLDER / "node",
        compiler,
        "--project",
        STORIES_FOLDER / "tsconfig.json",
        "--outDir",
        output_folder,
    )
    assert (
        run_program(
            TOOLS_FOLDER / "node", output_folder / "stories" / f"{name}.js", base_url, keys[name]
        )
        == ""
    )


def extract_example(language: str) -> str:
    """Return the code block of docs/clients.md in that language."""
    (block,) = re.findall(
        rf"^```{language}\n(.*?)^```",
        (ROOT / "docs/clients.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
    assert isinstance(block, str)
    return block


@pytest.mark.slow
def test_the_documentation_shows_clients_that_work(contract, service):
    base_url, keys = service
    environment = {
        "SIGHTLINE_URL": base_url,
        "SIGHTLINE_API_KEY": keys["readme"],
        "PYTHONPATH": str(CLIENTS_FOLDER / "python"),
    }
    example = extract_example("python")
    assert len(example.splitlines()) <= 12
    output = run_program(TOOLS_FOLDER / "python", "-c", example, **environment)
    assert output.startswith("no-current-playbook "), "an organization without a playbook"
    story_path = CLIENTS_FOLDER / "readme.ts"
    output_folder = CLIENTS_FOLDER / "out-readme"
    example = extract_example("typescript")
    assert len(example.splitlines()) <= 10
    wrapped_example = (
        example.replace("./client", "./hey-api").replace("const {", "(async () => {\nconst {")
        + "})();\n"
    )
    story_path.write_text(
        f"declare const process: {{ env: Record<string, string> }};\n{wrapped_example}",
        encoding="utf-8",
    )
    options = [
        "--module",
        "nodenext",
        "--target",
        "es2023",
        "--strict",
        "--types",
        "",
        "--ignoreConfig",
    ]
    compiler = ROOT / "openapi" / "node_modules" / "typescript-7" / "bin" / "tsc"
    run_program(TOOLS_FOLDER / "node", compiler, story_path, *options, "--outDir", output_folder)
    output = run_program(TOOLS_FOLDER / "node", output_folder / "readme.js", **environment)
    assert output.startswith("no-current-playbook ")
