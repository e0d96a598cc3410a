"""Plays a world into the real store.

Its configuration by the domain's steps, its events and retractions on the days they were recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from itertools import groupby
from uuid import UUID
from zoneinfo import ZoneInfo

from app.domain.access.actor import Actor
from app.domain.events import metrics
from app.domain.events.events import Event, day_of
from app.domain.playbook import objectives, offerings, playbooks
from app.domain.playbook import organization as teams
from app.domain.playbook.configuration import Configuration, Noun, changes
from app.domain.playbook.organization import Organization
from app.domain.sources import sources
from app.scoring.playbook_index import Plan
from app.scoring.snapshot import Snapshot, frame
from app.security import identifiers as ids
from app.services.runtime.matcher_cache import Catalogue, catalogue
from app.store.access import organization_version as cursor
from app.store.access.organization_version import Position
from app.store.alignment import evidence_query as snapshot
from app.store.events import ingest
from app.store.events import retraction as retract
from app.store.playbook import configuration as store
from app.store.sql import column_types as types
from app.store.sql.database import Connection, Database
from tests.reference_model import world as w

START = datetime(2025, 1, 1, tzinfo=UTC)
ONE = 10_000
Step = w.Event | w.Retraction


@dataclass(frozen=True)
class Stage:
    """A database for as many organizations as are played."""

    database: Database


def fixed(value: Fraction) -> int:
    """Ten-thousandths, exactly."""
    scaled = value * ONE
    assert scaled.denominator == 1
    return int(scaled)


def maybe(value: Fraction | None) -> int | None:
    return None if value is None else fixed(value)


async def play(stage: Stage, world: w.World, batches: int = 0) -> Actor:
    """The world is in the database as an organization of its own; returns who may do everything in it.

    Shape: with `batches` events recorded on one day go in so many calls.
    """
    # By the store and in one transaction: the flows would check and read the whole configuration for every instant
    # anew, which is most of the time of a test that asks the store alone.
    actor = Actor(ids.uuid7(START), "player", frozenset({"admin"}))
    async with stage.database.writing() as connection:
        position = await _open(connection, actor.organization, world)
        empty = Configuration({}, policies={})
        full = configured(
            Configuration({"world": Organization("world", "World", world.zone)}), world
        )
        await store.save(connection, actor.organization, position, actor.name, changes(empty, full))
        scene = Scene(connection, actor, await catalogue(connection, actor.organization), batches)
        for at, found in _moments(world):
            await scene.record(at, [event(one) for one in found if isinstance(one, w.Event)])
            await scene.retract(at, [one for one in found if isinstance(one, w.Retraction)])
    return actor


async def _open(connection: Connection, organization: UUID, world: w.World) -> Position:
    await cursor.begin(connection, organization, START, world.zone)
    return await cursor.advance(connection, organization, START, world.zone, catalogue=True)


def _moments(world: w.World) -> list[tuple[datetime, Sequence[Step]]]:
    """What was recorded, in its order: the events of one day without a retraction between them, and the retractions."""
    retracted = {(r.source, r.id): r for r in world.retractions}.values()
    steps: list[Step] = [*world.events, *retracted]
    zone = ZoneInfo(world.zone)
    ordered = sorted(steps, key=lambda step: step.recorded_at)
    found = groupby(
        ordered, key=lambda step: (type(step), step.recorded_at.astimezone(zone).date())
    )
    return [(some[-1].recorded_at, some) for some in (list(group) for _, group in found)]


@dataclass
class Scene:
    """A world being played, in one transaction."""

    connection: Connection
    actor: Actor
    known: Catalogue
    batches: int
    uids: dict[tuple[str, str], UUID] = field(default_factory=dict)

    async def record(self, at: datetime, found: Sequence[Event]) -> None:
        size = max(1, len(found) // self.batches) if self.batches else max(1, len(found))
        day, zone = types.day_number(day_of(at, self.known.time_zone)), self.known.time_zone
        for start in range(0, len(found), size):
            prepared = ingest.prepare(found[start : start + size], self.known.matcher, at, zone)
            recorded = await ingest.record(
                self.connection, self.actor.organization, prepared, at, day, self.known.version
            )
            assert recorded.uids == {one.uid for one in prepared}
            self.uids |= {(one.event.source, one.event.id): one.uid for one in prepared}

    async def retract(self, at: datetime, found: Sequence[w.Retraction]) -> None:
        if found:
            organization, zone = self.actor.organization, self.known.time_zone
            position = await cursor.advance(
                self.connection, organization, at, zone, catalogue=False
            )
            reasons = {self.uids[one.source, one.id]: "a mistake" for one in found}
            how = (organization, reasons, position, "player", self.known.matcher, zone)
            assert await retract.retract(self.connection, *how) == len(found)


async def look(stage: Stage, actor: Actor, world: w.World) -> Snapshot:
    """The snapshot that the world's question is answered from."""
    async with stage.database.reading() as connection:
        known = await store.load(connection, actor.organization)
        asked = frame(known.playbooks[world.playbook.key], world.as_of, world.known_at)
        return await snapshot.read(
            connection, actor.organization, Plan(known, world.playbook.key), asked
        )


