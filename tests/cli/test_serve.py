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

from app.cli.serve import free
from app.cli.support.terminal import CommandError

COMMAND = [sys.executable, "-c", "from app.cli import main; main()"]


def a_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def answers(url: str, server: subprocess.Popen[str]) -> httpx.Response:
    """The first answer of a server that is starting; one that never answers is ended."""
    until = time.monotonic() + 90
    while server.poll() is None and time.monotonic() < until:
        try:
            return httpx.get(f"{url}/livez", timeout=5)
        except httpx.TransportError:
            with suppress(subprocess.TimeoutExpired):
                server.wait(0.1)
    server.terminate()
    message = f"the server does not answer: {server.communicate()[1]}"
    raise AssertionError(message)


@pytest.mark.slow
def test_in_an_empty_folder_it_serves_without_a_name_and_stops_when_told(tmp_path):
    port = a_port()
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "SIGHTLINE_LOG_FORMAT": "json"}
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", str(port)],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        answer = answers(f"http://127.0.0.1:{port}", server)
        server.send_signal(signal.SIGINT)
        _, shown = server.communicate(timeout=60)
    assert answer.status_code == 200
    assert "server" not in answer.headers
    assert server.returncode == 0, shown
    assert "Traceback" not in shown
    assert '"route":"/livez"' in shown
    assert (tmp_path / "sightline.db").exists()


@pytest.mark.slow
@pytest.mark.postgresql
def test_on_a_server_database_several_workers_serve_and_stop_when_told(tmp_path, postgresql_url):
    port, key = a_port(), "k1:" + "A" * 43 + "="
    keys = {"SIGHTLINE_SECRET_KEYS": key, "SIGHTLINE_KEY_PEPPER": key}
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), **keys}
    arguments = ["serve", "--port", str(port), "--workers", "2", "--database-url", postgresql_url]
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    ) as server:
        answer = answers(f"http://127.0.0.1:{port}", server)
        server.send_signal(signal.SIGINT)
        _, shown = server.communicate(timeout=60)
    assert answer.status_code == 200
    assert server.returncode == 0, shown
    assert "Traceback" not in shown


def test_one_writer_is_one_process(sightline, sqlite_url):
    done = sightline("serve", "--workers", "2", "--database-url", sqlite_url)
    assert done.exit_code == 1
    assert "PostgreSQL" in done.stderr


def test_a_server_database_needs_the_services_own_keys(sightline):
    done = sightline("serve", "--database-url", "postgresql+asyncpg://127.0.0.1:1/none")
    assert done.exit_code == 1
    assert "SIGHTLINE_SECRET_KEYS" in done.stderr


def test_a_port_in_use_is_told_before_anything_starts():
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        pytest.raises(CommandError, match="--port"),
    ):
        free("127.0.0.1", listening.getsockname()[1])
    free("127.0.0.1", a_port())
