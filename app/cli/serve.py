"""`sightline serve`: run the service with uvicorn."""

import os
import socket
from typing import Annotated, Any, Final

import typer
import uvicorn

from app.cli.support.http_timeouts import TimeoutProtocol
from app.cli.support.local_service import (
    DatabaseUrl,
    is_embedded,
    load_command_settings,
    prepare_schema,
)
from app.cli.support.logs import logging_configuration
from app.cli.support.terminal import command_error, report_errors
from app.main import make_vault

SERVER_FACTORY: Final = "app.main:create_server_app"
# Limits and timeouts: docs/security.md
SERVER_OPTIONS: Final[dict[str, Any]] = {
    "http": TimeoutProtocol,
    "ws": "none",
    "server_header": False,
    "timeout_keep_alive": 5,
    "timeout_graceful_shutdown": 20,
    "limit_concurrency": 512,
    "backlog": 2048,
    "h11_max_incomplete_event_size": 32_768,
    "timeout_worker_healthcheck": 60,  # importing the application can take long
    "access_log": False,
}
Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65_535, help="The port to listen on.")]


@report_errors
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[
        int,
        typer.Option(min=1, max=64, help="Number of processes. More than one needs PostgreSQL."),
    ] = 1,
    database_url: DatabaseUrl = None,
) -> None:
    """Run the service."""
    settings = load_command_settings(database_url)
    if workers > 1 and is_embedded(settings):
        raise command_error(
            "conflict", "Embedded SQLite has one writer: use --workers 1, or PostgreSQL for more."
        )
    make_vault(settings)  # reports missing keys before the workers start
    prepare_schema(settings)
    require_free_port(host, port)
    # The workers are processes. They read their settings from the environment.
    os.environ["SIGHTLINE_DATABASE_URL"] = settings.database_url
    os.environ.setdefault("SIGHTLINE_PUBLIC_URL", f"http://127.0.0.1:{port}")
    log_config = logging_configuration(settings.log_format)
    run_server(SERVER_FACTORY, host, port, factory=True, workers=workers, log_config=log_config)


# Any: an application, or the import string of a factory
def run_server(application: Any, host: str, port: int, **server_options: Any) -> None:
    """Serve until a signal stops the process.

    Raises: typer.Exit, with code 1 when the server cannot start.
    """
    typer.echo(f"Sightline serves at http://{host}:{port} (Ctrl-C stops it)", err=True)
    try:
        uvicorn.run(application, host=host, port=port, **{**SERVER_OPTIONS, **server_options})
    except SystemExit as exit_request:
        raise typer.Exit(1 if exit_request.code else 0) from None


def require_free_port(host: str, port: int) -> None:
    """Check that a server can listen on the address. Raises: CommandError."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        text = (
            f"Cannot listen on {host}:{port}: {error.strerror or error}. "
            "Choose another one by --port."
        )
        raise command_error("unavailable", text) from None
