"""The built wheel works from any folder, its migrations included."""

import os
import sqlite3
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.support.house import ROOT


def run(*words: object, cwd: Path, **more: str) -> str:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SIGHTLINE_", "PYTHON"))
    }
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environment | more,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{words}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_the_wheel_brings_the_command_and_the_migrations(tmp_path):
    wheels, venv, elsewhere = tmp_path / "dist", tmp_path / "venv", tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels, cwd=ROOT)
    (wheel,) = wheels.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "app/migrations/env.py" in names
    assert any(name.startswith("app/migrations/versions/0001") for name in names)
    assert not [name for name in names if not name.startswith(("app/", "sightline-"))]

    # The libraries are borrowed from this environment, so that no network is needed; only the wheel is installed.
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=tmp_path)
    site = next((venv / "lib").glob("python*")) / "site-packages"
    zipfile.ZipFile(wheel).extractall(site)
    borrowed = tmp_path / "libraries"
    borrowed.mkdir()
    for library in Path(sysconfig.get_path("purelib")).iterdir():
        if "sightline" not in library.name.lower():
            (borrowed / library.name).symlink_to(library)
    (site / "libraries.pth").write_text(f"{borrowed}\n", encoding="utf-8")

    python = venv / "bin" / "python"
    entry = (
        "import sys; from importlib.metadata import entry_points; "
        "(found,) = entry_points(group='console_scripts', name='sightline'); sys.argv[0] = 'sightline'; found.load()()"
    )
    assert str(site) in run(python, "-c", "import app; print(app.__file__)", cwd=elsewhere)
    assert "db" in run(python, "-c", entry, "--help", cwd=elsewhere)
    run(
        python,
        "-c",
        entry,
        "db",
        "upgrade",
        cwd=elsewhere,
        SIGHTLINE_DATABASE_URL="sqlite+aiosqlite:///there.db",
    )
    with sqlite3.connect(elsewhere / "there.db") as database:
        assert database.execute("select count(*) from alembic_version").fetchone() == (1,)
    database.close()
