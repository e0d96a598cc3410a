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
from app.services.operations import erasure as erasure_service

router = create_router("events")
EXAMPLE_ALIAS = "erased/5f2b8c1d9e3a4b7c8d6e0f1a2b3c4d5e"


class NewErasure(RequestModel):
    """The subject to erase."""

    subject: Annotated[Subject, Field(description="The subject, as in its events.")]

    model_config = {"json_schema_extra": json_schema_example(subject="deal/42")}


class Erasure(ResponseModel):
    """The outcome of an erasure, which cannot be undone."""

    subject: Annotated[
        Subject, Field(description="The alias that replaces the subject in its events.")
    ]
    events: Annotated[
        Count,
        Field(description="Events whose data was erased; numbers and matches stay. 0: none found."),
    ]
    changes: Annotated[Count, Field(description="Erased changes of CRM records.")]
    deliveries: Annotated[Count, Field(description="Deliveries whose raw body was deleted.")]

    model_config = {
        "json_schema_extra": json_schema_example(
            subject=EXAMPLE_ALIAS, events=3, changes=7, deliveries=2
        )
    }


@router.post("/v1/erasures", **route_contract(Contract("admin", JSON)))
async def erase_subject(context: ContextDep, body: NewErasure) -> Erasure:
    """Erase a subject: raw bodies, changes, the data of its events and its name in them.

    No score changes. Later changes of an erased CRM record are ignored; events of other sources
    about the subject are recorded as new. For an unknown or already erased subject all counts
    are 0. `GET /v1/events?subject=` lists the events that would be erased, except retracted ones.
    """
    return Erasure(
        **asdict(
            await erasure_service.erase_subject(
                context.service, context.actor, body.subject, parse_event
            )
        )
    )
