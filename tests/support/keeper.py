"""Runs a PostgreSQL server until the test run ends, however it ends, and clears up behind it."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.postgres import identity


def main() -> None:
    """The server is gone, and the folders with it, when nobody holds the lock any more."""
    lock, folders, *command = sys.argv[1:]
    homes = folders.split(os.pathsep)
    server = subprocess.Popen(command, cwd=homes[0], **identity())
    with Path(lock).open("rb") as held:
        fcntl.flock(
            held, fcntl.LOCK_SH
        )  # the kernel releases the run's lock even when the run is killed
    server.send_signal(signal.SIGQUIT)  # at once: nothing in it is worth a checkpoint
    server.wait()
    for home in homes:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
