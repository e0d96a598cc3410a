"""The tests are a house too: each holds something, none is left out quietly, and every room has one."""

import ast
import re

from tests.support.house import ROOT, Source, sources

HOLDS = re.compile(r"\bassert\b|\braises\b|check_|assert_|expect")
# Folders of tests that mirror no ring, and why.
OF_THEIR_OWN = {
    "architecture": "tests of the repository itself",
    "attack": "the running service as an outsider finds it",
    "clients": "clients that are generated of the contract",
    "conformance": "the running service against its own document",
    "house": "tests of the house itself",
    "migrations": "tests of alembic/",
    "support": "builders and fixtures",
    "model": "the brute-force model that the scores are compared with",
}
# Test files inside a ring that mirror no module of it, and why.
ACROSS_A_RING = {
    "tests/attack/test_outsider.py": "the whole service, as an outsider finds it",
    "tests/scoring/test_model.py": "the whole of scoring against the brute-force model",
    "tests/store/test_statements.py": "every statement of the store, as it is executed",
}
# Modules of app/ without a test file of their name, and the test file that holds them instead.
TESTED_ELSEWHERE: dict[str, str] = {
    "app/clock.py": "tests/test_main.py",
    "app/flows/gathering.py": "tests/flows/test_settling.py",
    "app/domain/objectives.py": "tests/domain/test_rules.py",
    "app/domain/playbooks.py": "tests/domain/test_publishing.py",
    "app/store/embedded_ingest.py": "tests/store/test_ingest.py",
    "app/scoring/alignment.py": "tests/scoring/test_engine.py",
    "app/scoring/context.py": "tests/scoring/test_engine.py",
    "app/scoring/ledger.py": "tests/scoring/test_engine.py",
    "app/scoring/means.py": "tests/scoring/components/test_outcomes.py",
    "app/scoring/plan.py": "tests/scoring/test_engine.py",
    "app/scoring/series.py": "tests/flows/test_history.py",
    "app/scoring/snapshot.py": "tests/store/test_snapshot.py",
    "app/scoring/words.py": "tests/scoring/components/test_freshness.py",
    "app/scoring/work.py": "tests/scoring/components/test_focus.py",
    "app/store/dialect.py": "tests/store/test_database.py",
    "app/store/ids.py": "tests/store/test_types.py",
    "app/store/migrations.py": "tests/migrations/test_migrations.py",
    "app/store/past.py": "tests/flows/test_past.py",
    "app/store/restatements.py": "tests/flows/test_restatement.py",
    "app/store/retract.py": "tests/store/test_rebuild.py",
    "app/store/series.py": "tests/flows/test_history.py",
}


def idle_tests(source: Source) -> list[str]:
    tests = [node for node in source.functions if node.name.startswith("test_")]
    texts = {node: ast.get_source_segment(source.text, node) or "" for node in tests}
    return [
        f"{source.path}:{node.lineno}: {node.name} asserts nothing" for node in tests if not HOLDS.search(texts[node])
    ]


def left_out_tests(source: Source) -> list[str]:
    return [
        f"{source.path}:{node.lineno}: {node.name} is skipped or expected to fail"
        for node in source.functions
        for decorator in node.decorator_list
        if re.search(r"\bmark\.(skip|skipif|xfail)\b", ast.unparse(decorator))
    ]


def mirrored(test: str, modules: set[str]) -> bool:
    """Whether `tests/ring/test_noun.py` or `test_noun_laws.py` stands for a module or package `app/ring/noun`."""
    folder, _, name = test.removeprefix("tests/").rpartition("/")
    room = f"app/{folder}/" if folder else "app/"
    words = name.removeprefix("test_").removesuffix(".py").split("_")
    stems = ["_".join(words[:n]) for n in range(len(words), 0, -1)]
    return any(f"{room}{stem}.py" in modules or f"{room}{stem}/__init__.py" in modules for stem in stems)


def untested(modules: list[Source], tests: set[str]) -> list[str]:
    """The modules that act (have a function) and have no test file of their name."""
    found = []
    for module in modules:
        path = module.path.removeprefix("app/").removesuffix("/__init__.py").removesuffix(".py")
        folder, slash, name = path.rpartition("/")
        own = re.compile(rf"tests/{re.escape(folder + slash)}test_{re.escape(name)}(_\w+)?\.py")
        if module.functions and not any(own.fullmatch(test) for test in tests):
            found.append(module.path)
    return found


def test_every_test_asserts_something():
    assert [each for source in sources("tests") for each in idle_tests(source)] == []
    assert idle_tests(Source("tests/test_x.py", "async def test_x():\n    x = 1\n"))


def test_no_test_is_skipped_or_expected_to_fail():
    assert [each for source in sources("tests") for each in left_out_tests(source)] == []
    assert left_out_tests(Source("tests/test_x.py", "@pytest.mark.skip\ndef test_x():\n    assert x\n"))


def test_every_test_file_mirrors_a_module():
    modules = {source.path for source in sources("app")}
    files = [source.path for source in sources("tests") if source.path.rpartition("/")[2].startswith("test_")]
    mirrors = [path for path in files if path.split("/")[1] not in OF_THEIR_OWN]
    assert [path for path in mirrors if not mirrored(path, modules) and path not in ACROSS_A_RING] == []
    assert not mirrored("tests/domain/test_nothing.py", {"app/domain/deals.py", "app/api/nothing.py"})
    assert mirrored("tests/domain/test_deals_laws.py", {"app/domain/deals.py"})


def test_every_module_that_acts_has_a_test_file_or_says_what_tests_it():
    tests = {source.path for source in sources("tests")}
    without = set(untested(sources("app"), tests))
    assert sorted(without - set(TESTED_ELSEWHERE)) == []
    assert sorted(set(TESTED_ELSEWHERE) - without) == [], "allowances that are needed no more"
    assert sorted(set(TESTED_ELSEWHERE.values()) - tests) == [], "test files that are not there"
    assert untested([Source("app/domain/x.py", "def f(): ...\n")], {"tests/api/test_x.py"}) == ["app/domain/x.py"]


def test_no_folder_of_tests_or_migrations_is_a_package():
    packages = [*(ROOT / "tests").rglob("__init__.py"), *(ROOT / "alembic").rglob("__init__.py")]
    assert packages == [], "alembic/__init__.py would shadow the library; tests/ only mirrors app/"
