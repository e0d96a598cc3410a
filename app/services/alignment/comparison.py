"""Two answers side by side: of two days, or of the playbook as it is and as a document would have it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from app.domain.access.actor import Actor
from app.domain.events.metrics import Metric
from app.domain.playbook import document as documents
from app.domain.playbook.configuration import Configuration
from app.domain.playbook.document import Document
from app.domain.primitives.errors import Fault, InvalidError, NotFoundError
from app.scoring.daily_evidence import DailyEvidence, SnapshotSeries
from app.scoring.ledger_diff import LedgerDifference, diff_ledgers
from app.scoring.playbook_index import PlaybookIndex
from app.scoring.snapshot import Snapshot, build_frame
from app.services.alignment import history
from app.services.alignment.alignment import AlignmentResult, build_result, resolve_dates
from app.services.events import metric_restatement as restatement
from app.services.playbook import configuration_history as past
from app.services.playbook.configuration_history import ConfigurationHistory, ScoringBasis
from app.services.runtime.context import ServiceContext
from app.store.access import organization_version as cursor
from app.store.alignment import daily_evidence_query as series
from app.store.alignment import evidence_query as snapshot
from app.store.alignment import loss_annotations as remarks
from app.store.events import rollup_rebuild as rebuild
from app.store.sql.database import Connection

MAX_REMATCHED_EVENTS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two answers and the difference of their ledgers, the largest change first. None when it is new: `before`."""

    before: AlignmentResult | None
    after: AlignmentResult
    differences: tuple[LedgerDifference, ...]


async def compare_days(
    service: ServiceContext,
    actor: Actor,
    first: date,
    last: date | None = None,
    playbook: str | None = None,
    known_at: date | None = None,
) -> Comparison:
    """What changed from the end of the first day to the end of the last one, today without one.

    Raises: NoCurrentPlaybookError, NotFoundError, InvalidError.
    """
    actor.require_scope("read")
    now = service.clock()
    async with service.database.read_transaction() as connection:
        org_version = await cursor.load_version(connection, actor.organization)
        config_history = await past.load_cached_history(
            connection, actor.organization, org_version, service.answer_cache
        )
        end, known_day = resolve_dates(org_version.today(now), last, known_at, "to")
        if first > end:
            raise InvalidError("'from' is after 'to'.", [Fault("from", "Must not be after 'to'.")])
        daily_snapshots = []
        for day in (first, end):
            basis = await config_history.resolve_basis(playbook, day, known_day)
            evidence_snapshot = await snapshot.read_snapshot(
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
    """What the answer would be if the document were applied; nothing is stored.

    Raises: InvalidError with all that is wrong with the document, or when it redefines a metric of too many events.
    """
    actor.require_scope("read")
    now = service.clock()
    async with service.database.read_transaction() as connection:
        org_version = await cursor.load_version(connection, actor.organization)
        config_history = await past.load_cached_history(
            connection, actor.organization, org_version, service.answer_cache
        )
        days = resolve_dates(org_version.today(now), as_of, known_at)
        basis_before = await _find_basis(config_history, document.playbook.key, *days)
        basis_after = _build_what_if_basis(
            await config_history.as_of(days[0])
            if basis_before is None
            else basis_before.configuration,
            document,
            *days,
        )
        if (
            basis_before is not None
            and basis_before.frame.configuration_from is None
            and basis_before.frame.until < basis_after.frame.until
        ):
            # It is over, and would go on: by what has been configured since.
            basis_after = _build_what_if_basis(
                await config_history.as_of(basis_after.frame.until), document, *days
            )
        elif basis_before is not None:
            basis_after = replace(
                basis_after,
                frame=replace(
                    basis_after.frame, configuration_from=basis_before.frame.configuration_from
                ),
            )
        snapshot_before = (
            None
            if basis_before is None
            else await snapshot.read_snapshot(
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
    """The standing with the document applied, as an administrator could apply it."""
    changed_configuration = documents.apply_document(
        configuration, document, prune=True, accept=True
    )
    playbook_index = PlaybookIndex(changed_configuration, document.playbook.key)
    other_playbooks = past.current_playbooks(
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
    """The evidence of that standing; events are matched anew where the document redefines a metric."""
    organization = actor.organization
    redefined_metrics = restatement.find_redefined_metrics(
        config_history.effective_metrics,
        {**config_history.effective_metrics, **basis.configuration.metrics},
    )
    if not redefined_metrics:
        return await snapshot.read_snapshot(
            connection, organization, basis.playbook_index, basis.frame
        )
    evidence = await series.read_daily_evidence(
        connection, organization, *history.find_required_evidence([basis]), basis.frame.known_at
    )
    evidence = await _rematch_evidence(connection, actor, basis, evidence, redefined_metrics)
    version = await cursor.version_at_end_of_day(connection, organization, basis.frame.known_at)
    source_activity = await remarks.source_activity(
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
    rematching = restatement.MetricRestatement(
        connection, actor.organization, basis.configuration, redefined_metrics
    )
    event_count = await rebuild.count_events_of_types(
        connection, actor.organization, rematching.event_types, MAX_REMATCHED_EVENTS + 1
    )
    if event_count > MAX_REMATCHED_EVENTS:
        metric_names = ", ".join(sorted(redefined_metrics))
        detail = f"More than {MAX_REMATCHED_EVENTS} events would have to be matched anew to see what redefining {metric_names} would do."
        raise InvalidError(detail, [Fault("/metrics", detail)])
    event_states = [
        event_state
        for day in await rematching.find_days()
        for event_state in await rematching.match_events(day)
    ]
    return await series.with_changed_metrics(
        connection,
        actor.organization,
        evidence,
        event_states,
        rematching.changed_metrics,
        basis.frame.known_at,
    )
