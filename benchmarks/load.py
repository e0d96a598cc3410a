"""A load of HTTP requests by many clients, each with one connection, at little cost per request."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class LoadMeasurement:
    """The duration of a load and of its requests."""

    seconds: float
    # Sorted.
    wait_seconds: Sequence[float]

    @property
    def p99(self) -> float:
        """The wait in seconds that one request in a hundred exceeds."""
        return self.wait_seconds[len(self.wait_seconds) * 99 // 100]


def build_post_request(path: str, body: bytes, key: str = "", **headers: str) -> bytes:
    """Build the bytes of a POST of JSON."""
    extra_headers = f"Authorization: Bearer {key}\r\n" if key else ""
    extra_headers += "".join(
        f"{header_name.replace('_', '-')}: {value}\r\n" for header_name, value in headers.items()
    )
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\n{extra_headers}Content-Type: application/json\r\n"
    )
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def send_requests(address: str, requests: Sequence[bytes], clients: int) -> LoadMeasurement:
    """Send all requests. Raises: RuntimeError with the first reply that is not a success."""
    remaining = iter(requests)
    wait_seconds: list[float] = []
    url_parts = urlsplit(address)

    async def run_client() -> None:
        reader, writer = await asyncio.open_connection(url_parts.hostname, url_parts.port)
        try:
            for request in remaining:
                started_at = time.perf_counter()
                writer.write(request)
                await _read_reply(reader)
                wait_seconds.append(time.perf_counter() - started_at)
        finally:
            writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(run_client() for _ in range(clients)))
    return LoadMeasurement(time.perf_counter() - start, sorted(wait_seconds))


async def _read_reply(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    size = next(
        (int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"),
        0,
    )
    body = await reader.readexactly(size)
    if head[9:10] != b"2":
        raise RuntimeError(f"{head[:200]!r} {body[:500]!r}")
