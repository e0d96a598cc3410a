"""Authentication of a request, and the context that its endpoint receives."""

from typing import Annotated, NamedTuple

from fastapi import Depends, Request

from app.domain.access.actor import Actor
from app.domain.primitives.errors import NotAuthenticError, TooManyError
from app.security.rate_limiter import QuotaStatus, RateLimiter
from app.services.access.authentication import authenticate_credential
from app.services.runtime.context import ServiceContext

INVALID_KEY_MESSAGE = "Send a valid API key as 'Authorization: Bearer <api key>'."


async def authorize(request: Request, scope: str) -> None:
    """Let a request pass if its caller may use an operation of that scope now.

    Raises: NotAuthenticError; TooManyError; ForbiddenError.
    """
    actor = await authenticate(request)
    request.state.actor = actor
    service: ServiceContext = request.app.state.service
    quota = service.request_limiter.acquire(f"{actor.organization} {actor.name}", service.clock())
    request.state.rate = rate_limit_headers(service.request_limiter, quota)
    if not quota.is_allowed:
        raise TooManyError("This key asks too often; see Retry-After.", quota.wait_seconds)
    actor.require_scope(scope)


async def authenticate(request: Request) -> Actor:
    """Return the caller of a request.

    An address with too many failures may only present keys that this process has accepted before.
    So an attacker cannot lock out the other users of the address.

    Raises: NotAuthenticError, with one text for every reason; TooManyError.
    """
    service: ServiceContext = request.app.state.service
    limiter = service.auth_failure_limiter
    address = "" if request.client is None else request.client.host
    now = service.clock()
    quota = limiter.peek(address, now)
    try:
        credential = _read_bearer_token(request)
        actor = await authenticate_credential(
            service, credential, only_known_keys=not quota.is_allowed
        )
        if actor is not None:
            return actor
    except NotAuthenticError as error:
        quota = limiter.acquire(address, now)
        if quota.is_allowed:
            request.state.rate = rate_limit_headers(limiter, quota)
            raise NotAuthenticError(INVALID_KEY_MESSAGE) from error
    request.state.rate = rate_limit_headers(limiter, quota)
    raise TooManyError(
        "Too many keys from this address were not valid; see Retry-After.", quota.wait_seconds
    )


def _read_bearer_token(request: Request) -> str:
    """Return the token in the Authorization header. Raises: NotAuthenticError without one."""
    authorization_headers = request.headers.getlist("authorization")
    scheme, _, token = (
        authorization_headers[0].partition(" ") if len(authorization_headers) == 1 else ("", "", "")
    )
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticError(INVALID_KEY_MESSAGE)
    return token.strip()


def rate_limit_headers(limiter: RateLimiter, quota: QuotaStatus) -> dict[str, str]:
    """Return the headers of the caller's quota.

    Source: draft-ietf-httpapi-ratelimit-headers-10.
    """
    if not limiter.quota:
        return {}
    return {
        "RateLimit-Policy": f'"{limiter.name}";q={limiter.quota};w={limiter.window.seconds}',
        "RateLimit": f'"{limiter.name}";r={quota.remaining};t={quota.reset_seconds}',
    }


class RequestContext(NamedTuple):
    """The argument of every endpoint that requires a key."""

    service: ServiceContext
    actor: Actor
    request: Request


async def get_request_context(request: Request) -> RequestContext:
    """Return the context of an authorized request."""
    return RequestContext(request.app.state.service, request.state.actor, request)


async def _get_service(request: Request) -> ServiceContext:
    service: ServiceContext = request.app.state.service
    return service


ContextDep = Annotated[RequestContext, Depends(get_request_context)]
ServiceDep = Annotated[ServiceContext, Depends(_get_service)]
