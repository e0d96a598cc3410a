"""Record executed SQL, and find statements that leave the tenant or fail on Citus."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import event

from app.store.sql.database import Database
from app.store.tables.base import Row

# Tables without a tenant, and why (docs/architecture.md).
TABLES_WITHOUT_TENANT = {
    "directory": "maps a public id to its organization, before the organization is known",
    "alembic_version": "belongs to Alembic",
}
TENANT_TABLES = frozenset(Row.metadata.tables) - TABLES_WITHOUT_TENANT.keys()
TOKEN_PATTERN = re.compile(
    r"""(?P<text>'(?:[^']|'')*')|(?P<name>"[^"]+"(?:\."[^"]+")?|[A-Za-z_]\w*(?:\."?[A-Za-z_]\w*"?)*)"""
    r"""|(?P<bind>\?\d*|\$\d+|(?<!:):[A-Za-z_]\w*)(?:::\w+(?:\[\])?)?|(?P<mark>[^\s\w])|(?P<number>\d[\w.]*)"""
)
QUERY_STARTS = {"select", "with", "insert", "update", "delete", "merge"}
CLAUSE_KEYWORDS = {
    "where",
    "group",
    "order",
    "having",
    "limit",
    "set",
    "on",
    "returning",
    "values",
    "union",
    "select",
}
NON_ALIAS_KEYWORDS = CLAUSE_KEYWORDS | {
    "join",
    "left",
    "right",
    "inner",
    "outer",
    "cross",
    "full",
    "using",
    "as",
    "for",
    "where",
    "do",
}
VOLATILE_PATTERN = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|random|randomblob|gen_random_uuid|uuidv7)\s*\(|"
    r"\bcurrent_(timestamp|date|time)\b|\blocaltime",
    re.IGNORECASE,
)


@contextmanager
def record_statements(database: Database) -> Iterator[set[str]]:
    """Collect the distinct statements that the database executes in the block."""
    statements: set[str] = set()

    def add_statement(
        _connection: object, _cursor: object, statement: str, *_context: object
    ) -> None:
        statements.add(statement)

    engines = {
        id(engine): engine.sync_engine for engine in (database.writer, database.reader)
    }.values()
    for engine in engines:
        event.listen(engine, "before_cursor_execute", add_statement)
    yield statements
    for engine in engines:
        event.remove(engine, "before_cursor_execute", add_statement)


def tokenize_sql(statement: str) -> list[str]:
    """Split a statement into tokens.

    Names are in lower case without quotes, binds are `?`, and texts are `''`.
    """
    tokens = []
    for match in TOKEN_PATTERN.finditer(re.sub(r"--[^\n]*", "", statement)):
        kind = match.lastgroup
        text = match.group()
        tokens.append({"text": "''", "bind": "?"}.get(kind or "", text.replace('"', "").lower()))
    return tokens


def split_queries(tokens: Sequence[str]) -> list[list[str]]:
    """Split nested queries and unions. A subquery is `()` in the query around it."""
    finished: list[list[str]] = []
    # Each open query, with the number of its open brackets.
    stack: list[tuple[list[str], int]] = [([], 0)]
    for index, token in enumerate(tokens):
        current, depth = stack[-1]
        if token == "(" and index + 1 < len(tokens) and tokens[index + 1] in QUERY_STARTS:
            current.append("()")
            stack.append(([], 0))
        elif token == ")" and depth == 0 and len(stack) > 1:
            finished.append(stack.pop()[0])
        elif token == "union":
            finished.append(current)
            stack[-1] = ([], depth)
        else:
            stack[-1] = (current, depth + (token == "(") - (token == ")"))
            current.append(token)
    return [block for block in [*finished, *(block for block, _ in stack)] if block]


def find_tables(block: Sequence[str]) -> list[tuple[str, str, int]]:
    """Return the tables that a query names: name, alias and position."""
    tables = []
    is_table_list = False
    depth = 0
    level = 0  # a comma separates tables only at the depth of FROM
    for index, token in enumerate(block):
        depth += (token == "(") - (token == ")")
        level = depth if token == "from" else level
        previous_token = block[index - 1] if index else ""
        starts_table = (token == "from" and previous_token != "distinct") or token in (
            "join",
            "into",
        )
        starts_table = starts_table or (token == "update" and previous_token not in ("for", "do"))
        is_table_list = (
            (is_table_list or token == "from")
            and token not in CLAUSE_KEYWORDS - {"on"}
            and token != "conflict"
        )
        if not starts_table and not (is_table_list and token == "," and depth == level):
            continue
        position = index + 1
        while position < len(block) and block[position] == "(":
            position += 1
        if position >= len(block) or (
            position + 1 < len(block) and block[position + 1] == "(" and token != "into"
        ):
            continue
        table_name = block[position]
        next_tokens = block[position + 1 : position + 3]
        alias = (
            next_tokens[1]
            if next_tokens[:1] == ["as"] and len(next_tokens) > 1
            else next_tokens[0]
            if next_tokens
            else table_name
        )
        is_alias = re.fullmatch(r"[a-z_]\w*", alias) and alias not in NON_ALIAS_KEYWORDS
        tables.append((table_name, alias if is_alias else table_name, position))
    return tables


def has_tenant_condition(block: Sequence[str], names: set[str]) -> bool:
    """Return True if a condition compares the table's `organization_id` with a bind."""
    start = next(
        (index for index, token in enumerate(block) if token in ("where", "on")), len(block)
    )
    for index in range(start, len(block) - 2):
        left, operator, right = block[index : index + 3]
        if operator == "=" and (
            (left in names and right == "?") or (left == "?" and right in names)
        ):
            return True
    return False


def inserts_tenant(block: Sequence[str], position: int) -> bool:
    """Return True if the inserted columns include the organization."""
    tokens = list(block[position:])
    return "(" in tokens and "organization_id" in tokens[tokens.index("(") : tokens.index(")")]


def find_tenant_violations(statement: str) -> list[str]:
    """Return the tenant tables that a statement uses without an organization."""
    violations = []
    for block in split_queries(tokenize_sql(statement)):
        tables = [table for table in find_tables(block) if table[0] in TENANT_TABLES]
        for table_name, alias, position in tables:
            names = {f"{alias}.organization_id"} | (
                {"organization_id"} if len(tables) == 1 else set()
            )
            is_insert = block[position - 1] == "into"
            if not (
                inserts_tenant(block, position) if is_insert else has_tenant_condition(block, names)
            ):
                violations.append(f"{table_name} as {alias}")
    return violations


def find_citus_violations(statement: str) -> list[str]:
    """Return the parts that Citus refuses, or that each node would evaluate differently."""
    text = re.sub(r"\s+", " ", statement).lower()
    violations = [match.group() for match in VOLATILE_PATTERN.finditer(text)]
    if re.search(r"\bmerge\b", text):
        violations.append("merge")
    targets = re.findall(r"on conflict \(([^)]*)\)", text)
    violations += [
        f"on conflict ({target})"
        for target in targets
        if target.split(",")[0].strip() != "organization_id"
    ]
    if re.search(r"\bfor (no key )?(update|share)\b", text) and "organization_id =" not in text:
        violations.append("for update")
    for block in split_queries(tokenize_sql(statement)):
        # A subquery is "()" in the query around it.
        for index, token in enumerate(block):
            if (
                token == "do"
                and block[index + 1 : index + 3] == ["update", "set"]
                and "()" in block[index:]
            ):
                violations.append("a query inside do update set")
    return violations
