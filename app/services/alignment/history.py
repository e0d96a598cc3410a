"""The score of many days: one consistent read, each day with its own configuration."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from app.domain.access.actor import Actor
from app.domain.primitives.errors import Fault, InvalidError, NoCurrentPlaybookError, NotFoundError
from app.scoring.daily_evidence import SnapshotSeries
from app.scoring.engine import compute_without_ledger
from app.scoring.result import Alignment
from app.services.playbook import configuration_history as past
from app.services.playbook.configuration_history import ScoringBasis
from app.services.runtime.context import ServiceContext
from app.store.access import organization_version as cursor
from app.store.alignment import daily_evidence_query as series
from app.store.alignment.evidence_query import EXTREME_AGGREGATIONS

STEP_LENGTHS: Final = {"day": timedelta(days=1), "week": timedelta(days=7)}
MAX_POINTS: Final = 400
DEFAULT_SPAN: Final = timedelta(days=89)
POINT_COST: Final = 20  # of a point, beside a loss
MIN_DAY: Final = date(1900, 1, 1)  # no day is asked for before it


@dataclass(frozen=True, slots=True)
class ScorePoint:
    """The score of one day, without its ledger. None on a day without a current playbook: `alignment`."""

    as_of: date
    alignment: Alignment | None


@dataclass(frozen=True, slots=True)
class ScoreHistory:
    """The points in the order of their days, with what they are of."""

    points: tuple[ScorePoint, ...]
    known_at: date
    version: int
    restating_metrics: tuple[str, ...]


async def get_history(
    service: ServiceContext,
    actor: Actor,
    first: date | None = None,
    last: date | None = None,
    step: str = "day",
    playbook: str | None = None,
    known_at: date | None = None,
) -> ScoreHistory:
    """How aligned the organization was, day by day or week by week up to the last day.

    Raises: InvalidError, NotFoundError for a playbook that never was.
    """
    actor.require_scope("read")
    now = service.clock()
    async with service.database.read_transaction() as connection:
        org_version = await cursor.load_version(connection, actor.organization)
        days, known_day = _resolve_days(org_version.today(now), first, last, step, known_at)
        cache_owner, cache_key = ("history", actor.organization), (playbook, tuple(days), known_day)
        cached = service.answer_cache.get(cache_owner, cache_key, org_version.version, ScoreHistory)
        if cached is not None:
            return cached
        config_history = await past.load_cached_history(
            connection, actor.organization, org_version, service.answer_cache
        )
        if playbook is not None:
            config_history.require_playbook(playbook)
        daily_bases = [await _find_basis(config_history, playbook, day, known_day) for day in days]
        version = await cursor.version_at_end_of_day(connection, actor.organization, known_day)
        existing_bases = [basis for basis in daily_bases if basis is not None]
        evidence = await series.read_daily_evidence(
            connection, actor.organization, *find_required_evidence(existing_bases), known_day
        )
    # Many scores are a second's work for a large playbook: others are answered meanwhile.
    points = await asyncio.to_thread(
        _build_points, list(zip(days, daily_bases, strict=True)), SnapshotSeries(evidence, version)
    )
    score_history = ScoreHistory(points, known_day, version, config_history.restating_metrics)
    service.answer_cache.put(
        cache_owner, cache_key, org_version.version, score_history, POINT_COST * len(points)
    )
    return score_history


def _build_points(
    daily_bases: Sequence[tuple[date, ScoringBasis | None]], snapshot_series: SnapshotSeries
) -> tuple[ScorePoint, ...]:
    return tuple(
        ScorePoint(
            day,
            None
            if basis is None
            else compute_without_ledger(
                snapshot_series.build_snapshot(basis.playbook_index, basis.frame)
            ),
        )
        for day, basis in daily_bases
    )


def _resolve_days(
    today: date, first: date | None, last: date | None, step: str, known_at: date | None
) -> tuple[Sequence[date], date]:
    """The days asked for, in order: the last one and those before it by the step. Raises: InvalidError."""
    end, known_day = last or today, known_at or today
    start = first or max(end - DEFAULT_SPAN, MIN_DAY)
    faults = []
    if end > today:
        faults.append(Fault("to", "Must not be in the future."))
    if end < start:
        faults.append(Fault("to", "Must not be before 'from'."))
    if known_at is not None and not end <= known_day <= today:
        faults.append(Fault("known_at", "Must not be before 'to' nor in the future."))
    point_count = (end - start) // STEP_LENGTHS[step] + 1
    if point_count > MAX_POINTS:
        faults.append(
            Fault("from", f"Asks for {point_count} points; at most {MAX_POINTS} are given at once.")
        )
    if faults:
        raise InvalidError(faults[0].detail, faults)
    return [end - number * STEP_LENGTHS[step] for number in reversed(range(point_count))], known_day


async def _find_basis(
    config_history: past.ConfigurationHistory, playbook: str | None, day: date, known_at: date
) -> ScoringBasis | None:
    try:
        return await config_history.resolve_basis(playbook, day, known_at)
    except (NoCurrentPlaybookError, NotFoundError):
        return None


def find_required_evidence(
    bases: Sequence[ScoringBasis],
) -> tuple[dict[str, bool], tuple[date, date]]:
    """The metrics that the standings ask for, whether in some order, and the days between which evidence counts."""
    ordered_by_metric: dict[str, bool] = {}
    days = [basis.frame.until for basis in bases]
    for playbook_index in {
        id(basis.playbook_index): basis.playbook_index for basis in bases
    }.values():
        days.append(playbook_index.playbook.starts_on)
        for metric, first, _ in playbook_index.windows:
            is_ordered = (
                playbook_index.configuration.metrics[metric].aggregation in EXTREME_AGGREGATIONS
            )
            ordered_by_metric[metric] = ordered_by_metric.get(metric, False) or is_ordered
            days.append(first)
    return ordered_by_metric, (min(days, default=date.max), max(days, default=date.min))
