"""The built wheel works from any folder, and its migrations too."""

import os
import sqlite3
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.support.source_files import ROOT


def run_command(*words: object, cwd: Path, **variables: str) -> str:
    environment = {
        variable_name: value
        for variable_name, value in os.environ.items()
        if not variable_name.startswith(("SIGHTLINE_", "PYTHON"))
    }
    process = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == 0, f"{words}:\n{process.stdout}{process.stderr}"
    return process.stdout


@pytest.mark.slow
def test_the_wheel_brings_the_command_and_the_migrations(tmp_path):
    wheels = tmp_path / "dist"
    venv = tmp_path / "venv"
    working_folder = tmp_path / "elsewhere"
    working_folder.mkdir()
    run_command(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels, cwd=ROOT)
    (wheel,) = wheels.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "app/migrations/env.py" in names
    assert any(file_name.startswith("app/migrations/versions/0001") for file_name in names)
    assert not [
        file_name for file_name in names if not file_name.startswith(("app/", "sightline-"))
    ]

    # Only the wheel is installed. Links to this environment's libraries make a network unnecessary.
    run_command(sys.executable, "-m", "venv", "--without-pip", venv, cwd=tmp_path)
    site_packages = next((venv / "lib").glob("python*")) / "site-packages"
    zipfile.ZipFile(wheel).extractall(site_packages)
    linked_libraries = tmp_path / "libraries"
    linked_libraries.mkdir()
    for library in Path(sysconfig.get_path("purelib")).iterdir():
        if "sightline" not in library.name.lower():
            (linked_libraries / library.name).symlink_to(library)
    (site_packages / "libraries.pth").write_text(f"{linked_libraries}\n", encoding="utf-8")

    python = venv / "bin" / "python"
    entry_point_code = (
        "import sys; from importlib.metadata import entry_points; "
        "(entry_point,) = entry_points(group='console_scripts', name='sightline'); "
        "sys.argv[0] = 'sightline'; entry_point.load()()"
    )
    assert str(site_packages) in run_command(
        python, "-c", "import app; print(app.__file__)", cwd=working_folder
    )
    assert "db" in run_command(python, "-c", entry_point_code, "--help", cwd=working_folder)
    run_command(
        python,
        "-c",
        entry_point_code,
        "db",
        "upgrade",
        cwd=working_folder,
        SIGHTLINE_DATABASE_URL="sqlite+aiosqlite:///there.db",
    )
    with sqlite3.connect(working_folder / "there.db") as database:
        assert database.execute("select count(*) from alembic_version").fetchone() == (1,)
    database.close()
