"""All SQL is in app/store, and only its dialect knows which database it is."""

import re

from tests.support.house import Source, sources

STORE = "app/store/"
# The files that may know which database it is, and why.
DIALECT = {
    "app/store/sql/dialect.py": "everything that the two databases do differently",
    "app/store/sql/column_types.py": "one column type for both, spelled differently",
}
DATABASE_LIBRARIES = {"sqlalchemy", "sqlmodel", "asyncpg", "aiosqlite", "sqlite3", "alembic"}
SQL = re.compile(
    r"\b(select\b.+\bfrom\b|insert\s+into\b|update\s+\w+\s+set\b|delete\s+from\b"
    r"|(create|drop|alter)\s+(table|index|trigger|role|database)\b|pragma\s+\w)",
    re.IGNORECASE | re.DOTALL,
)
DIALECT_NAME = re.compile(
    r"(postgres(ql)?|sqlite|citus|asyncpg|aiosqlite)[+:]?(asyncpg|aiosqlite)?(://)?"
)


def sql_outside_the_store(source: Source) -> list[str]:
    if source.path.startswith(STORE):
        return []
    imports = [
        (line, name) for line, name in source.imports if name.split(".")[0] in DATABASE_LIBRARIES
    ]
    texts = [(line, text) for line, text in source.strings if SQL.search(text)]
    return [f"{source.path}:{line}: {what.strip()[:60]}" for line, what in [*imports, *texts]]


def dialects_told_apart(source: Source) -> list[str]:
    """Places that compare the database's name: the bare name as a string, or a dialect's `name`."""
    if source.path in DIALECT:
        return []
    names = [(line, text) for line, text in source.strings if DIALECT_NAME.fullmatch(text)]
    asked = [
        (line, name)
        for line, name in source.calls
        if re.search(r"\bdialect\.name$|\bdrivername$", name)
    ]
    return [f"{source.path}:{line}: {what}" for line, what in [*names, *asked]]


def test_sql_stands_in_the_store_only():
    assert [each for source in sources("app") for each in sql_outside_the_store(source)] == []
    assert sql_outside_the_store(Source("app/flows/x.py", "from sqlalchemy import text\n"))
    assert sql_outside_the_store(Source("app/cli.py", "import sqlite3\n"))
    assert sql_outside_the_store(Source("app/api/x.py", 'x = "select a\\n from event"\n'))
    assert sql_outside_the_store(Source("app/api/x.py", 'x = f"delete from {table}"\n'))
    assert not sql_outside_the_store(Source("app/api/x.py", '"""Select a team from the list."""\n'))


def test_only_the_dialect_knows_which_database_it_is():
    assert [each for source in sources("app") for each in dialects_told_apart(source)] == []
    assert dialects_told_apart(
        Source("app/store/events/event_queries.py", 'if connection.dialect.name == "x": pass\n')
    )
    assert dialects_told_apart(
        Source("app/store/events/event_queries.py", 'if kind == "sqlite": pass\n')
    )
    assert dialects_told_apart(Source("app/cli.py", 'if url.startswith("postgresql+"): pass\n'))
    assert not dialects_told_apart(
        Source("app/settings.py", 'url = "sqlite+aiosqlite:///sightline.db"\n')
    )
