"""Events over HTTP: one, a batch, the list, and retractions."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Path, Request, Response

from app.api.events.event_filters import EventFilterDep
from app.api.events.event_parsing import NewEvent, parse_event, to_domain_event
from app.api.events.event_schemas import (
    EXAMPLE_UID,
    BatchProblem,
    Event,
    EventBatchResult,
    EventPage,
    NewEventBatch,
    NewRetraction,
    parse_batch,
    to_event,
    to_json_bytes,
)
from app.api.http import problems
from app.api.http.authentication import ContextDep, RequestContext
from app.api.http.body import JSON, MIB
from app.api.http.etags import IfNoneMatch, body_etag, json_with_etag
from app.api.http.pagination import PagingDep, parse_instant_and_uid
from app.api.http.problem_schema import Problem
from app.api.http.route import (
    Contract,
    create_router,
    list_contract,
    read_contract,
    route_contract,
    with_body_parser,
)
from app.api.http.schema_types import Uid
from app.domain.events.events import Event as EventValue
from app.domain.primitives.errors import InvalidError, NotFoundError, SightlineError
from app.services.events import ingestion as flow
from app.services.playbook import configuration_history as past
from app.services.runtime.submissions import SubmissionResult
from app.store.events import event_queries as kept
from app.store.events.event_queries import StoredEvent

router = create_router("events")
EventUid = Annotated[Uid, Path(description="The event's uid.", examples=[EXAMPLE_UID])]


@router.get("/v1/events", **list_contract())
async def list_events(
    context: ContextDep, response: Response, paging: PagingDep, event_filter: EventFilterDep
) -> EventPage:
    """The events that stand and pass all filters, newest first."""
    organization, after = context.actor.organization, paging.start_position(parse_instant_and_uid)
    async with context.service.database.read_transaction() as connection:
        configuration = await past.configuration_as_of(
            connection, organization, event_filter.configuration_from or event_filter.as_of
        )
        stored_events = await kept.list_events(
            connection, organization, configuration, event_filter, after, paging.limit + 1
        )
    positions = [f"{stored.event.time.isoformat()} {stored.uid}" for stored in stored_events]
    page_events, next_cursor = paging.paginate(
        response, [to_event(stored) for stored in stored_events], positions
    )
    return EventPage(items=page_events, next_cursor=next_cursor)


@router.post(
    "/v1/events",
    response_model=Event,
    **route_contract(
        Contract(
            "events:write",
            JSON,
            problem_statuses=(409,),
            has_etag=True,
            can_create=True,
            direct=True,
        )
    ),
)
@with_body_parser(parse_event)
async def record_event(context: ContextDep, body: NewEvent) -> Response:
    """Records one event. The same one again is answered as it is recorded, with 200."""
    (submission,) = await flow.ingest_events(
        context.service, context.actor, [to_domain_event(body)]
    )
    if submission.problem is not None:
        raise submission.problem
    return _event_response(
        await flow.get_recorded_event(context.service, context.actor.organization, submission),
        is_new=submission.status == "recorded",
    )


@router.post(
    "/v1/event-batches",
    response_model=EventBatchResult,
    **route_contract(Contract("events:write", JSON, 16 * MIB, direct=True)),
)
@with_body_parser(parse_batch)
async def record_event_batch(context: ContextDep, body: NewEventBatch) -> Response:
    """Records what is valid and new of up to 10,000 events; says what became of the rest."""
    parsed_events: list[EventValue | InvalidError] = []
    submissions = iter(
        await flow.ingest_events(
            context.service, context.actor, _iterate_valid(body.events, parsed_events)
        )
    )
    submission_results = [
        next(submissions)
        if isinstance(parsed, EventValue)
        else SubmissionResult("invalid", None, parsed)
        for parsed in parsed_events
    ]
    batch_problems = [
        to_batch_problem(context.request, index, body.events[index], submission)
        for index, submission in _find_unrecorded(submission_results)
    ]
    duplicates = sum(submission.status == "duplicate" for submission in submission_results)
    batch_result = EventBatchResult(
        recorded=len(submission_results) - len(batch_problems),
        duplicates=duplicates,
        rejected=len(batch_problems) - duplicates,
        problems=batch_problems,
    )
    return Response(batch_result.model_dump_json(), media_type="application/json")


def _iterate_valid(
    raw_events: Iterable[object], parsed_events: list[EventValue | InvalidError]
) -> Iterator[EventValue]:
    """The events that can be read, one after the other; `read` is what became of each item."""
    for raw_event in raw_events:
        parsed = _parse_or_error(raw_event)
        parsed_events.append(parsed)
        if isinstance(parsed, EventValue):
            yield parsed


def _parse_or_error(raw_event: object) -> EventValue | InvalidError:
    try:
        return parse_event(raw_event)
    except InvalidError as error:
        return error


def _find_unrecorded(submissions: Sequence[SubmissionResult]) -> list[tuple[int, SubmissionResult]]:
    return [
        (index, submission)
        for index, submission in enumerate(submissions)
        if submission.status != "recorded"
    ]


def to_batch_problem(
    request: Request, index: int, raw_event: object, submission: SubmissionResult
) -> BatchProblem:
    """What the reply says of an event of a batch that was not recorded. Shape: `given` is the event as it came."""
    event_id = raw_event.get("id") if isinstance(raw_event, dict) else None
    is_readable = isinstance(event_id, str) and 0 < len(event_id) <= 200
    problem = (
        None if submission.problem is None else _to_problem(request, index, submission.problem)
    )
    return BatchProblem.model_validate(
        {
            "index": index,
            "id": event_id if is_readable else None,
            "status": submission.status,
            "problem": problem,
        }
    )


def _to_problem(request: Request, index: int, error: SightlineError) -> Problem:
    instance = f"{request.scope['path']}#/events/{index}"
    return Problem.model_validate(
        {**problems.from_error(error), "instance": instance, "request_id": request.state.request_id}
    )


@router.get("/v1/events/{uid}", response_model=Event, **read_contract())
async def get_event(
    context: ContextDep,
    request: Request,
    response: Response,
    uid: EventUid,
    if_none_match: IfNoneMatch = None,
) -> object:
    """One event, retracted or not."""
    body = to_json_bytes(await _find_event(context, UUID(uid)))
    return json_with_etag(request, body, body_etag(body))


@router.post(
    "/v1/events/{uid}/retraction",
    response_model=Event,
    **route_contract(
        Contract("events:write", JSON, problem_statuses=(409,), has_etag=True, can_create=True)
    ),
)
async def retract_event(context: ContextDep, uid: EventUid, body: NewRetraction) -> Response:
    """Retracts the event: it stays, and does not count any more. A second retraction is answered with the first."""
    stored, is_first = await flow.retract_event(
        context.service, context.actor, UUID(uid), body.reason
    )
    return _event_response(stored, is_new=is_first)


def _event_response(stored: StoredEvent, *, is_new: bool) -> Response:
    """The reply to an event that was sent."""
    body = to_json_bytes(stored)
    headers = {
        "ETag": body_etag(body),
        **({"Location": f"/v1/events/{stored.uid}"} if is_new else {}),
    }
    return Response(body, 201 if is_new else 200, headers, "application/json")


async def _find_event(context: RequestContext, uid: UUID) -> StoredEvent:
    async with context.service.database.read_transaction() as connection:
        stored = await kept.find_event(connection, context.actor.organization, uid)
    if stored is None:
        raise NotFoundError("There is no such event.")
    return stored
