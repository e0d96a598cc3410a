"""Player of the story: sends each act to the public API or to the hook, at its instant."""

import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import httpx

from app.demo.story import Act, WebhookDelivery
from app.domain.primitives.errors import ConflictError
from app.domain.sources.crm.changes import to_milliseconds


@dataclass(slots=True)
class StoryClock:
    """A clock that shows the current instant of the story."""

    current: datetime

    def __call__(self) -> datetime:
        """Return the current instant of the story."""
        return self.current


@dataclass(slots=True)
class StoryPlayer:
    """A client with an admin key."""

    http: httpx.AsyncClient
    clock: StoryClock
    api_key: str
    # The secret with which HubSpot signs.
    secret: str
    # Empty until the CRM is connected.
    hook_url: str = ""

    async def play_act(self, act: Act) -> None:
        """Send a request or a delivery at the instant of the act.

        Raises: ConflictError when the service rejects it.
        """
        self.clock.current = max(self.clock.current, act.occurs_at)
        if isinstance(act, WebhookDelivery):
            await self._send_delivery(act)
            return
        reply = await self.request_json(act.method, act.path, act.body)
        if isinstance(reply, dict) and reply.get("rejected"):
            raise ConflictError(
                f"The demo cannot go on: {reply['problems'][0]['problem']['detail']}"
            )
        if isinstance(reply, dict) and reply.get("hook_url"):
            self.hook_url = reply["hook_url"]

    # Any: JSON values
    async def request_json(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Any:
        """Send a request and return the JSON of the reply. Raises: ConflictError for a problem."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        if body is not None:
            headers["Content-Type"] = (
                "application/merge-patch+json" if method == "PATCH" else "application/json"
            )
        content = None if body is None else json.dumps(body).encode()
        response = await self.http.request(method, path, content=content, headers=headers)
        return read_json(response, f"{method} {path}")

    async def _send_delivery(self, delivery: WebhookDelivery) -> None:
        """Sign a delivery as HubSpot does (v3) and send it.

        The signature covers method, address, body and time.
        """
        body = json.dumps(delivery.elements).encode()
        timestamp = str(to_milliseconds(self.clock.current))
        signed_text = f"POST{self.hook_url}".encode() + body + timestamp.encode()
        signature = b64encode(hmac.digest(self.secret.encode(), signed_text, sha256)).decode()
        headers = {
            "Content-Type": "application/json",
            "X-HubSpot-Signature-v3": signature,
            "X-HubSpot-Request-Timestamp": timestamp,
        }
        receipt = read_json(
            await self.http.post(self.hook_url, content=body, headers=headers), "a delivery"
        )
        if receipt["state"] == "failed":
            raise ConflictError(
                "The demo cannot go on: its CRM's delivery could not be read any more."
            )


def read_json(response: httpx.Response, request_name: str) -> Any:  # Any: JSON values
    """Return the JSON of a reply, or None if it is empty. Raises: ConflictError for a problem."""
    document = response.json() if response.content else None
    if not response.is_success:
        detail = document.get("detail") if isinstance(document, dict) else None
        raise ConflictError(
            f"The demo cannot go on: {request_name} was answered {response.status_code}. "
            f"{detail or ''}".strip()
        )
    return document
