"""Who asks: the API key of a request, and what its endpoint is given."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.domain.access import Actor
from app.domain.errors import NotAuthenticError
from app.flows.keys import authenticate
from app.flows.service import Service

REFUSAL = "Send a valid API key as 'Authorization: Bearer <api key>'."


def _presented(request: Request) -> str:
    """The key that the request shows in its header. Raises: NotAuthenticError unless it is exactly one."""
    shown = request.headers.getlist("authorization")
    scheme, _, token = shown[0].partition(" ") if len(shown) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticError(REFUSAL)
    return token.strip()


async def admit(request: Request, scope: str | None) -> None:
    """Returns when the caller may use an operation of that scope. None when anyone may.

    Raises: NotAuthenticError, the same for every reason; ForbiddenError.
    """
    if scope is None:
        return
    presented = _presented(request)
    try:
        actor = await authenticate(request.app.state.service, presented)
    except NotAuthenticError as error:
        raise NotAuthenticError(REFUSAL) from error
    request.state.actor = actor
    actor.require(scope)


@dataclass(frozen=True, slots=True)
class Call:
    """What every endpoint with a key is given."""

    service: Service
    actor: Actor
    request: Request


async def _call(request: Request) -> Call:
    return Call(request.app.state.service, request.state.actor, request)


async def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


Caller = Annotated[Call, Depends(_call)]
TheService = Annotated[Service, Depends(_service)]
