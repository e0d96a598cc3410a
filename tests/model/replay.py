"""Plays a world into the real service.

Its configuration by the domain's steps, its events at the instants they were recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from itertools import groupby
from uuid import UUID

from app.domain import metrics, objectives, offerings, playbooks, sources, teams
from app.domain.access import Actor
from app.domain.configuration import Configuration, Noun
from app.domain.events import Event
from app.domain.teams import Organization
from app.flows import configuration, events, organizations
from app.flows.service import Service
from app.flows.vault import Vault
from app.scoring.snapshot import Snapshot, frame
from app.store import configuration as store
from app.store import snapshot
from app.store.database import Database
from app.store.events import find_named
from tests.model import world as w

START = datetime(2025, 1, 1, tzinfo=UTC)
ONE = 10_000


@dataclass
class Clock:
    """A clock that stands where it is put."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at


@dataclass
class Stage:
    """A service with a clock of its own, for as many organizations as are played."""

    database: Database
    clock: Clock = field(default_factory=Clock)
    played: int = 0

    @property
    def service(self) -> Service:
        key = bytes(range(32))
        return Service(self.database, self.clock, Vault({"k": key}, {"k": key}))


def fixed(value: Fraction) -> int:
    """Ten-thousandths, exactly."""
    scaled = value * ONE
    assert scaled.denominator == 1
    return int(scaled)


def maybe(value: Fraction | None) -> int | None:
    return None if value is None else fixed(value)


async def play(stage: Stage, world: w.World, batches: int = 0) -> Actor:
    """The world is in the database as an organization of its own; returns who may do everything in it.

    Shape: with `batches` events recorded at one instant go in so many calls.
    """
    stage.played += 1
    stage.clock.at = START
    service = stage.service
    key = f"world-{stage.played}-{id(world)}"
    await organizations.create(service, Organization(key, "World", world.zone))
    identity = await organizations.find(service, key)
    actor = Actor(identity, "player", frozenset({"admin"}))
    await configuration.write(service, actor, lambda found: configured(found, world))
    named = {(r.source, r.id): r for r in world.retractions}
    steps = sorted(world.events, key=lambda e: e.recorded_at)
    moments: list[tuple[datetime, Sequence[w.Event | w.Retraction]]] = [
        (at, list(found)) for at, found in groupby(steps, key=lambda e: e.recorded_at)
    ]
    moments += [(r.recorded_at, [r]) for r in named.values()]
    for at, found in sorted(moments, key=lambda step: step[0]):
        stage.clock.at = at
        await _step(service, actor, found, batches)
    return actor


async def _step(service: Service, actor: Actor, found: Sequence[w.Event | w.Retraction], batches: int) -> None:
    recorded = [event(one) for one in found if isinstance(one, w.Event)]
    size = max(1, len(recorded) // batches) if batches else max(1, len(recorded))
    for start in range(0, len(recorded), size):
        items = await events.record(service, actor, recorded[start : start + size])
        assert {item.status for item in items} == {"recorded"}, [item.problem for item in items if item.problem]
    for one in found:
        if isinstance(one, w.Retraction):
            uid = await uid_of(service, actor.organization, one.source, one.id)
            await events.retract_event(service, actor, uid, "a mistake")


async def uid_of(service: Service, organization: UUID, source: str, name: str) -> UUID:
    async with service.database.reading() as connection:
        found = await find_named(connection, organization, [(source, name)])
    return found[source, name].uid


async def look(stage: Stage, actor: Actor, world: w.World) -> Snapshot:
    """The snapshot that the world's question is answered from."""
    async with stage.database.reading() as connection:
        known = await store.load(connection, actor.organization)
        asked = frame(known.playbooks[world.playbook.key], world.as_of, world.known_at)
        return await snapshot.read(connection, actor.organization, known, asked)


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
        *(offerings.Offering(o.key, o.key, o.available_from, o.retired_on) for o in world.offerings),
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
        *(playbooks.Contribution(world.playbook.key, team, "somebody") for team in sorted(world.contributions)),
        *(playbooks.Signoff(world.playbook.key, team, n, "somebody") for team, n in sorted(world.signoffs.items())),
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
        metrics.Condition(c.property, c.op, tuple(c.value) if isinstance(c.value, (list, tuple)) else c.value)  # type: ignore[arg-type]  # a world holds what JSON holds
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
