"""Domain errors know no HTTP: one table in app/api/http/problems.py maps each to a problem."""

import ast
import re
from collections import Counter

from app.api.http.problems import PROBLEM_KINDS
from tests.support.source_files import SourceFile, read_source_files

TABLE = "app/api/http/problems.py"


def find_error_codes(source: SourceFile) -> list[str]:
    """Return the codes of the error classes that this file defines."""
    classes = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error")
    ]
    codes = []
    for node in classes:
        for statement in node.body:
            targets = (
                statement.targets
                if isinstance(statement, ast.Assign)
                else [statement.target]
                if isinstance(statement, ast.AnnAssign)
                else []
            )
            value = getattr(statement, "value", None)
            if any(ast.unparse(target) == "code" for target in targets) and isinstance(
                value, ast.Constant
            ):
                codes.append(str(value.value))
    return codes


def find_http_references(source: SourceFile) -> list[str]:
    """Return the uses of HTTP terms in a file of the inner layers."""
    names = re.compile(r"status_code|HTTPException|HTTPStatus|http\.")
    return [
        f"{source.path}:{line}: {reference}"
        for line, reference in source.references
        if names.search(reference)
    ]


def test_every_error_has_its_row_and_every_row_its_use():
    code_counts = Counter(
        code for source in read_source_files("app") for code in find_error_codes(source)
    )
    assert set(code_counts) - set(PROBLEM_KINDS) == set(), (
        "errors that the table does not translate"
    )
    assert [code for code, times in code_counts.items() if times > 1] == [], (
        "codes that two errors share"
    )
    # The table names each code once. A row is used when an error has its code,
    # or when another line names it.
    string_counts = Counter(
        text for source in read_source_files("app") for _, text in source.strings
    )
    assert [code for code in PROBLEM_KINDS if string_counts[code] < 2] == [], (
        "rows of the table that nothing refuses with"
    )
    assert find_error_codes(
        SourceFile("app/domain/x.py", 'class XError(Exception):\n    code: str = "x"\n')
    ) == ["x"]


def test_a_refusal_shows_as_a_failed_request_with_a_stable_code():
    assert [code for code, kind in PROBLEM_KINDS.items() if not 400 <= kind.status <= 599] == []
    assert [code for code in PROBLEM_KINDS if not re.fullmatch(r"[a-z]+(-[a-z]+)*", code)] == []


def test_the_inner_layers_know_no_http():
    source_files = [
        source
        for package in ("domain", "scoring", "connectors", "store", "services")
        for source in read_source_files(f"app/{package}")
    ]
    assert [
        violation for source in source_files for violation in find_http_references(source)
    ] == []
    assert find_http_references(
        SourceFile("app/services/x.py", "from http import HTTPStatus\nx = HTTPStatus.OK\n")
    )
