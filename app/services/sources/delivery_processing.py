"""What a delivery says under a mapping, and what is kept of it: read without a look at the database, then performed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Final
from uuid import UUID

from app.connectors import registry
from app.connectors.connector import Delivery, Reject, Translation
from app.domain.events.events import FUTURE_HOURS, Event
from app.domain.playbook.configuration import Configuration
from app.domain.primitives import strict_json
from app.domain.primitives.errors import (
    EventConflictError,
    ForbiddenError,
    MalformedError,
    SightlineError,
)
from app.domain.sources import record_import as imports
from app.domain.sources.crm.changes import Change
from app.domain.sources.mapping import mapping
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.sources import Source
from app.services.sources import event_writer as reconcile
from app.services.sources.event_writer import Work
from app.services.sources.reconciliation import Telling, settle
from app.store.operations import erasure as erasures
from app.store.sources import changes, deliveries
from app.store.sources.deliveries import StoredDelivery

KEPT_HEADERS: Final = (
    "content-type",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
    "x-hubspot-request-timestamp",
)
# A delivery that says nothing but nonsense shall not make its own list unreadable.
LISTED: Final = 1_000
SENTENCE: Final = 1_000
LETTERS: Final = 500
ENCODED: Final = 4_000  # a percent-encoded attribute of a CloudEvent: up to nine letters for one
Reader = Callable[[Mapping[str, object]], Event]
Placed = list[tuple[int, Event]]
Problems = list[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Said:
    """What a delivery says.

    None when it can be read: `unreadable`, and `refusal`. Shape: `single` says that it holds one element.
    """

    changes: Sequence[Change] = ()
    events: Sequence[tuple[int, Event]] = ()
    problems: Sequence[Mapping[str, object]] = ()
    ignored: int = 0
    single: bool = False
    unreadable: str | None = None
    refusal: SightlineError | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a delivery.

    Shape: `changes` counts those that it was the first to tell; `conflicts` its events that stand with other content;
    `erased` says that it tells of what was erased: then its body is not kept.
    """

    state: str
    changes: int
    recorded: int
    retracted: int
    problems: Sequence[Mapping[str, object]]
    conflicts: int = 0
    erased: bool = False


def mapping_of(source: Source) -> DealMapping:
    """The mapping in force of a source. Raises: InvalidError."""
    connector = registry.get(source.connector)
    return mapping.parse(source.mapping, connector.default_mapping, connector.form)


def interpret(  # a delivery is read in the light of all of these
    source: Source,
    read: DealMapping,
    kept: StoredDelivery,
    method: str,
    read_event: Reader,
    now: datetime,
) -> Said:
    """What a kept delivery says under a mapping; the records of an import are told by its body too."""
    try:
        if kept.origin == "records":
            translation = _imported(kept, read)
        else:
            delivery = Delivery(method, "", kept.headers, kept.body or b"")
            translation = registry.get(source.connector).translate(delivery, source.account, read)
    except (MalformedError, ForbiddenError) as error:
        return Said(unreadable=error.detail, refusal=error)
    problems: Problems = [
        {"index": one.index, "problem": one.problem} for one in translation.rejects
    ]
    changes, late = _possible(translation, now)
    events, unread = _read(source, translation, read_event)
    single = len(translation.events) + len(translation.rejects) == 1
    return Said(changes, events, problems + late + unread, translation.ignored, single)


def _imported(kept: StoredDelivery, read: DealMapping) -> Translation:
    body = strict_json.loads(kept.body or b"")
    found = imports.changes(body, read, kept.received_at)
    return Translation(
        changes=tuple(change for _, change in found.changes),
        rejects=tuple(Reject(index, problem) for index, problem in found.problems),
        change_places=tuple(index for index, _ in found.changes),
        ignored=found.ignored,
    )


async def perform(
    work: Work, found: Sequence[tuple[StoredDelivery, Said]], read: DealMapping, now: datetime
) -> list[Done]:
    """All that the deliveries say is done, with the same numbers and reasons as if it were done one by one."""
    uids, told = [kept.uid for kept, _ in found], [said for _, said in found]
    spared = await sparing(work, told)
    said_by = [(uid, said.changes) for uid, said in zip(uids, spared, strict=True)]
    new = await changes.add_changes(work.connection, work.told, work.position.seq, said_by)
    tellings = [
        Telling(
            {one.entity for one in some if one.key in keys}, work.reason or f"delivery {uid}", keys
        )
        for (uid, some), keys in zip(said_by, new, strict=True)
    ]
    settled = await settle(work, tellings, read, now)
    done = []
    for said, bare, keys, (came, went) in zip(told, spared, new, settled, strict=True):
        one = await record_events(work, said, now)
        erased = one.erased or bare is not said
        done.append(
            replace(
                one, changes=len(keys), recorded=came + one.recorded, retracted=went, erased=erased
            )
        )
    return done


async def sparing(work: Work, found: Sequence[Said]) -> list[Said]:
    """What deliveries say but of the records that were erased: of these nothing is taken any more."""
    gone = await erasures.erased(
        work.connection, work.told, {one.entity for said in found for one in said.changes}
    )
    return [
        said
        if gone.isdisjoint(one.entity for one in said.changes)
        else replace(said, changes=[one for one in said.changes if one.entity not in gone])
        for said in found
    ]


