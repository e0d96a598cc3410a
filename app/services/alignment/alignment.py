"""The score: one consistent read, one pure step; and the answers of before, while they still hold."""

import asyncio
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from app.domain.access.actor import Actor
from app.domain.playbook.lifecycle import unpublished
from app.domain.playbook.playbooks import Playbook
from app.domain.primitives.errors import Fault, InvalidError
from app.scoring.engine import score
from app.scoring.playbook_index import Plan
from app.scoring.result import Alignment
from app.scoring.snapshot import Snapshot
from app.services.playbook import configuration_history as past
from app.services.playbook.configuration_history import Past, Standing
from app.services.runtime.context import Service
from app.store.access import organization_version as cursor
from app.store.alignment import evidence_query as snapshot
from app.store.sql.database import Connection

BARE: Final = 20  # what an answer weighs that loses nothing, beside a loss
ROWS: Final = 10  # of evidence, that weigh as much as a loss


@dataclass(frozen=True, slots=True)
class Answer:
    """An alignment with what it is of.

    Shape: `restating` are the metrics whose change does not show in it yet, by key; `replies` is what was made of it
    for callers, with its entity tag, by what they asked for.
    """

    snapshot: Snapshot
    alignment: Alignment
    playbook: Playbook
    unpublished_changes: int
    other_current: tuple[str, ...]
    restating: tuple[str, ...] = ()
    replies: dict[str, tuple[bytes, str]] = field(default_factory=dict, compare=False, repr=False)


class Once:
    """Stands for what was asked once."""


async def kept(
    service: Service,
    actor: Actor,
    playbook: str | None = None,
    as_of: date | None = None,
    known_at: date | None = None,
) -> Answer | None:
    """The answer of before, where it still holds. None where it has to be worked out. Raises: InvalidError."""
    actor.require("read")
    at = await service.standings.ask(
        actor.organization, partial(_standing, service, actor.organization)
    )
    days = asked(at.today(service.clock()), as_of, known_at)
    return service.kept.find(
        ("alignment", actor.organization), (playbook, *days), at.version, Answer
    )


async def read(
    service: Service,
    actor: Actor,
    playbook: str | None = None,
    as_of: date | None = None,
    known_at: date | None = None,
) -> Answer:
    """How aligned the organization is, or was. Raises: NoCurrentPlaybookError, NotFoundError, InvalidError."""
    found = await kept(service, actor, playbook, as_of, known_at)
    if found is not None:
        return found
    now = service.clock()
    async with service.database.reading() as connection:
        at = await cursor.standing(connection, actor.organization)
        days = asked(at.today(now), as_of, known_at)
        known = await past.kept(connection, actor.organization, at, service.kept)
        standing = await known.resolve(playbook, *days)
        evidence = await _settled(
            service, connection, actor.organization, at, standing, (playbook, *days)
        )
        read = await snapshot.read(
            connection, actor.organization, standing.plan, standing.frame, evidence
        )
    # A large playbook takes a while: others are answered meanwhile.
    found = await asyncio.to_thread(answer, read, standing, known)
    weight = _weight(found) + (0 if standing.configuration is known.present else known.weight)
    service.kept.keep(
        ("alignment", actor.organization), (playbook, *days), at.version, found, weight
    )
    return found


async def _settled(  # what it is of, and the question
    service: Service,
    connection: Connection,
    organization: UUID,
    at: cursor.Standing,
    standing: Standing,
    question: tuple[str | None, date, date],
) -> snapshot.Settled | None:
    """The evidence that was recorded before the day on which the organization wrote last, read once that day.

    None when it is not worth it: for who asks the first time, for a day on which less was known, whose answer is the
    same all day, and on a database that is slower so.
    """
    if question[-1] < at.recorded_day or not snapshot.settles(connection):
        return None
    of, asked = ("settled", organization), (*question, at.recorded_day)
    found = service.kept.find(of, asked, at.catalogue, snapshot.Settled)
    if found is None and service.kept.find(of, asked, at.catalogue, Once) is None:
        service.kept.keep(of, asked, at.catalogue, Once(), 1)
    elif found is None:
        before = at.recorded_day - timedelta(days=1)
        found = await snapshot.settled(
            connection, organization, standing.plan, standing.frame, before
        )
        service.kept.keep(of, asked, at.catalogue, found, found.folded.weight)
    return found


def _weight(found: Answer) -> int:
    """What it weighs beside the configuration; its evidence is small, and can be much more than its losses."""
    read = found.snapshot
    said = sum(len(one.sources) for one in read.said.values())
    rows = said + len(read.attention) + len(read.newest) + len(read.sold)
    return BARE + len(found.alignment.losses) + rows // ROWS


async def _standing(service: Service, organization: UUID) -> cursor.Standing:
    async with service.database.glancing() as connection:
        return await cursor.standing(connection, organization)


def answer(found: Snapshot, standing: Standing, known: Past) -> Answer:
    """The answer that follows from a snapshot."""
    return Answer(
        found,
        score(found),
        standing.playbook,
        standing.plan.once(_unpublished),
        standing.others,
        known.restating,
    )


def _unpublished(plan: Plan) -> int:
    return unpublished(plan.configuration, plan.playbook.key)


def asked(
    today: date, as_of: date | None, known_at: date | None, name: str = "as_of"
) -> tuple[date, date]:
    """The days asked for, today where none was. Raises: InvalidError, naming the day by the parameter's name."""
    day, known = as_of or today, known_at or today
    faults = []
    if day > today:
        faults.append(Fault(name, "Must not be in the future."))
    if known_at is not None and known < day:
        faults.append(Fault("known_at", f"Must not be before {name}."))
    if known > today:
        faults.append(Fault("known_at", "Must not be in the future."))
    if faults:
        raise InvalidError(faults[0].detail, faults)
    return day, known
