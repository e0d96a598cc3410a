"""The organization's configuration: read whole or piece by piece, written with its journal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, partial
from json import loads
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Table, and_, or_, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel

from app.domain.playbook import serialization as codec
from app.domain.playbook.configuration import TABLES, Change, Configuration, Noun
from app.store.access.organization_version import Position
from app.store.sql import column_types as types
from app.store.sql.column_types import Json
from app.store.sql.dialect import embedded
from app.store.sql.multi_query import Part, ask
from app.store.tables import playbook as tables

NOUNS: Final[Mapping[str, type[SQLModel]]] = {
    "organization": tables.OrganizationRow,
    "policy": tables.PolicyRow,
    "team": tables.TeamRow,
    "source": tables.SourceRow,
    "metric": tables.MetricRow,
    "offering": tables.OfferingRow,
    "playbook": tables.PlaybookRow,
    "objective": tables.ObjectiveRow,
    "key_result": tables.KeyResultRow,
    "responsibility": tables.ResponsibilityRow,
    "contribution": tables.ContributionRow,
    "signoff": tables.SignoffRow,
    "revision": tables.RevisionRow,
}
ROWS: Final[Mapping[str, Table]] = {kind: tables.table_of(row) for kind, row in NOUNS.items()}
journal = tables.table_of(tables.JournalRow)
Read = Callable[[Any], object]  # Any: each column has its own type
READ: Final[Mapping[type, Read]] = {Json: loads, types.Instant: types.instant, types.Day: types.day}


@dataclass(frozen=True, slots=True)
class Stored:
    """A thing as it is kept. Shape: `changed` is the organization's version at its last change."""

    value: Noun
    changed: int
    archived: bool


def identity(kind: str) -> tuple[str, ...]:
    """The columns that make a thing's key, in the key's order."""
    return tuple(
        column.name for column in ROWS[kind].primary_key.columns if column.name != "organization_id"
    )


def parts(kind: str, key: str) -> dict[str, object]:
    """The key's parts by column."""
    names = identity(kind)
    values = key.split("/", len(names) - 1) if len(names) > 1 else [key]
    found: dict[str, object] = dict(zip(names, values, strict=True))
    if kind == "revision":
        found["revision"] = int(str(found["revision"]))
    return found


def to_row(noun: Noun) -> dict[str, object]:
    """A thing's columns."""
    table = ROWS[noun.kind]
    return {
        found.name: codec.flat(getattr(noun, found.name))
        if isinstance(table.c[found.name].type, Json)
        else getattr(noun, found.name)
        for found in fields(noun)
    }


def from_row(kind: str, row: RowMapping) -> Noun:
    """The thing that a row keeps."""
    values = {
        found.name: codec.collections(kind, found.name, row[found.name])
        for found in fields(codec.CLASSES[kind])
    }
    return codec.CLASSES[kind](**values)  # type: ignore[arg-type]  # the names and values are those of that class


async def load(
    connection: AsyncConnection, organization_id: UUID, kinds: Sequence[str] = tuple(TABLES)
) -> Configuration:
    """The whole configuration, archived things included, or that of some kinds alone: by one statement."""
    live: dict[str, dict[str, Noun]] = {}
    archived: dict[str, dict[str, Noun]] = {}
    rows = await ask(connection, organization_id, [_part(kind) for kind in kinds], {})
    for kind, found in zip(kinds, rows, strict=True):
        live[kind], archived[kind] = {}, {}
        make, reads = codec.CLASSES[kind], _reads(kind)
        for *values, gone in found:
            for place, read in reads:
                if values[place] is not None:
                    values[place] = read(values[place])
            value = make(*values)
            (live if gone is None else archived)[kind][value.key] = value
    tables = {TABLES[kind]: values for kind, values in live.items()}
    tables.setdefault("organizations", {})
    return Configuration(**tables, archived=archived)  # type: ignore[arg-type]  # each kind under its own name


@cache
def _part(kind: str) -> Part:
    """All things of a kind: their fields, in order, and when they were archived."""
    names = (*(found.name for found in fields(codec.CLASSES[kind])), "archived_at")
    columns = ", ".join(f'"{name}"' for name in names)
    rows = ROWS[kind].name
    query = f"select {columns} from {rows} where organization_id = :organization"  # noqa: S608  # constants
    return Part(columns, query)


