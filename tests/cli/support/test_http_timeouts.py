"""Nobody holds a connection by being slow: neither at the head, nor at the body, nor at reading the reply."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from app.api.app import build
from app.api.http import body, middleware
from app.api.http.route import Contract, declare, desk
from app.cli.support.http_timeouts import PunctualProtocol
from tests.support.serving import served

SHORT = 0.3


@asynccontextmanager
async def nothing(_app: FastAPI) -> AsyncIterator[None]:
    yield


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A service that takes bodies and sends without an end."""
    found = desk("teams")

    @found.post("/taken", **declare(Contract(None, "*/*")))
    async def take_anything() -> None:
        """Takes anything."""

    @found.get("/endless", **declare(Contract(None)))
    async def get_endless() -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            while True:
                await asyncio.sleep(0)  # as what reads a database gives way
                yield bytes(1_000_000)

        return StreamingResponse(lines())

    app = build(nothing)
    app.router.routes.extend(found.routes)
    with served(app) as url:
        yield url


@contextmanager
def connected(address: str) -> Iterator[socket.socket]:
    parts = urlsplit(address)
    assert parts.hostname
    assert parts.port
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as found:
        yield found


def rest(connection: socket.socket) -> bytes:
    """All that still comes, until the other side closes."""
    found = bytearray()
    while chunk := connection.recv(65_536):
        found += chunk
    return bytes(found)


@pytest.mark.parametrize(
    "head", [b"", b"GET /livez HT", b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Drip: 1\r\n"]
)
def test_a_head_that_does_not_come_is_not_waited_for(address, monkeypatch, head):
    monkeypatch.setattr(PunctualProtocol, "seconds", SHORT)
    with connected(address) as connection:
        connection.sendall(head)
        assert rest(connection) == b""


def test_the_next_head_on_the_same_connection_is_not_waited_for_longer(address, monkeypatch):
    monkeypatch.setattr(PunctualProtocol, "seconds", SHORT)
    with connected(address) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" * 3 + b"GET /li")
        assert rest(connection).count(b"HTTP/1.1 200 ") == 3


def test_a_reply_that_takes_longer_than_a_head_may_is_given(address, monkeypatch):
    monkeypatch.setattr(PunctualProtocol, "seconds", SHORT)
    with connected(address) as connection:
        connection.sendall(b"POST /taken HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
        connection.settimeout(2 * SHORT)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(20)
        connection.sendall(b"x")
        assert rest(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("framing", [b"Content-Length: 100", b"Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_is_a_408_and_the_connection_is_closed(
    address, monkeypatch, framing
):
    monkeypatch.setattr(body, "PATIENCE", SHORT)
    with connected(address) as connection:
        connection.sendall(b"POST /taken HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n5\r\n")
        said = rest(connection)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "request-timeout"' in said
    assert b"application/problem+json" in said


def test_a_reply_that_nobody_reads_is_given_up(address, monkeypatch):
    monkeypatch.setattr(PunctualProtocol, "unread_seconds", SHORT)
    given_up = threading.Event()
    monkeypatch.setattr(middleware.log, "info", lambda *_words, **_more: given_up.set())
    with connected(address) as connection:
        connection.sendall(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        assert given_up.wait(20), "it waits for a reader who does not read"


def test_what_is_sent_is_sent_at_once_whoever_made_the_socket(address, monkeypatch):
    at_once = []
    wait = PunctualProtocol._wait

    def noted(connection: PunctualProtocol) -> None:
        made: socket.socket = connection.transport.get_extra_info("socket")
        at_once.append(made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        wait(connection)

    monkeypatch.setattr(PunctualProtocol, "_wait", noted)
    with connected(address) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert rest(connection).startswith(b"HTTP/1.1 200 ")
    assert at_once
    assert all(at_once)


def test_a_reply_comes_in_one_piece(address):
    with connected(address) as connection:
        connection.sendall(b"POST /taken HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        head, _, said = connection.recv(65_536).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert said == b"null"


def test_who_waits_to_be_told_to_go_on_is_told_at_once(address):
    with connected(address) as connection:
        connection.sendall(
            b"POST /taken HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(65_536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"x")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("asked", [b"HEAD /livez", b"GET /nothing", b"OPTIONS /livez"])
def test_a_reply_without_a_body_or_of_a_refusal_comes_whole_too(address, asked):
    with connected(address) as connection:
        connection.sendall(asked + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert rest(connection).startswith(b"HTTP/1.1 4" if b"HEAD" not in asked else b"HTTP/1.1 ")


def test_a_head_without_an_end_is_refused_before_it_fills_the_memory(address):
    with connected(address) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Much: " + b"a" * 40_000)
        assert rest(connection).startswith(b"HTTP/1.1 400 ")
