"""All SQL is in app/store, and only app/store/sql knows the kind of database."""

import re

from tests.support.source_files import SourceFile, read_source_files

STORE_FOLDER = "app/store/"
# The files that may depend on the kind of database, and why.
DIALECT_MODULES = {
    "app/store/sql/dialect.py": "all differences between the two databases",
    "app/store/sql/column_types.py": "column types that the two databases name differently",
}
DATABASE_LIBRARIES = {"sqlalchemy", "sqlmodel", "asyncpg", "aiosqlite", "sqlite3", "alembic"}
SQL_PATTERN = re.compile(
    r"\b(select\b.+\bfrom\b|insert\s+into\b|update\s+\w+\s+set\b|delete\s+from\b"
    r"|(create|drop|alter)\s+(table|index|trigger|role|database)\b|pragma\s+\w)",
    re.IGNORECASE | re.DOTALL,
)
DIALECT_NAME_PATTERN = re.compile(
    r"(postgres(ql)?|sqlite|citus|asyncpg|aiosqlite)[+:]?(asyncpg|aiosqlite)?(://)?"
)


def find_sql_outside_the_store(source: SourceFile) -> list[str]:
    if source.path.startswith(STORE_FOLDER):
        return []
    imports = [
        (line, module_name)
        for line, module_name in source.imports
        if module_name.split(".")[0] in DATABASE_LIBRARIES
    ]
    texts = [(line, text) for line, text in source.strings if SQL_PATTERN.search(text)]
    return [f"{source.path}:{line}: {text.strip()[:60]}" for line, text in [*imports, *texts]]


def find_dialect_checks(source: SourceFile) -> list[str]:
    """Return the places that compare the name of the database or of its dialect."""
    if source.path in DIALECT_MODULES:
        return []
    dialect_strings = [
        (line, text) for line, text in source.strings if DIALECT_NAME_PATTERN.fullmatch(text)
    ]
    dialect_references = [
        (line, reference)
        for line, reference in source.references
        if re.search(r"\bdialect\.name$|\bdrivername$", reference)
    ]
    return [
        f"{source.path}:{line}: {text}" for line, text in [*dialect_strings, *dialect_references]
    ]


def test_only_the_store_contains_sql():
    assert [
        violation
        for source in read_source_files("app")
        for violation in find_sql_outside_the_store(source)
    ] == []
    assert find_sql_outside_the_store(
        SourceFile("app/services/x.py", "from sqlalchemy import text\n")
    )
    assert find_sql_outside_the_store(SourceFile("app/cli/x.py", "import sqlite3\n"))
    assert find_sql_outside_the_store(SourceFile("app/api/x.py", 'x = "select a\\n from event"\n'))
    assert find_sql_outside_the_store(SourceFile("app/api/x.py", 'x = f"delete from {table}"\n'))
    assert not find_sql_outside_the_store(
        SourceFile("app/api/x.py", '"""Select a team from the list."""\n')
    )


def test_only_the_dialect_knows_which_database_it_is():
    assert [
        violation
        for source in read_source_files("app")
        for violation in find_dialect_checks(source)
    ] == []
    assert find_dialect_checks(
        SourceFile("app/store/events/event_queries.py", 'if connection.dialect.name == "x": pass\n')
    )
    assert find_dialect_checks(
        SourceFile("app/store/events/event_queries.py", 'if kind == "sqlite": pass\n')
    )
    assert find_dialect_checks(
        SourceFile("app/cli/x.py", 'if url.startswith("postgresql+"): pass\n')
    )
    assert not find_dialect_checks(
        SourceFile("app/settings.py", 'url = "sqlite+aiosqlite:///sightline.db"\n')
    )
