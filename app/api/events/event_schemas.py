"""The schemas of recorded events and of batches."""

from typing import Annotated, Any, Literal

from msgspec import Raw
from msgspec.json import encode
from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from app.api.events.event_parsing import EXAMPLE, MAX_OFFERINGS, NewEvent, to_invalid_error
from app.api.http.problems import Problem
from app.api.http.schema_base import RequestModel, ResponseModel, json_schema_example
from app.api.http.schema_types import (
    Count,
    Cursor,
    EventId,
    EventType,
    FreeObject,
    Instant,
    Int32,
    Key,
    Note,
    ShownNumber,
    Subject,
    Uid,
    Unit,
)
from app.domain.events.events import to_canonical_json
from app.domain.primitives.decimals import to_json_number
from app.store.events.event_queries import StoredEvent

MAX_BATCH_EVENTS = 10_000
EXAMPLE_UID = "0192f0c1-7f3a-7c11-9a53-2f6d0e9c1b3a"


class SoldItem(ResponseModel):
    """The quantity sold of an offering."""

    offering: Key
    value: ShownNumber


class Event(ResponseModel):
    """A recorded event."""

    uid: Uid
    id: EventId
    source: Key
    type: EventType
    time: Instant
    team: Key
    kind: Literal["outcome", "activity"]
    value: ShownNumber | None
    unit: Unit | None
    effort: ShownNumber | None
    subject: Subject | None
    objective: Key | None
    offerings: Annotated[list[SoldItem], Field(max_length=MAX_OFFERINGS)]
    data: FreeObject
    recorded_at: Instant
    metrics: Annotated[
        list[Key], Field(max_length=10_000, description="The metrics that it matches.")
    ]
    retracted_at: Annotated[Instant | None, Field(description="Null if it is not retracted.")]
    retraction_reason: Note | None

    model_config = {
        "json_schema_extra": json_schema_example(
            uid=EXAMPLE_UID,
            **EXAMPLE,
            recorded_at="2026-10-02T12:00:03.120000Z",
            metrics=["revenue"],
            retracted_at=None,
            retraction_reason=None,
        )
    }


class EventPage(ResponseModel):
    """A page of events."""

    items: Annotated[list[Event], Field(max_length=200)]
    next_cursor: Cursor | None


class _UnvalidatedEvent:
    """Any JSON value, documented as a new event.

    A batch records its valid events, so its elements are parsed one by one, not with the body.
    """

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:  # Any: Pydantic's own
        return core_schema.any_schema()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(NewEvent.__pydantic_core_schema__)


class NewEventBatch(RequestModel):
    """Events to record."""

    events: Annotated[list[_UnvalidatedEvent], Field(min_length=1, max_length=MAX_BATCH_EVENTS)]

    model_config = {"json_schema_extra": json_schema_example(events=[EXAMPLE])}


def parse_batch(json_value: object) -> NewEventBatch:
    """Return the batch of a JSON value, its events not yet parsed. Raises: InvalidError."""
    try:
        return NewEventBatch.model_validate(json_value)
    except ValidationError as error:
        raise to_invalid_error(error) from None


class BatchProblem(ResponseModel):
    """An event of a batch that this request did not record."""

    index: Annotated[Int32, Field(description="Its index in the batch, from 0.")]
    id: Annotated[EventId | None, Field(description="Its id, if that is readable.")]
    status: Literal["duplicate", "conflict", "invalid", "forbidden"]
    problem: Annotated[
        Problem | None,
        Field(description="Null for a duplicate: the same event is recorded already."),
    ]


class EventBatchResult(ResponseModel):
    """The outcome of a batch. Recorded events are committed."""

    recorded: Count
    duplicates: Count
    rejected: Count
    problems: Annotated[list[BatchProblem], Field(max_length=MAX_BATCH_EVENTS)]

    model_config = {
        "json_schema_extra": json_schema_example(recorded=1, duplicates=0, rejected=0, problems=[])
    }


class NewRetraction(RequestModel):
    """The retraction of an event."""

    reason: Annotated[Note, Field(min_length=1)]

    model_config = {"json_schema_extra": json_schema_example(reason="Invoiced twice")}


def to_event(stored: StoredEvent) -> Event:
    """Convert a recorded event to a reply."""
    event = stored.event
    return Event(
        uid=str(stored.uid),
        id=event.id,
        source=event.source,
        type=event.type,
        time=event.time,
        team=event.team,
        kind=event.kind,  # type: ignore[arg-type]  # it was one of them when it came in
        value=None if event.value is None else to_json_number(event.value),
        unit=event.unit,
        effort=None if event.effort is None else to_json_number(event.effort),
        subject=event.subject,
        objective=event.objective,
        offerings=[
            SoldItem(offering=offering_key, value=to_json_number(sold_value))
            for offering_key, sold_value in event.offerings
        ],
        data=dict(event.data),
        recorded_at=stored.recorded_at,
        metrics=list(stored.metrics),
        retracted_at=stored.retracted_at,
        retraction_reason=stored.retraction_reason,
    )


def to_json_bytes(stored: StoredEvent) -> bytes:
    """Return the JSON of `to_event(stored)` without building the model.

    Every recorded event is answered with it; the model would take longer than the write itself.
    """
    event = stored.event
    return encode(
        {
            "uid": stored.uid,
            "id": event.id,
            "source": event.source,
            "type": event.type,
            "time": event.time,
            "team": event.team,
            "kind": event.kind,
            "value": None if event.value is None else to_json_number(event.value),
            "unit": event.unit,
            "effort": None if event.effort is None else to_json_number(event.effort),
            "subject": event.subject,
            "objective": event.objective,
            "offerings": [
                {"offering": offering_key, "value": to_json_number(sold_value)}
                for offering_key, sold_value in event.offerings
            ],
            "data": Raw(
                to_canonical_json(event.data).encode()
            ),  # the same text before and after it was stored
            "recorded_at": stored.recorded_at,
            "metrics": stored.metrics,
            "retracted_at": stored.retracted_at,
            "retraction_reason": stored.retraction_reason,
        }
    )
