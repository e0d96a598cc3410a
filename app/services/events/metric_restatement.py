"""Redefining a metric restates history: at once where it is short, else in the background, a day at a time."""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from uuid import UUID

from app.domain.events.metrics import Matcher, Metric, matching_part
from app.domain.playbook import history as past
from app.domain.playbook.configuration import Configuration
from app.domain.primitives.errors import BucketFullError, SightlineError
from app.services.runtime.context import Service
from app.store.access import api_keys as keys
from app.store.access import organization_version as cursor
from app.store.access.organization_version import Position
from app.store.events import metric_restatement as restatements
from app.store.events import rollup_rebuild as rebuild
from app.store.events.metric_restatement import Part, Restatement
from app.store.events.rollup_rebuild import Kept
from app.store.playbook import configuration as store
from app.store.playbook import journal
from app.store.playbook.journal import Act
from app.store.sql.database import Connection

LOG = logging.getLogger("sightline.restatement")
QUEUE = "restatement"
LATE = 2  # days that the last step does besides: while events come in, today is never done before


class Work:
    """A restatement in the transaction of one of its steps; the cursor's row is locked."""

    def __init__(
        self,
        connection: Connection,
        organization: UUID,
        now: Configuration,
        before: Mapping[str, Metric | None],
    ) -> None:
        """Takes the configuration as it is now, and the redefined metrics as they were before."""
        self._own = connection, organization
        self._zone = now.organization.time_zone
        self.matched = past.matched(now, {})
        self.touched = frozenset(before)
        found = [*before.values(), *(self.matched.get(key) for key in before)]
        self.types = {
            name
            for metric in found
            if metric is not None
            for name in (*metric.events, *metric.activities)
        }
        self._matcher = Matcher(self.matched)

    async def days(self) -> list[int]:
        """The days on which any event may match otherwise than before. Units: days since 1970."""
        return await rebuild.days(*self._own, self.types)

    async def kept(self, day: int) -> list[Kept]:
        """The events of one of the days, matched as they are from now on."""
        return await rebuild.of_day(*self._own, self._matcher, day, self._zone, self.types)

    async def part(self, day: int) -> Part:
        """One of the days as it is from now on."""
        return restatements.made(day, await self.kept(day), self.touched)

    async def at_once(self, days: Collection[int]) -> None:
        """History shows those days as they are from now on."""
        for day in days:
            await restatements.apply(*self._own, await self.part(day), self.touched)


async def begin(  # a write of configuration
    service: Service,
    connection: Connection,
    organization: UUID,
    actor: str,
    before: Configuration,
    after: Configuration,
    position: Position,
    place: int,
) -> None:
    """Events match the metrics as they are after the write, or will once history is restated.

    Shape: `place` is how many entries the write has made in the journal.
    """
    now = past.matched(after, {})
    if not redefined(past.matched(before, {}), now):
        return
    under_way = await restatements.find(connection, organization)
    changed = redefined(past.matched(before, {} if under_way is None else under_way.metrics), now)
    if under_way is not None:
        await _end(connection, organization)
    if not changed:
        return
    work = Work(connection, organization, after, changed)
    events = await rebuild.events_of(
        connection, organization, work.types, service.restate_at_once + 1
    )
    if events > service.restate_at_once:
        days = tuple(await work.days())
        await restatements.begin(
            connection, organization, Restatement(changed, days, actor, position.at)
        )
        await keys.leave(connection, QUEUE, str(organization), organization)
        await keys.enter(connection, QUEUE, str(organization), organization)
    elif events:
        await work.at_once(await work.days())
        await _note(connection, organization, actor, changed, position, place)


def redefined(was: Mapping[str, Metric], now: Mapping[str, Metric]) -> Mapping[str, Metric | None]:
    """The metrics by which events match otherwise now, as they were; None for one that was not there."""
    old, new = ({key: matching_part(metric) for key, metric in some.items()} for some in (was, now))
    return {
        key: was.get(key) for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)
    }


