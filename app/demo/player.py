"""Plays the story: every act through the public API or the hook, at its own instant."""

import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import httpx

from app.demo.story import Act, Delivery
from app.domain.primitives.errors import ConflictError
from app.domain.sources.crm.changes import milliseconds


@dataclass(slots=True)
class StoryClock:
    """A clock that stands where the story is."""

    at: datetime

    def __call__(self) -> datetime:
        """The present instant of the story."""
        return self.at


@dataclass(slots=True)
class Player:
    """One with an admin key and, once the CRM is connected, the hook and the secret that HubSpot signs with."""

    http: httpx.AsyncClient
    clock: StoryClock
    key: str
    secret: str
    hook_url: str = ""

    async def play(self, act: Act) -> None:
        """The act has happened. Raises: ConflictError when the service did not take it."""
        self.clock.at = max(self.clock.at, act.at)
        if isinstance(act, Delivery):
            await self._deliver(act)
            return
        answer = await self.ask(act.method, act.path, act.body)
        if isinstance(answer, dict) and answer.get("rejected"):
            raise ConflictError(
                f"The demo cannot go on: {answer['problems'][0]['problem']['detail']}"
            )
        if isinstance(answer, dict) and answer.get("hook_url"):
            self.hook_url = answer["hook_url"]

    # Any: JSON values
    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The API's answer. Raises: ConflictError for a problem."""
        headers = {"Authorization": f"Bearer {self.key}"}
        if body is not None:
            headers["Content-Type"] = (
                "application/merge-patch+json" if method == "PATCH" else "application/json"
            )
        content = None if body is None else json.dumps(body).encode()
        answer = await self.http.request(method, path, content=content, headers=headers)
        return read(answer, f"{method} {path}")

    async def _deliver(self, delivery: Delivery) -> None:
        """Signs as HubSpot does (v3): over method, address, body and time."""
        body = json.dumps(delivery.elements).encode()
        stamp = str(milliseconds(self.clock.at))
        text = f"POST{self.hook_url}".encode() + body + stamp.encode()
        signature = b64encode(hmac.digest(self.secret.encode(), text, sha256)).decode()
        headers = {
            "Content-Type": "application/json",
            "X-HubSpot-Signature-v3": signature,
            "X-HubSpot-Request-Timestamp": stamp,
        }
        receipt = read(
            await self.http.post(self.hook_url, content=body, headers=headers), "a delivery"
        )
        if receipt["state"] == "failed":
            raise ConflictError(
                "The demo cannot go on: its CRM's delivery could not be read any more."
            )


def read(answer: httpx.Response, what: str) -> Any:  # Any: JSON values
    """The JSON of an answer, None when it has none. Raises: ConflictError for a problem."""
    found = answer.json() if answer.content else None
    if not answer.is_success:
        detail = found.get("detail") if isinstance(found, dict) else None
        raise ConflictError(
            f"The demo cannot go on: {what} was answered {answer.status_code}. {detail or ''}".strip()
        )
    return found
