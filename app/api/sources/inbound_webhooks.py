"""Where CRMs deliver: their own formats, authenticated by their own signatures on the raw bytes."""

import re
from typing import Annotated, Final, Literal

from fastapi import Path, Request, Response, status

from app.api.events.event_parsing import read_event
from app.api.events.event_schemas import UID
from app.api.http.authentication import TheService
from app.api.http.body import MIB
from app.api.http.route import Contract, declare, desk
from app.api.http.schema_base import Shown, example
from app.api.http.schema_types import Uid, text
from app.connectors.connector import Delivery
from app.domain.primitives.errors import NotAuthenticError
from app.services.sources import inbound_webhooks as deliveries

router = desk("hooks")
REFUSAL: Final = "There is no such hook, or the signature is not valid."
HookId = Annotated[
    str,
    text(64, 1, r"^[A-Za-z0-9]+$"),
    Path(
        description="The hook's id, the end of `hook_url`.",
        examples=["4hG7sK2mQ9xT1vB6nD3wZ8yC5rF0pLjE"],
    ),
]


ORIGIN: Final = re.compile(r"[A-Za-z0-9.:/_-]{1,253}")


class Receipt(Shown):
    """That a delivery is kept."""

    delivery: Uid
    state: Literal["processed", "ignored", "failed"]

    model_config = {"json_schema_extra": example(delivery=UID, state="processed")}


@router.post(
    "/hooks/{hook_id}", **declare(Contract(None, "*/*", 2 * MIB, (401, 403, 409), free_query=True))
)
async def take_delivery(request: Request, service: TheService, hook_id: HookId) -> Receipt:
    """Takes a delivery. An authentic one is kept and answered with 200 whatever it says, for CRMs punish errors.

    Salesforce reads no receipt: its messages are answered with the SOAP acknowledgement that it waits for.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    delivery = Delivery(request.method, str(request.url), headers, request.state.body)
    try:
        taken = await deliveries.take(service, hook_id, delivery, read_event)
    except NotAuthenticError as error:
        raise NotAuthenticError(REFUSAL) from error
    if taken.refusal is not None:
        raise taken.refusal
    if taken.answer is not None:
        return Response(taken.answer.body, media_type=taken.answer.media_type)  # type: ignore[return-value]  # FastAPI sends a response as it is
    return Receipt(delivery=str(taken.uid), state=taken.state)  # type: ignore[arg-type]  # it is one of them


@router.options(
    "/hooks/{hook_id}",
    include_in_schema=False,  # between machines: a client of ours has no use for it
    status_code=status.HTTP_204_NO_CONTENT,
    **declare(Contract(None, free_query=True)),
)
async def consent_to_deliveries(request: Request, service: TheService, hook_id: HookId) -> Response:
    """Says yes to a sender of CloudEvents that asks whether it may deliver; the two headers alone are the yes.

    Source: CloudEvents, HTTP 1.1 Web Hooks 1.0, section 4. Nobody is called back.
    """
    headers = {"Allow": "OPTIONS, POST"}
    origin = request.headers.get("webhook-request-origin", "")
    if ORIGIN.fullmatch(origin) and await deliveries.consents(service, hook_id):
        headers |= {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"}
    return Response(status_code=status.HTTP_204_NO_CONTENT, headers=headers)
