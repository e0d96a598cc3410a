"""Cached answers over HTTP, compared with a reply of the same size that needs one indexed read."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import asyncpg
from fastapi import FastAPI, Response

from benchmarks.report import RatioRow

CLIENT_COUNT: Final = 16
ALIGNMENT_PATH: Final = "/v1/alignment?playbook=plan"


def replies() -> FastAPI:
    """Create the reference: one indexed read, and a reply of REPLY_BYTES bytes."""
    body = b"{" + b" " * (int(os.environ["REPLY_BYTES"]) - 2) + b"}"
    pools: list[asyncpg.Pool] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        pools.append(
            await asyncpg.create_pool(os.environ["RECEIVER_DATABASE_URL"], min_size=8, max_size=8)
        )
        yield
        await pools[0].close()

    app = FastAPI(lifespan=lifespan)

    @app.get("/reply")
    async def read_mark(number: int) -> Response:
        version = await pools[0].fetchval("select version from mark where id = $1", number)
        return Response(body, media_type="application/json", headers={"ETag": f'"{version}"'})

    return app


def build_get_request(path: str, key: str = "", etag: str = "") -> bytes:
    """Build the bytes of a GET."""
    extra_headers = f"Authorization: Bearer {key}\r\n" if key else ""
    extra_headers += f"If-None-Match: {etag}\r\n" if etag else ""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n{extra_headers}\r\n".encode()


async def send_requests(
    address: str, request: bytes, number: int, status: int
) -> tuple[float, bytes, bytes]:
    """Return replies per second, and head and body of the last one.

    Raises: RuntimeError with a reply of another status.
    """
    url_parts = urlsplit(address)
    remaining = iter(range(number))
    last_reply = (b"", b"")

    async def run_client() -> None:
        nonlocal last_reply
        reader, writer = await asyncio.open_connection(url_parts.hostname, url_parts.port)
        for _ in remaining:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            content_lengths = [
                line[15:]
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ]
            last_reply = (
                head,
                await reader.readexactly(int(content_lengths[0]) if content_lengths else 0),
            )
            if int(head[9:12]) != status:
                raise RuntimeError(last_reply)
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(run_client() for _ in range(CLIENT_COUNT)))
    return number / (time.perf_counter() - start), *last_reply


async def get_answer(address: str, key: str) -> tuple[int, str]:
    """Return the size of the answer in bytes, and its ETag."""
    _, head, body = await send_requests(address, build_get_request(ALIGNMENT_PATH, key), 1, 200)
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
    return len(body), {header_name.lower(): value for header_name, value in lines.items()}["etag"]


async def measure_unchanged_answers(
    service_url: str, receiver_url: str, key: str, etag: str, rounds: int, requests: int
) -> list[RatioRow]:
    """Measure unchanged answers, in full and as 304 Not Modified."""
    request_kinds = {
        "200": (service_url, build_get_request(ALIGNMENT_PATH, key), 200),
        "304": (service_url, build_get_request(ALIGNMENT_PATH, key, etag), 304),
        "reply": (receiver_url, build_get_request("/reply?number=7"), 200),
    }
    rates: dict[str, list[float]] = {request_kind: [] for request_kind in request_kinds}
    for number in range(rounds + 1):
        for request_kind, (address, request, status) in request_kinds.items():
            rate, *_ = await send_requests(address, request, requests, status)
            if number:
                rates[request_kind].append(rate)
    label = "a GET of one indexed read"
    return [
        RatioRow(
            f"unchanged answers a second, {status}: {label}", rates[status], rates["reply"], 0.8
        )
        for status in ("200", "304")
    ]


async def create_marks(connection: asyncpg.Connection) -> None:
    """Create the table that the reference reads."""
    await connection.execute("create table mark (id bigint primary key, version bigint not null)")
    await connection.execute("insert into mark select n, n from generate_series(1, 1000) as n")
