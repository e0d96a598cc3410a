"""The code base as the tests of the house see it: files, their text, their syntax."""

import ast
import io
import subprocess
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
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
    def functions(self) -> list[Function]:
        """Its functions and methods, however deep."""
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @property
    def imports(self) -> list[tuple[int, str]]:
        """What it imports, as dotted names with their lines: `from a import b` is `a.b`."""
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
        return found

    @property
    def strings(self) -> list[tuple[int, str]]:
        """Its strings but for docstrings, with their lines."""
        tree = self.tree
        owners = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | Function)
        ]
        docs = {
            id(node.body[0].value)
            for node in owners
            if node.body and isinstance(node.body[0], ast.Expr)
        }
        constants = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and id(node) not in docs
        ]
        return [(node.lineno, node.value) for node in constants if isinstance(node.value, str)]

    @property
    def calls(self) -> list[tuple[int, str]]:
        """The dotted names it calls or mentions, spelled in full by its imports, with their lines."""
        names = _spelled_out(self.tree)
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.Attribute, ast.Name)):
                first, dot, rest = ast.unparse(node).partition(".")
                found.append((node.lineno, names.get(first, first) + dot + rest))
        return found


def _spelled_out(tree: ast.Module) -> dict[str, str]:
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            names |= {
                alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names
            }
    return names


def sources(folder: str) -> list[Source]:
    """The Python files below a folder of the repository. Raises: AssertionError when there is none to look at."""
    found = [Source(path, (ROOT / path).read_text(encoding="utf-8")) for path in _python(folder)]
    assert found, f"{folder} holds no Python file: the test would hold nothing"
    return found


def _python(folder: str) -> Iterator[str]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield path.relative_to(ROOT).as_posix()


def ours() -> list[Path]:
    """Every file that is or would be committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]
