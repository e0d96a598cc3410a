"""Docstrings are plain technical English (docs/style.md)."""

import ast
import re
from collections.abc import Iterator

from tests.support.imperative_verbs import VERBS
from tests.support.source_files import (
    FunctionNode,
    SourceFile,
    read_python_files,
    read_source_files,
)

MAX_SENTENCE_WORDS = 25
IDIOM_PATTERN = re.compile(r"\bNone when\b[^.\n]*: `|\bShape: |\bUnits: ")
MOODLESS_DECORATOR_PATTERN = re.compile(r"property\b|\bfixture\b|\.(setter|deleter)$|\boverload\b")


def list_docstrings(source: SourceFile) -> Iterator[tuple[ast.AST, int, str]]:
    """Yield each documented module, class or function with the docstring's line and text."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Module | ast.ClassDef | FunctionNode):
            text = ast.get_docstring(node)
            if text:
                yield node, node.body[0].lineno, text


def has_no_mood(node: ast.AST) -> bool:
    """Return True for docstrings that describe a noun: of properties, fixtures and tests."""
    return (
        not isinstance(node, FunctionNode)
        or node.name.startswith("test_")
        or any(
            MOODLESS_DECORATOR_PATTERN.search(ast.unparse(decorator).split("(")[0])
            for decorator in node.decorator_list
        )
    )


def find_docstrings_without_verb(source: SourceFile) -> list[str]:
    return [
        f"{source.path}:{line}: {text.splitlines()[0]}"
        for node, line, text in list_docstrings(source)
        if not has_no_mood(node) and text.split()[0].strip(".,:;") not in VERBS
    ]


def split_sentences(text: str) -> list[str]:
    """Split a docstring into sentences. A blank line and a list mark end a sentence, too."""
    paragraphs = re.split(r"\n\s*\n|\n\s*(?:[-*]|\d+\.)\s", text)
    return [part for text in paragraphs for part in re.split(r"(?<=[.!?])\s+", text)]


def count_words(text: str) -> int:
    """Count words. Code in backticks counts as one."""
    return len(re.sub(r"`[^`]*`", "code", text).split())


def find_unclear_docstrings(source: SourceFile) -> list[str]:
    """Return the docstrings with a sentence that is too long or with a private idiom."""
    violations = []
    for _, line, text in list_docstrings(source):
        violations += [
            f"{source.path}:{line}: a sentence of {count} words"
            for count in map(count_words, split_sentences(text))
            if count > MAX_SENTENCE_WORDS
        ]
        violations += [
            f"{source.path}:{line}: the idiom {idiom[0]!r}"
            for idiom in IDIOM_PATTERN.finditer(text)
        ]
    return violations


def test_docstrings_of_functions_begin_with_a_verb():
    assert [
        violation
        for source in read_python_files()
        for violation in find_docstrings_without_verb(source)
    ] == []
    for docstring in ("The score.", "Whether it is so.", "Returns the score.", "None when absent."):
        code = f'def f():\n    """{docstring}"""\n'
        assert find_docstrings_without_verb(SourceFile("app/x.py", code)), docstring
    assert find_docstrings_without_verb(
        SourceFile("app/x.py", 'class A:\n    async def f(self):\n        """The score."""\n')
    )
    for code in (
        'def f():\n    """Return the score."""\n',
        '@property\ndef f():\n    """The score."""\n',
        '@pytest.fixture\ndef f():\n    """A score."""\n',
        'class A:\n    """A score."""\n',
    ):
        assert not find_docstrings_without_verb(SourceFile("app/x.py", code)), code


def test_docstrings_have_short_sentences_and_no_private_idioms():
    assert [
        violation
        for source in read_source_files("app")
        for violation in find_unclear_docstrings(source)
    ] == []
    for text in (
        "word " * 26 + "end.",
        "Return it. None when it is absent: `x`.",
        "Shape: a list.",
        "Units: seconds.",
    ):
        assert find_unclear_docstrings(SourceFile("app/x.py", f'"""{text}"""\n')), text
    assert not find_unclear_docstrings(
        SourceFile("app/x.py", '"""' + ("word " * 24 + "end. ") * 2 + '"""\n')
    )
