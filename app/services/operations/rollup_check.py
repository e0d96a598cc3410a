"""The operator's care for the roll-ups: are they what the events say, and make them so."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.domain.events.metrics import Matcher
from app.domain.playbook import history as past
from app.domain.playbook.configuration import TABLE_NAMES, Resource
from app.services.events import metric_restatement as restatement
from app.services.runtime.context import ServiceContext
from app.store.access import directory
from app.store.access import organization_version as cursor
from app.store.events import metric_restatement as restatements
from app.store.events import rollup_rebuild as rebuild
from app.store.events.rollup_rebuild import RecomputedRollups
from app.store.playbook import configuration
from app.store.playbook import journal_history as history
from app.store.sql.database import Connection


async def list_organizations(service: ServiceContext) -> Sequence[tuple[str, UUID]]:
    """Every organization's key and identity, by key."""
    async with service.database.read_transaction() as connection:
        return await directory.list_public_ids(connection, "organization")


async def count_rollup_differences(
    service: ServiceContext, organization: UUID
) -> Mapping[str, int]:
    """How many rows of each roll-up, and how many matched sets, are not as the events say."""
    async with service.database.read_transaction() as connection:
        rebuilt = await _recompute_rollups(connection, organization)
        return await rebuild.count_differences(connection, organization, rebuilt)


async def count_journal_differences(service: ServiceContext, organization: UUID) -> int:
    """How many things are not as the journal says, replayed from its beginning."""
    async with service.database.read_transaction() as connection:
        current = await configuration.load_configuration(connection, organization)
        replayed = await history.replay_journal(connection, organization)
    live_resources = {
        (kind, key): resource
        for kind in TABLE_NAMES
        for key, resource in current.resources_of(kind).items()
    }
    stored_resources: dict[tuple[str, str], Resource | None] = {
        **{(kind, key): None for kind, archived in current.archived.items() for key in archived},
        **live_resources,
    }
    return sum(
        name not in stored_resources
        or name not in replayed
        or stored_resources[name] != replayed[name]
        for name in stored_resources.keys() | replayed.keys()
    )


async def rebuild_rollups(
    service: ServiceContext, organization: UUID
) -> tuple[int, Mapping[str, int]]:
    """The roll-ups are as the events say; how many events were read, and what differed until now.

    A restatement under way is finished first.
    """
    await restatement.finish_restatement(service, organization)
    now = service.clock()
    async with service.database.write_transaction() as connection:
        zone = await cursor.time_zone(connection, organization)
        # Nothing is recorded while the cursor's row is locked, and the new version makes kept answers stale.
        await cursor.advance_version(
            connection, organization, now, zone, changes_configuration=True
        )
        rebuilt = await _recompute_rollups(connection, organization)
        difference_counts = await rebuild.count_differences(connection, organization, rebuilt)
        if any(difference_counts.values()):
            await restatements.invalidate_days(
                connection,
                organization,
                await restatements.list_restated_days(connection, organization),
            )
            await rebuild.replace_rollups(connection, organization, rebuilt)
        else:
            await connection.rollback()
    return rebuilt.event_count, difference_counts


async def _recompute_rollups(connection: Connection, organization: UUID) -> RecomputedRollups:
    metric_configuration = await configuration.load_configuration(
        connection, organization, ("organization", "metric")
    )
    matcher = Matcher(
        past.effective_metrics(
            metric_configuration, await restatements.load_previous_metrics(connection, organization)
        )
    )
    return await rebuild.recompute_rollups(
        connection, organization, matcher, metric_configuration.organization.time_zone
    )


async def list_restatements(service: ServiceContext) -> Mapping[str, tuple[int, int]]:
    """Whose history is being restated, by the organization's key: how many days in all, and how many are done."""
    progress_by_key = {}
    for key, organization in await list_organizations(service):
        async with service.database.read_transaction() as connection:
            progress = await restatements.load_progress(connection, organization)
        if progress is not None:
            progress_by_key[key] = len(progress[0].days), progress[1]
    return progress_by_key
