"""The endpoints of events: record one or a batch, list, read, retract."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Path, Request, Response

from app.api.events.event_filters import EventFilterDep
from app.api.events.event_parsing import NewEventBody, parse_event
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
from app.api.http.problems import Problem
from app.api.http.route import (
    Contract,
    create_router,
    list_contract,
    read_contract,
    route_contract,
)
from app.api.http.schema_types import Uid
from app.domain.events.events import Event as EventValue
from app.domain.primitives.errors import InvalidError, NotFoundError, SightlineError
from app.services.events import ingestion
from app.services.playbook import configuration_history
from app.services.runtime.submissions import SubmissionResult
from app.store.events import event_queries
from app.store.events.event_queries import StoredEvent

router = create_router("events")
EventUid = Annotated[Uid, Path(description="The event's uid.", examples=[EXAMPLE_UID])]


@router.get("/v1/events", **list_contract())
async def list_events(
    context: ContextDep, paging: PagingDep, event_filter: EventFilterDep
) -> EventPage:
    """List the events that pass all filters and are not retracted, newest first."""
    organization = context.actor.organization
    after = paging.start_position(parse_instant_and_uid)
    async with context.service.database.read_transaction() as connection:
        configuration = await configuration_history.configuration_as_of(
            connection, organization, event_filter.configuration_from or event_filter.as_of
        )
        stored_events = await event_queries.list_events(
            connection, organization, configuration, event_filter, after, paging.limit + 1
        )
    positions = [f"{stored.event.time.isoformat()} {stored.uid}" for stored in stored_events]
    page_events, next_cursor = paging.paginate(
        [to_event(stored) for stored in stored_events], positions
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
            parse_body=parse_event,
        )
    ),
)
async def record_event(context: ContextDep, body: NewEventBody) -> Response:
    """Record one event. A repeated event is answered with the recorded one and 200."""
    (submission,) = await ingestion.ingest_events(context.service, context.actor, [body])
    if submission.problem is not None:
        raise submission.problem
    return _event_response(
        await ingestion.get_recorded_event(context.service, context.actor.organization, submission),
        is_new=submission.status == "recorded",
    )


@router.post(
    "/v1/event-batches",
    response_model=EventBatchResult,
    **route_contract(Contract("events:write", JSON, 16 * MIB, parse_body=parse_batch)),
)
async def record_event_batch(context: ContextDep, body: NewEventBatch) -> Response:
    """Record the valid and new events of a batch of up to 10,000, and report the others."""
    batch = _ParsedBatch(body.events)
    submissions = iter(await ingestion.ingest_events(context.service, context.actor, batch))
    outcomes = [
        SubmissionResult("invalid", None, batch.errors[index])
        if index in batch.errors
        else next(submissions)
        for index in range(len(body.events))
    ]
    batch_result = to_batch_result(context.request, body.events, outcomes)
    return Response(batch_result.model_dump_json(), media_type="application/json")


class _ParsedBatch:
    """The valid events of a batch, parsed while earlier ones are recorded; and the other errors."""

    def __init__(self, raw_events: Sequence[object]) -> None:
        self._raw_events = raw_events
        # The errors by index in the batch, complete after an iteration.
        self.errors: dict[int, InvalidError] = {}

    def __iter__(self) -> Iterator[EventValue]:
        for index, raw_event in enumerate(self._raw_events):
            try:
                event = parse_event(raw_event)
            except InvalidError as error:
                self.errors[index] = error
            else:
                yield event


def to_batch_result(
    request: Request, raw_events: Iterable[object], outcomes: Sequence[SubmissionResult]
) -> EventBatchResult:
    """Return the reply to a batch: the counts, and a problem for each event not recorded now."""
    batch_problems = [
        _to_batch_problem(request, index, raw_event, outcome)
        for index, (raw_event, outcome) in enumerate(zip(raw_events, outcomes, strict=True))
        if outcome.status != "recorded"
    ]
    duplicates = sum(outcome.status == "duplicate" for outcome in outcomes)
    return EventBatchResult(
        recorded=len(outcomes) - len(batch_problems),
        duplicates=duplicates,
        rejected=len(batch_problems) - duplicates,
        problems=batch_problems,
    )


def _to_batch_problem(
    request: Request, index: int, raw_event: object, outcome: SubmissionResult
) -> BatchProblem:
    event_id = raw_event.get("id") if isinstance(raw_event, dict) else None
    is_readable = isinstance(event_id, str) and 0 < len(event_id) <= 200
    problem = None if outcome.problem is None else _to_problem(request, index, outcome.problem)
    return BatchProblem.model_validate(
        {
            "index": index,
            "id": event_id if is_readable else None,
            "status": outcome.status,
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
    context: ContextDep, uid: EventUid, if_none_match: IfNoneMatch = None
) -> object:
    """Return one event, retracted or not."""
    body = to_json_bytes(await _find_event(context, UUID(uid)))
    return json_with_etag(context.request, body, body_etag(body))


@router.post(
    "/v1/events/{uid}/retraction",
    response_model=Event,
    **route_contract(
        Contract("events:write", JSON, problem_statuses=(409,), has_etag=True, can_create=True)
    ),
)
async def retract_event(context: ContextDep, uid: EventUid, body: NewRetraction) -> Response:
    """Retract the event: it stays readable but no longer counts.

    A second retraction is answered with the first.
    """
    stored, is_first = await ingestion.retract_event(
        context.service, context.actor, UUID(uid), body.reason
    )
    return _event_response(stored, is_new=is_first)


def _event_response(stored: StoredEvent, *, is_new: bool) -> Response:
    """Return the reply to an event that was sent or retracted."""
    body = to_json_bytes(stored)
    headers = {
        "ETag": body_etag(body),
        **({"Location": f"/v1/events/{stored.uid}"} if is_new else {}),
    }
    return Response(body, 201 if is_new else 200, headers, "application/json")


async def _find_event(context: RequestContext, uid: UUID) -> StoredEvent:
    async with context.service.database.read_transaction() as connection:
        stored = await event_queries.find_event(connection, context.actor.organization, uid)
    if stored is None:
        raise NotFoundError("There is no such event.")
    return stored
