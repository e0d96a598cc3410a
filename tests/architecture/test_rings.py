"""Imports point inwards only. import-linter holds the rings (`make check`); these tests hold what it cannot say."""

import re
import sys
import tomllib

from tests.support.house import ROOT, Source, sources

STANDARD = set(sys.stdlib_module_names)
# The inner rings think: whatever these give depends on the machine, the moment or chance.
NOT_TO_THINK_WITH = {
    "io", "os", "time", "random", "secrets", "asyncio", "logging", "threading", "multiprocessing", "subprocess",
    "socket", "ssl", "http", "pathlib", "shutil", "tempfile", "glob", "sqlite3", "platform", "locale", "signal",
    "urllib.request", "urllib.error", "concurrent", "queue", "select", "selectors", "getpass", "fcntl",
}  # fmt: skip
RINGS = {
    "app/domain/": (STANDARD - NOT_TO_THINK_WITH) | {"app.domain", "msgspec"},
    "app/scoring/": (STANDARD - NOT_TO_THINK_WITH) | {"app.domain", "app.scoring"},
    "app/connectors/": (STANDARD - NOT_TO_THINK_WITH)
    | {"app.domain", "app.connectors", "cryptography", "defusedxml"},
}


def strangers(source: Source) -> list[str]:
    """Imports that the ring of this file may not have."""
    allowed = next((names for ring, names in RINGS.items() if source.path.startswith(ring)), None)
    if allowed is None:
        return []
    return [
        f"{source.path}:{line}: {name}"
        for line, name in source.imports
        if not _prefixes(name) & allowed or _prefixes(name) & NOT_TO_THINK_WITH
    ]


def _prefixes(name: str) -> set[str]:
    words = name.split(".")
    return {".".join(words[:n]) for n in range(1, len(words) + 1)}


def declared() -> set[str]:
    """The import names of the dependencies in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {
        re.split(r"[^\w-]", each)[0].lower().replace("-", "_") for each in project["dependencies"]
    }
    return {{"pyyaml": "yaml", "pyjwt": "jwt"}.get(name, name) for name in names}


def undeclared(source: Source, libraries: set[str]) -> list[str]:
    known = STANDARD | libraries | {"app"}
    return [
        f"{source.path}:{line}: {name}"
        for line, name in source.imports
        if name.split(".")[0] not in known
    ]


def test_the_inner_rings_import_only_what_thinks():
    assert [each for source in sources("app") for each in strangers(source)] == []
    for planted in (
        "import io",
        "from os import path",
        "import app.store.events",
        "import yaml",
        "import urllib.request",
    ):
        assert strangers(Source("app/domain/x.py", planted + "\n")), planted
    assert strangers(Source("app/connectors/x.py", "from urllib.request import urlopen\n"))
    assert not strangers(
        Source("app/connectors/x.py", "from urllib.parse import unquote\nimport hmac\n")
    )
    assert strangers(Source("app/domain/x.py", "from app.scoring import engine\n"))


def test_every_library_that_is_imported_is_declared():
    # These come with FastAPI and Pydantic, whose own documentation imports from them.
    libraries = declared() | {"starlette", "pydantic_core"}
    assert [each for source in sources("app") for each in undeclared(source, libraries)] == []
    assert undeclared(Source("app/x.py", "import requests\n"), libraries)


def test_imports_are_absolute():
    relative = [
        f"{source.path}:{line}"
        for source in sources("app")
        for line, name in source.imports
        if name.startswith("None.")
    ]
    assert relative == []
    assert Source("app/x.py", "from . import y\n").imports == [(1, "None.y")]
