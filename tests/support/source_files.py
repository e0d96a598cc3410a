"""The repository as the tests of the code base read it: files, text, syntax trees."""

import ast
import io
import subprocess
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Programs write these folders; git ignores them.
GENERATED_FOLDERS = ("openapi/clients/", "openapi/node_modules/")
# The folders whose Python files people write.
PYTHON_FOLDERS = ("app", "tests", "benchmarks", "openapi", "alembic", "docs")
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One Python file."""

    # Relative to the repository, with forward slashes.
    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return _parse(self.path, self.text)

    @property
    def comments(self) -> list[tuple[int, str]]:
        """The comments with their line numbers. Text in strings is not a comment."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [
            (token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT
        ]

    @property
    def functions(self) -> list[FunctionNode]:
        """All functions and methods, nested ones included."""
        return [node for node in ast.walk(self.tree) if isinstance(node, FunctionNode)]

    @property
    def imports(self) -> list[tuple[int, str]]:
        """The imported dotted names with their line numbers: `from a import b` is `a.b`."""
        imported_names = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                imported_names += [(node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                imported_names += [
                    (node.lineno, f"{node.module}.{alias.name}") for alias in node.names
                ]
        return imported_names

    @property
    def strings(self) -> list[tuple[int, str]]:
        """The strings with their line numbers, docstrings excluded."""
        tree = self.tree
        documented_nodes = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | FunctionNode)
        ]
        docstring_ids = {
            id(node.body[0].value)
            for node in documented_nodes
            if node.body and isinstance(node.body[0], ast.Expr)
        }
        constants = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and id(node) not in docstring_ids
        ]
        return [(node.lineno, node.value) for node in constants if isinstance(node.value, str)]

    @property
    def references(self) -> list[tuple[int, str]]:
        """The dotted names that the file uses, in full by its imports, with their line numbers."""
        full_names = _resolve_import_names(self.tree)
        references = []
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.Attribute, ast.Name)):
                head, dot, tail = ast.unparse(node).partition(".")
                references.append((node.lineno, full_names.get(head, head) + dot + tail))
        return references


@cache
def _parse(path: str, text: str) -> ast.Module:
    return ast.parse(text, path)


def _resolve_import_names(tree: ast.Module) -> dict[str, str]:
    full_names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            full_names |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            full_names |= {
                alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names
            }
    return full_names


def read_source_files(folder: str) -> list[SourceFile]:
    """Return the Python files below a folder of the repository.

    Raises: AssertionError when the folder has none, because a test would then check nothing.
    """
    files = [
        SourceFile(path, (ROOT / path).read_text(encoding="utf-8"))
        for path in _list_python_files(folder)
    ]
    assert files, f"{folder} has no Python file: the test would check nothing"
    return files


def read_python_files() -> list[SourceFile]:
    """Return the Python files of the whole repository."""
    return [
        SourceFile(path, (ROOT / path).read_text(encoding="utf-8"))
        for folder in PYTHON_FOLDERS
        for path in _list_python_files(folder)
    ]


def _list_python_files(folder: str) -> Iterator[str]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        relative_path = path.relative_to(ROOT).as_posix()
        if not relative_path.startswith(GENERATED_FOLDERS):
            yield relative_path


def list_repository_files() -> list[Path]:
    """Return every file that is committed or would be committed by `git add`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    file_names = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [
        ROOT / file_name for file_name in file_names if file_name and (ROOT / file_name).is_file()
    ]
