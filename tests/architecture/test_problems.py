"""Domain errors know no HTTP: one table, in app/api/http/problems.py, says how each refusal shows."""

import ast
import re
from collections import Counter

from app.api.http.problems import KINDS
from tests.support.house import Source, sources

TABLE = "app/api/http/problems.py"


def codes(source: Source) -> list[str]:
    """The codes that this file's error classes carry."""
    classes = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error")
    ]
    found = []
    for node in classes:
        for line in node.body:
            targets = (
                line.targets
                if isinstance(line, ast.Assign)
                else [line.target]
                if isinstance(line, ast.AnnAssign)
                else []
            )
            value = getattr(line, "value", None)
            if any(ast.unparse(each) == "code" for each in targets) and isinstance(
                value, ast.Constant
            ):
                found.append(str(value.value))
    return found


def statuses_in_mind(source: Source) -> list[str]:
    """Places of the inner rings that think in HTTP."""
    names = re.compile(r"status_code|HTTPException|HTTPStatus|http\.")
    return [f"{source.path}:{line}: {name}" for line, name in source.calls if names.search(name)]


def test_every_error_has_its_row_and_every_row_its_use():
    carried = Counter(code for source in sources("app") for code in codes(source))
    assert set(carried) - set(KINDS) == set(), "errors that the table does not translate"
    assert [code for code, times in carried.items() if times > 1] == [], (
        "codes that two errors share"
    )
    # The table names each code once; a row is used when an error carries it or another line says it.
    said = Counter(text for source in sources("app") for _, text in source.strings)
    assert [code for code in KINDS if said[code] < 2] == [], (
        "rows of the table that nothing refuses with"
    )
    assert codes(Source("app/domain/x.py", 'class XError(Exception):\n    code: str = "x"\n')) == [
        "x"
    ]


def test_a_refusal_shows_as_a_failed_request_with_a_stable_code():
    assert [code for code, kind in KINDS.items() if not 400 <= kind.status <= 599] == []
    assert [code for code in KINDS if not re.fullmatch(r"[a-z]+(-[a-z]+)*", code)] == []


def test_the_inner_rings_know_no_http():
    rings = [
        source
        for ring in ("domain", "scoring", "flows", "store")
        for source in sources(f"app/{ring}")
    ]
    assert [each for source in rings for each in statuses_in_mind(source)] == []
    assert statuses_in_mind(
        Source("app/flows/x.py", "from http import HTTPStatus\nx = HTTPStatus.OK\n")
    )
