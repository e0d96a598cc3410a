"""Limits on the size of modules, functions and folders, and a reason for each exception."""

import ast
import re
from collections import Counter

from tests.support.source_files import FunctionNode, SourceFile, read_source_files

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 50
MAX_FOLDER_MODULES = 17
# An ignore names its code, then its reason after a second `#`.
EXPLAINED_IGNORE = re.compile(r"#\s*type:\s*ignore\[[a-z0-9, -]+\]\s+#\s*\S")
EXPLAINED_NOQA = re.compile(r"#\s*noqa:\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*\s+#\s*\S", re.IGNORECASE)


def find_long_modules(source: SourceFile) -> list[str]:
    lines = source.text.count("\n")
    if lines <= MAX_MODULE_LINES:
        return []
    return [f"{source.path}: {lines} lines, at most {MAX_MODULE_LINES}"]


def find_long_functions(source: SourceFile) -> list[str]:
    sizes = {node: (node.end_lineno or node.lineno) - node.lineno + 1 for node in source.functions}
    return [
        f"{source.path}:{node.lineno}: {node.name} has {size} lines, at most {MAX_FUNCTION_LINES}"
        for node, size in sizes.items()
        if size > MAX_FUNCTION_LINES
    ]


def find_large_folders(sources: list[SourceFile]) -> list[str]:
    sizes = Counter(source.path.rpartition("/")[0] for source in sources)
    return [
        f"{folder}: {size} modules, at most {MAX_FOLDER_MODULES}"
        for folder, size in sizes.items()
        if size > MAX_FOLDER_MODULES
    ]


def find_inner_imports(source: SourceFile) -> list[str]:
    return [
        f"{source.path}:{inner.lineno}: {node.name} imports inside a function"
        for node in source.functions
        for inner in ast.walk(node)
        if isinstance(inner, (ast.Import, ast.ImportFrom))
    ]


def find_unexplained_ignores(source: SourceFile) -> list[str]:
    return [
        f"{source.path}:{line}: an ignore without its code and its reason"
        for line, comment in source.comments
        if (re.search(r"type:\s*ignore", comment) and not EXPLAINED_IGNORE.search(comment))
        or (re.search(r"\bnoqa\b", comment, re.IGNORECASE) and not EXPLAINED_NOQA.search(comment))
    ]


def find_unexplained_any(source: SourceFile) -> list[str]:
    """Return public signatures that use Any without a comment that says why.

    The comment is in the signature or on the line above it.
    """
    lines = source.text.splitlines()
    violations = []
    for node in source.functions:
        first_line = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        signature = "\n".join(
            lines[max(first_line - 2, 0) : node.body[0].lineno - 1] or [lines[node.lineno - 1]]
        )
        if (
            not node.name.startswith("_")
            and _mentions_any(node)
            and not re.search(r"#.*\bAny\b", signature)
        ):
            violations.append(
                f"{source.path}:{node.lineno}: {node.name} takes or gives Any and does not say why"
            )
    return violations


def _mentions_any(node: FunctionNode) -> bool:
    arguments = [
        *node.args.posonlyargs,
        *node.args.args,
        *node.args.kwonlyargs,
        node.args.vararg,
        node.args.kwarg,
    ]
    annotations = [argument.annotation for argument in arguments if argument] + [node.returns]
    return any(
        re.search(r"\bAny\b", ast.unparse(annotation)) for annotation in annotations if annotation
    )


def test_no_module_is_longer_than_its_ceiling():
    assert [
        violation for source in read_source_files("app") for violation in find_long_modules(source)
    ] == []
    assert find_long_modules(SourceFile("app/x.py", "\n" * 401))
    assert not find_long_modules(SourceFile("app/x.py", "\n" * 400))


def test_no_function_is_longer_than_its_ceiling():
    assert [
        violation
        for source in read_source_files("app")
        for violation in find_long_functions(source)
    ] == []
    assert find_long_functions(SourceFile("app/x.py", "async def f():\n" + "    x = 1\n" * 50))
    assert not find_long_functions(SourceFile("app/x.py", "def f():\n" + "    x = 1\n" * 49))


def test_no_folder_has_more_modules_than_its_ceiling():
    assert find_large_folders([*read_source_files("app"), *read_source_files("tests")]) == []
    modules = [SourceFile(f"app/a/x{number}.py", "") for number in range(18)]
    assert find_large_folders(modules)
    assert not find_large_folders(modules[1:])


def test_no_function_imports():
    assert [
        violation for source in read_source_files("app") for violation in find_inner_imports(source)
    ] == []
    assert find_inner_imports(
        SourceFile("app/x.py", "class A:\n    def f(self):\n        import os\n")
    )


def test_every_ignore_has_its_code_and_its_reason():
    source_files = [
        *read_source_files("app"),
        *read_source_files("alembic"),
        *read_source_files("tests"),
    ]
    assert [
        violation for source in source_files for violation in find_unexplained_ignores(source)
    ] == []
    for bad in (
        "type: ignore",
        "type: ignore[misc]",
        "noqa",
        "noqa: E501",
        "type: ignore  # why not",
    ):
        assert find_unexplained_ignores(SourceFile("app/x.py", f"x = 1  # {bad}\n")), bad
    for good in (
        "type: ignore[misc]  # the stub is wrong",
        "noqa: S608  # a constant",
        "noqa: S1, S2  # both",
    ):
        assert not find_unexplained_ignores(SourceFile("app/x.py", f"x = 1  # {good}\n")), good


def test_any_in_a_public_signature_says_why():
    assert [
        violation
        for source in read_source_files("app")
        for violation in find_unexplained_any(source)
    ] == []
    assert find_unexplained_any(
        SourceFile("app/x.py", "def f(a: dict[str, Any]) -> None:\n    pass\n")
    )
    assert find_unexplained_any(SourceFile("app/x.py", "def f() -> Any:\n    pass\n"))
    assert not find_unexplained_any(
        SourceFile("app/x.py", "# Any: JSON is what it is\ndef f(a: Any) -> None:\n    pass\n")
    )
    assert not find_unexplained_any(SourceFile("app/x.py", "def _f(a: Any) -> None:\n    pass\n"))
