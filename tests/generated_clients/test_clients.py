"""Clients that generators make of the committed contract: whole, compiling, and good for a whole story.

`make test` generates them first (`make clients`); what is not there or is not of the committed contract fails here.
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
from tests.support.databases import sqlite_copy
from tests.support.house import ROOT
from tests.support.services import Clock
from tests.support.serving import served

CLIENTS = ROOT / "openapi" / "clients"
STORIES = ROOT / "openapi" / "stories"
TOOLS = ROOT / ".venv" / "tools" / "bin"
NAMES = ("python", "hey-api", "openapi-fetch", "readme")


def ran(*command: str | Path, **environment: str) -> str:
    """What the program said that ended well. Raises: AssertionError with what it said."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    kept = CLIENTS / "openapi-client.json"
    committed = (ROOT / "openapi" / "openapi-client.json").read_bytes()
    assert kept.is_file(), "there are no generated clients: make clients"
    assert kept.read_bytes() == committed, "the clients are of another contract: make clients"
    found: dict[str, Any] = json.loads(committed)
    return found


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a service, and the admin keys of an organization for each client."""
    database = sqlite_copy()
    app = create_app(Settings(database_url=f"sqlite+aiosqlite:///{database}"), Clock())

    async def found() -> dict[str, str]:
        keys = {
            name: await organizations.create(app.state.service, Organization(name, name))
            for name in NAMES
        }
        await app.state.service.database.close()
        return keys

    keys = asyncio.run(found())
    with served(app) as address:
        yield address, keys


def operations(contract: dict[str, Any]) -> list[tuple[str, str]]:
    """The tag and the operationId of every operation."""
    found = [operation for methods in contract["paths"].values() for operation in methods.values()]
    return [(operation["tags"][0], operation["operationId"]) for operation in found]


def camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def test_every_operation_is_in_every_client(contract):
    sdk = (CLIENTS / "hey-api" / "sdk.gen.ts").read_text(encoding="utf-8")
    types = (CLIENTS / "openapi-fetch" / "sightline.d.ts").read_text(encoding="utf-8")
    api = CLIENTS / "python" / "sightline_client" / "api"
    assert len(operations(contract)) > 70
    for tag, name in operations(contract):
        assert (api / tag.replace("-", "_") / f"{name}.py").is_file(), name
        assert f"export const {camel(name)} = " in sdk, name
        assert re.search(rf"^    {name}: {{$", types, re.MULTILINE), name


@pytest.mark.slow
def test_the_python_client_and_its_story_are_of_sound_types(contract):
    said = ran(
        Path(sys.executable).with_name("mypy"),
        f"--config-file={STORIES / 'mypy.ini'}",
        "--python-executable",
        TOOLS / "python",
        STORIES / "python.py",
        CLIENTS / "python",
    )
    assert said.startswith("Success")


@pytest.mark.slow
def test_a_whole_story_goes_through_the_python_client(contract, service):
    address, keys = service
    story = STORIES / "python.py"
    assert (
        ran(TOOLS / "python", story, address, keys["python"], PYTHONPATH=str(CLIENTS / "python"))
        == ""
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hey-api", "openapi-fetch"])
def test_a_whole_story_compiles_and_goes_through_the_typescript_clients(contract, service, name):
    address, keys = service
    made = (
        CLIENTS / f"out-{name}"
    )  # inside of openapi/, where Node finds what openapi/package.json asks for
    compiler = ROOT / "openapi" / "node_modules" / "typescript-7" / "bin" / "tsc"
    ran(TOOLS / "node", compiler, "--project", STORIES / "tsconfig.json", "--outDir", made)
    assert ran(TOOLS / "node", made / "stories" / f"{name}.js", address, keys[name]) == ""


def readme(language: str) -> str:
    """The README's block in that language."""
    (found,) = re.findall(
        rf"^```{language}\n(.*?)^```",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
    assert isinstance(found, str)
    return found


@pytest.mark.slow
def test_the_readme_shows_clients_that_work(contract, service):
    address, keys = service
    asked = {
        "SIGHTLINE_URL": address,
        "SIGHTLINE_API_KEY": keys["readme"],
        "PYTHONPATH": str(CLIENTS / "python"),
    }
    lines = readme("python")
    assert len(lines.splitlines()) <= 12
    said = ran(TOOLS / "python", "-c", lines, **asked)
    assert said.startswith("no-current-playbook "), "an organization without a playbook"
    story, made = CLIENTS / "readme.ts", CLIENTS / "out-readme"
    lines = readme("typescript")
    assert len(lines.splitlines()) <= 10
    await_free = (
        lines.replace("./client", "./hey-api").replace("const {", "(async () => {\nconst {")
        + "})();\n"
    )
    story.write_text(
        f"declare const process: {{ env: Record<string, string> }};\n{await_free}", encoding="utf-8"
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
    ran(TOOLS / "node", compiler, story, *options, "--outDir", made)
    said = ran(TOOLS / "node", made / "readme.js", **asked)
    assert said.startswith("no-current-playbook ")
