"""Only declared modules open connections, read clock or environment, or use randomness."""

import re

from tests.support.source_files import SourceFile, read_source_files

ENGINE_PATTERN = re.compile(
    r"sqlalchemy\.(\w+\.)*(create_engine|create_async_engine|engine_from_config|async_engine_from_config)"
    r"|(asyncpg|aiosqlite|sqlite3)\.(connect|create_pool)"
)
ENGINE_MODULES = {"app/store/sql/dialect.py": "opens connections to each kind of database"}

WALL_CLOCK_PATTERN = re.compile(
    r"(datetime\.)?datetime\.(now|utcnow|today)|(datetime\.)?date\.today|time\.(time|time_ns|localtime|gmtime|ctime|strftime)"
)
CLOCK_MODULES = {"app/clock.py": "the only reader of the wall clock"}

RANDOM_PATTERN = re.compile(r"(random|secrets)\.\w+(\.\w+)*|os\.urandom|uuid\.uuid[147]")
RANDOM_MODULES: dict[str, str] = {
    "app/security/identifiers.py": "identities of events, ordered by time",
}

ENVIRONMENT_PATTERN = re.compile(r"os\.(environ|getenv|environb)(\.\w+)*")
ENVIRONMENT_MODULES = {
    "app/cli/": "starts the program",
    "app/main.py": "makes the application that a server imports",
}


def find_forbidden_uses(
    pattern: re.Pattern[str], allowed_modules: dict[str, str], source: SourceFile
) -> list[str]:
    if any(
        source.path == path or (path.endswith("/") and source.path.startswith(path))
        for path in allowed_modules
    ):
        return []
    return [
        f"{source.path}:{line}: {reference}"
        for line, reference in source.references
        if pattern.fullmatch(reference)
    ]


def test_only_one_module_opens_connections():
    assert [
        violation
        for source in read_source_files("app")
        for violation in find_forbidden_uses(ENGINE_PATTERN, ENGINE_MODULES, source)
    ] == []
    code = "from sqlalchemy.ext.asyncio import create_async_engine as make\nx = make('')\n"
    assert find_forbidden_uses(
        ENGINE_PATTERN, ENGINE_MODULES, SourceFile("app/store/events/event_queries.py", code)
    )


def test_only_one_module_reads_the_wall_clock():
    assert [
        violation
        for source in read_source_files("app")
        for violation in find_forbidden_uses(WALL_CLOCK_PATTERN, CLOCK_MODULES, source)
    ] == []
    for code in (
        "from datetime import datetime\nx = datetime.now()\n",
        "import datetime as d\nx = d.date.today()\n",
        "from time import time\nx = time()\n",
        "import time\nf = time.time\n",
    ):
        assert find_forbidden_uses(
            WALL_CLOCK_PATTERN, CLOCK_MODULES, SourceFile("app/api/x.py", code)
        ), code
    assert not find_forbidden_uses(
        WALL_CLOCK_PATTERN,
        CLOCK_MODULES,
        SourceFile("app/api/x.py", "import time\nx = time.perf_counter()\n"),
    )


def test_only_declared_modules_use_random_numbers():
    assert [
        violation
        for source in read_source_files("app")
        for violation in find_forbidden_uses(RANDOM_PATTERN, RANDOM_MODULES, source)
    ] == []
    for code in (
        "import secrets\nx = secrets.token_bytes(3)\n",
        "from uuid import uuid4\nx = uuid4()\n",
    ):
        assert find_forbidden_uses(
            RANDOM_PATTERN, RANDOM_MODULES, SourceFile("app/domain/x.py", code)
        ), code


def test_only_entry_points_read_the_environment():
    assert [
        violation
        for source in read_source_files("app")
        for violation in find_forbidden_uses(ENVIRONMENT_PATTERN, ENVIRONMENT_MODULES, source)
    ] == []
    assert find_forbidden_uses(
        ENVIRONMENT_PATTERN,
        ENVIRONMENT_MODULES,
        SourceFile("app/store/x.py", "import os\nx = os.environ.get('A')\n"),
    )


def test_every_declared_exception_is_used():
    files_by_path = {source.path: source for source in read_source_files("app")}
    pairs = [
        (ENGINE_MODULES, ENGINE_PATTERN),
        (CLOCK_MODULES, WALL_CLOCK_PATTERN),
        (RANDOM_MODULES, RANDOM_PATTERN),
    ]
    unused = [
        path
        for modules, pattern in pairs
        for path in modules
        if not (path in files_by_path and find_forbidden_uses(pattern, {}, files_by_path[path]))
    ]
    assert unused == [], "declared exceptions that no module needs"
