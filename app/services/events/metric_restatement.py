"""Redefining a metric restates history: at once where it is short, else in the background, a day at a time."""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from uuid import UUID

from app.domain.events.metrics import Matcher, Metric, matching_definition
from app.domain.playbook import history as past
from app.domain.playbook.configuration import Configuration
from app.domain.primitives.errors import BucketFullError, SightlineError
from app.services.runtime.context import ServiceContext
from app.store.access import directory
from app.store.access import organization_version as cursor
from app.store.access.organization_version import WritePosition
from app.store.events import metric_restatement as restatements
from app.store.events import rollup_rebuild as rebuild
from app.store.events.metric_restatement import PendingRestatement, RestatedDay
from app.store.events.rollup_rebuild import EventState
from app.store.playbook import configuration as store
from app.store.playbook import journal
from app.store.playbook.journal import RecordedAction
from app.store.sql.database import Connection

LOG = logging.getLogger("sightline.restatement")
QUEUE_NAME = "restatement"
MAX_CATCH_UP_DAYS = (
    2  # days that the last step does besides: while events come in, today is never done before
)


class MetricRestatement:
    """A restatement in the transaction of one of its steps; the cursor's row is locked."""

    def __init__(
        self,
        connection: Connection,
        organization: UUID,
        configuration: Configuration,
        previous_metrics: Mapping[str, Metric | None],
    ) -> None:
        """Takes the configuration as it is now, and the redefined metrics as they were before."""
        self._scope = connection, organization
        self._time_zone = configuration.organization.time_zone
        self.effective_metrics = past.effective_metrics(configuration, {})
        self.changed_metrics = frozenset(previous_metrics)
        metric_versions = [
            *previous_metrics.values(),
            *(self.effective_metrics.get(key) for key in previous_metrics),
        ]
        self.event_types = {
            event_type
            for metric in metric_versions
            if metric is not None
            for event_type in (*metric.events, *metric.activities)
        }
        self._matcher = Matcher(self.effective_metrics)

    async def find_days(self) -> list[int]:
        """The days on which any event may match otherwise than before. Units: days since 1970."""
        return await rebuild.list_event_days(*self._scope, self.event_types)

    async def match_events(self, day: int) -> list[EventState]:
        """The events of one of the days, matched as they are from now on."""
        return await rebuild.events_of_day(
            *self._scope, self._matcher, day, self._time_zone, self.event_types
        )

    async def compute_day(self, day: int) -> RestatedDay:
        """One of the days as it is from now on."""
        return restatements.restate_day(day, await self.match_events(day), self.changed_metrics)

    async def restate_days(self, days: Collection[int]) -> None:
        """History shows those days as they are from now on."""
        for day in days:
            await restatements.apply_restated_day(
                *self._scope, await self.compute_day(day), self.changed_metrics
            )


async def begin_restatement(  # a write of configuration
    service: ServiceContext,
    connection: Connection,
    organization: UUID,
    actor: str,
    before: Configuration,
    after: Configuration,
    position: WritePosition,
    journal_index: int,
) -> None:
    """Events match the metrics as they are after the write, or will once history is restated.

    Shape: `place` is how many entries the write has made in the journal.
    """
    current_metrics = past.effective_metrics(after, {})
    if not find_redefined_metrics(past.effective_metrics(before, {}), current_metrics):
        return
    running = await restatements.find_restatement(connection, organization)
    changed_metrics = find_redefined_metrics(
        past.effective_metrics(before, {} if running is None else running.metrics), current_metrics
    )
    if running is not None:
        await _end_restatement(connection, organization)
    if not changed_metrics:
        return
    rematching = MetricRestatement(connection, organization, after, changed_metrics)
    event_count = await rebuild.count_events_of_types(
        connection, organization, rematching.event_types, service.max_inline_restated_events + 1
    )
    if event_count > service.max_inline_restated_events:
        days = tuple(await rematching.find_days())
        await restatements.begin_restatement(
            connection,
            organization,
            PendingRestatement(changed_metrics, days, actor, position.recorded_at),
        )
        await directory.remove_public_id(connection, QUEUE_NAME, str(organization), organization)
        await directory.add_public_id(connection, QUEUE_NAME, str(organization), organization)
    elif event_count:
        await rematching.restate_days(await rematching.find_days())
        await _journal_restatement(
            connection, organization, actor, changed_metrics, position, journal_index
        )


def find_redefined_metrics(
    previous: Mapping[str, Metric], current: Mapping[str, Metric]
) -> Mapping[str, Metric | None]:
    """The metrics by which events match otherwise now, as they were; None for one that was not there."""
    previous_parts, current_parts = (
        {key: matching_definition(metric) for key, metric in metrics.items()}
        for metrics in (previous, current)
    )
    return {
        key: previous.get(key)
        for key in sorted(previous_parts.keys() | current_parts.keys())
        if previous_parts.get(key) != current_parts.get(key)
    }


