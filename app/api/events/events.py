"""Events over HTTP: one, a batch, the list, and retractions."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Path, Request, Response

from app.api.events.event_filters import Filter
from app.api.events.event_parsing import NewEvent, read_event, to_domain
from app.api.events.event_schemas import (
    UID,
    BatchProblem,
    Event,
    EventBatchResult,
    EventPage,
    NewEventBatch,
    NewRetraction,
    read_batch,
    show,
    told,
)
from app.api.http import problems
from app.api.http.authentication import Call, Caller
from app.api.http.body import JSON, MIB
from app.api.http.etags import IfNoneMatch, sent, tag_of
from app.api.http.pagination import Pages, instant_and_uid
from app.api.http.problem_schema import Problem
from app.api.http.route import Contract, declare, desk, lists, read_by, reads
from app.api.http.schema_types import Uid
from app.domain.events.events import Event as EventValue
from app.domain.primitives.errors import InvalidError, NotFoundError, SightlineError
from app.services.events import ingestion as flow
from app.services.events.validation import Item
from app.services.playbook import configuration_history as past
from app.store.events import event_queries as kept
from app.store.events.event_queries import StoredEvent

router = desk("events")
EventUid = Annotated[Uid, Path(description="The event's uid.", examples=[UID])]


@router.get("/v1/events", **lists())
async def list_events(call: Caller, response: Response, paging: Pages, wanted: Filter) -> EventPage:
    """The events that stand and pass all filters, newest first."""
    organization, after = call.actor.organization, paging.begin(instant_and_uid)
    async with call.service.database.reading() as connection:
        known = await past.configured(
            connection, organization, wanted.configuration_from or wanted.as_of
        )
        found = await kept.page(connection, organization, known, wanted, after, paging.limit + 1)
    positions = [f"{stored.event.time.isoformat()} {stored.uid}" for stored in found]
    items, following = paging.cut(response, [show(stored) for stored in found], positions)
    return EventPage(items=items, next_cursor=following)


@router.post(
    "/v1/events",
    response_model=Event,
    **declare(
        Contract("events:write", JSON, problems=(409,), etag=True, creates=True, direct=True)
    ),
)
@read_by(read_event)
async def record_event(call: Caller, body: NewEvent) -> Response:
    """Records one event. The same one again is answered as it is recorded, with 200."""
    (item,) = await flow.record(call.service, call.actor, [to_domain(body)])
    if item.problem is not None:
        raise item.problem
    return _told(
        await flow.stored(call.service, call.actor.organization, item),
        new=item.status == "recorded",
    )


@router.post(
    "/v1/event-batches",
    response_model=EventBatchResult,
    **declare(Contract("events:write", JSON, 16 * MIB, direct=True)),
)
@read_by(read_batch)
async def record_event_batch(call: Caller, body: NewEventBatch) -> Response:
    """Records what is valid and new of up to 10,000 events; says what became of the rest."""
    read: list[EventValue | InvalidError] = []
    answers = iter(await flow.record(call.service, call.actor, _valid(body.events, read)))
    items = [
        next(answers) if isinstance(found, EventValue) else Item("invalid", None, found)
        for found in read
    ]
    found = [
        trouble(call.request, index, body.events[index], item) for index, item in _troubled(items)
    ]
    duplicates = sum(item.status == "duplicate" for item in items)
    result = EventBatchResult(
        recorded=len(items) - len(found),
        duplicates=duplicates,
        rejected=len(found) - duplicates,
        problems=found,
    )
    return Response(result.model_dump_json(), media_type="application/json")


def _valid(items: Iterable[object], read: list[EventValue | InvalidError]) -> Iterator[EventValue]:
    """The events that can be read, one after the other; `read` is what became of each item."""
    for item in items:
        found = _read(item)
        read.append(found)
        if isinstance(found, EventValue):
            yield found


def _read(item: object) -> EventValue | InvalidError:
    try:
        return read_event(item)
    except InvalidError as error:
        return error


def _troubled(items: Sequence[Item]) -> list[tuple[int, Item]]:
    return [(index, item) for index, item in enumerate(items) if item.status != "recorded"]


def trouble(request: Request, index: int, given: object, item: Item) -> BatchProblem:
    """What the reply says of an event of a batch that was not recorded. Shape: `given` is the event as it came."""
    name = given.get("id") if isinstance(given, dict) else None
    readable = isinstance(name, str) and 0 < len(name) <= 200
    problem = None if item.problem is None else _problem(request, index, item.problem)
    return BatchProblem.model_validate(
        {
            "index": index,
            "id": name if readable else None,
            "status": item.status,
            "problem": problem,
        }
    )


def _problem(request: Request, index: int, error: SightlineError) -> Problem:
    instance = f"{request.scope['path']}#/events/{index}"
    return Problem.model_validate(
        {**problems.of(error), "instance": instance, "request_id": request.state.request_id}
    )


@router.get("/v1/events/{uid}", response_model=Event, **reads())
async def get_event(
    call: Caller, request: Request, response: Response, uid: EventUid, seen: IfNoneMatch = None
) -> object:
    """One event, retracted or not."""
    body = told(await _find(call, UUID(uid)))
    return sent(request, body, tag_of(body))


@router.post(
    "/v1/events/{uid}/retraction",
    response_model=Event,
    **declare(Contract("events:write", JSON, problems=(409,), etag=True, creates=True)),
)
async def retract_event(call: Caller, uid: EventUid, body: NewRetraction) -> Response:
    """Retracts the event: it stays, and does not count any more. A second retraction is answered with the first."""
    stored, first = await flow.retract_event(call.service, call.actor, UUID(uid), body.reason)
    return _told(stored, new=first)


def _told(stored: StoredEvent, *, new: bool) -> Response:
    """The reply to an event that was sent."""
    body = told(stored)
    headers = {"ETag": tag_of(body), **({"Location": f"/v1/events/{stored.uid}"} if new else {})}
    return Response(body, 201 if new else 200, headers, "application/json")


async def _find(call: Call, uid: UUID) -> StoredEvent:
    async with call.service.database.reading() as connection:
        found = await kept.find(connection, call.actor.organization, uid)
    if found is None:
        raise NotFoundError("There is no such event.")
    return found
