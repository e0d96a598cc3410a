"""openapi/ is a promise: the files are what the service says of itself now."""

import difflib

import pytest
from typer.testing import CliRunner

from app.cli import app as command
from tests.support.house import ROOT


@pytest.mark.parametrize(("file", "flags"), [("openapi.json", []), ("openapi-client.json", ["--client"])])
def test_the_committed_contract_is_what_the_service_says(file, flags):
    said = CliRunner().invoke(command, ["openapi", *flags], catch_exceptions=False)
    assert said.exit_code == 0
    committed = (ROOT / "openapi" / file).read_text(encoding="utf-8")
    drift = difflib.unified_diff(
        committed.splitlines(), said.stdout.splitlines(), f"openapi/{file}", "the service", n=1
    )
    assert "\n".join(list(drift)[:40]) == "", "run `make openapi` and look at what changed"
