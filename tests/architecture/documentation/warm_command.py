"""Run `sightline` from a process that has imported it: each command is a fork, not a new start.

A page runs dozens of commands, and importing the program takes most of the time of each. The client
is the program `sightline` on the path of the pages. It sends its arguments, folder, environment and
standard streams to the server, and ends with the exit code of the command.
"""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

from tests.support.source_files import ROOT

MAX_MESSAGE_BYTES = 200_000
START_SECONDS = 60
CLIENT = """#!{python} -SE
import json, os, socket, sys
connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
connection.connect({address!r})
message = [sys.argv[1:], os.getcwd(), dict(os.environ)]
socket.send_fds(connection, [json.dumps(message).encode()], [0, 1, 2])
sys.exit(connection.recv(1)[0])
"""


def start_server(folder: Path) -> tuple[Path, subprocess.Popen[bytes]]:
    """Start the server. Return the folder of its client, for the path, and the process."""
    programs = folder / "bin"
    address = folder / "command.socket"
    programs.mkdir()
    client = programs / "sightline"
    client.write_text(CLIENT.format(python=sys.executable, address=str(address)), encoding="utf-8")
    client.chmod(client.stat().st_mode | stat.S_IXUSR)
    command = [sys.executable, "-m", "tests.architecture.documentation.warm_command", str(address)]
    server = subprocess.Popen(command, cwd=ROOT)
    deadline = time.monotonic() + START_SECONDS
    while not address.exists():
        assert server.poll() is None, "the server of the command ended"
        assert time.monotonic() < deadline, "the server of the command does not start"
        time.sleep(0.05)
    return programs, server


def serve_commands(address: str) -> None:
    """Fork a process for each connection."""
    from app.cli import main  # noqa: PLC0415  # only the server needs it

    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(f"{address}.new")
    listener.listen(16)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    Path(f"{address}.new").rename(address)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            prepare_process(connection)
            code = 0
            try:
                main()
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
            except BaseException:  # noqa: BLE001  # the process ends here, as a program would
                sys.excepthook(*sys.exc_info())
                code = 1
            sys.stdout.flush()
            sys.stderr.flush()
            connection.send(bytes([code]))
            os._exit(code)
        connection.close()


def prepare_process(connection: socket.socket) -> None:
    """Take over the streams, arguments, folder and environment of the client."""
    message, streams, _, _ = socket.recv_fds(connection, MAX_MESSAGE_BYTES, 3)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    arguments, folder, environment = json.loads(message)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["sightline", *arguments]


if __name__ == "__main__":
    serve_commands(sys.argv[1])
