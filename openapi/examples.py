"""What the demo organization answers, as the examples of the contract: `make examples` writes app/api/replies.json.

Every operation that reads is asked; lists are cut short. What writes has its example beside its shape.
"""

import asyncio
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from app.api.application import build
from app.api.document import document
from app.cli.database import ready
from app.demo.company import Quarter
from app.demo.stage import prepare
from app.main import create_app
from app.settings import Settings

QUARTER = Quarter(date(2026, 9, 28))
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SHOWN = 2
ASKED = {  # what an operation cannot do without, or what keeps its example short
    "/v1/alignment/changes": "?from=2026-11-01",
    "/v1/alignment/history": "?from=2026-11-10&step=week",
}


def cut(value: Any) -> Any:
    """A reply whose lists are short enough to read."""
    if isinstance(value, list):
        return [cut(item) for item in value[:SHOWN]]
    return {name: cut(member) for name, member in value.items()} if isinstance(value, dict) else value


async def filled(http: httpx.AsyncClient, path: str) -> str | None:
    """The address with the names of things that are there. None when there is none of them."""
    found = ""
    for segment in path.split("/")[1:]:
        if not segment.startswith("{"):
            found += f"/{segment}"
            continue
        items = (await http.get(found)).json()["items"]
        if not items:
            return None
        name = segment.strip("{}")
        found += f"/{items[0].get(name) or items[0].get('key') or items[0]['id']}"
    return found


async def replies(http: httpx.AsyncClient) -> dict[str, Any]:
    """What every operation that reads JSON answers, by operationId."""
    found = {}
    for path, methods in document(build())["paths"].items():
        operation = methods.get("get", {})
        if "application/json" not in operation.get("responses", {}).get("200", {}).get("content", {}):
            continue
        address = await filled(http, path)
        if address is not None:
            reply = await http.get(address + ASKED.get(path, ""))
            assert reply.status_code == 200, (address, reply.text)
            found[operation["operationId"]] = cut(reply.json())
    return found


async def answered() -> dict[str, Any]:
    """What the demo answers, played in a folder of its own."""
    with TemporaryDirectory() as folder:
        settings = Settings(database_url=f"sqlite+aiosqlite:///{folder}/demo.db")
        await asyncio.to_thread(ready, settings)
        keys = await prepare(settings, NOW, QUARTER)
        app = create_app(settings, lambda: NOW)
        headers = {"Authorization": f"Bearer {keys.admin_key}"}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=settings.public_url, headers=headers) as http:
            found = await replies(http)
        await app.state.service.database.close()
    return found


if __name__ == "__main__":
    text = json.dumps(asyncio.run(answered()), indent=1, ensure_ascii=False)
    Path(sys.argv[1]).write_text(f"{text}\n", encoding="utf-8")
