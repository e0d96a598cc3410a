"""A service that listens on a socket, in a thread of the test's process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from app.cli.serve import SERVER_OPTIONS


@contextmanager
def serve_application(application: FastAPI) -> Iterator[str]:
    """Serve the application until the block ends. Yield its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(
                application,
                log_config=None,
                lifespan="on",
                **{**SERVER_OPTIONS, "timeout_graceful_shutdown": None},
            )
        )
        started = threading.Event()
        thread = threading.Thread(target=_run_server, args=(server, listener, started), daemon=True)
        thread.start()
        started.wait(30)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)


def _run_server(server: uvicorn.Server, listener: socket.socket, started: threading.Event) -> None:
    # The socket listens already, and queues requests that arrive before the server runs.
    started.set()
    server.run(sockets=[listener])