async def record_events(
    work: Work, said: Said, now: datetime, told_since: datetime | None = None
) -> Done:
    """The events that a delivery holds as our own are recorded; its changes are the caller's to settle.

    None when what is recorded stands, whatever the delivery says: `told_since`; else when the delivery came, in a
    replay: an event that was recorded since then is corrected.
    """
    if said.unreadable is not None:
        return Done("failed", 0, 0, 0, ())
    standing, erased = await reconcile.standing(work, said.events)
    new_ones = [(index, event) for index, event in said.events if index not in standing]
    events, refused = _acceptable(work.known.configuration, work.source, new_ones, now)
    corrected: frozenset[int] = frozenset()
    anew = 0
    if told_since is not None:
        corrected, anew = await reconcile.correct(work, events, told_since, now)
    written, conflicts = await reconcile.record(
        work, [one for one in events if one[0] not in corrected], now
    )
    problems = [*said.problems, *refused, *conflicts]
    understood = len(said.changes) + len(standing) + len(events) - len(conflicts)
    state = "failed" if problems and not understood else "processed" if understood else "ignored"
    return Done(state, 0, written + anew, anew, problems, len(conflicts), erased)


def _possible(translation: Translation, now: datetime) -> tuple[list[Change], Problems]:
    """The changes that can have happened, and the problems of those that say they will."""
    limit = now + timedelta(hours=FUTURE_HOURS)
    late: Problems = [
        {
            "index": index,
            "problem": f"A change of {one.entity} says that it happened in the future.",
        }
        for index, one in zip(translation.change_places, translation.changes, strict=True)
        if one.at > limit
    ]
    return [one for one in translation.changes if one.at <= limit], late


def _read(source: Source, translation: Translation, read_event: Reader) -> tuple[Placed, Problems]:
    """Our own events out of a delivery with their places in it, and the problems of those that are not."""
    good: Placed = []
    refused: Problems = []
    own = {"source": source.key} | ({} if source.team is None else {"team": source.team})
    for index, element in zip(translation.event_places, translation.events, strict=True):
        try:
            good.append((index, read_event({**own, **element})))
        except SightlineError as error:
            refused.append({"index": index, "problem": error.detail})
    return good, refused


def _acceptable(
    known: Configuration, source: Source, placed: Sequence[tuple[int, Event]], now: datetime
) -> tuple[Placed, Problems]:
    """The events as they can be recorded, and the problems of those that cannot."""
    good: Placed = []
    refused: Problems = []
    for index, event in placed:
        try:
            good.append((index, reconcile.acceptable(known, source, event, now)))
        except SightlineError as error:
            refused.append({"index": index, "problem": error.detail})
    return good, refused


def record_of(
    uid: UUID, source: str, delivery: Delivery, now: datetime, origin: str = "hook"
) -> StoredDelivery:
    """What is kept of a delivery before anything is known of it."""
    # What a connector reads of the headers is kept: a replay reads it again.
    headers = {
        name: value[: ENCODED if name.startswith("ce-") else LETTERS]
        for name, value in delivery.headers.items()
        if name in KEPT_HEADERS or name.startswith("ce-")
    }
    return StoredDelivery(
        uid=uid,
        source=source,
        received_at=now,
        content_type=headers.get("content-type", ""),
        headers=headers,
        body=delivery.body,
        state="ignored",
        problem=None,
        rejects=(),
        changes=0,
        recorded=0,
        retracted=0,
        origin=origin,
    )


def outcome(
    kept: StoredDelivery, state: str, problem: str | None, done: Done | None = None
) -> StoredDelivery:
    """The delivery with what became of it."""
    problems = () if done is None else done.problems
    listed = sorted(
        ({**one, "problem": cut(str(one["problem"]))} for one in problems), key=itemgetter("index")
    )
    problem = str(listed[0]["problem"]) if listed else problem and cut(problem)
    if len(listed) > LISTED:
        problem = f"{problem} {len(listed)} elements were set aside; the first {LISTED} are listed."
    told = replace(kept, state=state, problem=problem, rejects=tuple(listed[:LISTED]))
    if done is None:
        return told
    if done.erased:
        told = replace(told, body=None, headers={}, problem=told.problem or deliveries.GONE)
    return replace(told, changes=done.changes, recorded=done.recorded, retracted=done.retracted)


def wrong(after: StoredDelivery, said: Said, done: Done) -> SightlineError | None:
    """What is wrong with a delivery as a whole. None when something of it was understood, or it is several."""
    if said.unreadable is not None:
        return said.refusal
    if after.state != "failed" or not said.single:
        return None
    kind = EventConflictError if done.conflicts else MalformedError
    return kind(after.problem or "The delivery cannot be read.")


def cut(problem: str) -> str:
    """The sentence, short enough to be listed."""
    return problem if len(problem) <= SENTENCE else f"{problem[: SENTENCE - 1]}…"
