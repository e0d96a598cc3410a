"""Writes a world into the real store, each event and retraction on the day it was recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from itertools import groupby
from uuid import UUID
from zoneinfo import ZoneInfo

from app.domain.access.actor import Actor
from app.domain.events import metrics
from app.domain.events.events import Event as DomainEvent
from app.domain.events.events import to_local_day
from app.domain.playbook import objectives, offerings, organization, playbooks
from app.domain.playbook.configuration import Configuration, Resource, diff_configurations
from app.domain.playbook.organization import Organization
from app.domain.primitives import epoch
from app.domain.sources import sources
from app.scoring.playbook_index import PlaybookIndex
from app.scoring.snapshot import Snapshot, build_frame
from app.security import identifiers
from app.services.events.matching import match_events
from app.services.runtime.compiled_configuration import (
    CompiledConfiguration,
    load_compiled_configuration,
)
from app.store.access import organization_version
from app.store.access.organization_version import WritePosition
from app.store.alignment import evidence_query
from app.store.events import ingest, retraction
from app.store.events.ingest_batch import IngestBatch
from app.store.events.retraction import RetractionBatch
from app.store.playbook import configuration as configuration_store
from app.store.sql.database import Connection, Database
from tests.reference_model.world import Event, KeyResult, Metric, Policy, Retraction, World

START = datetime(2025, 1, 1, tzinfo=UTC)
SCALE = 10_000
RecordedStep = Event | Retraction


@dataclass(frozen=True)
class ReplayDatabase:
    """A database that holds any number of replayed organizations."""

    database: Database


def to_fixed_point(number: Fraction) -> int:
    """Return ten-thousandths, exactly."""
    scaled = number * SCALE
    assert scaled.denominator == 1
    return int(scaled)


def to_optional_fixed_point(number: Fraction | None) -> int | None:
    return None if number is None else to_fixed_point(number)


async def replay_world(replay_database: ReplayDatabase, world: World, batches: int = 0) -> Actor:
    """Write the world as a new organization.

    Return an actor with all rights in it. `batches` is the number of calls for the events recorded
    on one day.
    """
    # One transaction of the store: the services would load and validate the configuration for
    # every instant, which would take most of the time of a test of the store.
    actor = Actor(identifiers.new_uuid7(START), "player", frozenset({"admin"}))
    async with replay_database.database.write_transaction() as writer:
        position = await _create_organization(writer, actor.organization, world)
        empty = Configuration({}, policies={})
        configuration = add_world_nouns(
            Configuration({"world": Organization("world", "World", world.zone)}), world
        )
        await configuration_store.save_changes(
            writer,
            actor.organization,
            position,
            actor.name,
            diff_configurations(empty, configuration),
        )
        world_replay = WorldReplay(
            writer,
            actor,
            await load_compiled_configuration(writer, actor.organization),
            batches,
        )
        for recorded_at, steps in _group_steps(world):
            await world_replay.record_events(
                recorded_at, [to_event(step) for step in steps if isinstance(step, Event)]
            )
            await world_replay.retract_events(
                recorded_at, [step for step in steps if isinstance(step, Retraction)]
            )
    return actor


async def _create_organization(
    connection: Connection, organization_id: UUID, world: World
) -> WritePosition:
    await organization_version.create_cursor(connection, organization_id, START, world.zone)
    return await organization_version.advance_version(
        connection, organization_id, START, world.zone, changes_configuration=True
    )


def _group_steps(world: World) -> list[tuple[datetime, Sequence[RecordedStep]]]:
    """Group the steps in recording order, by kind and day."""
    retracted = {(r.source, r.id): r for r in world.retractions}.values()
    steps: list[RecordedStep] = [*world.events, *retracted]
    zone = ZoneInfo(world.zone)
    ordered_steps = sorted(steps, key=lambda step: step.recorded_at)
    groups = groupby(
        ordered_steps, key=lambda step: (type(step), step.recorded_at.astimezone(zone).date())
    )
    return [
        (day_steps[-1].recorded_at, day_steps) for day_steps in (list(group) for _, group in groups)
    ]


@dataclass
class WorldReplay:
    """A world that is being written in one transaction."""

    connection: Connection
    actor: Actor
    compiled: CompiledConfiguration
    batches: int
    uids: dict[tuple[str, str], UUID] = field(default_factory=dict)

    async def record_events(self, recorded_at: datetime, events: Sequence[DomainEvent]) -> None:
        size = max(1, len(events) // self.batches) if self.batches else max(1, len(events))
        zone = self.compiled.time_zone
        day = epoch.to_day_number(to_local_day(recorded_at, zone))
        for start in range(0, len(events), size):
            prepared = match_events(
                events[start : start + size], self.compiled.matcher, recorded_at, zone
            )
            batch = IngestBatch(
                self.actor.organization, prepared, recorded_at, day, self.compiled.version
            )
            recorded = await ingest.record_events(self.connection, batch)
            assert recorded.uids == {matched.uid for matched in prepared}
            self.uids |= {
                (matched.event.source, matched.event.id): matched.uid for matched in prepared
            }

    async def retract_events(
        self, retracted_at: datetime, retractions: Sequence[Retraction]
    ) -> None:
        if retractions:
            organization_id = self.actor.organization
            zone = self.compiled.time_zone
            position = await organization_version.advance_version(
                self.connection, organization_id, retracted_at, zone, changes_configuration=False
            )
            reasons = {
                self.uids[retraction.source, retraction.id]: "a mistake"
                for retraction in retractions
            }
            batch = RetractionBatch(
                organization_id, reasons, "player", position, self.compiled.matcher, zone
            )
            assert await retraction.retract_events(self.connection, batch) == len(retractions)


async def read_world_snapshot(
    replay_database: ReplayDatabase, actor: Actor, world: World
) -> Snapshot:
    """Return the snapshot that the world's score is computed from."""
    async with replay_database.database.read_transaction() as reader:
        configuration = await configuration_store.load_configuration(reader, actor.organization)
        scoring_frame = build_frame(
            configuration.playbooks[world.playbook.key], world.as_of, world.known_at
        )
        return await evidence_query.read_snapshot(
            reader,
            actor.organization,
            PlaybookIndex(configuration, world.playbook.key),
            scoring_frame,
        )


