"""The outer middleware: request id, security headers, request log, and a reply to any exception."""

import logging
import re
from asyncio import get_running_loop
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.http.problems import internal_error_response
from app.security.identifiers import random_bytes

log: Final = logging.getLogger("sightline.request")
REQUEST_ID_PATTERN: Final = re.compile(rb"[A-Za-z0-9_-]{8,64}\Z")
CONTENT_SECURITY_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
RawHeaders = Iterable[tuple[bytes, bytes]]
SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
)
STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


def read_request_id(headers: RawHeaders) -> str:
    """Return the caller's request id if it is well-formed, otherwise a new one."""
    sent_ids = [
        header_value for header_name, header_value in headers if header_name == b"x-request-id"
    ]
    return (
        sent_ids[0].decode()
        if len(sent_ids) == 1 and REQUEST_ID_PATTERN.match(sent_ids[0])
        else random_bytes(16).hex()
    )


class _RequestLog:
    """The state of one request that its log line needs."""

    __slots__ = ("begun", "scope", "send", "status")

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope = scope
        self.send = send
        self.status = 0
        self.begun = get_running_loop().time()

    async def send_message(self, message: Message) -> None:
        """Send a message, with the headers that every reply has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [
                *message["headers"],
                *self._extra_headers({header_name for header_name, _ in message["headers"]}),
            ]
        await self.send(message)

    def _extra_headers(self, present: Collection[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Yield the headers of every reply, and the defaults that this reply has not set itself."""
        state = self.scope["state"]
        yield b"x-request-id", state["request_id"].encode()
        for header_name, header_value in (
            *state.get("rate", {}).items(),
            *state.get("deprecated", ()),
        ):
            yield header_name.lower().encode(), header_value.encode("latin-1")
        caching = (b"cache-control", b"private, no-cache" if b"etag" in present else b"no-store")
        default_headers = (
            (*SECURITY_HEADERS, caching, STRICT_TRANSPORT)
            if self.scope["scheme"] == "https"
            else (*SECURITY_HEADERS, caching)
        )
        for header in default_headers:
            if header[0] not in present:
                yield header

    def write_log_line(self) -> None:
        """Log the request with its route's pattern: the path of a hook is a secret."""
        state = self.scope["state"]
        actor = state.get("actor")
        log.info(
            "request",
            extra={
                "request_id": state["request_id"],
                "method": self.scope["method"],
                "route": getattr(self.scope.get("route"), "path", None),
                "status": self.status,
                "problem": state.get("problem"),
                "milliseconds": round((get_running_loop().time() - self.begun) * 1000, 3),
                "organization": None if actor is None else str(actor.organization),
                "actor": None if actor is None else actor.name,
            },
        )


class OuterMiddleware:
    """The middleware around the whole application.

    A request for a direct route goes to it at once, past the other middleware and the router.
    """

    def __init__(self, app: ASGIApp, direct_routes: Mapping[tuple[str, str], ASGIApp]) -> None:
        """Wrap `app`; `direct_routes` are applications by method and path."""
        self.app = app
        self.direct_routes = direct_routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = dict(scope.get("state") or {})
        scope["state"] = {**state, "request_id": read_request_id(scope["headers"])}
        request_log = _RequestLog(scope, send)
        app = (
            self.app
            if scope.get("root_path")
            else self.direct_routes.get((scope["method"], scope["path"]), self.app)
        )
        try:
            await app(scope, receive, request_log.send_message)
        except ClientDisconnect:
            request_log.status = (
                request_log.status or 499
            )  # what reverse proxies log for a client that left
        except Exception:
            log.exception("unexpected", extra={"request_id": scope["state"]["request_id"]})
            if request_log.status:
                raise
            await internal_error_response(scope)(scope, receive, request_log.send_message)
        finally:
            request_log.write_log_line()
