"""The outermost layer: a request id, the security headers, one log line, and no exception that leaves."""

import logging
import re
from asyncio import get_running_loop, timeout
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import unexpected
from app.store.ids import random_bytes

log: Final = logging.getLogger("sightline.request")
SANE: Final = re.compile(r"[A-Za-z0-9_-]{8,64}\Z")
POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": POLICY,
}
PATIENCE: Final = 60.0  # seconds that a piece of a reply waits for its reader
STRICT_TRANSPORT: Final = "max-age=31536000; includeSubDomains"


def request_id(headers: Headers) -> str:
    """The caller's request id if it is a sane one, else a new one."""
    given = headers.getlist("x-request-id")
    return given[0] if len(given) == 1 and SANE.match(given[0]) else random_bytes(16).hex()


class _Exchange:
    """One request and what became of it."""

    __slots__ = ("begun", "scope", "send", "status")

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope = scope
        self.send = send
        self.status = 0
        self.begun = get_running_loop().time()

    async def reply(self, message: Message) -> None:
        """Sends on, with the headers that every reply has.

        Raises: TimeoutError when nobody reads it.
        """
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._dress(MutableHeaders(scope=message))
        async with timeout(PATIENCE):
            await self.send(message)

    def _dress(self, headers: MutableHeaders) -> None:
        headers["X-Request-Id"] = self.scope["state"]["request_id"]
        headers.update(self.scope["state"].get("rate", {}))
        for name, value in self.scope["state"].get("deprecated", ()):
            headers.append(name, value)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("Cache-Control", "private, no-cache" if "etag" in headers else "no-store")
        if self.scope["scheme"] == "https":
            headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)

    def note(self) -> None:
        """One line in the log. The address is the route's: a hook's own address is a secret."""
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


class Shell:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        """Around `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = dict(scope.get("state") or {})
        scope["state"] = {**state, "request_id": request_id(Headers(scope=scope))}
        exchange = _Exchange(scope, send)
        try:
            await self.app(scope, receive, exchange.reply)
        except ClientDisconnect:
            exchange.status = exchange.status or 499  # what reverse proxies log for a client that left
        except Exception:
            log.exception("unexpected", extra={"request_id": scope["state"]["request_id"]})
            if exchange.status:
                raise
            await unexpected(scope)(scope, receive, exchange.reply)
        finally:
            exchange.note()
