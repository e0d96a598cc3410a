"""Restatement of history after a metric was redefined.

Events match by the new definition on all days. A short history is restated within the write, a long
one in the background, some days per transaction.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.domain.events.matched_event import EventState
from app.domain.events.metrics import Matcher, Metric, find_redefined_metrics
from app.domain.playbook import history as history_domain
from app.domain.playbook.configuration import Configuration
from app.domain.primitives.errors import BucketFullError, SightlineError
from app.services.runtime.context import ServiceContext
from app.store.access import organization_version
from app.store.access.organization_version import WritePosition
from app.store.events import event_queries, restatement_queue
from app.store.events import metric_restatement as metric_restatement_store
from app.store.events.metric_restatement import PendingRestatement, RestatedDay
from app.store.playbook import configuration as configuration_store
from app.store.playbook import journal
from app.store.playbook.journal import RecordedAction
from app.store.sql.database import Connection

LOG = logging.getLogger("sightline.restatement")
# The last step restates up to so many days itself. While events arrive, the current day can only be
# finished there.
MAX_CATCH_UP_DAYS = 2


class MetricRestatement:
    """A restatement in one transaction, which has locked the organization's version row."""

    def __init__(
        self,
        connection: Connection,
        organization: UUID,
        configuration: Configuration,
        previous_metrics: Mapping[str, Metric | None],
    ) -> None:
        """Take the current configuration, and the redefined metrics as they were before."""
        self._scope = connection, organization
        self._time_zone = configuration.organization.time_zone
        self.effective_metrics = history_domain.effective_metrics(configuration, {})
        self.changed_metrics = frozenset(previous_metrics)
        metric_versions = [
            *previous_metrics.values(),
            *(self.effective_metrics.get(metric_key) for metric_key in previous_metrics),
        ]
        self.event_types = {
            event_type
            for metric in metric_versions
            if metric is not None
            for event_type in (*metric.events, *metric.activities)
        }
        self._matcher = Matcher(self.effective_metrics)

    async def find_days(self) -> list[int]:
        """Return the days on which an event may match differently, in days since 1970."""
        return await event_queries.list_event_days(*self._scope, self.event_types)

    async def match_events(self, day: int) -> list[EventState]:
        """Return the events of a day, matched by the new definitions."""
        return await event_queries.load_events_of_day(
            *self._scope, self._matcher, day, self._time_zone, self.event_types
        )

    async def compute_day(self, day: int) -> RestatedDay:
        """Return the roll-ups of a day by the new definitions."""
        return metric_restatement_store.restate_day(
            day, await self.match_events(day), self.changed_metrics
        )

    async def restate_days(self, days: Collection[int]) -> None:
        """Replace the roll-ups of the days."""
        for day in days:
            await metric_restatement_store.apply_restated_day(
                *self._scope, await self.compute_day(day), self.changed_metrics
            )


@dataclass(frozen=True, slots=True)
class ConfigurationWrite:
    """A write of configuration, which may redefine metrics."""

    # The name of the actor.
    actor: str
    before: Configuration
    after: Configuration
    position: WritePosition
    # The number of entries that the write has made in the journal.
    journal_length: int


async def begin_restatement(
    service: ServiceContext, connection: Connection, organization: UUID, write: ConfigurationWrite
) -> None:
    """Restate history if a write redefines metrics: at once, or later if many events are affected.

    A restatement in progress is replaced: events match the metrics as they are after the write.
    """
    current_metrics = history_domain.effective_metrics(write.after, {})
    if not find_redefined_metrics(
        history_domain.effective_metrics(write.before, {}), current_metrics
    ):
        return
    running = await metric_restatement_store.find_restatement(connection, organization)
    changed_metrics = find_redefined_metrics(
        history_domain.effective_metrics(write.before, {} if running is None else running.metrics),
        current_metrics,
    )
    if running is not None:
        await _end_restatement(connection, organization)
    if not changed_metrics:
        return
    restatement = MetricRestatement(connection, organization, write.after, changed_metrics)
    event_count = await event_queries.count_events_of_types(
        connection, organization, restatement.event_types, service.max_inline_restated_events + 1
    )
    if event_count > service.max_inline_restated_events:
        days = tuple(await restatement.find_days())
        await metric_restatement_store.begin_restatement(
            connection,
            organization,
            PendingRestatement(changed_metrics, days, write.actor, write.position.recorded_at),
        )
        await restatement_queue.enqueue_organization(connection, organization)
    elif event_count:
        await restatement.restate_days(await restatement.find_days())
        await _journal_restatement(
            connection,
            organization,
            write.actor,
            changed_metrics,
            write.position,
            write.journal_length,
        )


