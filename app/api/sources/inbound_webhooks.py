"""The endpoints that CRMs deliver to, authenticated by a signature on the raw bytes."""

import re
from typing import Annotated, Final, Literal

from fastapi import Path, Request, Response, status

from app.api.events.event_parsing import parse_event
from app.api.events.event_schemas import EXAMPLE_UID
from app.api.http.authentication import ServiceDep
from app.api.http.body import MIB
from app.api.http.route import Contract, create_router, route_contract
from app.api.http.schema_base import ResponseModel, json_schema_example
from app.api.http.schema_types import Uid, text
from app.connectors.connector import Delivery
from app.domain.primitives.errors import NotAuthenticError
from app.services.sources import inbound_webhooks

router = create_router("hooks")
INVALID_HOOK_MESSAGE: Final = "There is no such hook, or the signature is not valid."
HookId = Annotated[
    str,
    text(64, 1, r"^[A-Za-z0-9]+$"),
    Path(
        description="The hook's id, the end of `hook_url`.",
        examples=["4hG7sK2mQ9xT1vB6nD3wZ8yC5rF0pLjE"],
    ),
]


ORIGIN_PATTERN: Final = re.compile(r"[A-Za-z0-9.:/_-]{1,253}")


class Receipt(ResponseModel):
    """The receipt of a stored delivery."""

    delivery: Uid
    state: Literal["processed", "ignored", "failed"]

    model_config = {
        "json_schema_extra": json_schema_example(delivery=EXAMPLE_UID, state="processed")
    }


@router.post(
    "/hooks/{hook_id}",
    **route_contract(Contract(None, "*/*", 2 * MIB, (401, 403, 409), accepts_any_query=True)),
)
async def take_delivery(request: Request, service: ServiceDep, hook_id: HookId) -> Receipt:
    """Receive a delivery. Authentic ones are stored and answered with 200.

    CRMs disable hooks that answer with errors, so a delivery that cannot be read is answered with
    200 too. Salesforce gets the SOAP acknowledgement that it expects.
    """
    headers = {
        header_name.lower(): header_value for header_name, header_value in request.headers.items()
    }
    delivery = Delivery(request.method, str(request.url), headers, request.state.body)
    try:
        delivery_receipt = await inbound_webhooks.receive_delivery(
            service, hook_id, delivery, parse_event
        )
    except NotAuthenticError as error:
        raise NotAuthenticError(INVALID_HOOK_MESSAGE) from error
    if delivery_receipt.error is not None:
        raise delivery_receipt.error
    if delivery_receipt.reply is not None:
        return Response(delivery_receipt.reply.body, media_type=delivery_receipt.reply.media_type)  # type: ignore[return-value]  # FastAPI sends a response as it is
    return Receipt(delivery=str(delivery_receipt.uid), state=delivery_receipt.state)  # type: ignore[arg-type]  # it is one of them


@router.options(
    "/hooks/{hook_id}",
    include_in_schema=False,  # not for API clients: CloudEvents senders call it
    status_code=status.HTTP_204_NO_CONTENT,
    **route_contract(Contract(None, accepts_any_query=True)),
)
async def consent_to_deliveries(request: Request, service: ServiceDep, hook_id: HookId) -> Response:
    """Accept a CloudEvents sender that asks whether it may deliver. Two headers say so.

    Source: CloudEvents, HTTP 1.1 Web Hooks 1.0, section 4. The callback form is not supported.
    """
    headers = {"Allow": "OPTIONS, POST"}
    origin = request.headers.get("webhook-request-origin", "")
    if ORIGIN_PATTERN.fullmatch(origin) and await inbound_webhooks.accepts_webhook_subscription(
        service, hook_id
    ):
        headers |= {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"}
    return Response(status_code=status.HTTP_204_NO_CONTENT, headers=headers)
