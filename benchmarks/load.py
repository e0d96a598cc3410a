"""A load of HTTP requests by so many clients, each with one connection, as cheap as a load can be."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Load:
    """What became of a load. Units: seconds; `waits` are sorted."""

    took: float
    waits: Sequence[float]

    @property
    def p99(self) -> float:
        """What one in a hundred waited longer than."""
        return self.waits[len(self.waits) * 99 // 100]


def request(path: str, body: bytes, key: str = "", **headers: str) -> bytes:
    """The bytes of a POST of JSON."""
    more = f"Authorization: Bearer {key}\r\n" if key else ""
    more += "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\n{more}Content-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def send(address: str, requests: Sequence[bytes], clients: int) -> Load:
    """All of them are answered well. Raises: RuntimeError with the first reply that is not."""
    left, waits = iter(requests), []
    place = urlsplit(address)

    async def client() -> None:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            for sent in left:
                begun = time.perf_counter()
                writer.write(sent)
                await _reply(reader)
                waits.append(time.perf_counter() - begun)
        finally:
            writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return Load(time.perf_counter() - start, sorted(waits))


async def _reply(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    size = next(
        (int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"),
        0,
    )
    body = await reader.readexactly(size)
    if head[9:10] != b"2":
        raise RuntimeError(f"{head[:200]!r} {body[:500]!r}")
