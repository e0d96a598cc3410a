"""Organizations to ask about: a plan, three months of events, and then as many times more of these as are wanted."""

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
from app.security import identifiers as ids
from app.services.access import organizations
from app.services.alignment import alignment
from app.services.alignment.alignment import AlignmentResult, _RequestedOnce
from app.services.events import ingestion as events
from app.services.playbook import configuration, playbooks
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
    """An organization with a plan and events. Shape: `secret` is its key."""

    service: ServiceContext
    actor: Actor
    secret: str

    @property
    def organization(self) -> UUID:
        """Its identity."""
        return self.actor.organization


class AnswerlessCache(VersionedCache):
    """Keeps no answer, only what is configured and, unless told otherwise, the evidence of days that are over."""

    def __init__(self, *excluded_types: type) -> None:
        """Of these kinds nothing is kept either."""
        super().__init__()
        self._excluded_types = (AlignmentResult, *excluded_types)

    def put(self, owner: Hashable, key: Hashable, version: int, value: object, cost: int) -> None:
        """Not an answer."""
        if not isinstance(value, self._excluded_types):
            super().put(owner, key, version, value, cost)


def with_empty_cache(service: ServiceContext) -> ServiceContext:
    """It in a process that has answered nothing yet."""
    return replace(service, answer_cache=VersionedCache())


def without_answer_cache(service: ServiceContext) -> ServiceContext:
    """It in a process that hears of an event after each of its answers."""
    return replace(service, answer_cache=AnswerlessCache())


def without_evidence_cache(service: ServiceContext) -> ServiceContext:
    """It in a process that reads the whole evidence for each of its answers."""
    return replace(service, answer_cache=AnswerlessCache(ClosedDayEvidence, _RequestedOnce))


async def compute_answer(
    company: BenchmarkCompany, prepare_service: Callable[[ServiceContext], ServiceContext]
) -> bytes:
    """What that process sends of the company's alignment."""
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
    """A new organization with a plan of so many objectives and about so many events, recorded as they occurred."""
    clock.now = START
    key = f"reads-{ids.new_uuid7(datetime.now(UTC)).hex}"
    secret = await organizations.create_organization(service, Organization(key, "Benchmark"))
    actor = Actor(
        await organizations.find_organization(service, key), "bench", frozenset({"admin"})
    )
    size = replace(plan_size(objectives), events=event_count)
    await configuration.write_configuration(
        service, actor, lambda current: add_nouns(current, make_nouns(size))
    )
    await playbooks.publish_playbook(service, actor, PLAYBOOK)
    for day in range(DAYS):
        clock.now = START + timedelta(days=day, minutes=30)
        recorded = await events.ingest_events(service, actor, make_day_events(size, day, 0))
        assert all(submission.status == "recorded" for submission in recorded)
    return BenchmarkCompany(service, actor, secret)


def plan_size(objectives: int) -> HistorySize:
    """Two key results for every objective, over at most 200 metrics and 50 teams; every team works on all of them."""
    metrics, teams = min(200, 2 * objectives), min(50, max(5, objectives // 5))
    return HistorySize(objectives, 2 * objectives, teams, metrics)


async def multiply_events(connection: asyncpg.Connection, organization: UUID, factor: int) -> None:
    """There are so many times more events in the same cells of the roll-ups: `sightline db rebuild --check` agrees."""
    column_filter = "attrelid = 'event'::regclass and attnum > 0 and not attisdropped"
    columns = await connection.fetchval(
        f"select array_agg(attname::text order by attnum) from pg_attribute where {column_filter}"
    )
    event_count = await connection.fetchval("select count(*) from event")
    # A copy's id comes before all others, so that the last event of a day is the one that it was.
    replaced_columns = {
        "uid": f"lpad(to_hex({event_count} + row_number() over ()), 32, '0')::uuid",
        "id": f"'+{event_count}-' || k || '-' || id",
    }
    where = f"where organization_id = '{organization}'"
    copies = f"select {', '.join(replaced_columns.get(name, name) for name in columns)} from event, generate_series(2, {factor}) as k"
    await connection.execute(f"insert into event ({', '.join(columns)}) {copies} {where}")
    for name, sums in ADDITIVE_COLUMNS.items():
        await connection.execute(
            f"update {name} set {', '.join(f'{column} = {column} * {factor}' for column in sums)} {where}"
        )


@contextmanager
def record_statements(service: ServiceContext) -> Iterator[Statements]:
    """What the database is asked meanwhile."""
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
