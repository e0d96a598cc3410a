"""The changes that deliveries reported, each stored once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from json import dumps
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, bindparam, literal, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.primitives import epoch, strict_json
from app.domain.sources.crm.activity_properties import with_current_names
from app.domain.sources.crm.changes import Change
from app.store.sql.column_types import CollatedText, Int32, Int64, UuidColumn
from app.store.sql.dialect import is_embedded, json_recordset, lateral_lookup
from app.store.sql.multi_query import JsonQuery, query_many
from app.store.tables.base import get_table
from app.store.tables.sources import ChangeRow

CHANGE_COLUMN_TYPES: Final = {
    "key": "text",
    "entity": "text",
    "other": "text",
    "at": "integer",
    "verb": "text",
    "fields": "text",
    "sequence": "text",
}
change_table = get_table(ChangeRow)
MAX_ROWS_PER_STATEMENT: Final = 5_000  # a replay can have any number of rows
# In the order of the fields of Change.
CHANGE_FIELDS: Final = ("entity", "key", "at", "verb", "fields", "other", "sequence")
ENTITY_COLUMN_TYPES: Final = {"entity": "text"}


@dataclass(frozen=True, slots=True)
class SourceGeneration:
    """The changes of a source in one generation. A changed mapping begins a new generation."""

    organization_id: UUID
    source: str
    generation: int = 1

    def to_conditions(self) -> tuple[ColumnElement[bool], ...]:
        """Return the conditions on `change`, the organization first."""
        return (
            change_table.c.organization_id == self.organization_id,
            change_table.c.source == self.source,
            change_table.c.generation == self.generation,
        )


@dataclass(frozen=True, slots=True)
class RecordChanges:
    """The changes of some CRM records."""

    # By entity.
    changes: dict[str, list[Change]] = field(default_factory=dict)
    # By deal: the records that were associated with it or merged into it, each with the key of the
    # change.
    links: dict[str, list[tuple[str, str]]] = field(default_factory=dict)


async def add_changes(
    connection: AsyncConnection,
    source_generation: SourceGeneration,
    seq: int,
    deliveries: Sequence[tuple[UUID, Sequence[Change]]],
) -> list[frozenset[str]]:
    """Save the changes of deliveries, each once.

    Return, for each delivery in order, the keys of the changes that it was the first to report.
    """
    first_reports: dict[str, tuple[UUID, Change]] = {}
    for delivery_id, changes in deliveries:
        for change_key, change in {change.key: change for change in changes}.items():
            first_reports.setdefault(change_key, (delivery_id, change))
    rows = [
        _to_row(delivery_id, change) for _, (delivery_id, change) in sorted(first_reports.items())
    ]
    new_keys: set[str] = set()
    for start in range(0, len(rows), MAX_ROWS_PER_STATEMENT):
        new_keys |= await _insert_changes(
            connection, source_generation, seq, rows[start : start + MAX_ROWS_PER_STATEMENT]
        )
    return [
        frozenset(
            change.key
            for change in changes
            if change.key in new_keys and first_reports[change.key][0] == delivery_id
        )
        for delivery_id, changes in deliveries
    ]


def _to_row(delivery_id: UUID, change: Change) -> tuple[object, ...]:
    fields_json = strict_json.dumps(dict(change.fields))
    return (
        change.key,
        change.entity,
        change.other,
        epoch.to_microseconds(change.at),
        change.verb,
        fields_json,
        change.sequence,
        str(delivery_id),
    )


async def _insert_changes(
    connection: AsyncConnection,
    source_generation: SourceGeneration,
    seq: int,
    rows: Sequence[tuple[object, ...]],
) -> set[str]:
    # One parameter: a statement with values for each row takes longer to compile than to run.
    column_types = {**CHANGE_COLUMN_TYPES, "delivery": "uuid"}
    column_list = ", ".join(column_types)
    statement = text(
        "insert into change (organization_id, source, generation, seq, "  # noqa: S608  # constants
        f"{column_list}) select :organization, :source, :generation, :seq, "
        f"{', '.join(f'd.{column_name}' for column_name in column_types)} "
        f"from {json_recordset(connection, 'rows', column_types, 'd')} where true "
        "on conflict do nothing returning key"
    ).bindparams(
        bindparam("organization", source_generation.organization_id, UuidColumn()),
        bindparam("generation", source_generation.generation, Int32),
        bindparam("seq", seq, Int64),
        bindparam("source", source_generation.source, CollatedText),
    )
    return set((await connection.execute(statement, {"rows": dumps(rows)})).scalars())


async def load_changes(
    connection: AsyncConnection,
    source_generation: SourceGeneration,
    entities: Collection[str],
    deals: Collection[str] = (),
) -> RecordChanges:
    """Load every change of the entities, and the changes that reference the deals."""
    queries = [
        JsonQuery(", ".join(CHANGE_FIELDS), _lookup_query(connection, "entities", "entity")),
        JsonQuery("other, entity, key", _lookup_query(connection, "deals", "other")),
    ]
    parameters: dict[str, object] = {
        "source": source_generation.source,
        "generation": source_generation.generation,
        "entities": dumps([[record] for record in sorted(entities)]),
        "deals": dumps([[record] for record in sorted(deals)]),
    }
    record_changes = RecordChanges(
        {entity: [] for entity in entities}, {deal: [] for deal in deals}
    )
    rows, links = await query_many(
        connection, source_generation.organization_id, queries, parameters
    )
    for entity, change_key, occurred_us, verb, fields_json, other_entity, sequence in rows:
        parsed_fields = strict_json.loads(fields_json.encode())
        fields = with_current_names(entity, parsed_fields)  # type: ignore[arg-type]  # an object
        occurred_at = epoch.from_microseconds(occurred_us)
        record_changes.changes[entity].append(
            Change(entity, change_key, occurred_at, verb, fields, other_entity, sequence)
        )
    for deal, entity, change_key in links:
        record_changes.links[deal].append((entity, change_key))
    return record_changes


def _lookup_query(connection: AsyncConnection, parameter: str, column: str) -> str:
    """Return the query for the changes whose column is one of the parameter's entities."""
    lookup = lateral_lookup(
        connection,
        json_recordset(connection, parameter, ENTITY_COLUMN_TYPES, "d"),
        "change",
        "c",
        f"c.organization_id = :organization and c.source = :source and c.{column} = d.entity",
    )
    return f"select c.* from {lookup} where c.generation = :generation"  # noqa: S608  # constants


