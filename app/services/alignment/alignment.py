"""Alignment of an organization: one consistent read, one pure computation, a cache of results."""

import asyncio
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from app.domain.access.actor import Actor
from app.domain.playbook.lifecycle import count_unpublished_changes
from app.domain.playbook.playbooks import Playbook
from app.scoring.engine import compute_alignment
from app.scoring.playbook_index import PlaybookIndex
from app.scoring.result import Alignment
from app.scoring.snapshot import Snapshot
from app.services.alignment.days import resolve_dates
from app.services.playbook import configuration_history
from app.services.playbook.configuration_history import ConfigurationHistory, ScoringBasis
from app.services.runtime.context import ServiceContext
from app.store.access import organization_version
from app.store.alignment import evidence_query
from app.store.sql.database import Connection

# The cache cost of a result without losses, where a loss costs 1.
BASE_RESULT_COST: Final = 20
# So many rows of evidence cost as much as a loss.
EVIDENCE_ROWS_PER_COST_UNIT: Final = 10


@dataclass(frozen=True, slots=True)
class AlignmentResult:
    """An alignment with the snapshot and the playbook that it was computed from."""

    snapshot: Snapshot
    alignment: Alignment
    playbook: Playbook
    # The number of changes since the playbook was last published.
    unpublished_changes: int
    # The keys of the other playbooks that are current on that day.
    other_playbooks: tuple[str, ...]
    # The keys of redefined metrics that the result does not show yet.
    restating_metrics: tuple[str, ...] = ()
    # Encoded replies with their entity tags, by request. They live as long as this result.
    cached_replies: dict[str, tuple[bytes, str]] = field(
        default_factory=dict, compare=False, repr=False
    )


class _RequestedOnce:
    """A mark in the cache that a query was made once."""


async def get_cached(
    service: ServiceContext,
    actor: Actor,
    playbook: str | None = None,
    as_of: date | None = None,
    known_at: date | None = None,
) -> AlignmentResult | None:
    """Return the cached result, or None on a cache miss. Raises: InvalidError."""
    actor.require_scope("read")
    org_version = await service.version_flight.run(
        actor.organization, partial(_load_version, service, actor.organization)
    )
    days = resolve_dates(org_version.today(service.clock()), as_of, known_at)
    return service.answer_cache.get(
        ("alignment", actor.organization), (playbook, *days), org_version.version, AlignmentResult
    )


async def get_alignment(
    service: ServiceContext,
    actor: Actor,
    playbook: str | None = None,
    as_of: date | None = None,
    known_at: date | None = None,
) -> AlignmentResult:
    """Compute how aligned the organization is or was, or return the cached result.

    Raises: NoCurrentPlaybookError, NotFoundError, InvalidError.
    """
    alignment_result = await get_cached(service, actor, playbook, as_of, known_at)
    if alignment_result is not None:
        return alignment_result
    now = service.clock()
    async with service.database.read_transaction() as connection:
        org_version = await organization_version.load_version(connection, actor.organization)
        days = resolve_dates(org_version.today(now), as_of, known_at)
        config_history = await configuration_history.load_cached_history(
            connection, actor.organization, org_version, service.answer_cache
        )
        basis = await config_history.resolve_basis(playbook, *days)
        evidence = await _closed_day_evidence(
            service, connection, actor.organization, org_version, basis, (playbook, *days)
        )
        evidence_snapshot = await evidence_query.read_snapshot(
            connection, actor.organization, basis.playbook_index, basis.frame, evidence
        )
    # A large playbook takes long. A thread leaves the event loop free for other requests.
    alignment_result = await asyncio.to_thread(
        build_result, evidence_snapshot, basis, config_history
    )
    cost = _estimate_cost(alignment_result) + (
        0 if basis.configuration is config_history.current_configuration else config_history.cost
    )
    service.answer_cache.put(
        ("alignment", actor.organization),
        (playbook, *days),
        org_version.version,
        alignment_result,
        cost,
    )
    return alignment_result


async def _closed_day_evidence(
    service: ServiceContext,
    connection: Connection,
    organization: UUID,
    org_version: organization_version.OrganizationVersion,
    basis: ScoringBasis,
    query: tuple[str | None, date, date],
) -> evidence_query.ClosedDayEvidence | None:
    """Return the evidence that was recorded before the organization's last day of writing.

    It cannot change until the configuration does, so it is read once a day. The rest is then a
    small read.

    Return None where caching it does not pay. This is so for the first request of a query, and on a
    database where two reads are slower. It is also so for an earlier `known_at`, whose result is
    the same all day.
    """
    if query[-1] < org_version.recorded_day or not evidence_query.supports_incremental_read(
        connection
    ):
        return None
    cache_owner = ("settled", organization)
    cache_key = (*query, org_version.recorded_day)
    closed_days = service.answer_cache.get(
        cache_owner, cache_key, org_version.configuration_version, evidence_query.ClosedDayEvidence
    )
    if (
        closed_days is None
        and service.answer_cache.get(
            cache_owner, cache_key, org_version.configuration_version, _RequestedOnce
        )
        is None
    ):
        service.answer_cache.put(
            cache_owner, cache_key, org_version.configuration_version, _RequestedOnce(), 1
        )
    elif closed_days is None:
        last_closed_day = org_version.recorded_day - timedelta(days=1)
        closed_days = await evidence_query.read_closed_days(
            connection, organization, basis.playbook_index, basis.frame, last_closed_day
        )
        service.answer_cache.put(
            cache_owner,
            cache_key,
            org_version.configuration_version,
            closed_days,
            closed_days.accumulator.cost,
        )
    return closed_days


def _estimate_cost(alignment_result: AlignmentResult) -> int:
    """Return the cache cost of a result without its configuration."""
    evidence_snapshot = alignment_result.snapshot
    source_count = sum(len(reading.sources) for reading in evidence_snapshot.readings.values())
    row_count = (
        source_count
        + len(evidence_snapshot.effort_cells)
        + len(evidence_snapshot.latest_activities)
        + len(evidence_snapshot.sold_values)
    )
    return (
        BASE_RESULT_COST
        + len(alignment_result.alignment.losses)
        + row_count // EVIDENCE_ROWS_PER_COST_UNIT
    )


async def _load_version(
    service: ServiceContext, organization: UUID
) -> organization_version.OrganizationVersion:
    async with service.database.single_statement() as connection:
        return await organization_version.load_version(connection, organization)


def build_result(
    evidence_snapshot: Snapshot, basis: ScoringBasis, config_history: ConfigurationHistory
) -> AlignmentResult:
    """Compute the result of a snapshot."""
    return AlignmentResult(
        evidence_snapshot,
        compute_alignment(evidence_snapshot),
        basis.playbook,
        basis.playbook_index.memoize(_count_unpublished_changes),
        basis.other_playbooks,
        config_history.restating_metrics,
    )


def _count_unpublished_changes(playbook_index: PlaybookIndex) -> int:
    return count_unpublished_changes(playbook_index.configuration, playbook_index.playbook.key)
