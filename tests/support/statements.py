"""The SQL that was executed, and what of it would leave the tenant or not run on Citus.

Source: database.md, section 5.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import event

from app.store.sql.database import Database
from app.store.tables.playbook import Row

# Tables without a tenant, and why.
TENANTLESS = {
    "directory": "asked before the organization is known: from a public id to its organization",
    "alembic_version": "Alembic's own",
}
TENANT = frozenset(Row.metadata.tables) - TENANTLESS.keys()
TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*')|(?P<name>"[^"]+"(?:\."[^"]+")?|[A-Za-z_]\w*(?:\."?[A-Za-z_]\w*"?)*)"""
    r"""|(?P<bind>\?\d*|\$\d+|(?<!:):[A-Za-z_]\w*)(?:::\w+(?:\[\])?)?|(?P<mark>[^\s\w])|(?P<number>\d[\w.]*)"""
)
OPENS = {"select", "with", "insert", "update", "delete", "merge"}
ENDS = {
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
NO_ALIAS = ENDS | {
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
VOLATILE = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|random|randomblob|gen_random_uuid|uuidv7)\s*\(|"
    r"\bcurrent_(timestamp|date|time)\b|\blocaltime",
    re.IGNORECASE,
)


@contextmanager
def executed(database: Database) -> Iterator[set[str]]:
    """Every distinct statement that the database is told meanwhile."""
    found: set[str] = set()

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        found.add(statement)

    engines = {
        id(engine): engine.sync_engine for engine in (database.writer, database.reader)
    }.values()
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield found
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


def tokens(statement: str) -> list[str]:
    """Its words and marks, names in lower case and without quotes, binds as `?`, texts as `''`."""
    found = []
    for match in TOKEN.finditer(re.sub(r"--[^\n]*", "", statement)):
        kind, text = match.lastgroup, match.group()
        found.append({"text": "''", "bind": "?"}.get(kind or "", text.replace('"', "").lower()))
    return found


def blocks(found: Sequence[str]) -> list[list[str]]:
    """Its queries, each without those inside it; the two sides of a union apart."""
    done: list[list[str]] = []
    stack: list[tuple[list[str], int]] = [
        ([], 0)
    ]  # a query, and how many plain brackets are open in it
    for index, token in enumerate(found):
        current, depth = stack[-1]
        if token == "(" and index + 1 < len(found) and found[index + 1] in OPENS:
            current.append("()")
            stack.append(([], 0))
        elif token == ")" and depth == 0 and len(stack) > 1:
            done.append(stack.pop()[0])
        elif token == "union":
            done.append(current)
            stack[-1] = ([], depth)
        else:
            stack[-1] = (current, depth + (token == "(") - (token == ")"))
            current.append(token)
    return [block for block in [*done, *(block for block, _ in stack)] if block]


def named(block: Sequence[str]) -> list[tuple[str, str, int]]:
    """The tables that a query names: name, alias, and where."""
    found = []
    listing, depth, level = (
        False,
        0,
        0,
    )  # a comma lists another table at the level of its FROM alone
    for index, token in enumerate(block):
        depth += (token == "(") - (token == ")")
        level = depth if token == "from" else level
        before = block[index - 1] if index else ""
        opens = (token == "from" and before != "distinct") or token in ("join", "into")
        opens = opens or (token == "update" and before not in ("for", "do"))
        listing = (
            (listing or token == "from") and token not in ENDS - {"on"} and token != "conflict"
        )
        if not opens and not (listing and token == "," and depth == level):
            continue
        place = index + 1
        while place < len(block) and block[place] == "(":
            place += 1
        if place >= len(block) or (
            place + 1 < len(block) and block[place + 1] == "(" and token != "into"
        ):
            continue
        name, after = block[place], block[place + 1 : place + 3]
        alias = after[1] if after[:1] == ["as"] and len(after) > 1 else after[0] if after else name
        plain = re.fullmatch(r"[a-z_]\w*", alias) and alias not in NO_ALIAS
        found.append((name, alias if plain else name, place))
    return found


def kept(block: Sequence[str], names: set[str]) -> bool:
    """Whether a condition of the query says `organization_id = ?` of the table."""
    start = next(
        (index for index, token in enumerate(block) if token in ("where", "on")), len(block)
    )
    for index in range(start, len(block) - 2):
        one, equals, other = block[index : index + 3]
        if equals == "=" and ((one in names and other == "?") or (one == "?" and other in names)):
            return True
    return False


def listed(block: Sequence[str], place: int) -> bool:
    """Whether the columns of an insertion hold the organization."""
    rest = list(block[place:])
    return "(" in rest and "organization_id" in rest[rest.index("(") : rest.index(")")]


def loose(statement: str) -> list[str]:
    """The tenant's tables that a statement names without saying whose."""
    found = []
    for block in blocks(tokens(statement)):
        tables = [one for one in named(block) if one[0] in TENANT]
        for name, alias, place in tables:
            names = {f"{alias}.organization_id"} | (
                {"organization_id"} if len(tables) == 1 else set()
            )
            inserted = block[place - 1] == "into"
            if not (listed(block, place) if inserted else kept(block, names)):
                found.append(f"{name} as {alias}")
    return found


def unfit(statement: str) -> list[str]:
    """What of a statement Citus refuses, or would answer otherwise on every node."""
    text = re.sub(r"\s+", " ", statement).lower()
    found = [match.group() for match in VOLATILE.finditer(text)]
    if re.search(r"\bmerge\b", text):
        found.append("merge")
    targets = re.findall(r"on conflict \(([^)]*)\)", text)
    found += [
        f"on conflict ({one})" for one in targets if one.split(",")[0].strip() != "organization_id"
    ]
    if re.search(r"\bfor (no key )?(update|share)\b", text) and "organization_id =" not in text:
        found.append("for update")
    for block in blocks(tokens(statement)):
        # a query inside stands as "()" in the one around it
        for index, token in enumerate(block):
            if (
                token == "do"
                and block[index + 1 : index + 3] == ["update", "set"]
                and "()" in block[index:]
            ):
                found.append("a query inside do update set")
    return found
