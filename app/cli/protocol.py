"""Connections that do not wait forever for a request or for who reads its reply. Source: security.md, section 4."""

import socket
from asyncio import TimerHandle, Transport
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol


class PunctualProtocol(H11Protocol):
    """Uvicorn's connection, closed when the head of a request takes too long, or a reply is not read.

    Units: `seconds` for the head, `unread_seconds` for what has to be read before more of the reply is sent.
    """

    seconds: ClassVar[float] = 10.0
    unread_seconds: ClassVar[float] = 60.0
    _waiting: TimerHandle | None = None
    _unread: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as Uvicorn has it
        """Waits for the first head. What is sent is sent at once.

        asyncio sees to that for sockets that it made itself only, and those of several workers are Uvicorn's: a head
        and a body that are written apart would wait 40 ms for each other.
        """
        super().connection_made(transport)
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
        self._wait_no_longer()
        self._waiting = self.loop.call_later(self.seconds, self.transport.close)

    def _wait_no_longer(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
