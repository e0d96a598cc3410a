"""Tests mirror app/, each asserts something, and none is skipped."""

import ast
import re

from tests.support.source_files import ROOT, SourceFile, read_source_files

ASSERTION_PATTERN = re.compile(r"\bassert\b|\braises\b|check_|assert_|expect")
# Folders of tests that mirror no folder of app/, and why.
FOLDERS_WITHOUT_MIRROR = {
    "architecture": "the rules of the code base",
    "conformance": "the running service against its own OpenAPI document",
    "generated_clients": "clients that are generated from the OpenAPI document",
    "migrations": "tests of alembic/",
    "reference_model": "the independent model that scores are compared with",
    "support": "builders and fixtures",
}
# Test files that lie in a mirrored folder and mirror none of its modules, and why.
FILES_WITHOUT_MIRROR = {
    "tests/security/test_outsider.py": "the whole service, as an attacker sees it",
    "tests/scoring/test_model.py": "all of scoring against the reference model",
    "tests/store/test_statements.py": "every statement of the store, as the database executes it",
}


def find_tests_without_assertion(source: SourceFile) -> list[str]:
    tests = [node for node in source.functions if node.name.startswith("test_")]
    texts = {node: ast.get_source_segment(source.text, node) or "" for node in tests}
    return [
        f"{source.path}:{node.lineno}: {node.name} asserts nothing"
        for node in tests
        if not ASSERTION_PATTERN.search(texts[node])
    ]


def find_skipped_tests(source: SourceFile) -> list[str]:
    return [
        f"{source.path}:{node.lineno}: {node.name} is skipped or expected to fail"
        for node in source.functions
        for decorator in node.decorator_list
        if re.search(r"\bmark\.(skip|skipif|xfail)\b", ast.unparse(decorator))
    ]


def has_mirrored_module(test_path: str, modules: set[str]) -> bool:
    """Return True if `tests/layer/test_noun.py` or `test_noun_laws.py` has its `app/layer/noun`."""
    folder, _, file_name = test_path.removeprefix("tests/").rpartition("/")
    app_folder = f"app/{folder}/" if folder else "app/"
    words = file_name.removeprefix("test_").removesuffix(".py").split("_")
    stems = ["_".join(words[:n]) for n in range(len(words), 0, -1)]
    return any(
        f"{app_folder}{stem}.py" in modules or f"{app_folder}{stem}/__init__.py" in modules
        for stem in stems
    )


def find_untested_modules(modules: list[SourceFile], tests: set[str]) -> list[str]:
    """Return the modules with functions for which no test of their name or folder exists."""
    tested_folders = {path.rpartition("/")[0] for path in tests}
    untested_paths = []
    for module in modules:
        path = module.path.removeprefix("app/").removesuffix("/__init__.py").removesuffix(".py")
        folder, slash, file_name = path.rpartition("/")
        test_pattern = re.compile(
            rf"tests/{re.escape(folder + slash)}test_{re.escape(file_name)}(_\w+)?\.py"
        )
        is_tested = any(test_pattern.fullmatch(test) for test in tests)
        if (
            module.functions
            and not is_tested
            and f"tests/{folder}".rstrip("/") not in tested_folders
        ):
            untested_paths.append(module.path)
    return untested_paths


def test_every_test_asserts_something():
    assert [
        violation
        for source in read_source_files("tests")
        for violation in find_tests_without_assertion(source)
    ] == []
    assert find_tests_without_assertion(
        SourceFile("tests/test_x.py", "async def test_x():\n    x = 1\n")
    )


def test_no_test_is_skipped_or_expected_to_fail():
    assert [
        violation
        for source in read_source_files("tests")
        for violation in find_skipped_tests(source)
    ] == []
    assert find_skipped_tests(
        SourceFile("tests/test_x.py", "@pytest.mark.skip\ndef test_x():\n    assert x\n")
    )


def test_every_test_file_mirrors_a_module():
    modules = {source.path for source in read_source_files("app")}
    files = [
        source.path
        for source in read_source_files("tests")
        if source.path.rpartition("/")[2].startswith("test_")
    ]
    mirror_files = [path for path in files if path.split("/")[1] not in FOLDERS_WITHOUT_MIRROR]
    assert [
        path
        for path in mirror_files
        if not has_mirrored_module(path, modules) and path not in FILES_WITHOUT_MIRROR
    ] == []
    assert not has_mirrored_module(
        "tests/domain/test_nothing.py", {"app/domain/sources/crm/deals.py", "app/api/nothing.py"}
    )
    assert has_mirrored_module("tests/domain/x/test_deals_laws.py", {"app/domain/x/deals.py"})


def test_every_module_with_functions_is_tested_by_name_or_by_its_folder():
    tests = {
        source.path
        for source in read_source_files("tests")
        if source.path.rpartition("/")[2].startswith("test_")
    }
    assert find_untested_modules(read_source_files("app"), tests) == []
    module = SourceFile("app/domain/x/y.py", "def f(): ...\n")
    assert find_untested_modules([module], {"tests/domain/test_y.py"}) == ["app/domain/x/y.py"]
    assert not find_untested_modules([module], {"tests/domain/x/test_z.py"})


def test_no_folder_of_tests_or_migrations_is_a_package():
    packages = [*(ROOT / "tests").rglob("__init__.py"), *(ROOT / "alembic").rglob("__init__.py")]
    assert packages == [], "alembic/__init__.py would shadow the library; tests/ needs none"
