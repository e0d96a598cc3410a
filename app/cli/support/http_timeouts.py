"""Connections that do not wait forever for a request or for who reads its reply. Source: security.md, section 4."""

import socket
from asyncio import TimerHandle, Transport
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

RESPONSE_PREFIX: Final = b"HTTP/1.1 "
CONTINUE_PREFIX: Final = b"HTTP/1.1 100 "


class _SingleWriteTransport:
    """A transport that sends the head of a reply together with the beginning of its body.

    Uvicorn writes the two apart, and twice more of nothing: each is a call of the system and, mostly, a packet.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport, self._pending_head = transport, b""

    def __getattr__(self, name: str) -> Any:  # Any: what a transport has
        return getattr(self._transport, name)

    def write(self, chunk: bytes) -> None:
        if self._pending_head:
            chunk, self._pending_head = self._pending_head + chunk, b""
        elif chunk.startswith(RESPONSE_PREFIX) and not chunk.startswith(CONTINUE_PREFIX):
            self._pending_head = chunk  # its body follows, be it empty
            return
        if chunk:
            self._transport.write(chunk)

    def close(self) -> None:
        self.write(b"")
        self._transport.close()


class TimeoutProtocol(H11Protocol):
    """Uvicorn's connection, closed when the head of a request takes too long, or a reply is not read.

    Units: `seconds` for the head, `unread_seconds` for what has to be read before more of the reply is sent.
    """

    head_timeout_seconds: ClassVar[float] = 10.0
    write_timeout_seconds: ClassVar[float] = 60.0
    _waiting_since: float | None = None
    _head_timer: TimerHandle | None = None
    _write_timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as Uvicorn has it
        """Waits for the first head. What is sent is sent at once.

        asyncio sees to that for sockets that it made itself only, and those of several workers are Uvicorn's: a head
        and a body that are written apart would wait 40 ms for each other.
        """
        super().connection_made(transport)
        self.transport = _SingleWriteTransport(transport)  # type: ignore[assignment]  # it is used as one
        tcp_socket: socket.socket = transport.get_extra_info("socket")
        if tcp_socket.family in (socket.AF_INET, socket.AF_INET6):
            tcp_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._start_head_timer()

    def handle_events(self) -> None:
        """Waits no longer once a head is whole."""
        previous_cycle = self.cycle
        super().handle_events()
        if self.cycle is not previous_cycle:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Waits for the next head, unless it is there already."""
        self._start_head_timer()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits for nothing more."""
        self._stop_waiting()
        if self._head_timer is not None:
            self._head_timer.cancel()
        self._cancel_write_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The other side has to read before more is sent."""
        super().pause_writing()
        self._cancel_write_timer()
        self._write_timer = self.loop.call_later(self.write_timeout_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The other side reads."""
        super().resume_writing()
        self._cancel_write_timer()

    def _cancel_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _start_head_timer(self) -> None:
        self._waiting_since = self.loop.time()
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(
                self.head_timeout_seconds, self._check_head_timeout
            )

    def _stop_waiting(self) -> None:
        """The timer goes on, for a new one would be made for every request: it looks at the clock when it ends."""
        self._waiting_since = None

    def _check_head_timeout(self) -> None:
        self._head_timer = None
        if self._waiting_since is None:
            return
        seconds_left = self._waiting_since + self.head_timeout_seconds - self.loop.time()
        if seconds_left > 0:
            self._head_timer = self.loop.call_later(seconds_left, self._check_head_timeout)
        else:
            self.transport.close()
