"""A service that really listens, in a thread of the test's own process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from app.cli.serve import LIMITS


@contextmanager
def served(application: FastAPI) -> Iterator[str]:
    """The address at which the application answers, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(
            uvicorn.Config(
                application,
                log_config=None,
                lifespan="on",
                **{**LIMITS, "timeout_graceful_shutdown": None},
            )
        )
        begun = threading.Event()
        thread = threading.Thread(target=_run, args=(server, listening, begun), daemon=True)
        thread.start()
        begun.wait(30)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)


def _run(server: uvicorn.Server, listening: socket.socket, begun: threading.Event) -> None:
    begun.set()  # the socket listens already: a request that comes before the server does waits in its queue
    server.run(sockets=[listening])
