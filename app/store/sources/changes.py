"""The changes that deliveries told, each once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from json import dumps
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, bindparam, literal, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.primitives import strict_json
from app.domain.sources.crm.changes import Change
from app.store.sql import column_types as types
from app.store.sql.dialect import each, embedded, recordset
from app.store.sql.multi_query import Part, ask
from app.store.tables.events import ChangeRow
from app.store.tables.playbook import table_of

CHANGE: Final = {
    "key": "text",
    "entity": "text",
    "other": "text",
    "at": "whole",
    "verb": "text",
    "fields": "text",
    "sequence": "text",
}
change = table_of(ChangeRow)
ROWS: Final = 5_000  # of one statement: a replay has any number
READ: Final = (
    "entity",
    "key",
    "at",
    "verb",
    "fields",
    "other",
    "sequence",
)  # in the order of a Change
ENTITY: Final = {"entity": "text"}


@dataclass(frozen=True, slots=True)
class Told:
    """Whose changes are meant: those of one source, in the generation that is in force."""

    organization: UUID
    source: str
    generation: int = 1

    def where(self) -> tuple[ColumnElement[bool], ...]:
        """The conditions on `change`, the organization first."""
        return (
            change.c.organization_id == self.organization,
            change.c.source == self.source,
            change.c.generation == self.generation,
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What was ever told of some records.

    Shape: `changes` by entity; `links` by deal: the records that were ever associated with it and the deals that went
    into it, each with the key of the change that says so.
    """

    changes: dict[str, list[Change]] = field(default_factory=dict)
    links: dict[str, list[tuple[str, str]]] = field(default_factory=dict)


async def add_changes(
    connection: AsyncConnection,
    told: Told,
    seq: int,
    found: Sequence[tuple[UUID, Sequence[Change]]],
) -> list[frozenset[str]]:
    """The changes that deliveries told are kept, each once.

    Returns by delivery, in the given order, the keys of those that it was the first to tell.
    """
    first: dict[str, tuple[UUID, Change]] = {}
    for uid, said in found:
        for key, one in {one.key: one for one in said}.items():
            first.setdefault(key, (uid, one))
    rows = [_row(uid, one) for _, (uid, one) in sorted(first.items())]
    new: set[str] = set()
    for start in range(0, len(rows), ROWS):
        new |= await _insert(connection, told, seq, rows[start : start + ROWS])
    return [
        frozenset(one.key for one in said if one.key in new and first[one.key][0] == uid)
        for uid, said in found
    ]


def _row(uid: UUID, one: Change) -> tuple[object, ...]:
    fields = strict_json.dumps(dict(one.fields))
    return (
        one.key,
        one.entity,
        one.other,
        types.micros(one.at),
        one.verb,
        fields,
        one.sequence,
        str(uid),
    )


async def _insert(
    connection: AsyncConnection, told: Told, seq: int, rows: Sequence[tuple[object, ...]]
) -> set[str]:
    # As one parameter: a statement with values for so many rows takes longer to make than to run.
    columns = {**CHANGE, "delivery": "identity"}
    names = ", ".join(columns)
    statement = text(
        f"insert into change (organization_id, source, generation, seq, {names}) "  # noqa: S608  # constants
        f"select :organization, :source, :generation, :seq, {', '.join(f'd.{name}' for name in columns)} "
        f"from {recordset(connection, 'rows', columns, 'd')} where true on conflict do nothing returning key"
    ).bindparams(
        bindparam("organization", told.organization, types.Identity()),
        bindparam("generation", told.generation, types.Count),
        bindparam("seq", seq, types.Whole),
        bindparam("source", told.source, types.Words),
    )
    return set((await connection.execute(statement, {"rows": dumps(rows)})).scalars())


async def known_of(
    connection: AsyncConnection, told: Told, entities: Collection[str], deals: Collection[str] = ()
) -> Known:
    """All changes of these entities, and what links other records to these deals."""
    mine = "c.organization_id = :organization and c.source = :source and c.{} = d.entity"
    named, linked = (
        each(
            connection, recordset(connection, name, ENTITY, "d"), "change", "c", mine.format(column)
        )
        for name, column in (("entities", "entity"), ("deals", "other"))
    )
    parts = [
        Part(", ".join(READ), f"select c.* from {named} where c.generation = :generation"),  # noqa: S608  # constants
        Part("other, entity, key", f"select c.* from {linked} where c.generation = :generation"),  # noqa: S608  # constants
    ]
    values: dict[str, object] = {
        "source": told.source,
        "generation": told.generation,
        "entities": dumps([[one] for one in sorted(entities)]),
        "deals": dumps([[one] for one in sorted(deals)]),
    }
    found = Known({entity: [] for entity in entities}, {deal: [] for deal in deals})
    rows, links = await ask(connection, told.organization, parts, values)
    for entity, key, at, verb, fields, other, sequence in rows:
        said = strict_json.loads(fields.encode())
        found.changes[entity].append(
            Change(entity, key, types.instant(at), verb, said, other, sequence)  # type: ignore[arg-type]  # as they were kept
        )
    for deal, entity, key in links:
        found.links[deal].append((entity, key))
    return found


async def changes_told_by(
    connection: AsyncConnection, told: Told, uids: Collection[UUID]
) -> list[Change]:
    """The changes that these deliveries were the first to tell."""
    wanted, found = sorted(uids), []
    for start in range(0, len(wanted), 1000):
        statement = select(change).where(
            *told.where(), change.c.delivery.in_(wanted[start : start + 1000])
        )
        found += [_change(row) for row in (await connection.execute(statement)).mappings()]
    return found


def _change(row: RowMapping) -> Change:
    return Change(**{name: row[name] for name in READ})


async def carry_over(connection: AsyncConnection, told: Told, but: Collection[UUID]) -> None:
    """The changes of the generation, but those that these deliveries told, are in the next one too, unless there."""
    names = [column.name for column in change.columns]
    columns = [
        literal(told.generation + 1) if name == "generation" else change.c[name] for name in names
    ]
    kept = select(*columns).where(*told.where(), change.c.delivery.not_in(sorted(but)))
    insertion = (sqlite.insert if embedded(connection) else postgresql.insert)(change)
    await connection.execute(insertion.from_select(names, kept).on_conflict_do_nothing())
