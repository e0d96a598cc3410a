"""Timeouts for connections that send no request or do not read the reply (docs/security.md)."""

import socket
from asyncio import TimerHandle, Transport
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

RESPONSE_PREFIX: Final = b"HTTP/1.1 "
CONTINUE_PREFIX: Final = b"HTTP/1.1 100 "


class _SingleWriteTransport:
    """A transport that sends the head of a reply together with the start of its body.

    Uvicorn writes head and body separately, and two empty chunks. Each write is a system call and
    usually a packet.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._pending_head = b""

    def __getattr__(self, name: str) -> Any:  # Any: an attribute of the transport
        return getattr(self._transport, name)

    def write(self, chunk: bytes) -> None:
        if self._pending_head:
            chunk = self._pending_head + chunk
            self._pending_head = b""
        elif chunk.startswith(RESPONSE_PREFIX) and not chunk.startswith(CONTINUE_PREFIX):
            self._pending_head = chunk  # a write of the body follows, even if it is empty
            return
        if chunk:
            self._transport.write(chunk)

    def close(self) -> None:
        self.write(b"")
        self._transport.close()


class TimeoutProtocol(H11Protocol):
    """Uvicorn's connection, closed when a request's head is late or a reply is not read."""

    # Time for the client to send the head of a request.
    head_timeout_seconds: ClassVar[float] = 10.0
    # Time for the client to read enough of the reply that more can be sent.
    write_timeout_seconds: ClassVar[float] = 60.0
    _waiting_since: float | None = None
    _head_timer: TimerHandle | None = None
    _write_timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # Uvicorn's signature
        """Start the timer for the first head, and send small packets at once.

        asyncio sets TCP_NODELAY only on sockets that it created. With several workers, Uvicorn
        creates them. Head and body of a reply would then wait 40 ms for each other.
        """
        super().connection_made(transport)
        self.transport = _SingleWriteTransport(transport)  # type: ignore[assignment]  # it has a transport's attributes
        tcp_socket: socket.socket = transport.get_extra_info("socket")
        if tcp_socket.family in (socket.AF_INET, socket.AF_INET6):
            tcp_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._start_head_timer()

    def handle_events(self) -> None:
        """Stop the timer when a head is complete."""
        previous_cycle = self.cycle
        super().handle_events()
        if self.cycle is not previous_cycle:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Start the timer for the next head."""
        self._start_head_timer()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers."""
        self._stop_waiting()
        if self._head_timer is not None:
            self._head_timer.cancel()
        self._cancel_write_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the timer: the client must read before more is sent."""
        super().pause_writing()
        self._cancel_write_timer()
        self._write_timer = self.loop.call_later(self.write_timeout_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the timer: the client is reading."""
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
        """Forget the deadline, and leave the timer running.

        The timer checks the deadline when it fires. A new timer for every request would be slower.
        """
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