@cache
def _reads(kind: str) -> Sequence[tuple[int, Read]]:
    """The places of the fields that are not as the database says them, and how each is read."""
    found: list[tuple[int, Read]] = []
    for place, one in enumerate(fields(codec.CLASSES[kind])):
        read = READ.get(type(ROWS[kind].c[one.name].type))
        if read is not None:
            found.append(
                (place, Unread if kind == "revision" else partial(_restored, kind, one.name, read))
            )
    return found


def _restored(kind: str, name: str, read: Read, value: Any) -> object:  # Any: the same
    return codec.collections(kind, name, read(value))


class Unread(Mapping[str, Any]):  # Any: JSON values
    """What a revision holds, read when it is first asked for: that of most is not."""

    __slots__ = ("_found", "_text")

    def __init__(self, text: str) -> None:
        """As it is kept."""
        self._text = text
        self._found: Mapping[str, Any] | None = None

    def _read(self) -> Mapping[str, Any]:
        if self._found is None:
            self._found = loads(self._text)
        return self._found

    def __getitem__(self, key: str) -> Any:  # Any: JSON values
        return self._read()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


async def find(
    connection: AsyncConnection, organization_id: UUID, kind: str, key: str
) -> Stored | None:
    """One thing. None when the organization never had it."""
    table = ROWS[kind]
    statement = select(table).where(table.c.organization_id == organization_id)
    if kind not in ("organization", "policy"):
        statement = statement.where(
            *(table.c[name] == value for name, value in parts(kind, key).items())
        )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else _stored(kind, row)


async def page(  # a page is its filters
    connection: AsyncConnection,
    organization_id: UUID,
    kind: str,
    *,
    equals: Mapping[str, object],
    after: str | None,
    limit: int,
    archived: bool = False,
) -> list[Stored]:
    """At most `limit` things by key, after the key `after`; archived ones too when asked."""
    table = ROWS[kind]
    statement = select(table).where(table.c.organization_id == organization_id)
    statement = statement.where(*(table.c[name] == value for name, value in equals.items()))
    if not archived:
        statement = statement.where(table.c.archived_at.is_(None))
    if after is not None:
        statement = statement.where(_after(table, parts(kind, after)))
    statement = statement.order_by(*(table.c[name] for name in identity(kind))).limit(limit)
    return [_stored(kind, row) for row in (await connection.execute(statement)).mappings()]


def _stored(kind: str, row: RowMapping) -> Stored:
    return Stored(from_row(kind, row), row["changed"], row["archived_at"] is not None)


def _after(table: Table, position: Mapping[str, object]) -> ColumnElement[bool]:
    """Rows beyond a position in lexicographic order."""
    condition: ColumnElement[bool] = ~true()
    for name, value in reversed(list(position.items())):
        column = table.c[name]
        condition = or_(column > value, and_(column == value, condition))
    return condition


async def save(
    connection: AsyncConnection,
    organization_id: UUID,
    position: Position,
    actor: str,
    found: Sequence[Change],
) -> None:
    """The changes are in the tables and in the journal."""
    for change in found:
        noun = change.after or change.before
        if noun is None:
            continue
        await _upsert(connection, organization_id, noun, position, archived=change.after is None)
    if found:
        entries = [
            _entry(organization_id, position, actor, index, change)
            for index, change in enumerate(found)
        ]
        await connection.execute(journal.insert(), entries)


async def _upsert(
    connection: AsyncConnection,
    organization_id: UUID,
    noun: Noun,
    position: Position,
    *,
    archived: bool,
) -> None:
    table = ROWS[noun.kind]
    values: dict[str, Any] = {  # Any: columns of every type
        "organization_id": organization_id,
        "changed": position.seq,
        "archived_at": position.at if archived else None,
        **to_row(noun),
    }
    insert = (sqlite.insert if embedded(connection) else postgresql.insert)(table).values(values)
    keys = [column.name for column in table.primary_key.columns]
    update = {name: value for name, value in values.items() if name not in keys}
    await connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=update))


def _entry(
    organization_id: UUID, position: Position, actor: str, index: int, change: Change
) -> dict[str, object]:
    return {
        "organization_id": organization_id,
        "seq": position.seq,
        "position": index,
        "at": position.at,
        "day": position.day,
        "actor": actor,
        "kind": change.kind,
        "key": change.key,
        "action": change.action,
        "before": None if change.before is None else codec.to_json(change.before),
        "after": None if change.after is None else codec.to_json(change.after),
    }
