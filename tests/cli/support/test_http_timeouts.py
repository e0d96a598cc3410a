"""A slow client cannot hold a connection, whether it sends a request or reads a reply."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from app.api.app import create_application
from app.api.http import body, middleware
from app.api.http.route import Contract, create_router, route_contract
from app.cli.support.http_timeouts import TimeoutProtocol
from tests.support.http_server import serve_application

SHORT_TIMEOUT_SECONDS = 0.3


@asynccontextmanager
async def empty_lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield


@pytest.fixture(scope="module")
def service_url() -> Iterator[str]:
    """A service with an endpoint that accepts bodies, and one that sends without end."""
    router = create_router("teams")

    @router.post("/taken", **route_contract(Contract(None, "*/*")))
    async def take_anything() -> None:
        """Accept any body."""

    @router.get("/endless", **route_contract(Contract(None)))
    async def get_endless() -> StreamingResponse:
        async def stream_chunks() -> AsyncIterator[bytes]:
            while True:
                await asyncio.sleep(0)  # runs other tasks, as a read of the database does
                yield bytes(1_000_000)

        return StreamingResponse(stream_chunks())

    app = create_application(empty_lifespan)
    app.router.routes.extend(router.routes)
    with serve_application(app) as url:
        yield url


@contextmanager
def open_connection(service_url: str) -> Iterator[socket.socket]:
    url_parts = urlsplit(service_url)
    assert url_parts.hostname
    assert url_parts.port
    with socket.create_connection((url_parts.hostname, url_parts.port), timeout=20) as connection:
        yield connection


def read_to_end(connection: socket.socket) -> bytes:
    """Return everything that arrives until the other side closes."""
    received = bytearray()
    while chunk := connection.recv(65_536):
        received += chunk
    return bytes(received)


@pytest.mark.parametrize(
    "head", [b"", b"GET /livez HT", b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Drip: 1\r\n"]
)
def test_an_incomplete_head_times_out(service_url, monkeypatch, head):
    monkeypatch.setattr(TimeoutProtocol, "head_timeout_seconds", SHORT_TIMEOUT_SECONDS)
    with open_connection(service_url) as connection:
        connection.sendall(head)
        assert read_to_end(connection) == b""


def test_the_next_head_on_the_same_connection_times_out_too(service_url, monkeypatch):
    monkeypatch.setattr(TimeoutProtocol, "head_timeout_seconds", SHORT_TIMEOUT_SECONDS)
    with open_connection(service_url) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" * 3 + b"GET /li")
        assert read_to_end(connection).count(b"HTTP/1.1 200 ") == 3


def test_a_slow_reply_is_not_cut_off_by_the_head_timeout(service_url, monkeypatch):
    monkeypatch.setattr(TimeoutProtocol, "head_timeout_seconds", SHORT_TIMEOUT_SECONDS)
    with open_connection(service_url) as connection:
        connection.sendall(b"POST /taken HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
        connection.settimeout(2 * SHORT_TIMEOUT_SECONDS)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(20)
        connection.sendall(b"x")
        assert read_to_end(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("framing", [b"Content-Length: 100", b"Transfer-Encoding: chunked"])
def test_an_incomplete_body_is_a_408_and_the_connection_is_closed(
    service_url, monkeypatch, framing
):
    monkeypatch.setattr(body, "BODY_TIMEOUT_SECONDS", SHORT_TIMEOUT_SECONDS)
    with open_connection(service_url) as connection:
        connection.sendall(b"POST /taken HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n5\r\n")
        reply = read_to_end(connection)
    assert reply.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "request-timeout"' in reply
    assert b"application/problem+json" in reply


def test_a_reply_that_nobody_reads_is_aborted(service_url, monkeypatch):
    monkeypatch.setattr(TimeoutProtocol, "write_timeout_seconds", SHORT_TIMEOUT_SECONDS)
    reply_aborted = threading.Event()
    monkeypatch.setattr(middleware.log, "info", lambda *_args, **_kwargs: reply_aborted.set())
    with open_connection(service_url) as connection:
        connection.sendall(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        assert reply_aborted.wait(20), "it waits for a reader who does not read"


def test_the_sockets_have_tcp_nodelay(service_url, monkeypatch):
    nodelay_options = []
    original_wait = TimeoutProtocol._start_head_timer

    def record_nodelay(connection: TimeoutProtocol) -> None:
        server_socket: socket.socket = connection.transport.get_extra_info("socket")
        nodelay_options.append(server_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        original_wait(connection)

    monkeypatch.setattr(TimeoutProtocol, "_start_head_timer", record_nodelay)
    with open_connection(service_url) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert read_to_end(connection).startswith(b"HTTP/1.1 200 ")
    assert nodelay_options
    assert all(nodelay_options)


def test_a_reply_is_sent_in_one_write(service_url):
    with open_connection(service_url) as connection:
        connection.sendall(b"POST /taken HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        head, _, reply_body = connection.recv(65_536).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert reply_body == b"null"


def test_expect_100_continue_is_answered_immediately(service_url):
    with open_connection(service_url) as connection:
        connection.sendall(
            b"POST /taken HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(65_536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"x")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("request_line", [b"HEAD /livez", b"GET /nothing", b"OPTIONS /livez"])
def test_a_reply_without_a_body_or_with_an_error_is_complete(service_url, request_line):
    with open_connection(service_url) as connection:
        connection.sendall(request_line + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert read_to_end(connection).startswith(
            b"HTTP/1.1 4" if b"HEAD" not in request_line else b"HTTP/1.1 "
        )


def test_a_head_without_an_end_is_refused_before_it_fills_the_memory(service_url):
    with open_connection(service_url) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Much: " + b"a" * 40_000)
        assert read_to_end(connection).startswith(b"HTTP/1.1 400 ")
