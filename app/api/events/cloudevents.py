"""CloudEvents 1.0 over HTTP with an API key: binary, structured and batched."""

from typing import Annotated

from fastapi import Query, Request
from pydantic.json_schema import SkipJsonSchema

from app.api.events.event_parsing import read_event
from app.api.events.event_schemas import EventBatchResult
from app.api.events.events import trouble
from app.api.http.authentication import Caller
from app.api.http.body import MIB
from app.api.http.route import Contract, declare, desk
from app.api.http.schema_types import Key
from app.connectors.cloudevents import is_batch
from app.connectors.connector import Delivery
from app.services.events import cloudevents as flow

router = desk("events")
Named = Annotated[
    Key | SkipJsonSchema[None],
    Query(description="The source of ours that the events are of; the key's own if left out."),
]


@router.post(
    "/v1/cloudevents", **declare(Contract("events:write", "*/*", 16 * MIB, problems=(400, 409)))
)
async def record_cloud_events(
    call: Caller, request: Request, source: Named = None
) -> EventBatchResult:
    """Records CloudEvents: one (binary or `application/cloudevents+json`) or several (`...-batch+json`).

    An event's id here is its source and its id, parted by a space. One that is alone and cannot be recorded is refused;
    of a batch, what is valid is recorded. The same event again changes nothing.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    delivery = Delivery(request.method, "", headers, request.state.body)
    answers = await flow.record(call.service, call.actor, delivery, source, read_event)
    if not is_batch(headers):
        for answer in answers:
            if answer.item.problem is not None:
                raise answer.item.problem
    found = [
        trouble(request, index, answer.given, answer.item)
        for index, answer in enumerate(answers)
        if answer.item.status != "recorded"
    ]
    duplicates = sum(answer.item.status == "duplicate" for answer in answers)
    return EventBatchResult(
        recorded=len(answers) - len(found),
        duplicates=duplicates,
        rejected=len(found) - duplicates,
        problems=found,
    )
