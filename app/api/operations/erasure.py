"""The endpoint that erases a subject: personal data is deleted, all numbers stay."""

from dataclasses import asdict
from typing import Annotated

from pydantic import Field

from app.api.events.event_parsing import parse_event
from app.api.http.authentication import ContextDep
from app.api.http.body import JSON
from app.api.http.route import Contract, create_router, route_contract
from app.api.http.schema_base import RequestModel, ResponseModel, json_schema_example
from app.api.http.schema_types import Count, Subject
from app.services.operations import erasure

router = create_router("events")
EXAMPLE_ALIAS = "erased/5f2b8c1d9e3a4b7c8d6e0f1a2b3c4d5e"


class NewErasure(RequestModel):
    """What shall be erased."""

    subject: Annotated[Subject, Field(description="Of which subject, as its events have it.")]

    model_config = {"json_schema_extra": json_schema_example(subject="deal/42")}


class Erasure(ResponseModel):
    """What was erased; nothing of it comes back."""

    subject: Annotated[
        Subject, Field(description="What its events have for their subject from now on.")
    ]
    events: Annotated[
        Count,
        Field(
            description="Events that lost their data; numbers and matches stand. 0: none was found."
        ),
    ]
    changes: Annotated[
        Count, Field(description="Changes of a CRM's records that are known no more.")
    ]
    deliveries: Annotated[Count, Field(description="Deliveries whose raw body is kept no longer.")]

    model_config = {
        "json_schema_extra": json_schema_example(
            subject=EXAMPLE_ALIAS, events=3, changes=7, deliveries=2
        )
    }


@router.post("/v1/erasures", **route_contract(Contract("admin", JSON)))
async def erase_subject(context: ContextDep, body: NewErasure) -> Erasure:
    """Erases what is known of a subject: raw bodies, changes, its events' data and its name in them; no score moves.

    A CRM's record that was erased takes nothing more. What another source says of the subject afterwards is new.
    A subject that nobody has heard of, or that is gone already, is no error: then every number in the reply is 0, and
    nothing was found. `GET /v1/events?subject=` lists the events it would take, but for those that were retracted.
    """
    return Erasure(
        **asdict(
            await erasure.erase_subject(context.service, context.actor, body.subject, parse_event)
        )
    )
