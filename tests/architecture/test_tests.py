"""The tests are a house too: each holds something, none is left out quietly, and every room has one."""

import ast
import re

from tests.support.source_files import ROOT, SourceFile, read_source_files

ASSERTION_PATTERN = re.compile(r"\bassert\b|\braises\b|check_|assert_|expect")
# Folders of tests that mirror no ring, and why.
FOLDERS_WITHOUT_MIRROR = {
    "generated_clients": "clients that are generated of the contract",
    "conformance": "the running service against its own document",
    "architecture": "the rules of the code base",
    "migrations": "tests of alembic/",
    "support": "builders and fixtures",
    "reference_model": "the brute-force model that the scores are compared with",
}
# Test files inside a ring that mirror no module of it, and why.
FILES_WITHOUT_MIRROR = {
    "tests/security/test_outsider.py": "the whole service, as an outsider finds it",
    "tests/scoring/test_model.py": "the whole of scoring against the brute-force model",
    "tests/store/test_statements.py": "every statement of the store, as it is executed",
}
# Modules of app/ without a test file of their name, and the test file that holds them instead.
TESTED_ELSEWHERE: dict[str, str] = {
    "app/clock.py": "tests/test_main.py",
    "app/services/sources/record_graph.py": "tests/services/sources/test_reconciliation.py",
    "app/domain/playbook/objectives.py": "tests/domain/playbook/test_validation.py",
    "app/domain/playbook/playbooks.py": "tests/domain/playbook/test_lifecycle.py",
    "app/store/events/ingest_sqlite.py": "tests/store/events/test_ingest.py",
    "app/scoring/result.py": "tests/scoring/test_engine.py",
    "app/scoring/context.py": "tests/scoring/test_engine.py",
    "app/scoring/averages.py": "tests/scoring/components/test_outcomes.py",
    "app/scoring/playbook_index.py": "tests/scoring/test_engine.py",
    "app/scoring/daily_evidence.py": "tests/services/alignment/test_history.py",
    "app/scoring/snapshot.py": "tests/store/alignment/test_evidence_query.py",
    "app/scoring/phrases.py": "tests/scoring/components/test_freshness.py",
    "app/scoring/effort.py": "tests/scoring/components/test_focus.py",
    "app/store/sql/dialect.py": "tests/store/sql/test_database.py",
    "app/security/identifiers.py": "tests/store/sql/test_column_types.py",
    "app/store/operations/migrations.py": "tests/migrations/test_migrations.py",
    "app/store/playbook/journal_history.py": "tests/services/playbook/test_configuration_history.py",
    "app/store/events/metric_restatement.py": "tests/services/events/test_metric_restatement.py",
    "app/store/events/retraction.py": "tests/store/events/test_rollup_rebuild.py",
    "app/store/alignment/daily_evidence_query.py": "tests/services/alignment/test_history.py",
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
    """Whether `tests/ring/test_noun.py` or `test_noun_laws.py` stands for a module or package `app/ring/noun`."""
    folder, _, name = test_path.removeprefix("tests/").rpartition("/")
    app_folder = f"app/{folder}/" if folder else "app/"
    words = name.removeprefix("test_").removesuffix(".py").split("_")
    stems = ["_".join(words[:n]) for n in range(len(words), 0, -1)]
    return any(
        f"{app_folder}{stem}.py" in modules or f"{app_folder}{stem}/__init__.py" in modules
        for stem in stems
    )


def find_untested_modules(modules: list[SourceFile], tests: set[str]) -> list[str]:
    """The modules that act (have a function) and have no test file of their name."""
    untested_paths = []
    for module in modules:
        path = module.path.removeprefix("app/").removesuffix("/__init__.py").removesuffix(".py")
        folder, slash, name = path.rpartition("/")
        test_pattern = re.compile(
            rf"tests/{re.escape(folder + slash)}test_{re.escape(name)}(_\w+)?\.py"
        )
        if module.functions and not any(test_pattern.fullmatch(test) for test in tests):
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


def test_every_module_with_functions_has_a_test_file_or_names_another_one():
    tests = {source.path for source in read_source_files("tests")}
    untested = set(find_untested_modules(read_source_files("app"), tests))
    assert sorted(untested - set(TESTED_ELSEWHERE)) == []
    assert sorted(set(TESTED_ELSEWHERE) - untested) == [], "allowances that are needed no more"
    assert sorted(set(TESTED_ELSEWHERE.values()) - tests) == [], "test files that are not there"
    assert find_untested_modules(
        [SourceFile("app/domain/x.py", "def f(): ...\n")], {"tests/api/test_x.py"}
    ) == ["app/domain/x.py"]


def test_no_folder_of_tests_or_migrations_is_a_package():
    packages = [*(ROOT / "tests").rglob("__init__.py"), *(ROOT / "alembic").rglob("__init__.py")]
    assert packages == [], "alembic/__init__.py would shadow the library; tests/ only mirrors app/"
