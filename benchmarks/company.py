"""Organizations to ask about: a plan, three months of events, and then as many times more of these as are wanted."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
from sqlalchemy import event as hook

from app.api.alignment.alignment_schemas import show
from app.domain.access.actor import Actor
from app.domain.playbook.organization import Organization
from app.security import identifiers as ids
from app.services.access import organizations
from app.services.alignment import alignment
from app.services.alignment.alignment import Answer, Once
from app.services.events import ingestion as events
from app.services.playbook import configuration, playbooks
from app.services.runtime.context import Service
from app.services.runtime.versioned_cache import Kept
from app.store.alignment.evidence_query import Settled
from benchmarks.past import DAYS, START, Clock, Size, everything, happened, nouns

PLAYBOOK: Final = "plan"
ADDED: Final = {
    "measure": ("matched", "counted", "other_unit", "no_value", "total"),
    "attention": ("events", "effort"),
    "sold": ("items", "value"),
}
Statements = list[tuple[str, Sequence[object]]]


@dataclass(frozen=True)
class Company:
    """An organization with a plan and events. Shape: `secret` is its key."""

    service: Service
    actor: Actor
    secret: str

    @property
    def organization(self) -> UUID:
        """Its identity."""
        return self.actor.organization


class Forgetful(Kept):
    """Keeps no answer, only what is configured and, unless told otherwise, the evidence of days that are over."""

    def __init__(self, *forgotten: type) -> None:
        """Of these kinds nothing is kept either."""
        super().__init__()
        self._forgotten = (Answer, *forgotten)

    def keep(
        self, of: Hashable, question: Hashable, version: int, thing: object, weight: int
    ) -> None:
        """Not an answer."""
        if not isinstance(thing, self._forgotten):
            super().keep(of, question, version, thing, weight)


def new(service: Service) -> Service:
    """It in a process that has answered nothing yet."""
    return replace(service, kept=Kept())


def forgetful(service: Service) -> Service:
    """It in a process that hears of an event after each of its answers."""
    return replace(service, kept=Forgetful())


def reading(service: Service) -> Service:
    """It in a process that reads the whole evidence for each of its answers."""
    return replace(service, kept=Forgetful(Settled, Once))


async def answered(known: Company, process: Callable[[Service], Service]) -> bytes:
    """What that process sends of the company's alignment."""
    return (
        show(await alignment.read(process(known.service), known.actor, PLAYBOOK))
        .model_dump_json()
        .encode()
    )


async def furnished(service: Service, clock: Clock, objectives: int, number: int) -> Company:
    """A new organization with a plan of so many objectives and about so many events, recorded as they occurred."""
    clock.at = START
    key = f"reads-{ids.uuid7(datetime.now(UTC)).hex}"
    secret = await organizations.create(service, Organization(key, "Benchmark"))
    actor = Actor(await organizations.find(service, key), "bench", frozenset({"admin"}))
    size = replace(plan(objectives), events=number)
    await configuration.write(service, actor, lambda known: everything(known, nouns(size)))
    await playbooks.publish(service, actor, PLAYBOOK)
    for day in range(DAYS):
        clock.at = START + timedelta(days=day, minutes=30)
        recorded = await events.record(service, actor, happened(size, day, 0))
        assert all(one.status == "recorded" for one in recorded)
    return Company(service, actor, secret)


def plan(objectives: int) -> Size:
    """Two key results for every objective, over at most 200 metrics and 50 teams; every team works on all of them."""
    metrics, teams = min(200, 2 * objectives), min(50, max(5, objectives // 5))
    return Size(objectives, 2 * objectives, teams, metrics)


async def multiply(raw: asyncpg.Connection, organization: UUID, times: int) -> None:
    """There are so many times more events in the same cells of the roll-ups: `sightline db rebuild --check` agrees."""
    of = "attrelid = 'event'::regclass and attnum > 0 and not attisdropped"
    columns = await raw.fetchval(
        f"select array_agg(attname::text order by attnum) from pg_attribute where {of}"
    )
    before = await raw.fetchval("select count(*) from event")
    # A copy's id comes before all others, so that the last event of a day is the one that it was.
    made = {
        "uid": f"lpad(to_hex({before} + row_number() over ()), 32, '0')::uuid",
        "id": f"'+{before}-' || k || '-' || id",
    }
    where = f"where organization_id = '{organization}'"
    copies = f"select {', '.join(made.get(name, name) for name in columns)} from event, generate_series(2, {times}) as k"
    await raw.execute(f"insert into event ({', '.join(columns)}) {copies} {where}")
    for name, sums in ADDED.items():
        await raw.execute(
            f"update {name} set {', '.join(f'{one} = {one} * {times}' for one in sums)} {where}"
        )


@contextmanager
def statements(service: Service) -> Iterator[Statements]:
    """What the database is asked meanwhile."""
    found: Statements = []

    def note(
        _connection: object, _cursor: object, sql: str, values: Sequence[object], *_: object
    ) -> None:
        found.append((sql, values))

    engine = service.database.reader.sync_engine
    hook.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        hook.remove(engine, "before_cursor_execute", note)
