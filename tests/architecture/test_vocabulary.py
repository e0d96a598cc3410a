"""Names are plain technical English (docs/style.md)."""

import ast
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache

from tests.support.source_files import (
    PYTHON_FOLDERS,
    ROOT,
    FunctionNode,
    SourceFile,
    read_python_files,
)

CONTRACT = ROOT / "openapi" / "openapi.json"
# Words that say nothing about a value, or that only this project used for a standard term.
DENIED_NAMES = frozenset(
    """
    about again another anew asked at_once bare came cut desk dice done each enough errand found
    fresh gather gathered given goes gone halves heard hidden home homes hooked house its judge
    judged keeper kept kin known lane lanes lasts letters listed lives made mine most
    never nobody nor nothing nowhere of one others own pencil place places promise put_away relive
    ring rings room said seldom sentence settle settled settles settling shall shown some spared
    standing stranger sure taken telling that these thing things this those together told trouble
    twice under_way wanted wanting was went what whatever whoever whole whom whose
    """.split()  # noqa: SIM905  # a list of words, not of strings
)
# Words that are denied in a compound name too, because no standard term contains them.
DENIED_WORDS = frozenset(
    """
    anew asked desk dice errand gather gathered gone heard hooked house judge judged keeper kept
    kin lane lanes letters mine pencil relive ring rings room said seldom settle settled
    settles settling spared stranger telling thing things told wanted wanting whatever whoever
    whom whose
    """.split()  # noqa: SIM905  # a list of words, not of strings
)
LAYER_SUFFIXES = ("store", "service", "api", "domain")
MAX_NAME_SHARE = 0.01  # of all assignments of names
NAMED_NODES = (
    ast.ClassDef,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ExceptHandler,
    ast.MatchAs,
    ast.MatchStar,
)


@cache
def get_contract_names() -> frozenset[str]:
    """Return the properties and parameters of the OpenAPI document: their names are a promise."""
    names: set[str] = set()
    pending: list[object] = [json.loads(CONTRACT.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            properties = node.get("properties")
            if isinstance(properties, dict):
                names |= set(properties)
            if "in" in node and isinstance(node.get("name"), str):
                names.add(node["name"])
            pending += node.values()
        elif isinstance(node, list):
            pending += node
    return frozenset(names)


def split_words(name: str) -> list[str]:
    """Split a name in snake case or camel case into lower-case words."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def is_denied(name: str) -> bool:
    words = split_words(name)
    return "_".join(words) in DENIED_NAMES or not DENIED_WORDS.isdisjoint(words)


def list_given_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each name that the code chooses, with its line.

    Skip fields and parameters of the public contract, and test functions, which are sentences.
    """
    contract_fields = {
        statement.target
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
        and ast.unparse(statement.target) in get_contract_names()
    }
    for node in ast.walk(tree):
        if node in contract_fields or (
            isinstance(node, ast.arg) and node.arg in get_contract_names()
        ):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, NAMED_NODES) and node.name:
            if not (isinstance(node, FunctionNode) and node.name.startswith("test_")):
                yield node.lineno, node.name
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname


def find_denied_names(source: SourceFile) -> list[str]:
    module_names = [
        name.removesuffix(".py") for name in source.path.split("/") if not name.startswith("test_")
    ]
    return [
        *(f"{source.path}: module or folder {name}" for name in module_names if is_denied(name)),
        *(
            f"{source.path}:{line}: {name}"
            for line, name in sorted(set(list_given_names(source.tree)))
            if is_denied(name)
        ),
    ]


def count_assignments(sources: list[SourceFile]) -> tuple[Counter[str], int]:
    """Count the assignments of each local name, and all assignments of names."""
    local_counts: Counter[str] = Counter()
    total = 0
    for source in sources:
        local_nodes = {
            node
            for function in source.functions
            for node in ast.walk(function)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        local_counts.update(node.id for node in local_nodes if node.id != "_")
        total += sum(
            isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            for node in ast.walk(source.tree)
        )
    return local_counts, total


def find_overused_names(sources: list[SourceFile]) -> list[str]:
    local_counts, total = count_assignments(sources)
    return [
        f"{name}: {count} of {total} assignments, at most {MAX_NAME_SHARE:.0%}"
        for name, count in local_counts.most_common()
        if count > MAX_NAME_SHARE * total
    ]


def collect_module_bindings(sources: list[SourceFile]) -> dict[str, dict[str, list[str]]]:
    """Return the locations of all imports of modules, by module and by bound name."""
    project_modules = {
        source.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for source in sources
    }
    bindings: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Import):
                aliases = [
                    (alias.name, alias.asname or alias.name)
                    for alias in node.names
                    if alias.asname or "." not in alias.name
                ]
            elif isinstance(node, ast.ImportFrom):
                aliases = [
                    (f"{node.module}.{alias.name}", alias.asname or alias.name)
                    for alias in node.names
                    if f"{node.module}.{alias.name}" in project_modules
                ]
            else:
                continue
            for module, name in aliases:
                bindings[module][name].append(f"{source.path}:{node.lineno}")
    return bindings


def find_module_aliases(sources: list[SourceFile]) -> list[str]:
    """Return imports of a module under a second name, and of project modules under a foreign one.

    A module keeps its own name. Where two modules of one name meet, the layer is appended.
    """
    violations = []
    for module, locations_by_name in sorted(collect_module_bindings(sources).items()):
        usual_name = max(locations_by_name, key=lambda name: (len(locations_by_name[name]), name))
        own_name = module.rpartition(".")[2]
        allowed_names = {own_name, *(f"{own_name}_{layer}" for layer in LAYER_SUFFIXES)}
        is_project_module = module.partition(".")[0] in PYTHON_FOLDERS
        for name, locations in sorted(locations_by_name.items()):
            if name != usual_name:
                violations.append(f"{locations[0]}: {module} as {name}, elsewhere {usual_name}")
            elif name not in allowed_names and is_project_module:
                violations.append(f"{locations[0]}: {module} as {name}, not as {own_name}")
    return violations


def find_packed_assignments(source: SourceFile) -> list[str]:
    """Return assignments with a tuple written out on both sides.

    A swap is allowed: it reads on the right what it assigns on the left.
    """
    packed_lines = []
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Tuple | ast.List):
            continue
        targets = [target for target in node.targets if isinstance(target, ast.Tuple | ast.List)]
        assigned = {ast.unparse(part) for target in targets for part in target.elts}
        read = {
            ast.unparse(part)
            for part in ast.walk(node.value)
            if isinstance(part, ast.Name | ast.Attribute | ast.Subscript)
        }
        if targets and assigned.isdisjoint(read):
            packed_lines.append(node.lineno)
    return [f"{source.path}:{line}: a packed assignment" for line in sorted(packed_lines)]


