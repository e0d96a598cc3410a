"""Comparisons of two alignments: of two days, or with and without a document applied."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from app.domain.access.actor import Actor
from app.domain.events.metrics import Metric, find_redefined_metrics
from app.domain.playbook import document as document_domain
from app.domain.playbook.configuration import Configuration
from app.domain.playbook.document import Document
from app.domain.playbook.playbooks import current_playbooks
from app.domain.primitives.errors import Fault, InvalidError, NotFoundError
from app.scoring.evidence.daily_evidence import DailyEvidence, SnapshotSeries
from app.scoring.evidence.rematch import rematch_evidence
from app.scoring.ledger_diff import LedgerDifference, diff_ledgers
from app.scoring.playbook_index import PlaybookIndex
from app.scoring.snapshot import Snapshot, build_frame
from app.services.alignment import history
from app.services.alignment.alignment import AlignmentResult, build_result
from app.services.alignment.days import resolve_dates
from app.services.events import metric_restatement as metric_restatement_service
from app.services.playbook import configuration_history
from app.services.playbook.configuration_history import ConfigurationHistory, ScoringBasis
from app.services.runtime.context import ServiceContext
from app.store.access import organization_version
from app.store.alignment import daily_evidence_query, evidence_query, loss_annotations
from app.store.events import event_queries
from app.store.sql.database import Connection

MAX_REMATCHED_EVENTS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two results and the difference of their ledgers."""

    # None when the document's playbook does not exist yet.
    before: AlignmentResult | None
    after: AlignmentResult
    # The largest change first.
    differences: tuple[LedgerDifference, ...]


async def compare_days(
    service: ServiceContext,
    actor: Actor,
    first: date,
    last: date | None = None,
    playbook: str | None = None,
    known_at: date | None = None,
) -> Comparison:
    """Compare the alignment at the end of two days. Without `last`, compare with today.

    Raises: NoCurrentPlaybookError, NotFoundError, InvalidError.
    """
    actor.require_scope("read")
    now = service.clock()
    async with service.database.read_transaction() as connection:
        org_version = await organization_version.load_version(connection, actor.organization)
        config_history = await configuration_history.load_cached_history(
            connection, actor.organization, org_version, service.answer_cache
        )
        end, known_day = resolve_dates(org_version.today(now), last, known_at, "to")
        if first > end:
            raise InvalidError("'from' is after 'to'.", [Fault("from", "Must not be after 'to'.")])
        daily_snapshots = []
        for day in (first, end):
            basis = await config_history.resolve_basis(playbook, day, known_day)
            evidence_snapshot = await evidence_query.read_snapshot(
                connection, actor.organization, basis.playbook_index, basis.frame
            )
            daily_snapshots.append((evidence_snapshot, basis))
    result_before, result_after = (
        build_result(evidence_snapshot, basis, config_history)
        for evidence_snapshot, basis in daily_snapshots
    )
    return Comparison(
        result_before,
        result_after,
        diff_ledgers(result_before.alignment.losses, result_after.alignment.losses),
    )


async def evaluate_what_if(
    service: ServiceContext,
    actor: Actor,
    document: Document,
    as_of: date | None = None,
    known_at: date | None = None,
) -> Comparison:
    """Compute what the alignment would be if a document were applied. Nothing is stored.

    Raises: InvalidError with all faults of the document, or when it redefines metrics of too many
    events.
    """
    actor.require_scope("read")
    now = service.clock()
    async with service.database.read_transaction() as connection:
        org_version = await organization_version.load_version(connection, actor.organization)
        config_history = await configuration_history.load_cached_history(
            connection, actor.organization, org_version, service.answer_cache
        )
        days = resolve_dates(org_version.today(now), as_of, known_at)
        basis_before, basis_after = await _resolve_what_if_bases(config_history, document, *days)
        snapshot_before = (
            None
            if basis_before is None
            else await evidence_query.read_snapshot(
                connection, actor.organization, basis_before.playbook_index, basis_before.frame
            )
        )
        snapshot_after = await _read_what_if_snapshot(
            connection, actor, config_history, basis_after
        )
    result_before = (
        None
        if snapshot_before is None or basis_before is None
        else build_result(snapshot_before, basis_before, config_history)
    )
    result_after = build_result(snapshot_after, basis_after, config_history)
    losses_before = () if result_before is None else result_before.alignment.losses
    return Comparison(
        result_before, result_after, diff_ledgers(losses_before, result_after.alignment.losses)
    )


