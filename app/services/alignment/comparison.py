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
from app.scoring.daily_evidence import Evidence, Series
from app.scoring.ledger_diff import Difference, difference
from app.scoring.playbook_index import Plan
from app.scoring.snapshot import Snapshot, frame
from app.services.alignment import history
from app.services.alignment.alignment import Answer, answer, asked
from app.services.events import metric_restatement as restatement
from app.services.playbook import configuration_history as past
from app.services.playbook.configuration_history import Past, Standing
from app.services.runtime.context import Service
from app.store.access import organization_version as cursor
from app.store.alignment import daily_evidence_query as series
from app.store.alignment import evidence_query as snapshot
from app.store.alignment import loss_annotations as remarks
from app.store.events import rollup_rebuild as rebuild
from app.store.sql.database import Connection

MOST_EVENTS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two answers and the difference of their ledgers, the largest change first. None when it is new: `before`."""

    before: Answer | None
    after: Answer
    differences: tuple[Difference, ...]


async def changes(
    service: Service,
    actor: Actor,
    first: date,
    last: date | None = None,
    playbook: str | None = None,
    known_at: date | None = None,
) -> Comparison:
    """What changed from the end of the first day to the end of the last one, today without one.

    Raises: NoCurrentPlaybookError, NotFoundError, InvalidError.
    """
    actor.require("read")
    now = service.clock()
    async with service.database.reading() as connection:
        at = await cursor.standing(connection, actor.organization)
        known = await past.kept(connection, actor.organization, at, service.kept)
        end, known_day = asked(at.today(now), last, known_at, "to")
        if first > end:
            raise InvalidError("'from' is after 'to'.", [Fault("from", "Must not be after 'to'.")])
        found = []
        for day in (first, end):
            standing = await known.resolve(playbook, day, known_day)
            read = await snapshot.read(
                connection, actor.organization, standing.plan, standing.frame
            )
            found.append((read, standing))
    before, after = (answer(read, standing, known) for read, standing in found)
    return Comparison(before, after, difference(before.alignment.losses, after.alignment.losses))


async def what_if(
    service: Service,
    actor: Actor,
    document: Document,
    as_of: date | None = None,
    known_at: date | None = None,
) -> Comparison:
    """What the answer would be if the document were applied; nothing is stored.

    Raises: InvalidError with all that is wrong with the document, or when it redefines a metric of too many events.
    """
    actor.require("read")
    now = service.clock()
    async with service.database.reading() as connection:
        at = await cursor.standing(connection, actor.organization)
        known = await past.kept(connection, actor.organization, at, service.kept)
        days = asked(at.today(now), as_of, known_at)
        before = await _standing(known, document.playbook.key, *days)
        after = _applied(
            await known.on(days[0]) if before is None else before.configuration, document, *days
        )
        if (
            before is not None
            and before.frame.configuration_from is None
            and before.frame.until < after.frame.until
        ):
            # It is over, and would go on: by what has been configured since.
            after = _applied(await known.on(after.frame.until), document, *days)
        elif before is not None:
            after = replace(
                after,
                frame=replace(after.frame, configuration_from=before.frame.configuration_from),
            )
        was = (
            None
            if before is None
            else await snapshot.read(connection, actor.organization, before.plan, before.frame)
        )
        found = await _read(connection, actor, known, after)
    one = None if was is None or before is None else answer(was, before, known)
    other = answer(found, after, known)
    losses = () if one is None else one.alignment.losses
    return Comparison(one, other, difference(losses, other.alignment.losses))


async def _standing(known: Past, playbook: str, as_of: date, known_at: date) -> Standing | None:
    try:
        return await known.resolve(playbook, as_of, known_at)
    except NotFoundError:
        return None


def _applied(start: Configuration, document: Document, as_of: date, known_at: date) -> Standing:
    """The standing with the document applied, as an administrator could apply it."""
    after = documents.apply(start, document, prune=True, accept=True)
    plan = Plan(after, document.playbook.key)
    others = past.current(
        [p for p in after.playbooks.values() if p.key != plan.playbook.key], as_of
    )
    return Standing(plan, frame(plan.playbook, as_of, known_at), tuple(others))


async def _read(connection: Connection, actor: Actor, known: Past, after: Standing) -> Snapshot:
    """The evidence of that standing; events are matched anew where the document redefines a metric."""
    organization = actor.organization
    redefined = restatement.redefined(
        known.matched, {**known.matched, **after.configuration.metrics}
    )
    if not redefined:
        return await snapshot.read(connection, organization, after.plan, after.frame)
    evidence = await series.read(
        connection, organization, *history.needed([after]), after.frame.known_at
    )
    evidence = await _matched(connection, actor, after, evidence, redefined)
    version = await cursor.version_on(connection, organization, after.frame.known_at)
    heard = await remarks.heard_of(connection, organization, after.plan, after.frame)
    return replace(Series(evidence, version).snapshot(after.plan, after.frame), heard=heard)


async def _matched(
    connection: Connection,
    actor: Actor,
    after: Standing,
    evidence: Evidence,
    redefined: Mapping[str, Metric | None],
) -> Evidence:
    work = restatement.Work(connection, actor.organization, after.configuration, redefined)
    number = await rebuild.events_of(connection, actor.organization, work.types, MOST_EVENTS + 1)
    if number > MOST_EVENTS:
        names = ", ".join(sorted(redefined))
        text = f"More than {MOST_EVENTS} events would have to be matched anew to see what redefining {names} would do."
        raise InvalidError(text, [Fault("/metrics", text)])
    found = [kept for day in await work.days() for kept in await work.kept(day)]
    return await series.hypothetical(
        connection, actor.organization, evidence, found, work.touched, after.frame.known_at
    )
