"""The changes that deliveries told, each once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from json import dumps
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, bindparam, literal, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.primitives import epoch, strict_json
from app.domain.sources.crm.changes import Change
from app.store.sql import column_types as types
from app.store.sql.dialect import is_embedded, json_recordset, lateral_lookup
from app.store.sql.multi_query import JsonQuery, query_many
from app.store.tables.events import ChangeRow
from app.store.tables.playbook import get_table

CHANGE_COLUMN_TYPES: Final = {
    "key": "text",
    "entity": "text",
    "other": "text",
    "at": "whole",
    "verb": "text",
    "fields": "text",
    "sequence": "text",
}
change_table = get_table(ChangeRow)
MAX_ROWS_PER_STATEMENT: Final = 5_000  # of one statement: a replay has any number
CHANGE_FIELDS: Final = (
    "entity",
    "key",
    "at",
    "verb",
    "fields",
    "other",
    "sequence",
)  # in the order of a Change
ENTITY_COLUMN_TYPES: Final = {"entity": "text"}


@dataclass(frozen=True, slots=True)
class SourceGeneration:
    """Whose changes are meant: those of one source, in the generation that is in force."""

    organization_id: UUID
    source: str
    generation: int = 1

    def to_conditions(self) -> tuple[ColumnElement[bool], ...]:
        """The conditions on `change`, the organization first."""
        return (
            change_table.c.organization_id == self.organization_id,
            change_table.c.source == self.source,
            change_table.c.generation == self.generation,
        )


@dataclass(frozen=True, slots=True)
class RecordChanges:
    """What was ever told of some records.

    Shape: `changes` by entity; `links` by deal: the records that were ever associated with it and the deals that went
    into it, each with the key of the change that says so.
    """

    changes: dict[str, list[Change]] = field(default_factory=dict)
    links: dict[str, list[tuple[str, str]]] = field(default_factory=dict)


async def add_changes(
    connection: AsyncConnection,
    source_generation: SourceGeneration,
    seq: int,
    deliveries: Sequence[tuple[UUID, Sequence[Change]]],
) -> list[frozenset[str]]:
    """The changes that deliveries told are kept, each once.

    Returns by delivery, in the given order, the keys of those that it was the first to tell.
    """
    first_reports: dict[str, tuple[UUID, Change]] = {}
    for delivery_id, changes in deliveries:
        for key, change in {change.key: change for change in changes}.items():
            first_reports.setdefault(key, (delivery_id, change))
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
    # As one parameter: a statement with values for so many rows takes longer to make than to run.
    column_types = {**CHANGE_COLUMN_TYPES, "delivery": "identity"}
    column_list = ", ".join(column_types)
    statement = text(
        f"insert into change (organization_id, source, generation, seq, {column_list}) "  # constants  # noqa: S608  # constants
        f"select :organization, :source, :generation, :seq, {', '.join(f'd.{name}' for name in column_types)} "
        f"from {json_recordset(connection, 'rows', column_types, 'd')} where true on conflict do nothing returning key"
    ).bindparams(
        bindparam("organization", source_generation.organization_id, types.UuidColumn()),
        bindparam("generation", source_generation.generation, types.Int32),
        bindparam("seq", seq, types.Int64),
        bindparam("source", source_generation.source, types.CollatedText),
    )
    return set((await connection.execute(statement, {"rows": dumps(rows)})).scalars())


async def load_changes(
    connection: AsyncConnection,
    source_generation: SourceGeneration,
    entities: Collection[str],
    deals: Collection[str] = (),
) -> RecordChanges:
    """All changes of these entities, and what links other records to these deals."""
    join_condition = "c.organization_id = :organization and c.source = :source and c.{} = d.entity"
    entity_lookup, deal_lookup = (
        lateral_lookup(
            connection,
            json_recordset(connection, parameter, ENTITY_COLUMN_TYPES, "d"),
            "change",
            "c",
            join_condition.format(column),
        )
        for parameter, column in (("entities", "entity"), ("deals", "other"))
    )
    queries = [
        JsonQuery(
            ", ".join(CHANGE_FIELDS),
            f"select c.* from {entity_lookup} where c.generation = :generation",  # noqa: S608  # constants
        ),  # constants
        JsonQuery(
            "other, entity, key",
            f"select c.* from {deal_lookup} where c.generation = :generation",  # noqa: S608  # constants
        ),  # constants
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
    for entity, key, occurred_us, verb, fields_json, other_entity, sequence in rows:
        parsed_fields = strict_json.loads(fields_json.encode())
        record_changes.changes[entity].append(
            Change(
                entity,
                key,
                epoch.from_microseconds(occurred_us),
                verb,
                parsed_fields,  # type: ignore[arg-type]  # as they were kept
                other_entity,
                sequence,
            )
        )
    for deal, entity, key in links:
        record_changes.links[deal].append((entity, key))
    return record_changes


async def changes_first_seen_in(
    connection: AsyncConnection, source_generation: SourceGeneration, uids: Collection[UUID]
) -> list[Change]:
    """The changes that these deliveries were the first to tell."""
    delivery_ids, changes = sorted(uids), []
    for start in range(0, len(delivery_ids), 1000):
        statement = select(change_table).where(
            *source_generation.to_conditions(),
            change_table.c.delivery.in_(delivery_ids[start : start + 1000]),
        )
        changes += [_to_change(row) for row in (await connection.execute(statement)).mappings()]
    return changes


def _to_change(row: RowMapping) -> Change:
    return Change(**{name: row[name] for name in CHANGE_FIELDS})


async def copy_to_next_generation(
    connection: AsyncConnection,
    source_generation: SourceGeneration,
    excluded_deliveries: Collection[UUID],
) -> None:
    """The changes of the generation, but those that these deliveries told, are in the next one too, unless there."""
    column_names = [column.name for column in change_table.columns]
    columns = [
        literal(source_generation.generation + 1) if name == "generation" else change_table.c[name]
        for name in column_names
    ]
    selection = select(*columns).where(
        *source_generation.to_conditions(),
        change_table.c.delivery.not_in(sorted(excluded_deliveries)),
    )
    insertion = (sqlite.insert if is_embedded(connection) else postgresql.insert)(change_table)
    await connection.execute(
        insertion.from_select(column_names, selection).on_conflict_do_nothing()
    )