def event(one: w.Event) -> Event:
    """The event as it is sent."""
    return Event(
        id=one.id,
        source=one.source,
        type=one.type,
        time=one.time.astimezone(UTC),
        team=one.team,
        kind=one.kind,
        value=maybe(one.value),
        unit=one.unit,
        effort=maybe(one.effort),
        subject=one.subject,
        objective=one.objective,
        offerings=tuple((offering, fixed(value)) for offering, value in one.offerings),
        data=one.data,
    )


def configured(found: Configuration, world: w.World) -> Configuration:
    """The configuration that the world describes."""
    for noun in nouns(world):
        found = found.put(noun)
    # Archived teams are simply not in the world; what they did still counts, so the events need them to be known.
    return found


def nouns(world: w.World) -> list[Noun]:
    books = [
        playbooks.Playbook(p.key, p.key, "", p.starts_on, p.ends_on, "published", p.revision, START)
        for p in (world.playbook, *world.others)
    ]
    return [
        policy(world.policy),
        *(teams.Team(t.key, t.key, t.function, fixed(t.size)) for t in world.teams),
        *(sources.Source(key, key) for key in sorted({e.source for e in world.events})),
        *map(metric, world.metrics),
        *(
            offerings.Offering(o.key, o.key, o.available_from, o.retired_on)
            for o in world.offerings
        ),
        *books,
        *(
            objectives.Objective(o.key, o.playbook, o.key, "", fixed(o.priority), None, o.state)
            for o in world.objectives
        ),
        *map(key_result, world.key_results),
        *(
            objectives.Responsibility(r.objective, r.team, r.role, fixed(r.share), r.status)
            for r in world.responsibilities
        ),
        *(
            playbooks.Contribution(world.playbook.key, team, "somebody")
            for team in sorted(world.contributions)
        ),
        *(
            playbooks.Signoff(world.playbook.key, team, n, "somebody")
            for team, n in sorted(world.signoffs.items())
        ),
    ]


def policy(found: w.Policy) -> teams.Policy:
    return teams.Policy(
        weights={name: fixed(weight) for name, weight in found.weights.items()},
        focus_days=found.focus_days,
        minimum_events=found.minimum_events,
        required_functions=found.required_functions,
        half_life_days=fixed(found.half_life_days),
        minimum_coverage=fixed(found.minimum_coverage),
        unit=found.unit,
    )


def metric(found: w.Metric) -> metrics.Metric:
    where = tuple(
        metrics.Condition(
            c.property,
            c.op,
            tuple(c.value) if isinstance(c.value, (list, tuple)) else c.value,  # type: ignore[arg-type]  # a world holds what JSON holds
        )
        for c in found.where
    )
    return metrics.Metric(
        key=found.key,
        name=found.key,
        events=found.events,
        aggregation=found.aggregation,
        unit=found.unit,
        activities=found.activities,
        where=where,
        value=found.value,
        canonical_source=found.canonical_source,
    )


def key_result(found: w.KeyResult) -> objectives.KeyResult:
    return objectives.KeyResult(
        key=found.key,
        objective=found.objective,
        title=found.key,
        metric=found.metric,
        baseline=fixed(found.baseline),
        target=fixed(found.target),
        weight=fixed(found.weight),
        cadence_days=found.cadence_days,
        starts_on=found.starts_on,
        ends_on=found.ends_on,
    )
