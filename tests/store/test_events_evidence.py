"""The law of evidence: the address of a loss lists exactly the events that the loss is made of."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from pydantic import TypeAdapter

from app.api import event_filters as api
from app.domain.access import Actor
from app.domain.configuration import Configuration
from app.scoring.engine import score
from app.scoring.evidence import Evidence, address
from app.scoring.ledger import Loss
from app.scoring.views import objective_views
from app.store import configuration, events
from app.store.database import Connection, connect
from app.store.events import EventFilter
from tests.model import replay, strategies
from tests.model.components import agreements
from tests.model.evidence import Fact, matches
from tests.model.pencil import Expected, at, event
from tests.model.replay import Stage
from tests.model.scene import (
    Scene,
    attention_facts,
    events_of,
    key_results_of,
    leads_to,
    look,
    metric_of,
    served_elsewhere,
)
from tests.model.worked import WORKED
from tests.model.world import Event, KeyResult, Metric, World

Names = set[tuple[str, str]]
PAGE = 7  # small, so that most lists have several pages
PARTS = (api._Names, api._Meanings, api._Days)
NOT_EVENTS = {"playbook", "shared_responsibility"}


def sold(scene: Scene, loss: Loss) -> list[Event]:
    """What was sold of the offering in the playbook's window, in the policy's unit or in none, for that reason."""
    offering = {o.key: o for o in scene.world.offerings}.get(str(loss.offering))
    unit = scene.world.policy.unit

    def why(day: date) -> str | None:
        if offering is None:
            return "unknown_offering"
        if day < offering.available_from:
            return "not_yet_available"
        return "retired" if offering.retired_on is not None and day >= offering.retired_on else None

    return [
        f.event
        for f in scene.facts
        if f.day >= scene.world.playbook.starts_on
        and loss.offering in {key for key, _ in f.event.offerings}
        and (unit is None or f.event.unit in (None, unit))
        and why(f.day) == loss.reason
    ]


def worked_on(scene: Scene, loss: Loss) -> list[Event]:
    """The team's work, or its activities, over the focus days that went where the loss says."""
    kind = "activity" if loss.component == "productivity" else None

    def there(fact: Fact) -> bool:
        served = leads_to(scene.world, fact.event, scene.world.playbook.key)
        if loss.objective is not None:
            return loss.objective in served
        return not served and served_elsewhere(scene.world, fact) == (loss.reason == "other_playbook")

    return [fact.event for fact in attention_facts(scene, str(loss.team), kind) if there(fact)]


def making(scene: Scene, loss: Loss) -> list[Event]:
    """What counts for the key result, the canonical source's where there is one; nothing makes an unmeasured one."""
    found = [k for k in key_results_of(scene.world, str(loss.objective)) if k.key == loss.key_result]
    sources = {k.key: metric_of(scene.world, k).canonical_source for k in found}
    return [e for k in found for e in events_of(scene, k) if sources[k.key] in (None, e.source)]


def refreshing(scene: Scene, objective: str) -> list[Event]:
    """What names the objective or matches a metric of its key results, in the playbook's window."""
    metrics = [metric_of(scene.world, k) for k in key_results_of(scene.world, objective)]
    return [
        f.event
        for f in scene.facts
        if f.day >= scene.world.playbook.starts_on
        and (f.event.objective == objective or any(matches(m, f.event) for m in metrics))
    ]


def compared(scene: Scene, loss: Loss) -> list[Event]:
    """What any source says of those of the objective's key results on whose metric the sources differ."""
    found = [k for k, near in agreements(scene, str(loss.objective)) if k.metric == loss.metric and near < 1]
    return [e for k in found for e in events_of(scene, k)]


MADE_OF: dict[str, Callable[[Scene, Loss], list[Event]]] = {
    "focus": worked_on,
    "outcomes": making,
    "freshness": lambda scene, loss: refreshing(scene, str(loss.objective)),
    "productivity": worked_on,
    "deliverability": sold,
    "agreement": compared,
}


def names(found: list[Event]) -> Names:
    return {(e.source, e.id) for e in found}


async def read(query: str) -> EventFilter:
    """The filter as the API reads it; a parameter that it would quietly ignore is a mistake."""
    given = parse_qsl(query, strict_parsing=True)
    values = dict(given)
    assert len(values) == len(given), query
    aliases = {"first": "from", "last": "to"}
    known = {aliases.get(name, name) for part in PARTS for name in part.__slots__}
    assert values.keys() <= known, query
    return await api._filter(*(TypeAdapter(part).validate_python(values) for part in PARTS))  # type: ignore[arg-type]  # in order


