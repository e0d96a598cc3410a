"""Connections that do not wait forever for a request or for who reads its reply. Source: security.md, section 4."""

import socket
from asyncio import TimerHandle, Transport
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD: Final = b"HTTP/1.1 "
CONTINUE: Final = b"HTTP/1.1 100 "


class _Joined:
    """A transport that sends the head of a reply together with the beginning of its body.

    Uvicorn writes the two apart, and twice more of nothing: each is a call of the system and, mostly, a packet.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport, self._head = transport, b""

    def __getattr__(self, name: str) -> Any:  # Any: what a transport has
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(HEAD) and not data.startswith(CONTINUE):
            self._head = data  # its body follows, be it empty
            return
        if data:
            self._transport.write(data)

    def close(self) -> None:
        self.write(b"")
        self._transport.close()


class PunctualProtocol(H11Protocol):
    """Uvicorn's connection, closed when the head of a request takes too long, or a reply is not read.

    Units: `seconds` for the head, `unread_seconds` for what has to be read before more of the reply is sent.
    """

    seconds: ClassVar[float] = 10.0
    unread_seconds: ClassVar[float] = 60.0
    _since: float | None = None
    _waiting: TimerHandle | None = None
    _unread: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as Uvicorn has it
        """Waits for the first head. What is sent is sent at once.

        asyncio sees to that for sockets that it made itself only, and those of several workers are Uvicorn's: a head
        and a body that are written apart would wait 40 ms for each other.
        """
        super().connection_made(transport)
        self.transport = _Joined(transport)  # type: ignore[assignment]  # it is used as one
        found: socket.socket = transport.get_extra_info("socket")
        if found.family in (socket.AF_INET, socket.AF_INET6):
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait()

    def handle_events(self) -> None:
        """Waits no longer once a head is whole."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._wait_no_longer()

    def on_response_complete(self) -> None:
        """Waits for the next head, unless it is there already."""
        self._wait()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits for nothing more."""
        self._wait_no_longer()
        if self._waiting is not None:
            self._waiting.cancel()
        self._is_read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The other side has to read before more is sent."""
        super().pause_writing()
        self._is_read()
        self._unread = self.loop.call_later(self.unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The other side reads."""
        super().resume_writing()
        self._is_read()

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _wait(self) -> None:
        self._since = self.loop.time()
        if self._waiting is None:
            self._waiting = self.loop.call_later(self.seconds, self._look)

    def _wait_no_longer(self) -> None:
        """The timer goes on, for a new one would be made for every request: it looks at the clock when it ends."""
        self._since = None

    def _look(self) -> None:
        self._waiting = None
        if self._since is None:
            return
        left = self._since + self.seconds - self.loop.time()
        if left > 0:
            self._waiting = self.loop.call_later(left, self._look)
        else:
            self.transport.close()
