"""The configuration of an organization: loaded, listed, and saved with its journal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, partial
from json import loads
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Table, and_, or_, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel

from app.domain.playbook import serialization
from app.domain.playbook.configuration import (
    TABLE_NAMES,
    Configuration,
    ConfigurationChange,
    Resource,
)
from app.domain.primitives import epoch
from app.store.access.organization_version import WritePosition
from app.store.sql import column_types
from app.store.sql.column_types import JsonColumn
from app.store.sql.dialect import is_embedded
from app.store.sql.multi_query import JsonQuery, query_many
from app.store.tables import base, organizations, playbook, sources

ROW_CLASSES: Final[Mapping[str, type[SQLModel]]] = {
    "organization": organizations.OrganizationRow,
    "policy": organizations.PolicyRow,
    "team": organizations.TeamRow,
    "source": sources.SourceRow,
    "metric": playbook.MetricRow,
    "offering": playbook.OfferingRow,
    "playbook": playbook.PlaybookRow,
    "objective": playbook.ObjectiveRow,
    "key_result": playbook.KeyResultRow,
    "responsibility": playbook.ResponsibilityRow,
    "contribution": playbook.ContributionRow,
    "signoff": playbook.SignoffRow,
    "revision": playbook.RevisionRow,
}
TABLES_BY_KIND: Final[Mapping[str, Table]] = {
    kind: base.get_table(row) for kind, row in ROW_CLASSES.items()
}
journal_table = base.get_table(organizations.JournalRow)
ColumnReader = Callable[[Any], object]  # Any: each column has its own type
COLUMN_READERS: Final[Mapping[type, ColumnReader]] = {
    JsonColumn: loads,
    column_types.InstantColumn: epoch.from_microseconds,
    column_types.DayColumn: epoch.from_day_number,
}


@dataclass(frozen=True, slots=True)
class StoredResource:
    """A resource of the configuration as it is stored."""

    resource: Resource
    # The organization's version at the last change.
    changed_version: int
    is_archived: bool


def key_columns(kind: str) -> tuple[str, ...]:
    """Return the columns of a resource's key, in the order of the key."""
    return tuple(
        column.name
        for column in TABLES_BY_KIND[kind].primary_key.columns
        if column.name != "organization_id"
    )


def split_key(kind: str, key: str) -> dict[str, object]:
    """Return the parts of a key by column."""
    column_names = key_columns(kind)
    key_segments = key.split("/", len(column_names) - 1) if len(column_names) > 1 else [key]
    columns: dict[str, object] = dict(zip(column_names, key_segments, strict=True))
    if kind == "revision":
        columns["revision"] = int(str(columns["revision"]))
    return columns


def to_row(resource: Resource) -> dict[str, object]:
    """Return the columns of a resource."""
    table = TABLES_BY_KIND[resource.kind]
    return {
        resource_field.name: serialization.to_json_collections(
            getattr(resource, resource_field.name)
        )
        if isinstance(table.c[resource_field.name].type, JsonColumn)
        else getattr(resource, resource_field.name)
        for resource_field in fields(resource)
    }


def from_row(kind: str, row: RowMapping) -> Resource:
    """Return the resource of a row."""
    arguments = {
        resource_field.name: serialization.to_tuples(
            kind, resource_field.name, row[resource_field.name]
        )
        for resource_field in fields(serialization.RESOURCE_CLASSES[kind])
    }
    return serialization.RESOURCE_CLASSES[kind](**arguments)  # type: ignore[arg-type]  # fields of that class


async def load_configuration(
    connection: AsyncConnection, organization_id: UUID, kinds: Sequence[str] = tuple(TABLE_NAMES)
) -> Configuration:
    """Load the configuration of some kinds, archived resources included, in one statement."""
    live: dict[str, dict[str, Resource]] = {}
    archived: dict[str, dict[str, Resource]] = {}
    rows_by_kind = await query_many(
        connection, organization_id, [_kind_query(kind) for kind in kinds], {}
    )
    for kind, rows in zip(kinds, rows_by_kind, strict=True):
        live[kind] = {}
        archived[kind] = {}
        resource_class = serialization.RESOURCE_CLASSES[kind]
        readers = _column_readers(kind)
        for *columns, archived_at in rows:
            for index, read_column in readers:
                if columns[index] is not None:
                    columns[index] = read_column(columns[index])
            resource = resource_class(*columns)
            (live if archived_at is None else archived)[kind][resource.key] = resource
    live_tables = {TABLE_NAMES[kind]: resources for kind, resources in live.items()}
    live_tables.setdefault("organizations", {})
    return Configuration(**live_tables, archived=archived)  # type: ignore[arg-type]  # one mapping for each kind


@cache
def _kind_query(kind: str) -> JsonQuery:
    """Return the query for all resources of a kind: their fields in order, and `archived_at`."""
    column_names = (
        *(resource_field.name for resource_field in fields(serialization.RESOURCE_CLASSES[kind])),
        "archived_at",
    )
    column_list = ", ".join(f'"{column_name}"' for column_name in column_names)
    rows = TABLES_BY_KIND[kind].name
    query = f"select {column_list} from {rows} where organization_id = :organization"  # noqa: S608  # constants
    return JsonQuery(column_list, query)


