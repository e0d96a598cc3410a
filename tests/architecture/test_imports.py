"""Import rules that import-linter cannot check: pure modules, declared libraries."""

import re
import sys
import tomllib

from tests.support.source_files import ROOT, SourceFile, read_source_files

STANDARD_LIBRARY = set(sys.stdlib_module_names)
# The inner layers are pure: these modules depend on the machine, the time or chance.
IMPURE_MODULES = {
    "io", "os", "time", "random", "secrets", "asyncio", "logging", "threading", "multiprocessing",
    "subprocess", "socket", "ssl", "http", "pathlib", "shutil", "tempfile", "glob", "sqlite3",
    "platform", "locale", "signal", "urllib.request", "urllib.error", "concurrent", "queue",
    "select", "selectors", "getpass", "fcntl",
}  # fmt: skip
ALLOWED_IMPORTS_BY_LAYER = {
    "app/domain/": (STANDARD_LIBRARY - IMPURE_MODULES) | {"app.domain", "msgspec"},
    "app/scoring/": (STANDARD_LIBRARY - IMPURE_MODULES) | {"app.domain", "app.scoring"},
    "app/connectors/": (STANDARD_LIBRARY - IMPURE_MODULES)
    | {"app.domain", "app.connectors", "cryptography", "defusedxml"},
}


def find_forbidden_imports(source: SourceFile) -> list[str]:
    """Return the imports that the layer of this file may not have."""
    allowed = next(
        (
            names
            for folder, names in ALLOWED_IMPORTS_BY_LAYER.items()
            if source.path.startswith(folder)
        ),
        None,
    )
    if allowed is None:
        return []
    return [
        f"{source.path}:{line}: {module_name}"
        for line, module_name in source.imports
        if not list_module_prefixes(module_name) & allowed
        or list_module_prefixes(module_name) & IMPURE_MODULES
    ]


def list_module_prefixes(name: str) -> set[str]:
    words = name.split(".")
    return {".".join(words[:n]) for n in range(1, len(words) + 1)}


def read_declared_libraries() -> set[str]:
    """Return the import names of the dependencies in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {
        re.split(r"[^\w-]", dependency)[0].lower().replace("-", "_")
        for dependency in project["dependencies"]
    }
    return {
        {"pyyaml": "yaml", "pyjwt": "jwt"}.get(package_name, package_name) for package_name in names
    }


def find_undeclared_imports(source: SourceFile, libraries: set[str]) -> list[str]:
    known_modules = STANDARD_LIBRARY | libraries | {"app"}
    return [
        f"{source.path}:{line}: {module_name}"
        for line, module_name in source.imports
        if module_name.split(".")[0] not in known_modules
    ]


def test_the_inner_layers_import_only_pure_modules():
    assert [
        violation
        for source in read_source_files("app")
        for violation in find_forbidden_imports(source)
    ] == []
    for code in (
        "import io",
        "from os import path",
        "import app.store.events",
        "import yaml",
        "import urllib.request",
    ):
        assert find_forbidden_imports(SourceFile("app/domain/x.py", code + "\n")), code
    assert find_forbidden_imports(
        SourceFile("app/connectors/x.py", "from urllib.request import urlopen\n")
    )
    assert not find_forbidden_imports(
        SourceFile("app/connectors/x.py", "from urllib.parse import unquote\nimport hmac\n")
    )
    assert find_forbidden_imports(SourceFile("app/domain/x.py", "from app.scoring import engine\n"))


def test_every_library_that_is_imported_is_declared():
    # FastAPI and Pydantic install these, and their documentation imports from them.
    libraries = read_declared_libraries() | {"starlette", "pydantic_core"}
    assert [
        violation
        for source in read_source_files("app")
        for violation in find_undeclared_imports(source, libraries)
    ] == []
    assert find_undeclared_imports(SourceFile("app/x.py", "import requests\n"), libraries)


def test_imports_are_absolute():
    relative_imports = [
        f"{source.path}:{line}"
        for source in read_source_files("app")
        for line, module_name in source.imports
        if module_name.startswith("None.")
    ]
    assert relative_imports == []
    assert SourceFile("app/x.py", "from . import y\n").imports == [(1, "None.y")]
