"""The score: one consistent read, one pure step; and the answers of before, while they still hold."""

import asyncio
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from app.domain.access.actor import Actor
from app.domain.playbook.lifecycle import count_unpublished_changes
from app.domain.playbook.playbooks import Playbook
from app.domain.primitives.errors import Fault, InvalidError
from app.scoring.engine import compute_alignment
from app.scoring.playbook_index import PlaybookIndex
from app.scoring.result import Alignment
from app.scoring.snapshot import Snapshot
from app.services.playbook import configuration_history as past
from app.services.playbook.configuration_history import ConfigurationHistory, ScoringBasis
from app.services.runtime.context import ServiceContext
from app.store.access import organization_version as cursor
from app.store.alignment import evidence_query as snapshot
from app.store.sql.database import Connection

BASE_RESULT_COST: Final = 20  # what an answer weighs that loses nothing, beside a loss
EVIDENCE_ROWS_PER_COST_UNIT: Final = 10  # of evidence, that weigh as much as a loss


@dataclass(frozen=True, slots=True)
class AlignmentResult:
    """An alignment with what it is of.

    Shape: `restating` are the metrics whose change does not show in it yet, by key; `replies` is what was made of it
    for callers, with its entity tag, by what they asked for.
    """

    snapshot: Snapshot
    alignment: Alignment
    playbook: Playbook
    unpublished_changes: int
    other_playbooks: tuple[str, ...]
    restating_metrics: tuple[str, ...] = ()
    cached_replies: dict[str, tuple[bytes, str]] = field(
        default_factory=dict, compare=False, repr=False
    )


class _RequestedOnce:
    """Stands for what was asked once."""


async def get_cached(
    service: ServiceContext,
    actor: Actor,
    playbook: str | None = None,
    as_of: date | None = None,
    known_at: date | None = None,
) -> AlignmentResult | None:
    """The answer of before, where it still holds. None where it has to be worked out. Raises: InvalidError."""
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
    """How aligned the organization is, or was. Raises: NoCurrentPlaybookError, NotFoundError, InvalidError."""
    alignment_result = await get_cached(service, actor, playbook, as_of, known_at)
    if alignment_result is not None:
        return alignment_result
    now = service.clock()
    async with service.database.read_transaction() as connection:
        org_version = await cursor.load_version(connection, actor.organization)
        days = resolve_dates(org_version.today(now), as_of, known_at)
        config_history = await past.load_cached_history(
            connection, actor.organization, org_version, service.answer_cache
        )
        basis = await config_history.resolve_basis(playbook, *days)
        evidence = await _closed_day_evidence(
            service, connection, actor.organization, org_version, basis, (playbook, *days)
        )
        evidence_snapshot = await snapshot.read_snapshot(
            connection, actor.organization, basis.playbook_index, basis.frame, evidence
        )
    # A large playbook takes a while: others are answered meanwhile.
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


async def _closed_day_evidence(  # what it is of, and the question
    service: ServiceContext,
    connection: Connection,
    organization: UUID,
    org_version: cursor.OrganizationVersion,
    basis: ScoringBasis,
    query: tuple[str | None, date, date],
) -> snapshot.ClosedDayEvidence | None:
    """The evidence that was recorded before the day on which the organization wrote last, read once that day.

    None when it is not worth it: for who asks the first time, for a day on which less was known, whose answer is the
    same all day, and on a database that is slower so.
    """
    if query[-1] < org_version.recorded_day or not snapshot.supports_incremental_read(connection):
        return None
    cache_owner, cache_key = ("settled", organization), (*query, org_version.recorded_day)
    closed_days = service.answer_cache.get(
        cache_owner, cache_key, org_version.configuration_version, snapshot.ClosedDayEvidence
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
        closed_days = await snapshot.read_closed_days(
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
    """What it weighs beside the configuration; its evidence is small, and can be much more than its losses."""
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


async def _load_version(service: ServiceContext, organization: UUID) -> cursor.OrganizationVersion:
    async with service.database.single_statement() as connection:
        return await cursor.load_version(connection, organization)


def build_result(
    evidence_snapshot: Snapshot, basis: ScoringBasis, config_history: ConfigurationHistory
) -> AlignmentResult:
    """The answer that follows from a snapshot."""
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


def resolve_dates(
    today: date, as_of: date | None, known_at: date | None, parameter_name: str = "as_of"
) -> tuple[date, date]:
    """The days asked for, today where none was. Raises: InvalidError, naming the day by the parameter's name."""
    day, known_day = as_of or today, known_at or today
    faults = []
    if day > today:
        faults.append(Fault(parameter_name, "Must not be in the future."))
    if known_at is not None and known_day < day:
        faults.append(Fault("known_at", f"Must not be before {parameter_name}."))
    if known_day > today:
        faults.append(Fault("known_at", "Must not be in the future."))
    if faults:
        raise InvalidError(faults[0].detail, faults)
    return day, known_day
