"""Deliveries over HTTP: what a CRM sent, raw, and what became of it."""

from base64 import b64encode
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Path, Query, Request, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.api.events.event_schemas import UID
from app.api.http.authentication import Caller
from app.api.http.etags import IfNoneMatch, digest, shown
from app.api.http.pagination import Pages, instant_and_uid
from app.api.http.resources import SourceKey, find
from app.api.http.route import desk, lists, reads
from app.api.http.schema_base import Shown, example
from app.api.http.schema_types import Count, Cursor, Instant, Key, Name, Sentence, Small, Uid, text
from app.domain.primitives.errors import NotFoundError
from app.store.sources import deliveries
from app.store.sources.deliveries import StoredDelivery

router = desk("sources")
State = Literal["processed", "ignored", "failed"]
DeliveryUid = Annotated[Uid, Path(description="The delivery's uid.", examples=[UID])]
EXAMPLE: dict[str, Any] = {  # Any: JSON values
    "uid": UID,
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


class RejectedElement(Shown):
    """An element of a delivery that was set aside."""

    index: Annotated[Small, Field(description="Its place in the delivery, from 0.")]
    problem: Sentence


class Delivery(Shown):
    """What a CRM sent, and what became of it."""

    uid: Uid
    source: Key
    origin: Annotated[
        Literal["hook", "records"], Field(description="`records`: deals that were imported.")
    ]
    received_at: Instant
    content_type: Sentence
    state: State
    problem: Sentence | None
    rejects: Annotated[list[RejectedElement], Field(max_length=100_000)]
    changes: Annotated[Count, Field(description="Changes that it was the first to tell.")]
    recorded: Annotated[Count, Field(description="Events that were recorded because of it.")]
    retracted: Annotated[Count, Field(description="Events that were retracted because of it.")]

    model_config = {"json_schema_extra": example(**EXAMPLE)}


class DeliveryHeader(Shown):
    """One header that was kept."""

    name: Name
    value: Annotated[str, text(20_000)]


class RawDelivery(Delivery):
    """A delivery with its body."""

    headers: Annotated[list[DeliveryHeader], Field(max_length=100)]
    body: Annotated[
        Annotated[str, Field(max_length=3_000_000)] | None,
        Field(description="Null when kept no longer."),
    ]
    body_encoding: Annotated[
        Literal["utf_8", "base64"], Field(description="base64 when it is no text.")
    ]

    model_config = {
        "json_schema_extra": example(
            **EXAMPLE,
            headers=[{"name": "content-type", "value": "application/json"}],
            body="[]",
            body_encoding="utf_8",
        )
    }


class DeliveryPage(Shown):
    """A page of deliveries."""

    items: Annotated[list[Delivery], Field(max_length=200)]
    next_cursor: Cursor | None


def members(stored: StoredDelivery) -> dict[str, Any]:  # Any: the members of a reply
    """A delivery on the wire, without its body."""
    found = {name: getattr(stored, name) for name in Delivery.model_fields}
    return {
        **found,
        "uid": str(stored.uid),
        "content_type": stored.content_type.replace("\x00", "")[:4_000],
    }


def _raw(stored: StoredDelivery) -> RawDelivery:
    headers = [{"name": name, "value": value} for name, value in sorted(stored.headers.items())]
    body, encoding = None, "utf_8"
    if stored.body is not None:
        try:
            body = stored.body.decode()
        except UnicodeDecodeError:
            body, encoding = b64encode(stored.body).decode(), "base64"
    return RawDelivery.model_validate(
        {**members(stored), "headers": headers, "body": body, "body_encoding": encoding}
    )


@router.get("/v1/sources/{source}/deliveries", **lists("admin"))
async def list_deliveries(
    call: Caller,
    response: Response,
    source: SourceKey,
    paging: Pages,
    state: Annotated[
        State | SkipJsonSchema[None], Query(description="Only those in this state.")
    ] = None,
) -> DeliveryPage:
    """What the source delivered, newest first, without the bodies."""
    await find(call, "source", source)
    organization, after = call.actor.organization, paging.begin(instant_and_uid)
    async with call.service.database.reading() as connection:
        found = await deliveries.page(
            connection, organization, source, state, after, paging.limit + 1
        )
    positions = [f"{stored.received_at.isoformat()} {stored.uid}" for stored in found]
    items, following = paging.cut(
        response, [Delivery.model_validate(members(stored)) for stored in found], positions
    )
    return DeliveryPage(items=items, next_cursor=following)


@router.get("/v1/sources/{source}/deliveries/{uid}", response_model=RawDelivery, **reads("admin"))
async def get_delivery(
    call: Caller,
    request: Request,
    response: Response,
    source: SourceKey,
    uid: DeliveryUid,
    seen: IfNoneMatch = None,
) -> object:
    """One delivery, raw."""
    async with call.service.database.reading() as connection:
        found = await deliveries.find(connection, call.actor.organization, source, UUID(uid))
    if found is None:
        raise NotFoundError("There is no such delivery.")
    reply = _raw(found)
    return shown(request, response, reply, f'"{digest(reply)}"')