@cache
def _column_readers(kind: str) -> Sequence[tuple[int, ColumnReader]]:
    """Return the index and the reader of each field that is not stored as its value."""
    readers: list[tuple[int, ColumnReader]] = []
    for index, resource_field in enumerate(fields(serialization.RESOURCE_CLASSES[kind])):
        read_column = COLUMN_READERS.get(type(TABLES_BY_KIND[kind].c[resource_field.name].type))
        if read_column is not None:
            readers.append(
                (
                    index,
                    LazyRevision
                    if kind == "revision"
                    else partial(_read_collection, kind, resource_field.name, read_column),
                )
            )
    return readers


def _read_collection(
    kind: str, name: str, read_column: ColumnReader, value: Any
) -> object:  # Any: each column has its own type
    return serialization.to_tuples(kind, name, read_column(value))


class LazyRevision(Mapping[str, Any]):  # Any: JSON values
    """The content of a revision, parsed on first access: most requests read none."""

    __slots__ = ("_content", "_text")

    def __init__(self, text: str) -> None:
        """Take the stored JSON text."""
        self._text = text
        self._content: Mapping[str, Any] | None = None

    def _load_content(self) -> Mapping[str, Any]:
        if self._content is None:
            self._content = loads(self._text)
        return self._content

    def __getitem__(self, key: str) -> Any:  # Any: JSON values
        return self._load_content()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load_content())

    def __len__(self) -> int:
        return len(self._load_content())


async def find_resource(
    connection: AsyncConnection, organization_id: UUID, kind: str, key: str
) -> StoredResource | None:
    """Load a resource, archived or not. Return None when the organization never had it."""
    table = TABLES_BY_KIND[kind]
    statement = select(table).where(table.c.organization_id == organization_id)
    if kind not in ("organization", "policy"):
        statement = statement.where(
            *(table.c[column_name] == value for column_name, value in split_key(kind, key).items())
        )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else _to_stored_resource(kind, row)


@dataclass(frozen=True, slots=True)
class ResourceFilter:
    """The kind of the resources to list, and the conditions on them."""

    kind: str
    # Column names with the values that they must have.
    equals: Mapping[str, object] = field(default_factory=dict)
    include_archived: bool = False


async def list_resources(
    connection: AsyncConnection,
    organization_id: UUID,
    resource_filter: ResourceFilter,
    after_key: str | None,
    limit: int,
) -> list[StoredResource]:
    """Return at most `limit` resources in the order of their keys, after `after_key`."""
    kind = resource_filter.kind
    table = TABLES_BY_KIND[kind]
    statement = select(table).where(table.c.organization_id == organization_id)
    statement = statement.where(
        *(
            table.c[column_name] == expected
            for column_name, expected in resource_filter.equals.items()
        )
    )
    if not resource_filter.include_archived:
        statement = statement.where(table.c.archived_at.is_(None))
    if after_key is not None:
        statement = statement.where(_is_beyond_position(table, split_key(kind, after_key)))
    statement = statement.order_by(
        *(table.c[column_name] for column_name in key_columns(kind))
    ).limit(limit)
    return [
        _to_stored_resource(kind, row) for row in (await connection.execute(statement)).mappings()
    ]


def _to_stored_resource(kind: str, row: RowMapping) -> StoredResource:
    return StoredResource(from_row(kind, row), row["changed"], row["archived_at"] is not None)


def _is_beyond_position(table: Table, position: Mapping[str, object]) -> ColumnElement[bool]:
    """Return the condition for rows after a position, in lexicographic order."""
    condition: ColumnElement[bool] = ~true()
    for column_name, value in reversed(list(position.items())):
        column = table.c[column_name]
        condition = or_(column > value, and_(column == value, condition))
    return condition


async def save_changes(
    connection: AsyncConnection,
    organization_id: UUID,
    position: WritePosition,
    actor: str,
    changes: Sequence[ConfigurationChange],
) -> None:
    """Write changes to the configuration tables and to the journal."""
    for change in changes:
        resource = change.after or change.before
        if resource is None:
            continue
        await _upsert_resource(
            connection, organization_id, resource, position, archived=change.after is None
        )
    if changes:
        journal_rows = [
            _journal_row(organization_id, position, actor, index, change)
            for index, change in enumerate(changes)
        ]
        await connection.execute(journal_table.insert(), journal_rows)


async def _upsert_resource(
    connection: AsyncConnection,
    organization_id: UUID,
    resource: Resource,
    position: WritePosition,
    *,
    archived: bool,
) -> None:
    table = TABLES_BY_KIND[resource.kind]
    row: dict[str, Any] = {  # Any: columns of every type
        "organization_id": organization_id,
        "changed": position.seq,
        "archived_at": position.recorded_at if archived else None,
        **to_row(resource),
    }
    insertion = (sqlite.insert if is_embedded(connection) else postgresql.insert)(table).values(row)
    primary_key = [column.name for column in table.primary_key.columns]
    updated_columns = {
        column_name: value for column_name, value in row.items() if column_name not in primary_key
    }
    await connection.execute(
        insertion.on_conflict_do_update(index_elements=primary_key, set_=updated_columns)
    )


def _journal_row(
    organization_id: UUID,
    position: WritePosition,
    actor: str,
    index: int,
    change: ConfigurationChange,
) -> dict[str, object]:
    return {
        "organization_id": organization_id,
        "seq": position.seq,
        "position": index,
        "at": position.recorded_at,
        "day": position.day,
        "actor": actor,
        "kind": change.kind,
        "key": change.key,
        "action": change.action,
        "before": None if change.before is None else serialization.to_json(change.before),
        "after": None if change.after is None else serialization.to_json(change.after),
    }