async def changes_first_seen_in(
    connection: AsyncConnection, source_generation: SourceGeneration, uids: Collection[UUID]
) -> list[Change]:
    """Load the changes that these deliveries were the first to report."""
    delivery_ids = sorted(uids)
    changes: list[Change] = []
    for start in range(0, len(delivery_ids), 1000):
        statement = select(change_table).where(
            *source_generation.to_conditions(),
            change_table.c.delivery.in_(delivery_ids[start : start + 1000]),
        )
        changes += [_to_change(row) for row in (await connection.execute(statement)).mappings()]
    return changes


def _to_change(row: RowMapping) -> Change:
    columns = {field_name: row[field_name] for field_name in CHANGE_FIELDS}
    return Change(**{**columns, "fields": with_current_names(row["entity"], row["fields"])})


async def copy_to_next_generation(
    connection: AsyncConnection,
    source_generation: SourceGeneration,
    excluded_deliveries: Collection[UUID],
) -> None:
    """Copy the changes of a generation to the next one, except those of some deliveries.

    Changes that the next generation has already stay as they are.
    """
    column_names = [column.name for column in change_table.columns]
    columns = [
        literal(source_generation.generation + 1)
        if column_name == "generation"
        else change_table.c[column_name]
        for column_name in column_names
    ]
    selection = select(*columns).where(
        *source_generation.to_conditions(),
        change_table.c.delivery.not_in(sorted(excluded_deliveries)),
    )
    insertion = (sqlite.insert if is_embedded(connection) else postgresql.insert)(change_table)
    await connection.execute(
        insertion.from_select(column_names, selection).on_conflict_do_nothing()
    )
