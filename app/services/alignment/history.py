"""The score of many days: one consistent read, each day with its own configuration."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from app.domain.access.actor import Actor
from app.domain.primitives.errors import Fault, InvalidError, NoCurrentPlaybookError, NotFoundError
from app.scoring.daily_evidence import Series
from app.scoring.engine import outline
from app.scoring.result import Alignment
from app.services.playbook import configuration_history as past
from app.services.playbook.configuration_history import Standing
from app.services.runtime.context import Service
from app.store.access import organization_version as cursor
from app.store.alignment import daily_evidence_query as series
from app.store.alignment.evidence_query import ASKS_ORDER

STEPS: Final = {"day": timedelta(days=1), "week": timedelta(days=7)}
MOST: Final = 400
LONG: Final = timedelta(days=89)
WEIGHT: Final = 20  # of a point, beside a loss
FIRST: Final = date(1900, 1, 1)  # no day is asked for before it


@dataclass(frozen=True, slots=True)
class Point:
    """The score of one day, without its ledger. None on a day without a current playbook: `alignment`."""

    as_of: date
    alignment: Alignment | None


@dataclass(frozen=True, slots=True)
class History:
    """The points in the order of their days, with what they are of."""

    points: tuple[Point, ...]
    known_at: date
    version: int
    restating: tuple[str, ...]


async def read(
    service: Service,
    actor: Actor,
    first: date | None = None,
    last: date | None = None,
    step: str = "day",
    playbook: str | None = None,
    known_at: date | None = None,
) -> History:
    """How aligned the organization was, day by day or week by week up to the last day.

    Raises: InvalidError, NotFoundError for a playbook that never was.
    """
    actor.require("read")
    now = service.clock()
    async with service.database.reading() as connection:
        at = await cursor.standing(connection, actor.organization)
        asked, known_day = _asked(at.today(now), first, last, step, known_at)
        mine, question = ("history", actor.organization), (playbook, tuple(asked), known_day)
        kept = service.kept.find(mine, question, at.version, History)
        if kept is not None:
            return kept
        known = await past.kept(connection, actor.organization, at, service.kept)
        if playbook is not None:
            known.require(playbook)
        found = [await _standing(known, playbook, day, known_day) for day in asked]
        version = await cursor.version_on(connection, actor.organization, known_day)
        standings = [standing for standing in found if standing is not None]
        evidence = await series.read(connection, actor.organization, *needed(standings), known_day)
    # Many scores are a second's work for a large playbook: others are answered meanwhile.
    points = await asyncio.to_thread(
        _points, list(zip(asked, found, strict=True)), Series(evidence, version)
    )
    history = History(points, known_day, version, known.restating)
    service.kept.keep(mine, question, at.version, history, WEIGHT * len(points))
    return history


def _points(found: Sequence[tuple[date, Standing | None]], folded: Series) -> tuple[Point, ...]:
    return tuple(
        Point(day, None if one is None else outline(folded.snapshot(one.plan, one.frame)))
        for day, one in found
    )


def _asked(
    today: date, first: date | None, last: date | None, step: str, known_at: date | None
) -> tuple[Sequence[date], date]:
    """The days asked for, in order: the last one and those before it by the step. Raises: InvalidError."""
    end, known = last or today, known_at or today
    start = first or max(end - LONG, FIRST)
    faults = []
    if end > today:
        faults.append(Fault("to", "Must not be in the future."))
    if end < start:
        faults.append(Fault("to", "Must not be before 'from'."))
    if known_at is not None and not end <= known <= today:
        faults.append(Fault("known_at", "Must not be before 'to' nor in the future."))
    count = (end - start) // STEPS[step] + 1
    if count > MOST:
        faults.append(Fault("from", f"Asks for {count} points; at most {MOST} are given at once."))
    if faults:
        raise InvalidError(faults[0].detail, faults)
    return [end - number * STEPS[step] for number in reversed(range(count))], known


async def _standing(
    known: past.Past, playbook: str | None, day: date, known_at: date
) -> Standing | None:
    try:
        return await known.resolve(playbook, day, known_at)
    except (NoCurrentPlaybookError, NotFoundError):
        return None


def needed(standings: Sequence[Standing]) -> tuple[dict[str, bool], tuple[date, date]]:
    """The metrics that the standings ask for, whether in some order, and the days between which evidence counts."""
    metrics: dict[str, bool] = {}
    days = [standing.frame.until for standing in standings]
    for plan in {id(standing.plan): standing.plan for standing in standings}.values():
        days.append(plan.playbook.starts_on)
        for metric, first, _ in plan.windows:
            ordered = plan.configuration.metrics[metric].aggregation in ASKS_ORDER
            metrics[metric] = metrics.get(metric, False) or ordered
            days.append(first)
    return metrics, (min(days, default=date.max), max(days, default=date.min))
