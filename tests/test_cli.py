import subprocess
import sys

import pytest
from typer.testing import CliRunner

from app.cli import app


def test_the_help_names_every_command():
    help_text = CliRunner().invoke(app, ["--help"]).output
    names = (
        "serve",
        "demo",
        "organizations",
        "keys",
        "db",
        "apply",
        "document",
        "sources",
        "alignment",
        "openapi",
    )
    assert [name for name in names if name not in help_text] == []


@pytest.mark.slow
def test_the_entry_point_runs_and_a_wrong_command_is_a_usage_error():
    command = [sys.executable, "-c", "from app.cli import main; main()", "aline"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 2
    assert "Traceback" not in process.stderr