async def _end_restatement(connection: Connection, organization: UUID) -> None:
    await restatements.end_restatement(connection, organization)
    await directory.remove_public_id(connection, QUEUE_NAME, str(organization), organization)


async def _journal_restatement(  # what a journal's entry says
    connection: Connection,
    organization: UUID,
    actor: str,
    metrics: Collection[str],
    position: WritePosition,
    journal_index: int,
) -> None:
    """The journal says that from here on history is as these metrics make it."""
    for offset, key in enumerate(sorted(metrics)):
        await journal.add_action(
            connection,
            organization,
            position,
            RecordedAction(actor, "metric", key, "restate"),
            journal_index + offset,
        )


async def list_restating_organizations(service: ServiceContext) -> list[UUID]:
    """The organizations whose history is being restated."""
    async with service.database.read_transaction() as connection:
        return [
            organization
            for _, organization in await directory.list_public_ids(connection, QUEUE_NAME)
        ]


async def run_step(service: ServiceContext, organization: UUID) -> bool:
    """Some days more are done, or after the last one history is restated; whether anything was left to do.

    Raises: BucketFullError when a day's sum would not fit as the metric is now.
    """
    now = service.clock()
    async with service.database.write_transaction() as connection:
        await cursor.lock(connection, organization)
        running = await restatements.find_restatement(connection, organization)
        if running is None:
            return False
        configuration = await store.load_configuration(
            connection, organization, ("organization", "metric")
        )
        rematching = MetricRestatement(connection, organization, configuration, running.metrics)
        if not await _restate_planned_days(
            service, connection, organization, rematching, running.days
        ):
            return True
        done_days = await restatements.list_restated_days(connection, organization)
        days = await rematching.find_days()
        remaining_days = [day for day in days if day not in set(done_days)]
        if len(remaining_days) > MAX_CATCH_UP_DAYS:  # events came in for other days meanwhile
            await restatements.set_remaining_days(connection, organization, days)
            return True
        for day in done_days:
            restated_day = await restatements.load_restated_day(connection, organization, day)
            await restatements.apply_restated_day(
                connection, organization, restated_day, rematching.changed_metrics
            )
        await rematching.restate_days(remaining_days)
        position = await cursor.advance_version(
            connection,
            organization,
            now,
            configuration.organization.time_zone,
            changes_configuration=True,
        )
        await _journal_restatement(
            connection, organization, running.actor, running.metrics, position, 0
        )
        await _end_restatement(connection, organization)
    return True


async def _restate_planned_days(
    service: ServiceContext,
    connection: Connection,
    organization: UUID,
    rematching: MetricRestatement,
    planned_days: Sequence[int],
) -> bool:
    """Does planned days for as many events as may be restated at once; whether all of them are done."""
    done_days = set(await restatements.list_restated_days(connection, organization))
    remaining_days = [day for day in planned_days if day not in done_days]
    event_count = 0
    for day_index, day in enumerate(remaining_days):
        if (
            event_count > service.max_inline_restated_events
            and len(remaining_days) - day_index > MAX_CATCH_UP_DAYS
        ):
            return False
        event_states = await rematching.match_events(day)
        event_count += len(event_states)
        await restatements.save_restated_day(
            connection,
            organization,
            restatements.restate_day(day, event_states, rematching.changed_metrics),
        )
    return True


async def run_worker(service: ServiceContext, pause: Callable[[bool], Awaitable[bool]]) -> None:
    """Restates whatever history is waiting for it, a step of each organization in turn, until it is told to end.

    Shape: `pause` is awaited before each round, told whether the last one did anything, and says whether to end.
    """
    is_busy = False
    while not await pause(is_busy):
        is_busy = False
        try:
            for organization in await list_restating_organizations(service):
                is_busy |= await _try_step(service, organization)
        except SightlineError as error:
            LOG.warning("restating history has to wait", extra={"problem": error.detail})


async def _try_step(service: ServiceContext, organization: UUID) -> bool:
    """Whether a step was made; what failed is tried again in the next round, for a step is a transaction."""
    try:
        return await run_step(service, organization)
    except BucketFullError:
        # It would fail for ever. Answers stay those before, and say so, until the metric is defined otherwise.
        LOG.exception("history cannot be restated", extra={"organization": str(organization)})
        async with service.database.write_transaction() as connection:
            await directory.remove_public_id(
                connection, QUEUE_NAME, str(organization), organization
            )
    except SightlineError as error:
        LOG.warning("restating history has to wait", extra={"problem": error.detail})
    except Exception:
        LOG.exception("restating history failed and is tried again")
    return False


async def finish_restatement(service: ServiceContext, organization: UUID) -> None:
    """History is restated: nothing is left to do."""
    while await run_step(service, organization):
        pass
