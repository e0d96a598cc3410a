"""Write the replies of the demo organization as examples of the OpenAPI document (`make examples`).

The script calls every operation: first those that read, then those that write, as in
openapi/write_requests.py. It shortens lists and replaces keys and secrets.
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
from write_requests import WRITE_REQUESTS

from app.api.app import create_application
from app.api.openapi.document import build_document
from app.cli.support.local_service import prepare_schema
from app.demo.company import Quarter
from app.demo.setup import prepare_demo
from app.main import create_app
from app.settings import Settings

QUARTER = Quarter(date(2026, 9, 28))
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
MAX_LISTED = 2
KEY_PLACEHOLDER = "the key, shown this once"
SECRET_PLACEHOLDER = "the secret, shown this once"  # noqa: S105  # a placeholder
MEDIA_TYPES = {"record_cloud_events": "application/cloudevents+json"}
# Required parameters, and parameters that shorten an example.
QUERY_BY_PATH = {
    "/v1/alignment/changes": "?from=2026-11-01",
    "/v1/alignment/history": "?from=2026-11-10&step=week",
}


def shorten_lists(reply: Any) -> Any:
    """Shorten every list of a reply to MAX_LISTED elements."""
    if isinstance(reply, list):
        return [shorten_lists(element) for element in reply[:MAX_LISTED]]
    return (
        {member_name: shorten_lists(member) for member_name, member in reply.items()}
        if isinstance(reply, dict)
        else reply
    )


async def fill_path(http: httpx.AsyncClient, path: str) -> str | None:
    """Fill the path with names of existing resources. Return None if there are none."""
    address = ""
    for segment in path.split("/")[1:]:
        if not segment.startswith("{"):
            address += f"/{segment}"
            continue
        listing = (await http.get(address)).json()["items"]
        if not listing:
            return None
        parameter_name = segment.strip("{}")
        address += f"/{listing[0].get(parameter_name) or listing[0].get('key') or listing[0]['id']}"
    return address


async def collect_replies(http: httpx.AsyncClient) -> dict[str, Any]:
    """Return the reply of every operation that reads JSON, by operationId."""
    replies = {}
    for path, methods in build_document(create_application())["paths"].items():
        operation = methods.get("get", {})
        if "application/json" not in operation.get("responses", {}).get("200", {}).get(
            "content", {}
        ):
            continue
        address = await fill_path(http, path)
        if address is not None:
            reply = await http.get(address + QUERY_BY_PATH.get(path, ""))
            assert reply.status_code == 200, (address, reply.text)
            replies[operation["operationId"]] = shorten_lists(reply.json())
    return replies


def redact_reply(reply: Any) -> Any:
    """Replace the keys and secrets in a reply."""
    placeholders = {"api_key": KEY_PLACEHOLDER, "secret": SECRET_PLACEHOLDER}
    shortened = shorten_lists(reply)
    return {
        member_name: placeholders[member_name] if value and member_name in placeholders else value
        for member_name, value in shortened.items()
    }


def sign_delivery(secret: str, body: bytes) -> dict[str, str]:
    """Return the headers of a delivery signed by Standard Webhooks."""
    signature = Webhook(secret).sign("msg_2026", NOW, body.decode())
    return {
        "webhook-id": "msg_2026",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": signature,
        "content-type": "application/json",
    }


async def collect_writes(http: httpx.AsyncClient) -> dict[str, Any]:
    """Return the request and the reply of every operation that writes, by operationId."""
    examples: dict[str, Any] = {}
    path_parameters = {"uid": "", "delivery": "", "hook": ""}
    secret = ""
    methods = {
        operation["operationId"]: method
        for path in build_document(create_application())["paths"].values()
        for method, operation in path.items()
    }
    for operation_id, (address, body) in WRITE_REQUESTS.items():
        content = b"" if body is None else json.dumps(body).encode()
        media_type = (
            "application/merge-patch+json"
            if methods[operation_id] == "patch"
            else MEDIA_TYPES.get(operation_id, "application/json")
        )
        headers = {"content-type": media_type} if body is not None else {}
        if operation_id == "take_delivery":
            headers = sign_delivery(secret, content)
        response = await http.request(
            methods[operation_id].upper(),
            address.format(**path_parameters),
            content=content,
            headers=headers,
        )
        assert response.is_success, (operation_id, response.text)
        reply = response.json()
        secret = reply.get("secret") or secret
        path_parameters["hook"] = (reply.get("hook_url") or path_parameters["hook"]).rpartition(
            "/"
        )[2]
        path_parameters["delivery"] = reply.get("delivery", path_parameters["delivery"])
        path_parameters["uid"] = (
            reply["uid"] if operation_id == "record_event" else path_parameters["uid"]
        )
        examples[operation_id] = {"request": body, "reply": redact_reply(reply)}
    return examples


async def collect_examples() -> tuple[dict[str, Any], dict[str, Any]]:
    """Set up the demo in a temporary database and return its replies."""
    with TemporaryDirectory() as folder:
        settings = Settings(database_url=f"sqlite+aiosqlite:///{folder}/demo.db")
        await asyncio.to_thread(prepare_schema, settings)
        keys = await prepare_demo(settings, NOW, QUARTER)
        app = create_app(settings, lambda: NOW)
        headers = {"Authorization": f"Bearer {keys.admin_key}"}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url=settings.public_url, headers=headers
        ) as http:
            examples = await collect_replies(http), await collect_writes(http)
        await app.state.service.database.close()
    return examples


if __name__ == "__main__":
    for path, examples in zip(sys.argv[1:], asyncio.run(collect_examples()), strict=True):
        Path(path).write_text(
            f"{json.dumps(examples, indent=1, ensure_ascii=False)}\n", encoding="utf-8"
        )
