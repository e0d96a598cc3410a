"""Who asks: the API key of a request, and what its endpoint is given."""

from typing import Annotated, NamedTuple

from fastapi import Depends, Request

from app.domain.access.actor import Actor
from app.domain.primitives.errors import NotAuthenticError, TooManyError
from app.security.rate_limiter import QuotaStatus, RateLimiter
from app.services.access import access_tokens as tokens
from app.services.access.api_keys import authenticate_key, is_known_key
from app.services.runtime.context import ServiceContext

INVALID_KEY_MESSAGE = "Send a valid API key as 'Authorization: Bearer <api key>'."


def _read_bearer_token(request: Request) -> str:
    """The key that the request shows in its header. Raises: NotAuthenticError unless it is exactly one."""
    authorization_headers = request.headers.getlist("authorization")
    scheme, _, token = (
        authorization_headers[0].partition(" ") if len(authorization_headers) == 1 else ("", "", "")
    )
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticError(INVALID_KEY_MESSAGE)
    return token.strip()


async def authorize(request: Request, scope: str | None) -> None:
    """Returns when the caller may use an operation of that scope. None when anyone may.

    Raises: NotAuthenticError, the same for every reason; TooManyError; ForbiddenError.
    """
    if scope is None:
        return
    service: ServiceContext = request.app.state.service
    actor = await _authenticate(service, request)
    request.state.actor = actor
    quota = service.request_limiter.acquire(f"{actor.organization} {actor.name}", service.clock())
    request.state.rate = rate_limit_headers(service.request_limiter, quota)
    if not quota.is_allowed:
        raise TooManyError("This key asks too often; see Retry-After.", quota.wait_seconds)
    actor.require_scope(scope)


async def _authenticate(service: ServiceContext, request: Request) -> Actor:
    """Whose key it is. An address that failed too often is heard with keys alone that were good before."""
    address, now = "" if request.client is None else request.client.host, service.clock()
    quota = service.auth_failure_limiter.peek(address, now)
    try:
        token = _read_bearer_token(request)
        if quota.is_allowed or is_known_key(service, token):
            if service.token_config is not None and tokens.is_token(token):
                return await tokens.authenticate_token(service, service.token_config, token)
            return await authenticate_key(service, token)
    except NotAuthenticError as error:
        quota = service.auth_failure_limiter.acquire(address, now)
        if quota.is_allowed:
            request.state.rate = rate_limit_headers(service.auth_failure_limiter, quota)
            raise NotAuthenticError(INVALID_KEY_MESSAGE) from error
    request.state.rate = rate_limit_headers(service.auth_failure_limiter, quota)
    raise TooManyError(
        "Too many keys from this address were not valid; see Retry-After.", quota.wait_seconds
    )


def rate_limit_headers(limiter: RateLimiter, quota: QuotaStatus) -> dict[str, str]:
    """The headers that say how a caller stands. Source: draft-ietf-httpapi-ratelimit-headers-10."""
    if not limiter.quota:
        return {}
    return {
        "RateLimit-Policy": f'"{limiter.name}";q={limiter.quota};w={limiter.window.seconds}',
        "RateLimit": f'"{limiter.name}";r={quota.remaining};t={quota.reset_seconds}',
    }


class RequestContext(NamedTuple):
    """What every endpoint with a key is given."""

    service: ServiceContext
    actor: Actor
    request: Request


async def get_request_context(request: Request) -> RequestContext:
    """What the endpoint of an admitted request is given."""
    return RequestContext(request.app.state.service, request.state.actor, request)


async def _get_service(request: Request) -> ServiceContext:
    service: ServiceContext = request.app.state.service
    return service


ContextDep = Annotated[RequestContext, Depends(get_request_context)]
ServiceDep = Annotated[ServiceContext, Depends(_get_service)]
