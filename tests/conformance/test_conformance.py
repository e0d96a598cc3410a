"""The service does what its document says, whatever it is sent: Schemathesis, with two organizations as peers.

A glance here, half a minute on each database; `make conformance` is the long run, which the environment asks for.
"""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from app.domain.playbook.organization import Organization
from app.main import create_app
from app.services.access import organizations
from app.settings import Settings
from tests.support.house import ROOT
from tests.support.serving import served

EXAMPLES = int(os.environ.get("CONFORMANCE_EXAMPLES", "1"))
SEEDS = os.environ.get("CONFORMANCE_SEEDS", "1").split()
PHASES = {"sqlite": "stateful", "postgresql": "fuzzing"}
KEY = "k1:" + "A" * 43 + "="
PEERS = ("alice", "bob")


def peers(keys: dict[str, str]) -> str:
    """The credentials of both organizations, in the form of Web Fuzzing Commons."""
    return json.dumps(
        {
            "schema_version": "0.2.0",
            "auth": [
                {
                    "name": name,
                    "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {key}"}],
                }
                for name, key in keys.items()
            ],
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_service_is_what_its_document_says_whatever_it_is_sent(
    database_url: str, tmp_path: Path, seed: str
):
    settings = Settings(
        database_url=database_url,
        secret_keys=KEY,
        key_pepper=KEY,
        requests_per_minute=0,
        failures_per_minute=0,
    )
    app = create_app(settings)

    async def organized() -> dict[str, str]:
        keys = {
            name: await organizations.create(app.state.service, Organization(name, name))
            for name in PEERS
        }
        await app.state.service.database.close()
        return keys

    (tmp_path / "peers.json").write_text(peers(asyncio.run(organized())), encoding="utf-8")
    shutil.copy(ROOT / "openapi" / "schemathesis.toml", tmp_path)
    program = ROOT / ".venv" / "tools" / "bin" / "schemathesis"
    phases = os.environ.get("CONFORMANCE_PHASES") or PHASES[database_url.partition("+")[0]]
    options = [
        "--phases",
        phases,
        "--checks",
        "all",
        "--continue-on-failure",
        "--no-color",
        "--seed",
        seed,
    ]
    options += [
        "--max-examples",
        str(EXAMPLES),
        "--generation-database",
        "none",
        "--request-timeout",
        "60",
    ]
    app.openapi()  # made before anybody waits for it
    with served(app) as address:
        command = [
            str(program),
            "--config-file",
            "schemathesis.toml",
            "run",
            f"{address}/openapi.json",
            *options,
        ]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=14_400, check=False
        )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
