"""The service conforms to its OpenAPI document: Schemathesis with two organizations.

The suite has a run of half a minute per database. `make conformance` starts a long one.
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
from tests.support.http_server import serve_application
from tests.support.source_files import ROOT

MAX_EXAMPLES = int(os.environ.get("CONFORMANCE_EXAMPLES", "1"))
SEEDS = os.environ.get("CONFORMANCE_SEEDS", "1").split()
PHASES_BY_DATABASE = {"sqlite": "stateful", "postgresql": "fuzzing"}
ENCRYPTION_KEY = "k1:" + "A" * 43 + "="
PEER_NAMES = ("alice", "bob")


def format_peer_credentials(keys: dict[str, str]) -> str:
    """Return the credentials of both organizations in the format of Web Fuzzing Commons."""
    return json.dumps(
        {
            "schema_version": "0.2.0",
            "auth": [
                {
                    "name": peer_name,
                    "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {peer_key}"}],
                }
                for peer_name, peer_key in keys.items()
            ],
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_service_conforms_to_its_document(database_url: str, tmp_path: Path, seed: str):
    settings = Settings(
        database_url=database_url,
        secret_keys=ENCRYPTION_KEY,
        key_pepper=ENCRYPTION_KEY,
        requests_per_minute=0,
        failures_per_minute=0,
    )
    app = create_app(settings)

    async def create_organizations() -> dict[str, str]:
        admin_keys = {
            peer_name: await organizations.create_organization(
                app.state.service, Organization(peer_name, peer_name)
            )
            for peer_name in PEER_NAMES
        }
        await app.state.service.database.close()
        return admin_keys

    (tmp_path / "peers.json").write_text(
        format_peer_credentials(asyncio.run(create_organizations())), encoding="utf-8"
    )
    shutil.copy(ROOT / "openapi" / "schemathesis.toml", tmp_path)
    program = ROOT / ".venv" / "tools" / "bin" / "schemathesis"
    phases = (
        os.environ.get("CONFORMANCE_PHASES") or PHASES_BY_DATABASE[database_url.partition("+")[0]]
    )
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
        str(MAX_EXAMPLES),
        "--generation-database",
        "none",
        "--request-timeout",
        "60",
    ]
    app.openapi()  # built before the first request, which would time out otherwise
    with serve_application(app) as base_url:
        command = [
            str(program),
            "--config-file",
            "schemathesis.toml",
            "run",
            f"{base_url}/openapi.json",
            *options,
        ]
        process = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=14_400, check=False
        )
    assert process.returncode == 0, process.stdout[-20_000:] + process.stderr[-2_000:]