async def _resolve_what_if_bases(
    config_history: ConfigurationHistory, document: Document, as_of: date, known_at: date
) -> tuple[ScoringBasis | None, ScoringBasis]:
    """Return the bases without and with the document applied."""
    basis_before = await _find_basis(config_history, document.playbook.key, as_of, known_at)
    if basis_before is None:
        current = await config_history.as_of(as_of)
        return None, _build_what_if_basis(current, document, as_of, known_at)
    basis_after = _build_what_if_basis(basis_before.configuration, document, as_of, known_at)
    configuration_from = basis_before.frame.configuration_from
    if configuration_from is None and basis_before.frame.until < basis_after.frame.until:
        # The playbook has ended, and the document extends it: use the configuration of later days.
        later = await config_history.as_of(basis_after.frame.until)
        return basis_before, _build_what_if_basis(later, document, as_of, known_at)
    frame = replace(basis_after.frame, configuration_from=configuration_from)
    return basis_before, replace(basis_after, frame=frame)


async def _find_basis(
    config_history: ConfigurationHistory, playbook: str, as_of: date, known_at: date
) -> ScoringBasis | None:
    try:
        return await config_history.resolve_basis(playbook, as_of, known_at)
    except NotFoundError:
        return None


def _build_what_if_basis(
    configuration: Configuration, document: Document, as_of: date, known_at: date
) -> ScoringBasis:
    """Return the basis with the document applied, as an administrator could apply it."""
    changed_configuration = document_domain.apply_document(
        configuration, document, prune=True, accept=True
    )
    playbook_index = PlaybookIndex(changed_configuration, document.playbook.key)
    other_playbooks = current_playbooks(
        [
            playbook
            for playbook in changed_configuration.playbooks.values()
            if playbook.key != playbook_index.playbook.key
        ],
        as_of,
    )
    return ScoringBasis(
        playbook_index,
        build_frame(playbook_index.playbook, as_of, known_at),
        tuple(other_playbooks),
    )


async def _read_what_if_snapshot(
    connection: Connection, actor: Actor, config_history: ConfigurationHistory, basis: ScoringBasis
) -> Snapshot:
    """Read the evidence for a basis.

    Match events again if the document redefines metrics.
    """
    organization = actor.organization
    redefined_metrics = find_redefined_metrics(
        config_history.effective_metrics,
        {**config_history.effective_metrics, **basis.configuration.metrics},
    )
    if not redefined_metrics:
        return await evidence_query.read_snapshot(
            connection, organization, basis.playbook_index, basis.frame
        )
    evidence = await daily_evidence_query.read_daily_evidence(
        connection, organization, *history.find_required_evidence([basis]), basis.frame.known_at
    )
    evidence = await _rematch_evidence(connection, actor, basis, evidence, redefined_metrics)
    version = await organization_version.version_at_end_of_day(
        connection, organization, basis.frame.known_at
    )
    source_activity = await loss_annotations.source_activity(
        connection, organization, basis.playbook_index, basis.frame
    )
    return replace(
        SnapshotSeries(evidence, version).build_snapshot(basis.playbook_index, basis.frame),
        source_activities=source_activity,
    )


async def _rematch_evidence(
    connection: Connection,
    actor: Actor,
    basis: ScoringBasis,
    evidence: DailyEvidence,
    redefined_metrics: Mapping[str, Metric | None],
) -> DailyEvidence:
    rematching = metric_restatement_service.MetricRestatement(
        connection, actor.organization, basis.configuration, redefined_metrics
    )
    event_count = await event_queries.count_events_of_types(
        connection, actor.organization, rematching.event_types, MAX_REMATCHED_EVENTS + 1
    )
    if event_count > MAX_REMATCHED_EVENTS:
        metric_names = ", ".join(sorted(redefined_metrics))
        detail = (
            f"More than {MAX_REMATCHED_EVENTS} events would have to be matched anew "
            f"to see what redefining {metric_names} would do."
        )
        raise InvalidError(detail, [Fault("/metrics", detail)])
    event_states = [
        event_state
        for day in await rematching.find_days()
        for event_state in await rematching.match_events(day)
    ]
    return rematch_evidence(
        evidence,
        event_states,
        rematching.changed_metrics,
        await evidence_query.load_metrics_by_set(connection, actor.organization),
        basis.frame.known_at,
    )