def test_no_name_is_a_denied_word():
    assert [
        violation for source in read_python_files() for violation in find_denied_names(source)
    ] == []
    for code in (
        "found = 1",
        "self.kept = 1",
        "x = [f(told) for told in y]",
        "for one in y: pass",
        "def judge(): pass",
        "def f(*, whom): pass",
        "class Settled: pass",
        "class KeptEvents: pass",
        "import a.b as lane",
        "with x as room: pass",
        "import a\ntry: a\nexcept E as mine: pass",
        "match x:\n    case thing: pass",
    ):
        assert find_denied_names(SourceFile("app/x.py", code + "\n")), code
    assert find_denied_names(SourceFile("app/rings/x.py", "\n"))
    assert find_denied_names(SourceFile("app/kept.py", "\n"))
    for code in (
        "class A:\n    one: int",
        "not_found = 1",
        "known_at = 1",
        "def test_what_is_kept(): pass",
        "f(found=1)",
    ):
        assert not find_denied_names(SourceFile("app/x.py", code + "\n")), code


def test_no_local_name_is_used_for_everything():
    sources = read_python_files()
    app_sources = [source for source in sources if source.path.startswith("app/")]
    violations = [f"app: {violation}" for violation in find_overused_names(app_sources)]
    assert [*violations, *find_overused_names(sources)] == []
    names = "\n".join(f"    x{n} = 1" for n in range(99))
    for count, is_overused in ((1, False), (2, True)):
        code = f"def f():\n{names}\n" + "    data = 1\n" * count
        assert bool(find_overused_names([SourceFile("app/x.py", code)])) == is_overused


def test_every_module_is_imported_under_one_name():
    assert find_module_aliases(read_python_files()) == []
    module = SourceFile("app/a/b.py", "")
    plain = SourceFile("app/x.py", "from app.a import b\n")
    renamed = SourceFile("app/y.py", "from app.a import b as c\n")
    assert find_module_aliases([module, plain, renamed])
    assert find_module_aliases([module, renamed])
    assert not find_module_aliases([module, plain, SourceFile("app/z.py", plain.text)])
    assert not find_module_aliases(
        [module, SourceFile("app/y.py", "from app.a import b as b_store\n")]
    )
    assert find_module_aliases(
        [SourceFile("app/x.py", "import a\n"), SourceFile("app/y.py", "import a as b\n")]
    )


def test_no_assignment_packs_unrelated_values():
    assert [
        violation for source in read_python_files() for violation in find_packed_assignments(source)
    ] == []
    for code in ("a, b = 1, 2", "a, (b, c) = 1, f()", "[a, b] = [x, y]", "a.b, c = d, e"):
        assert find_packed_assignments(SourceFile("app/x.py", code + "\n")), code
    for code in ("a, b = b, a", "a, b = f()", "a, b = b, a % b", "x[1], x[2] = x[2], x[1]"):
        assert not find_packed_assignments(SourceFile("app/x.py", code + "\n")), code
