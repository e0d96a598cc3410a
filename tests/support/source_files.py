"""The code base as the tests of the house see it: files, their text, their syntax."""

import ast
import io
import subprocess
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One Python file. Shape: `path` is relative to the repository, with slashes."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.text, self.path)

    @property
    def comments(self) -> list[tuple[int, str]]:
        """Its comments with their lines; text in strings is none."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [
            (token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT
        ]

    @property
    def functions(self) -> list[FunctionNode]:
        """Its functions and methods, however deep."""
        return [node for node in ast.walk(self.tree) if isinstance(node, FunctionNode)]

    @property
    def imports(self) -> list[tuple[int, str]]:
        """What it imports, as dotted names with their lines: `from a import b` is `a.b`."""
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
        """Its strings but for docstrings, with their lines."""
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
        """The dotted names it calls or mentions, spelled in full by its imports, with their lines."""
        full_names = _resolve_import_names(self.tree)
        references = []
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.Attribute, ast.Name)):
                head, dot, tail = ast.unparse(node).partition(".")
                references.append((node.lineno, full_names.get(head, head) + dot + tail))
        return references


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
    """The Python files below a folder of the repository. Raises: AssertionError when there is none to look at."""
    files = [
        SourceFile(path, (ROOT / path).read_text(encoding="utf-8"))
        for path in _list_python_files(folder)
    ]
    assert files, f"{folder} holds no Python file: the test would hold nothing"
    return files


def _list_python_files(folder: str) -> Iterator[str]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield path.relative_to(ROOT).as_posix()


def list_repository_files() -> list[Path]:
    """Every file that is or would be committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    file_names = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [ROOT / name for name in file_names if name and (ROOT / name).is_file()]