class Library:
    """What an organization can look up at an address."""

    def __init__(self, connection: Connection, actor: Actor, known: Configuration) -> None:
        self.connection, self.actor, self.known = connection, actor, known

    async def listed(self, query: str) -> Names:
        """The events of all pages at that address; none twice, newest first."""
        wanted, after = await read(query), None
        found: list[events.StoredEvent] = []
        while True:
            some = await events.page(self.connection, self.actor.organization, self.known, wanted, after, PAGE)
            found += some
            if len(some) < PAGE:
                break
            after = position(some[-1])
        assert [position(e) for e in found] == sorted({position(e) for e in found}, reverse=True)
        return {(e.event.source, e.event.id) for e in found}

    def holds(self, path: str, query: str) -> bool:
        """Whether the address is one of a list of something that exists."""
        found = path.split("/")[2:]
        if found == ["key-results"]:
            values = dict(parse_qsl(query))
            return values.keys() == {"objective"} and values["objective"] in self.known.objectives
        noun, key, part = found
        parents = {"playbooks": self.known.playbooks, "objectives": self.known.objectives}
        return key in parents[noun] and (noun, part) in {
            ("playbooks", "signoffs"),
            ("playbooks", "contributions"),
            ("objectives", "responsibilities"),
        }


def position(stored: events.StoredEvent) -> tuple[datetime, UUID]:
    return stored.event.time, stored.uid


async def check(library: Library, evidence: Evidence, wanted: Names | None, said: object) -> None:
    """The address lists those events; None: it lists something else, that exists."""
    where = urlsplit(address(evidence))
    if wanted is None:
        assert library.holds(where.path, where.query), said
    else:
        assert where.path == "/v1/events", said
        assert await library.listed(where.query) == wanted, (said, where.query)


async def examine(stage: Stage, world: World) -> int:
    """Every loss of the world's alignment, and every objective's evidence, is looked up; how many losses there are."""
    actor = await replay.play(stage, world)
    snapshot = await replay.look(stage, actor, world)
    losses, scene = score(snapshot).losses, look(world)
    async with stage.database.reading() as connection:
        library = Library(connection, actor, await configuration.load(connection, actor.organization))
        for loss in losses:
            elsewhere = loss.component in NOT_EVENTS or loss.reason == "unmeasured"
            wanted = None if elsewhere else names(MADE_OF[loss.component](scene, loss))
            await check(library, loss.evidence, wanted, loss)
        for view in objective_views(snapshot):
            await check(library, view.evidence, names(refreshing(scene, view.objective)), view.objective)
    return len(losses)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as found:
        yield found


@pytest.fixture
def stage(runner: asyncio.Runner, sqlite_url: str) -> Iterator[Stage]:
    database = connect(sqlite_url)
    yield Stage(database)
    runner.run(database.close())


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(world=strategies.worlds(max_events=40))
def test_every_evidence_address_lists_exactly_what_its_loss_is_made_of(
    stage: Stage, runner: asyncio.Runner, world: World
) -> None:
    assert runner.run(examine(stage, world)) >= 0


def months_apart() -> World:
    """Sources that differ in the first and the last days, agree in between, and say much where no one asks."""
    world, _ = WORKED["harbor"]()
    spans = {"first": (1, 3), "second": (4, 5), "middle": (8, 11), "last": (14, 19)}
    one = Fraction(1)
    return replace(
        world,
        as_of=date(2025, 10, 18),
        known_at=date(2025, 10, 18),
        metrics=(Metric("new-arr", ("deal.won",), "sum", canonical_source="crm"),),
        key_results=tuple(
            KeyResult(key, "grow", "new-arr", one * 0, one * 9, one, date(2025, 10, first), date(2025, 10, last))
            for key, (first, last) in spans.items()
        ),
        events=tuple(
            event(f"{source}-{day}", "deal.won", "sales", at(10, day), source=source, value=one * value)
            for day in range(1, 20)
            for source, value in (("crm", 2), ("billing", 2 if 8 <= day <= 11 else 1))
        ),
    )


async def test_a_loss_of_several_windows_lists_no_day_between_them(database_url: str) -> None:
    database = connect(database_url)
    stage, world = Stage(database), months_apart()
    assert await examine(stage, world) > 0
    actor = await replay.play(stage, world)
    [loss] = [x for x in score(await replay.look(stage, actor, world)).losses if x.component == "agreement"]
    query = dict(parse_qsl(urlsplit(address(loss.evidence)).query))
    assert query["days"] == "2025-10-01..2025-10-05,2025-10-14..2025-10-18"
    await database.close()


@pytest.mark.parametrize("build", WORKED.values(), ids=WORKED.keys())
async def test_every_loss_of_a_worked_organization_has_its_evidence(
    database_url: str, build: Callable[[], tuple[World, Expected]]
) -> None:
    world, expected = build()
    database = connect(database_url)
    assert await examine(Stage(database), world) == len(expected.ledger)
    await database.close()
