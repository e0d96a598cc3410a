"""Runs a PostgreSQL server until the test run ends, however it ends, and clears up behind it."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.postgres_server import get_process_identity


def main() -> None:
    """The server is gone, and the folders with it, when nobody holds the lock any more."""
    lock_path, joined_folders, *command = sys.argv[1:]
    folders = joined_folders.split(os.pathsep)
    server = subprocess.Popen(command, cwd=folders[0], **get_process_identity())
    with Path(lock_path).open("rb") as lock_file:
        fcntl.flock(
            lock_file, fcntl.LOCK_SH
        )  # the kernel releases the run's lock even when the run is killed
    server.send_signal(signal.SIGQUIT)  # at once: nothing in it is worth a checkpoint
    server.wait()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
