"""Scores of many days: one consistent read, and each day's own configuration."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from app.domain.access.actor import Actor
from app.domain.primitives.errors import Fault, NoCurrentPlaybookError, NotFoundError
from app.scoring.engine import compute_without_ledger
from app.scoring.evidence.daily_evidence import SnapshotSeries
from app.scoring.result import Alignment
from app.services.alignment.days import find_future_days, raise_faults
from app.services.playbook import configuration_history
from app.services.playbook.configuration_history import ScoringBasis
from app.services.runtime.context import ServiceContext
from app.store.access import organization_version
from app.store.alignment import daily_evidence_query
from app.store.alignment.evidence_query import EXTREME_AGGREGATIONS

STEP_LENGTHS: Final = {"day": timedelta(days=1), "week": timedelta(days=7)}
MAX_POINTS: Final = 400
DEFAULT_SPAN: Final = timedelta(days=89)
# The cache cost of a point, where a loss costs 1.
POINT_COST: Final = 20
# A default first day is not earlier.
MIN_DAY: Final = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class ScorePoint:
    """The score of one day, without its ledger."""

    as_of: date
    # None on a day without a current playbook.
    alignment: Alignment | None


@dataclass(frozen=True, slots=True)
class ScoreHistory:
    """The points in the order of their days."""

    points: tuple[ScorePoint, ...]
    known_at: date
    # The organization's version at the end of `known_at`.
    version: int
    # The keys of redefined metrics that the scores do not show yet.
    restating_metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """The days and the playbook that a history is requested for."""

    # None: 89 days before the last day.
    first: date | None = None
    # None: today.
    last: date | None = None
    # "day" or "week".
    step: str = "day"
    # None: the playbook that is current on each day.
    playbook: str | None = None
    # Only what was recorded by the end of this day. None: today.
    known_at: date | None = None


async def get_history(
    service: ServiceContext, actor: Actor, query: HistoryQuery | None = None
) -> ScoreHistory:
    """Compute the score of every day, or of every seventh day back from the last one.

    Raises: InvalidError; NotFoundError for a playbook that never existed.
    """
    query = query or HistoryQuery()
    playbook = query.playbook
    actor.require_scope("read")
    now = service.clock()
    async with service.database.read_transaction() as connection:
        org_version = await organization_version.load_version(connection, actor.organization)
        days, known_day = _resolve_days(org_version.today(now), query)
        cache_owner = ("history", actor.organization)
        cache_key = (playbook, tuple(days), known_day)
        cached = service.answer_cache.get(cache_owner, cache_key, org_version.version, ScoreHistory)
        if cached is not None:
            return cached
        config_history = await configuration_history.load_cached_history(
            connection, actor.organization, org_version, service.answer_cache
        )
        if playbook is not None:
            config_history.require_playbook(playbook)
        daily_bases = [await _find_basis(config_history, playbook, day, known_day) for day in days]
        version = await organization_version.version_at_end_of_day(
            connection, actor.organization, known_day
        )
        existing_bases = [basis for basis in daily_bases if basis is not None]
        evidence = await daily_evidence_query.read_daily_evidence(
            connection, actor.organization, *find_required_evidence(existing_bases), known_day
        )
    # A large playbook takes about a second. A thread leaves the event loop free for other requests.
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


def _resolve_days(today: date, query: HistoryQuery) -> tuple[Sequence[date], date]:
    """Return the days of the points in order, and the day of `known_at`. Raises: InvalidError."""
    end = query.last or today
    known_day = query.known_at or today
    start = query.first or max(end - DEFAULT_SPAN, MIN_DAY)
    step = STEP_LENGTHS[query.step]
    faults = find_future_days(today, [("to", end)])
    if end < start:
        faults.append(Fault("to", "Must not be before 'from'."))
    if query.known_at is not None and not end <= known_day <= today:
        faults.append(Fault("known_at", "Must not be before 'to' nor in the future."))
    point_count = (end - start) // step + 1
    if point_count > MAX_POINTS:
        faults.append(
            Fault("from", f"Asks for {point_count} points; at most {MAX_POINTS} are given at once.")
        )
    raise_faults(faults)
    return [end - number * step for number in reversed(range(point_count))], known_day


async def _find_basis(
    config_history: configuration_history.ConfigurationHistory,
    playbook: str | None,
    day: date,
    known_at: date,
) -> ScoringBasis | None:
    try:
        return await config_history.resolve_basis(playbook, day, known_at)
    except (NoCurrentPlaybookError, NotFoundError):
        return None


def find_required_evidence(
    bases: Sequence[ScoringBasis],
) -> tuple[dict[str, bool], tuple[date, date]]:
    """Return the metrics that the bases need, and the days between which evidence counts.

    The value of a metric tells whether the order of its events matters.
    """
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