async def _end_restatement(connection: Connection, organization: UUID) -> None:
    await metric_restatement_store.end_restatement(connection, organization)
    await restatement_queue.dequeue_organization(connection, organization)


async def _journal_restatement(
    connection: Connection,
    organization: UUID,
    actor: str,
    metrics: Collection[str],
    position: WritePosition,
    journal_index: int,
) -> None:
    """Add to the journal that history follows these metrics from now on."""
    for offset, metric_key in enumerate(sorted(metrics)):
        await journal.add_action(
            connection,
            organization,
            position,
            RecordedAction(actor, "metric", metric_key, "restate"),
            journal_index + offset,
        )


async def list_restating_organizations(service: ServiceContext) -> list[UUID]:
    """Return the organizations whose history is being restated."""
    async with service.database.read_transaction() as connection:
        return await restatement_queue.list_queued_organizations(connection)


async def run_step(service: ServiceContext, organization: UUID) -> bool:
    """Restate some more days, or finish after the last one. Return False if nothing was left to do.

    Raises: BucketFullError when a day's sum would overflow with the new definition.
    """
    now = service.clock()
    async with service.database.write_transaction() as connection:
        await organization_version.lock(connection, organization)
        running = await metric_restatement_store.find_restatement(connection, organization)
        if running is None:
            return False
        configuration = await configuration_store.load_configuration(
            connection, organization, ("organization", "metric")
        )
        restatement = MetricRestatement(connection, organization, configuration, running.metrics)
        if not await _restate_planned_days(
            service, connection, organization, restatement, running.days
        ):
            return True
        done_days = await metric_restatement_store.list_restated_days(connection, organization)
        days = await restatement.find_days()
        remaining_days = [day for day in days if day not in set(done_days)]
        if len(remaining_days) > MAX_CATCH_UP_DAYS:  # events arrived for other days
            await metric_restatement_store.set_remaining_days(connection, organization, days)
            return True
        for day in done_days:
            restated_day = await metric_restatement_store.load_restated_day(
                connection, organization, day
            )
            await metric_restatement_store.apply_restated_day(
                connection, organization, restated_day, restatement.changed_metrics
            )
        await restatement.restate_days(remaining_days)
        position = await organization_version.advance_version(
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
    restatement: MetricRestatement,
    planned_days: Sequence[int],
) -> bool:
    """Restate planned days until the limit of events is reached.

    Return whether all of them are done.
    """
    done_days = set(await metric_restatement_store.list_restated_days(connection, organization))
    remaining_days = [day for day in planned_days if day not in done_days]
    event_count = 0
    for day_index, day in enumerate(remaining_days):
        if (
            event_count > service.max_inline_restated_events
            and len(remaining_days) - day_index > MAX_CATCH_UP_DAYS
        ):
            return False
        event_states = await restatement.match_events(day)
        event_count += len(event_states)
        await metric_restatement_store.save_restated_day(
            connection,
            organization,
            metric_restatement_store.restate_day(day, event_states, restatement.changed_metrics),
        )
    return True


async def run_worker(service: ServiceContext, pause: Callable[[bool], Awaitable[bool]]) -> None:
    """Restate pending histories, one step of each organization in turn, until `pause` returns True.

    `pause` is awaited before each round. It gets whether the last round did anything.
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
    """Run a step, and log an error. Return whether there may be more to do.

    A step is a transaction, so the next round can repeat a failed one.
    """
    try:
        return await run_step(service, organization)
    except BucketFullError:
        # It would fail again and again. Results keep the previous definition, and name the metric,
        # until the metric is redefined.
        LOG.exception("history cannot be restated", extra={"organization": str(organization)})
        async with service.database.write_transaction() as connection:
            await restatement_queue.dequeue_organization(connection, organization)
    except SightlineError as error:
        LOG.warning("restating history has to wait", extra={"problem": error.detail})
    except Exception:
        LOG.exception("restating history failed and is tried again")
    return False


async def finish_restatement(service: ServiceContext, organization: UUID) -> None:
    """Restate all pending days of an organization."""
    while await run_step(service, organization):
        pass
