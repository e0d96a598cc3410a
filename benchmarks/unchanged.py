"""Answers that were given before, over HTTP, beside a reply of the same size that needs one indexed read."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import asyncpg
from fastapi import FastAPI, Response

from benchmarks.report import Row

CLIENTS: Final = 16
PATH: Final = "/v1/alignment?playbook=plan"


def replies() -> FastAPI:
    """What a kept answer is compared with: one indexed read, and a reply of as many bytes as REPLY_BYTES says."""
    body, pools = b"{" + b" " * (int(os.environ["REPLY_BYTES"]) - 2) + b"}", []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        pools.append(
            await asyncpg.create_pool(os.environ["RECEIVER_DATABASE_URL"], min_size=8, max_size=8)
        )
        yield
        await pools[0].close()

    app = FastAPI(lifespan=lifespan)

    @app.get("/reply")
    async def reply(number: int) -> Response:
        version = await pools[0].fetchval("select version from mark where id = $1", number)
        return Response(body, media_type="application/json", headers={"ETag": f'"{version}"'})

    return app


def get(path: str, key: str = "", etag: str = "") -> bytes:
    """The bytes of a GET."""
    more = f"Authorization: Bearer {key}\r\n" if key else ""
    more += f"If-None-Match: {etag}\r\n" if etag else ""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n{more}\r\n".encode()


async def load(
    address: str, request: bytes, number: int, status: int
) -> tuple[float, bytes, bytes]:
    """Replies a second, and the head and the body of one. Raises: RuntimeError with a reply of another status."""
    place, left, last = urlsplit(address), iter(range(number)), (b"", b"")

    async def client() -> None:
        nonlocal last
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        for _ in left:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            said = [
                line[15:]
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ]
            last = head, await reader.readexactly(int(said[0]) if said else 0)
            if int(head[9:12]) != status:
                raise RuntimeError(last)
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return number / (time.perf_counter() - start), *last


async def answer(address: str, key: str) -> tuple[int, str]:
    """How many bytes the answer has, and its tag."""
    _, head, body = await load(address, get(PATH, key), 1, 200)
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
    return len(body), {name.lower(): value for name, value in lines.items()}["etag"]


async def measure(
    mine: str, other: str, key: str, etag: str, rounds: int, requests: int
) -> list[Row]:
    """Answers as they were, in whole and by their tag alone."""
    asked = {
        "200": (mine, get(PATH, key), 200),
        "304": (mine, get(PATH, key, etag), 304),
        "reply": (other, get("/reply?number=7"), 200),
    }
    found: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(rounds + 1):
        for name, (address, request, status) in asked.items():
            rate, *_ = await load(address, request, requests, status)
            if number:
                found[name].append(rate)
    what = "a GET of one indexed read"
    return [
        Row(f"unchanged answers a second, {status}: {what}", found[status], found["reply"], 0.8)
        for status in ("200", "304")
    ]


async def marked(raw: asyncpg.Connection) -> None:
    """There is what the compared reply reads."""
    await raw.execute("create table mark (id bigint primary key, version bigint not null)")
    await raw.execute("insert into mark select n, n from generate_series(1, 1000) as n")
