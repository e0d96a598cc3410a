"""Organizations for benchmarks: a playbook, and any multiple of three months of events."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
from sqlalchemy import event as hook

from app.api.alignment.alignment_schemas import to_alignment
from app.domain.access.actor import Actor
from app.domain.playbook.organization import Organization
from app.security import identifiers
from app.services.access import organizations
from app.services.alignment import alignment
from app.services.alignment.alignment import AlignmentResult, _RequestedOnce
from app.services.events import ingestion
from app.services.playbook import configuration as configuration_service
from app.services.playbook import playbooks
from app.services.runtime.context import ServiceContext
from app.services.runtime.versioned_cache import VersionedCache
from app.store.alignment.evidence_query import ClosedDayEvidence
from benchmarks.past_answers import (
    DAYS,
    START,
    FakeClock,
    HistorySize,
    add_nouns,
    make_day_events,
    make_nouns,
)

PLAYBOOK: Final = "plan"
ADDITIVE_COLUMNS: Final = {
    "measure": ("matched", "counted", "other_unit", "no_value", "total"),
    "attention": ("events", "effort"),
    "sold": ("items", "value"),
}
Statements = list[tuple[str, Sequence[object]]]


@dataclass(frozen=True)
class BenchmarkCompany:
    """An organization with a playbook and events."""

    service: ServiceContext
    actor: Actor
    # The admin key.
    secret: str

    @property
    def organization(self) -> UUID:
        """The id of the organization."""
        return self.actor.organization


class AnswerlessCache(VersionedCache):
    """A cache of configuration and evidence of closed days, but not of answers."""

    def __init__(self, *excluded_types: type) -> None:
        """Exclude values of these types in addition to answers."""
        super().__init__()
        self._excluded_types = (AlignmentResult, *excluded_types)

    def put(self, owner: Hashable, key: Hashable, version: int, value: object, cost: int) -> None:
        """Store a value unless its type is excluded."""
        if not isinstance(value, self._excluded_types):
            super().put(owner, key, version, value, cost)


def with_empty_cache(service: ServiceContext) -> ServiceContext:
    """Copy the service as of a new process."""
    return replace(service, answer_cache=VersionedCache())


def without_answer_cache(service: ServiceContext) -> ServiceContext:
    """Copy the service as of a process that receives an event after each answer."""
    return replace(service, answer_cache=AnswerlessCache())


def without_evidence_cache(service: ServiceContext) -> ServiceContext:
    """Copy the service as of a process that reads all evidence for each answer."""
    return replace(service, answer_cache=AnswerlessCache(ClosedDayEvidence, _RequestedOnce))


async def compute_answer(
    company: BenchmarkCompany, prepare_service: Callable[[ServiceContext], ServiceContext]
) -> bytes:
    """Return the response body of the company's alignment."""
    return (
        to_alignment(
            await alignment.get_alignment(prepare_service(company.service), company.actor, PLAYBOOK)
        )
        .model_dump_json()
        .encode()
    )


async def create_company(
    service: ServiceContext, clock: FakeClock, objectives: int, event_count: int
) -> BenchmarkCompany:
    """Create an organization with a playbook and events, recorded at their occurrence."""
    clock.now = START
    organization_key = f"reads-{identifiers.new_uuid7(datetime.now(UTC)).hex}"
    secret = await organizations.create_organization(
        service, Organization(organization_key, "Benchmark")
    )
    actor = Actor(
        await organizations.find_organization(service, organization_key),
        "bench",
        frozenset({"admin"}),
    )
    size = replace(plan_size(objectives), events=event_count)
    await configuration_service.write_configuration(
        service, actor, lambda current: add_nouns(current, make_nouns(size))
    )
    await playbooks.publish_playbook(service, actor, PLAYBOOK)
    for day in range(DAYS):
        clock.now = START + timedelta(days=day, minutes=30)
        recorded = await ingestion.ingest_events(service, actor, make_day_events(size, day, 0))
        assert all(submission.status == "recorded" for submission in recorded)
    return BenchmarkCompany(service, actor, secret)


def plan_size(objectives: int) -> HistorySize:
    """Return a size with two key results per objective, at most 200 metrics and 50 teams."""
    teams = min(50, max(5, objectives // 5))
    return HistorySize(objectives, 2 * objectives, teams, metrics=min(200, 2 * objectives))


async def multiply_events(connection: asyncpg.Connection, organization: UUID, factor: int) -> None:
    """Multiply the events within the same roll-up cells.

    `sightline db rebuild --check` finds no difference.
    """
    column_filter = "attrelid = 'event'::regclass and attnum > 0 and not attisdropped"
    columns = await connection.fetchval(
        f"select array_agg(attname::text order by attnum) from pg_attribute where {column_filter}"
    )
    event_count = await connection.fetchval("select count(*) from event")
    # The ids of copies sort before all others, so the last event of a day remains the last.
    replaced_columns = {
        "uid": f"lpad(to_hex({event_count} + row_number() over ()), 32, '0')::uuid",
        "id": f"'+{event_count}-' || k || '-' || id",
    }
    where = f"where organization_id = '{organization}'"
    selected = ", ".join(replaced_columns.get(column_name, column_name) for column_name in columns)
    copies = f"select {selected} from event, generate_series(2, {factor}) as k"
    await connection.execute(f"insert into event ({', '.join(columns)}) {copies} {where}")
    for column_name, sums in ADDITIVE_COLUMNS.items():
        assignments = ", ".join(f"{column} = {column} * {factor}" for column in sums)
        await connection.execute(f"update {column_name} set {assignments} {where}")


@contextmanager
def record_statements(service: ServiceContext) -> Iterator[Statements]:
    """Collect the statements that the database executes in the block."""
    recorded: Statements = []

    def add_statement(
        _connection: object, _cursor: object, sql: str, parameters: Sequence[object], *_: object
    ) -> None:
        recorded.append((sql, parameters))

    engine = service.database.reader.sync_engine
    hook.listen(engine, "before_cursor_execute", add_statement)
    try:
        yield recorded
    finally:
        hook.remove(engine, "before_cursor_execute", add_statement)
