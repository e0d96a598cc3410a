import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from app.cli.serve import require_free_port
from app.cli.support.terminal import CommandError

COMMAND = [sys.executable, "-c", "from app.cli import main; main()"]


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_response(url: str, server: subprocess.Popen[str]) -> httpx.Response:
    """Return the first reply of a starting server. Terminate a server that does not reply."""
    deadline = time.monotonic() + 90
    while server.poll() is None and time.monotonic() < deadline:
        try:
            return httpx.get(f"{url}/livez", timeout=5)
        except httpx.TransportError:
            with suppress(subprocess.TimeoutExpired):
                server.wait(0.1)
    server.terminate()
    message = f"the server does not answer: {server.communicate()[1]}"
    raise AssertionError(message)


@pytest.mark.slow
def test_in_an_empty_folder_it_serves_without_a_server_header_and_stops_on_sigint(tmp_path):
    port = find_free_port()
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "SIGHTLINE_LOG_FORMAT": "json"}
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", str(port)],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        response = wait_for_response(f"http://127.0.0.1:{port}", server)
        server.send_signal(signal.SIGINT)
        _, logs = server.communicate(timeout=60)
    assert response.status_code == 200
    assert "server" not in response.headers
    assert server.returncode == 0, logs
    assert "Traceback" not in logs
    assert '"route":"/livez"' in logs
    assert (tmp_path / "sightline.db").exists()


@pytest.mark.slow
@pytest.mark.postgresql
def test_on_a_server_database_several_workers_serve_and_stop_on_sigint(tmp_path, postgresql_url):
    port = find_free_port()
    encryption_key = "k1:" + "A" * 43 + "="
    key_settings = {"SIGHTLINE_SECRET_KEYS": encryption_key, "SIGHTLINE_KEY_PEPPER": encryption_key}
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), **key_settings}
    arguments = ["serve", "--port", str(port), "--workers", "2", "--database-url", postgresql_url]
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    ) as server:
        response = wait_for_response(f"http://127.0.0.1:{port}", server)
        server.send_signal(signal.SIGINT)
        _, logs = server.communicate(timeout=60)
    assert response.status_code == 200
    assert server.returncode == 0, logs
    assert "Traceback" not in logs


def test_an_embedded_database_allows_one_worker(sightline, sqlite_url):
    invocation = sightline("serve", "--workers", "2", "--database-url", sqlite_url)
    assert invocation.exit_code == 1
    assert "PostgreSQL" in invocation.stderr


def test_a_server_database_needs_the_services_own_keys(sightline):
    invocation = sightline("serve", "--database-url", "postgresql+asyncpg://127.0.0.1:1/none")
    assert invocation.exit_code == 1
    assert "SIGHTLINE_SECRET_KEYS" in invocation.stderr


def test_a_port_in_use_is_reported_before_anything_starts():
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(CommandError, match="--port"),
    ):
        require_free_port("127.0.0.1", listener.getsockname()[1])
    require_free_port("127.0.0.1", find_free_port())
