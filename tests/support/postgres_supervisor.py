"""Run a PostgreSQL server until the test run ends for any reason, then delete its files."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.postgres_server import get_process_identity


def main() -> None:
    """Stop the server and delete its folders when no process holds the lock."""
    lock_path, joined_folders, *command = sys.argv[1:]
    folders = joined_folders.split(os.pathsep)
    server = subprocess.Popen(command, cwd=folders[0], **get_process_identity())
    with Path(lock_path).open("rb") as lock_file:
        # The kernel releases the run's lock even if the run is killed.
        fcntl.flock(lock_file, fcntl.LOCK_SH)
    server.send_signal(signal.SIGQUIT)  # without a checkpoint: the data is deleted next
    server.wait()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
