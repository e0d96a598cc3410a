"""Who asks: the API key of a request, and what its endpoint is given."""

from typing import Annotated, NamedTuple

from fastapi import Depends, Request

from app.domain.access.actor import Actor
from app.domain.primitives.errors import NotAuthenticError, TooManyError
from app.security.rate_limiter import Limit, Standing
from app.services.access import access_tokens as tokens
from app.services.access.api_keys import authenticate, known
from app.services.runtime.context import Service

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

    Raises: NotAuthenticError, the same for every reason; TooManyError; ForbiddenError.
    """
    if scope is None:
        return
    service: Service = request.app.state.service
    actor = await _authenticated(service, request)
    request.state.actor = actor
    standing = service.asked.take(f"{actor.organization} {actor.name}", service.clock())
    request.state.rate = rate(service.asked, standing)
    if not standing.allowed:
        raise TooManyError("This key asks too often; see Retry-After.", standing.wait)
    actor.require(scope)


async def _authenticated(service: Service, request: Request) -> Actor:
    """Whose key it is. An address that failed too often is heard with keys alone that were good before."""
    address, now = "" if request.client is None else request.client.host, service.clock()
    standing = service.failed.look(address, now)
    try:
        presented = _presented(request)
        if standing.allowed or known(service, presented):
            if service.tokens is not None and tokens.is_token(presented):
                return await tokens.identify(service, service.tokens, presented)
            return await authenticate(service, presented)
    except NotAuthenticError as error:
        standing = service.failed.take(address, now)
        if standing.allowed:
            request.state.rate = rate(service.failed, standing)
            raise NotAuthenticError(REFUSAL) from error
    request.state.rate = rate(service.failed, standing)
    raise TooManyError(
        "Too many keys from this address were not valid; see Retry-After.", standing.wait
    )


def rate(limit: Limit, standing: Standing) -> dict[str, str]:
    """The headers that say how a caller stands. Source: draft-ietf-httpapi-ratelimit-headers-10."""
    if not limit.quota:
        return {}
    return {
        "RateLimit-Policy": f'"{limit.name}";q={limit.quota};w={limit.window.seconds}',
        "RateLimit": f'"{limit.name}";r={standing.remaining};t={standing.reset}',
    }


class Call(NamedTuple):
    """What every endpoint with a key is given."""

    service: Service
    actor: Actor
    request: Request


async def called(request: Request) -> Call:
    """What the endpoint of an admitted request is given."""
    return Call(request.app.state.service, request.state.actor, request)


async def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


Caller = Annotated[Call, Depends(called)]
TheService = Annotated[Service, Depends(_service)]
