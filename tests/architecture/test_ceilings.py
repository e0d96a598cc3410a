"""In every large code base the tail is terrible: the ceilings are numbers, and these tests hold them."""

import ast
import re

from tests.support.house import Function, Source, sources

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 50
# An ignore names its code, and then, after another #, its reason.
REASONED_IGNORE = re.compile(r"#\s*type:\s*ignore\[[a-z0-9, -]+\]\s+#\s*\S")
REASONED_NOQA = re.compile(r"#\s*noqa:\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*\s+#\s*\S", re.IGNORECASE)


def long_modules(source: Source) -> list[str]:
    lines = source.text.count("\n")
    if lines <= MAX_MODULE_LINES:
        return []
    return [f"{source.path}: {lines} lines, at most {MAX_MODULE_LINES}"]


def long_functions(source: Source) -> list[str]:
    sizes = {node: (node.end_lineno or node.lineno) - node.lineno + 1 for node in source.functions}
    return [
        f"{source.path}:{node.lineno}: {node.name} has {size} lines, at most {MAX_FUNCTION_LINES}"
        for node, size in sizes.items()
        if size > MAX_FUNCTION_LINES
    ]


def inner_imports(source: Source) -> list[str]:
    return [
        f"{source.path}:{inner.lineno}: {node.name} imports inside a function"
        for node in source.functions
        for inner in ast.walk(node)
        if isinstance(inner, (ast.Import, ast.ImportFrom))
    ]


def unreasoned_ignores(source: Source) -> list[str]:
    return [
        f"{source.path}:{line}: an ignore without its code and its reason"
        for line, comment in source.comments
        if (re.search(r"type:\s*ignore", comment) and not REASONED_IGNORE.search(comment))
        or (re.search(r"\bnoqa\b", comment, re.IGNORECASE) and not REASONED_NOQA.search(comment))
    ]


def unreasoned_any(source: Source) -> list[str]:
    """Public signatures with Any in them and no comment, in the signature or right above it, that says why."""
    lines = source.text.splitlines()
    found = []
    for node in source.functions:
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        signature = "\n".join(
            lines[max(first - 2, 0) : node.body[0].lineno - 1] or [lines[node.lineno - 1]]
        )
        if (
            not node.name.startswith("_")
            and _mentions_any(node)
            and not re.search(r"#.*\bAny\b", signature)
        ):
            found.append(
                f"{source.path}:{node.lineno}: {node.name} takes or gives Any and does not say why"
            )
    return found


def _mentions_any(node: Function) -> bool:
    arguments = [
        *node.args.posonlyargs,
        *node.args.args,
        *node.args.kwonlyargs,
        node.args.vararg,
        node.args.kwarg,
    ]
    annotations = [argument.annotation for argument in arguments if argument] + [node.returns]
    return any(re.search(r"\bAny\b", ast.unparse(each)) for each in annotations if each)


def test_no_module_is_longer_than_its_ceiling():
    assert [each for source in sources("app") for each in long_modules(source)] == []
    assert long_modules(Source("app/x.py", "\n" * 401))
    assert not long_modules(Source("app/x.py", "\n" * 400))


def test_no_function_is_longer_than_its_ceiling():
    assert [each for source in sources("app") for each in long_functions(source)] == []
    assert long_functions(Source("app/x.py", "async def f():\n" + "    x = 1\n" * 50))
    assert not long_functions(Source("app/x.py", "def f():\n" + "    x = 1\n" * 49))


def test_no_function_imports():
    assert [each for source in sources("app") for each in inner_imports(source)] == []
    assert inner_imports(Source("app/x.py", "class A:\n    def f(self):\n        import os\n"))


def test_every_ignore_has_its_code_and_its_reason():
    everywhere = [*sources("app"), *sources("alembic"), *sources("tests")]
    assert [each for source in everywhere for each in unreasoned_ignores(source)] == []
    for bad in (
        "type: ignore",
        "type: ignore[misc]",
        "noqa",
        "noqa: E501",
        "type: ignore  # why not",
    ):
        assert unreasoned_ignores(Source("app/x.py", f"x = 1  # {bad}\n")), bad
    for good in (
        "type: ignore[misc]  # the stub is wrong",
        "noqa: S608  # a constant",
        "noqa: S1, S2  # both",
    ):
        assert not unreasoned_ignores(Source("app/x.py", f"x = 1  # {good}\n")), good


def test_any_in_a_public_signature_says_why():
    assert [each for source in sources("app") for each in unreasoned_any(source)] == []
    assert unreasoned_any(Source("app/x.py", "def f(a: dict[str, Any]) -> None:\n    pass\n"))
    assert unreasoned_any(Source("app/x.py", "def f() -> Any:\n    pass\n"))
    assert not unreasoned_any(
        Source("app/x.py", "# Any: JSON is what it is\ndef f(a: Any) -> None:\n    pass\n")
    )
    assert not unreasoned_any(Source("app/x.py", "def _f(a: Any) -> None:\n    pass\n"))