def to_event(world_event: Event) -> DomainEvent:
    """Convert an event of the world to the event that is sent."""
    return DomainEvent(
        id=world_event.id,
        source=world_event.source,
        type=world_event.type,
        time=world_event.time.astimezone(UTC),
        team=world_event.team,
        kind=world_event.kind,
        value=to_optional_fixed_point(world_event.value),
        unit=world_event.unit,
        effort=to_optional_fixed_point(world_event.effort),
        subject=world_event.subject,
        objective=world_event.objective,
        offerings=tuple(
            (offering, to_fixed_point(value)) for offering, value in world_event.offerings
        ),
        data=world_event.data,
    )


def add_world_nouns(configuration: Configuration, world: World) -> Configuration:
    """Add the resources of the world to a configuration."""
    for noun in to_nouns(world):
        configuration = configuration.with_resource(noun)
    return configuration


def to_nouns(world: World) -> list[Resource]:
    world_playbooks = [
        playbooks.Playbook(p.key, p.key, "", p.starts_on, p.ends_on, "published", p.revision, START)
        for p in (world.playbook, *world.other_playbooks)
    ]
    return [
        to_policy(world.policy),
        *(organization.Team(t.key, t.key, t.function, to_fixed_point(t.size)) for t in world.teams),
        *(
            sources.Source(source_key, source_key)
            for source_key in sorted({e.source for e in world.events})
        ),
        *map(to_metric, world.metrics),
        *(
            offerings.Offering(o.key, o.key, o.available_from, o.retired_on)
            for o in world.offerings
        ),
        *world_playbooks,
        *(
            objectives.Objective(
                o.key, o.playbook, o.key, "", to_fixed_point(o.priority), None, o.state
            )
            for o in world.objectives
        ),
        *map(to_key_result, world.key_results),
        *(
            objectives.Responsibility(
                r.objective, r.team, r.role, to_fixed_point(r.share), r.status
            )
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


def to_policy(policy: Policy) -> organization.Policy:
    return organization.Policy(
        weights={
            component_name: to_fixed_point(weight)
            for component_name, weight in policy.weights.items()
        },
        focus_days=policy.focus_days,
        minimum_events=policy.minimum_events,
        required_functions=policy.required_functions,
        half_life_days=to_fixed_point(policy.half_life_days),
        minimum_coverage=to_fixed_point(policy.minimum_coverage),
        unit=policy.unit,
    )


def to_metric(metric: Metric) -> metrics.Metric:
    conditions = tuple(
        metrics.Condition(
            c.property,
            c.op,
            tuple(c.value) if isinstance(c.value, (list, tuple)) else c.value,  # type: ignore[arg-type]  # a world holds what JSON holds
        )
        for c in metric.where
    )
    return metrics.Metric(
        key=metric.key,
        name=metric.key,
        events=metric.events,
        aggregation=metric.aggregation,
        unit=metric.unit,
        activities=metric.activities,
        where=conditions,
        value=metric.value,
        canonical_source=metric.canonical_source,
    )


def to_key_result(key_result: KeyResult) -> objectives.KeyResult:
    return objectives.KeyResult(
        key=key_result.key,
        objective=key_result.objective,
        title=key_result.key,
        metric=key_result.metric,
        baseline=to_fixed_point(key_result.baseline),
        target=to_fixed_point(key_result.target),
        weight=to_fixed_point(key_result.weight),
        cadence_days=key_result.cadence_days,
        starts_on=key_result.starts_on,
        ends_on=key_result.ends_on,
    )
