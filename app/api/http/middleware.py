"""The outermost layer: a request id, the security headers, one log line, and no exception that leaves."""

import logging
import re
from asyncio import get_running_loop
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.http.problems import unexpected
from app.security.identifiers import random_bytes

log: Final = logging.getLogger("sightline.request")
SANE: Final = re.compile(rb"[A-Za-z0-9_-]{8,64}\Z")
POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
RawHeaders = Iterable[tuple[bytes, bytes]]
HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", POLICY.encode()),
)
STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


def request_id(headers: RawHeaders) -> str:
    """The caller's request id if it is a sane one, else a new one."""
    given = [value for name, value in headers if name == b"x-request-id"]
    return given[0].decode() if len(given) == 1 and SANE.match(given[0]) else random_bytes(16).hex()


class _Exchange:
    """One request and what became of it."""

    __slots__ = ("begun", "scope", "send", "status")

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope = scope
        self.send = send
        self.status = 0
        self.begun = get_running_loop().time()

    async def reply(self, message: Message) -> None:
        """Sends on, with the headers that every reply has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [
                *message["headers"],
                *self._more({name for name, _ in message["headers"]}),
            ]
        await self.send(message)

    def _more(self, there: Collection[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """The headers that every reply has, and what this one lacks of those that it may have of its own."""
        state = self.scope["state"]
        yield b"x-request-id", state["request_id"].encode()
        for name, value in (*state.get("rate", {}).items(), *state.get("deprecated", ())):
            yield name.lower().encode(), value.encode("latin-1")
        caching = (b"cache-control", b"private, no-cache" if b"etag" in there else b"no-store")
        more = (
            (*HEADERS, caching, STRICT_TRANSPORT)
            if self.scope["scheme"] == "https"
            else (*HEADERS, caching)
        )
        for header in more:
            if header[0] not in there:
                yield header

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
    """Wraps the whole application. Shape: `lanes` are the ways past it, by method and path."""

    def __init__(self, app: ASGIApp, lanes: Mapping[tuple[str, str], ASGIApp]) -> None:
        """Around `app`."""
        self.app, self.lanes = app, lanes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = dict(scope.get("state") or {})
        scope["state"] = {**state, "request_id": request_id(scope["headers"])}
        exchange = _Exchange(scope, send)
        app = (
            self.app
            if scope.get("root_path")
            else self.lanes.get((scope["method"], scope["path"]), self.app)
        )
        try:
            await app(scope, receive, exchange.reply)
        except ClientDisconnect:
            exchange.status = (
                exchange.status or 499
            )  # what reverse proxies log for a client that left
        except Exception:
            log.exception("unexpected", extra={"request_id": scope["state"]["request_id"]})
            if exchange.status:
                raise
            await unexpected(scope)(scope, receive, exchange.reply)
        finally:
            exchange.note()
