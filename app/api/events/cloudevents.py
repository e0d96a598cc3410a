"""The endpoint of CloudEvents 1.0 with an API key: binary, structured and batched."""

from typing import Annotated

from fastapi import Query, Request
from pydantic.json_schema import SkipJsonSchema

from app.api.events.event_parsing import parse_event
from app.api.events.event_schemas import EventBatchResult
from app.api.events.events import to_batch_result
from app.api.http.authentication import ContextDep
from app.api.http.body import MIB
from app.api.http.route import Contract, create_router, route_contract
from app.api.http.schema_types import Key
from app.connectors.cloudevents import is_batch
from app.connectors.connector import Delivery
from app.services.events import cloudevents

router = create_router("events")
SourceQuery = Annotated[
    Key | SkipJsonSchema[None],
    Query(description="The source of the events. Default: the source that the key is bound to."),
]


@router.post(
    "/v1/cloudevents",
    **route_contract(Contract("events:write", "*/*", 16 * MIB, problem_statuses=(400, 409))),
)
async def record_cloud_events(
    context: ContextDep, request: Request, source: SourceQuery = None
) -> EventBatchResult:
    """Record CloudEvents: one (binary or `application/cloudevents+json`) or a batch.

    A batch is `application/cloudevents-batch+json`. The id of an event is the CloudEvent's source
    and id, separated by a space. A single event that cannot be recorded is rejected; of a batch,
    the valid events are recorded. A repeated event changes nothing.
    """
    headers = {
        header_name.lower(): header_value for header_name, header_value in request.headers.items()
    }
    delivery = Delivery(request.method, "", headers, request.state.body)
    submissions = await cloudevents.ingest_cloudevents(
        context.service, context.actor, delivery, source, parse_event
    )
    if not is_batch(headers):
        for submission in submissions:
            if submission.outcome.problem is not None:
                raise submission.outcome.problem
    return to_batch_result(
        request,
        [submission.event_fields for submission in submissions],
        [submission.outcome for submission in submissions],
    )
