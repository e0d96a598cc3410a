"""The endpoints of deliveries: the raw requests of a CRM and their outcomes."""

from base64 import b64encode
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Path, Query, Request, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.api.events.event_schemas import EXAMPLE_UID
from app.api.http.authentication import ContextDep
from app.api.http.etags import IfNoneMatch, short_digest, with_etag
from app.api.http.pagination import PagingDep, parse_instant_and_uid
from app.api.http.resources import SourceKey, find_resource
from app.api.http.route import create_router, list_contract, read_contract
from app.api.http.schema_base import ResponseModel, json_schema_example
from app.api.http.schema_types import Count, Cursor, Instant, Int32, Key, LongText, Name, Uid, text
from app.domain.primitives.errors import NotFoundError
from app.store.sources import deliveries
from app.store.sources.deliveries import StoredDelivery

router = create_router("sources")
State = Literal["processed", "ignored", "failed"]
DeliveryUid = Annotated[Uid, Path(description="The delivery's uid.", examples=[EXAMPLE_UID])]
EXAMPLE: dict[str, Any] = {  # Any: JSON values
    "uid": EXAMPLE_UID,
    "source": "hubspot",
    "origin": "hook",
    "received_at": "2026-10-02T12:00:00Z",
    "content_type": "application/json",
    "state": "processed",
    "problem": None,
    "rejects": [],
    "changes": 3,
    "recorded": 1,
    "retracted": 0,
}


class RejectedElement(ResponseModel):
    """An element of a delivery that was rejected."""

    index: Annotated[Int32, Field(description="Its index in the delivery, from 0.")]
    problem: LongText


class Delivery(ResponseModel):
    """A delivery of a CRM, and its outcome."""

    uid: Uid
    source: Key
    origin: Annotated[
        Literal["hook", "records"], Field(description="`records`: deals that were imported.")
    ]
    received_at: Instant
    content_type: LongText
    state: State
    problem: LongText | None
    rejects: Annotated[list[RejectedElement], Field(max_length=100_000)]
    changes: Annotated[Count, Field(description="Changes that it was the first to report.")]
    recorded: Annotated[Count, Field(description="Events that were recorded because of it.")]
    retracted: Annotated[Count, Field(description="Events that were retracted because of it.")]

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


class DeliveryHeader(ResponseModel):
    """One stored header."""

    name: Name
    value: Annotated[str, text(20_000)]


class RawDelivery(Delivery):
    """A delivery with its body."""

    headers: Annotated[list[DeliveryHeader], Field(max_length=100)]
    body: Annotated[
        Annotated[str, Field(max_length=3_000_000)] | None,
        Field(description="Null if no longer stored."),
    ]
    body_encoding: Annotated[
        Literal["utf_8", "base64"], Field(description="base64 for a body that is not text.")
    ]

    model_config = {
        "json_schema_extra": json_schema_example(
            **EXAMPLE,
            headers=[{"name": "content-type", "value": "application/json"}],
            body="[]",
            body_encoding="utf_8",
        )
    }


class DeliveryPage(ResponseModel):
    """A page of deliveries."""

    items: Annotated[list[Delivery], Field(max_length=200)]
    next_cursor: Cursor | None


def delivery_fields(stored: StoredDelivery) -> dict[str, Any]:  # Any: the members of a reply
    """Return the members of a delivery, without its body."""
    copied_fields = {
        field_name: getattr(stored, field_name) for field_name in Delivery.model_fields
    }
    return {
        **copied_fields,
        "uid": str(stored.uid),
        "content_type": stored.content_type.replace("\x00", "")[:4_000],
    }


def _to_raw_delivery(stored: StoredDelivery) -> RawDelivery:
    headers = [
        {"name": header_name, "value": header_value}
        for header_name, header_value in sorted(stored.headers.items())
    ]
    body = None
    encoding = "utf_8"
    if stored.body is not None:
        try:
            body = stored.body.decode()
        except UnicodeDecodeError:
            body = b64encode(stored.body).decode()
            encoding = "base64"
    return RawDelivery.model_validate(
        {**delivery_fields(stored), "headers": headers, "body": body, "body_encoding": encoding}
    )


@router.get("/v1/sources/{source}/deliveries", **list_contract("admin"))
async def list_deliveries(
    context: ContextDep,
    source: SourceKey,
    paging: PagingDep,
    state: Annotated[
        State | SkipJsonSchema[None], Query(description="Only those in this state.")
    ] = None,
) -> DeliveryPage:
    """List the deliveries of a source, newest first, without bodies."""
    await find_resource(context, "source", source)
    organization = context.actor.organization
    after = paging.start_position(parse_instant_and_uid)
    async with context.service.database.read_transaction() as connection:
        stored_deliveries = await deliveries.list_deliveries(
            connection, organization, source, state, after, paging.limit + 1
        )
    positions = [f"{stored.received_at.isoformat()} {stored.uid}" for stored in stored_deliveries]
    page_deliveries, next_cursor = paging.paginate(
        [Delivery.model_validate(delivery_fields(stored)) for stored in stored_deliveries],
        positions,
    )
    return DeliveryPage(items=page_deliveries, next_cursor=next_cursor)


@router.get(
    "/v1/sources/{source}/deliveries/{uid}", response_model=RawDelivery, **read_contract("admin")
)
async def get_delivery(
    context: ContextDep,
    request: Request,
    response: Response,
    source: SourceKey,
    uid: DeliveryUid,
    if_none_match: IfNoneMatch = None,
) -> object:
    """Return one delivery with its raw body."""
    async with context.service.database.read_transaction() as connection:
        stored = await deliveries.find_delivery(
            connection, context.actor.organization, source, UUID(uid)
        )
    if stored is None:
        raise NotFoundError("There is no such delivery.")
    reply = _to_raw_delivery(stored)
    return with_etag(request, response, reply, f'"{short_digest(reply)}"')