async def _end(connection: Connection, organization: UUID) -> None:
    await restatements.end(connection, organization)
    await keys.leave(connection, QUEUE, str(organization), organization)


async def _note(  # what a journal's entry says
    connection: Connection,
    organization: UUID,
    actor: str,
    metrics: Collection[str],
    position: Position,
    place: int,
) -> None:
    """The journal says that from here on history is as these metrics make it."""
    for number, key in enumerate(sorted(metrics)):
        await journal.add(
            connection, organization, position, Act(actor, "metric", key, "restate"), place + number
        )


async def waiting(service: Service) -> list[UUID]:
    """The organizations whose history is being restated."""
    async with service.database.reading() as connection:
        return [organization for _, organization in await keys.owners(connection, QUEUE)]


async def step(service: Service, organization: UUID) -> bool:
    """Some days more are done, or after the last one history is restated; whether anything was left to do.

    Raises: BucketFullError when a day's sum would not fit as the metric is now.
    """
    now = service.clock()
    async with service.database.writing() as connection:
        await cursor.hold(connection, organization)
        under_way = await restatements.find(connection, organization)
        if under_way is None:
            return False
        known = await store.load(connection, organization, ("organization", "metric"))
        work = Work(connection, organization, known, under_way.metrics)
        if not await _done(service, connection, organization, work, under_way.days):
            return True
        done = await restatements.done(connection, organization)
        days = await work.days()
        left = [day for day in days if day not in set(done)]
        if len(left) > LATE:  # events came in for other days meanwhile
            await restatements.plan(connection, organization, days)
            return True
        for day in done:
            part = await restatements.parts(connection, organization, day)
            await restatements.apply(connection, organization, part, work.touched)
        await work.at_once(left)
        position = await cursor.advance(
            connection, organization, now, known.organization.time_zone, catalogue=True
        )
        await _note(connection, organization, under_way.actor, under_way.metrics, position, 0)
        await _end(connection, organization)
    return True


async def _done(
    service: Service, connection: Connection, organization: UUID, work: Work, planned: Sequence[int]
) -> bool:
    """Does planned days for as many events as may be restated at once; whether all of them are done."""
    before = set(await restatements.done(connection, organization))
    left = [day for day in planned if day not in before]
    seen = 0
    for place, day in enumerate(left):
        if seen > service.restate_at_once and len(left) - place > LATE:
            return False
        found = await work.kept(day)
        seen += len(found)
        await restatements.keep(
            connection, organization, restatements.made(day, found, work.touched)
        )
    return True


async def work(service: Service, pause: Callable[[bool], Awaitable[bool]]) -> None:
    """Restates whatever history is waiting for it, a step of each organization in turn, until it is told to end.

    Shape: `pause` is awaited before each round, told whether the last one did anything, and says whether to end.
    """
    busy = False
    while not await pause(busy):
        busy = False
        try:
            for organization in await waiting(service):
                busy |= await _tried(service, organization)
        except SightlineError as error:
            LOG.warning("restating history has to wait", extra={"problem": error.detail})


async def _tried(service: Service, organization: UUID) -> bool:
    """Whether a step was made; what failed is tried again in the next round, for a step is a transaction."""
    try:
        return await step(service, organization)
    except BucketFullError:
        # It would fail for ever. Answers stay those before, and say so, until the metric is defined otherwise.
        LOG.exception("history cannot be restated", extra={"organization": str(organization)})
        async with service.database.writing() as connection:
            await keys.leave(connection, QUEUE, str(organization), organization)
    except SightlineError as error:
        LOG.warning("restating history has to wait", extra={"problem": error.detail})
    except Exception:
        LOG.exception("restating history failed and is tried again")
    return False


async def finish(service: Service, organization: UUID) -> None:
    """History is restated: nothing is left to do."""
    while await step(service, organization):
        pass
