"""Operator's checks of roll-ups against events, and of tables against the journal."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.domain.events.metrics import Matcher
from app.domain.playbook import history as history_domain
from app.domain.playbook.configuration import TABLE_NAMES, Resource
from app.services.events import metric_restatement as metric_restatement_service
from app.services.runtime.context import ServiceContext
from app.store.access import directory, organization_version
from app.store.events import metric_restatement as metric_restatement_store
from app.store.events import rollup_rebuild
from app.store.events.rollup_rebuild import RecomputedRollups
from app.store.playbook import configuration as configuration_store
from app.store.playbook import journal
from app.store.sql.database import Connection


async def list_organizations(service: ServiceContext) -> Sequence[tuple[str, UUID]]:
    """Return the key and the id of every organization, by key."""
    async with service.database.read_transaction() as connection:
        return await directory.list_public_ids(connection, "organization")


async def count_rollup_differences(
    service: ServiceContext, organization: UUID
) -> Mapping[str, int]:
    """Return the number of wrong rows of each roll-up, and of wrong sets of matches."""
    async with service.database.read_transaction() as connection:
        rebuilt = await _recompute_rollups(connection, organization)
        return await rollup_rebuild.count_differences(connection, organization, rebuilt)


async def count_journal_differences(service: ServiceContext, organization: UUID) -> int:
    """Return the number of resources that differ from a replay of the whole journal."""
    async with service.database.read_transaction() as connection:
        current = await configuration_store.load_configuration(connection, organization)
        replayed = await journal.replay_journal(connection, organization)
    live_resources = {
        (kind, resource_key): resource
        for kind in TABLE_NAMES
        for resource_key, resource in current.resources_of(kind).items()
    }
    stored_resources: dict[tuple[str, str], Resource | None] = {
        **{
            (kind, resource_key): None
            for kind, archived in current.archived.items()
            for resource_key in archived
        },
        **live_resources,
    }
    return sum(
        typed_key not in stored_resources
        or typed_key not in replayed
        or stored_resources[typed_key] != replayed[typed_key]
        for typed_key in stored_resources.keys() | replayed.keys()
    )


async def rebuild_rollups(
    service: ServiceContext, organization: UUID
) -> tuple[int, Mapping[str, int]]:
    """Rebuild the roll-ups from the events.

    Return the number of events, and the numbers of rows that differed. Finish a pending restatement
    first.
    """
    await metric_restatement_service.finish_restatement(service, organization)
    now = service.clock()
    async with service.database.write_transaction() as connection:
        zone = await organization_version.time_zone(connection, organization)
        # This locks the organization, so nothing is recorded meanwhile. The new version invalidates
        # cached results.
        await organization_version.advance_version(
            connection, organization, now, zone, changes_configuration=True
        )
        rebuilt = await _recompute_rollups(connection, organization)
        difference_counts = await rollup_rebuild.count_differences(
            connection, organization, rebuilt
        )
        if any(difference_counts.values()):
            await metric_restatement_store.invalidate_days(
                connection,
                organization,
                await metric_restatement_store.list_restated_days(connection, organization),
            )
            await rollup_rebuild.replace_rollups(connection, organization, rebuilt)
        else:
            await connection.rollback()
    return rebuilt.event_count, difference_counts


async def _recompute_rollups(connection: Connection, organization: UUID) -> RecomputedRollups:
    metric_configuration = await configuration_store.load_configuration(
        connection, organization, ("organization", "metric")
    )
    matcher = Matcher(
        history_domain.effective_metrics(
            metric_configuration,
            await metric_restatement_store.load_previous_metrics(connection, organization),
        )
    )
    return await rollup_rebuild.recompute_rollups(
        connection, organization, matcher, metric_configuration.organization.time_zone
    )


async def list_restatements(service: ServiceContext) -> Mapping[str, tuple[int, int]]:
    """Return the total and the finished days of each restatement, by the organization's key."""
    progress_by_key = {}
    for organization_key, organization in await list_organizations(service):
        async with service.database.read_transaction() as connection:
            progress = await metric_restatement_store.load_progress(connection, organization)
        if progress is not None:
            progress_by_key[organization_key] = len(progress[0].days), progress[1]
    return progress_by_key
