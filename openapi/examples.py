"""What the demo organization answers, as the examples of the contract: `make examples` writes app/api/*.json.

Every operation is asked: those that read first, then those that write as openapi/writes.py tells it. Lists are cut
short, and what is shown once is not shown here.
"""

import asyncio
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from standardwebhooks.webhooks import Webhook
from writes import WRITES

from app.api.app import build
from app.api.openapi.document import document
from app.cli.support.local_service import ready
from app.demo.company import Quarter
from app.demo.setup import prepare
from app.main import create_app
from app.settings import Settings

QUARTER = Quarter(date(2026, 9, 28))
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SHOWN = 2
KEY = "the key, shown this once"
SECRET = "the secret, shown this once"  # noqa: S105  # it is none
MEDIA = {"record_cloud_events": "application/cloudevents+json"}
ASKED = {  # what an operation cannot do without, or what keeps its example short
    "/v1/alignment/changes": "?from=2026-11-01",
    "/v1/alignment/history": "?from=2026-11-10&step=week",
}


def cut(value: Any) -> Any:
    """A reply whose lists are short enough to read."""
    if isinstance(value, list):
        return [cut(item) for item in value[:SHOWN]]
    return (
        {name: cut(member) for name, member in value.items()} if isinstance(value, dict) else value
    )


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
        if "application/json" not in operation.get("responses", {}).get("200", {}).get(
            "content", {}
        ):
            continue
        address = await filled(http, path)
        if address is not None:
            reply = await http.get(address + ASKED.get(path, ""))
            assert reply.status_code == 200, (address, reply.text)
            found[operation["operationId"]] = cut(reply.json())
    return found


def shown(reply: Any) -> Any:
    """A reply as the contract may show it: no key and no secret, not even of an organization that is gone."""
    hidden = {"api_key": KEY, "secret": SECRET}
    found = cut(reply)
    return {
        name: hidden[name] if value and name in hidden else value for name, value in found.items()
    }


def signed(secret: str, body: bytes) -> dict[str, str]:
    """The headers of a delivery, as Standard Webhooks has them."""
    signature = Webhook(secret).sign("msg_2026", NOW, body.decode())
    return {
        "webhook-id": "msg_2026",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": signature,
        "content-type": "application/json",
    }


async def writes(http: httpx.AsyncClient) -> dict[str, Any]:
    """What every operation that writes is told and answers, by operationId."""
    found: dict[str, Any] = {}
    names = {"uid": "", "delivery": "", "hook": ""}
    secret = ""
    methods = {
        operation["operationId"]: method
        for path in document(build())["paths"].values()
        for method, operation in path.items()
    }
    for name, (address, body) in WRITES.items():
        content = b"" if body is None else json.dumps(body).encode()
        media = (
            "application/merge-patch+json"
            if methods[name] == "patch"
            else MEDIA.get(name, "application/json")
        )
        headers = {"content-type": media} if body is not None else {}
        if name == "take_delivery":
            headers = signed(secret, content)
        told = await http.request(
            methods[name].upper(), address.format(**names), content=content, headers=headers
        )
        assert told.is_success, (name, told.text)
        reply = told.json()
        secret = reply.get("secret") or secret
        names["hook"] = (reply.get("hook_url") or names["hook"]).rpartition("/")[2]
        names["delivery"] = reply.get("delivery", names["delivery"])
        names["uid"] = reply["uid"] if name == "record_event" else names["uid"]
        found[name] = {"told": body, "reply": shown(reply)}
    return found


async def answered() -> tuple[dict[str, Any], dict[str, Any]]:
    """What the demo answers, played in a folder of its own."""
    with TemporaryDirectory() as folder:
        settings = Settings(database_url=f"sqlite+aiosqlite:///{folder}/demo.db")
        await asyncio.to_thread(ready, settings)
        keys = await prepare(settings, NOW, QUARTER)
        app = create_app(settings, lambda: NOW)
        headers = {"Authorization": f"Bearer {keys.admin_key}"}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url=settings.public_url, headers=headers
        ) as http:
            found = await replies(http), await writes(http)
        await app.state.service.database.close()
    return found


if __name__ == "__main__":
    for place, examples in zip(sys.argv[1:], asyncio.run(answered()), strict=True):
        Path(place).write_text(
            f"{json.dumps(examples, indent=1, ensure_ascii=False)}\n", encoding="utf-8"
        )
