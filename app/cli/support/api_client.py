"""API client of the commands that need a running service (SIGHTLINE_URL, SIGHTLINE_API_KEY)."""

import os
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx

from app.cli.support.terminal import CommandError, command_error

DEFAULT_URL: Final = "http://127.0.0.1:8000"
TIMEOUT_SECONDS: Final = 60.0


def call_api(  # Any: JSON values
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    body: object = None,
    content: bytes | None = None,
) -> Any:
    """Send a request and return the JSON of the reply. `content` is a body that is JSON already.

    Raises: CommandError with the service's problem document, or when no key is set.
    """
    api_key = os.environ.get("SIGHTLINE_API_KEY", "")
    if not api_key:
        raise command_error("unauthorized", "Set SIGHTLINE_API_KEY to an API key of the service.")
    if not api_key.isascii() or not api_key.isprintable():
        raise command_error("unauthorized", "SIGHTLINE_API_KEY is not an API key.")
    headers = None if content is None else {"Content-Type": "application/json"}
    url = os.environ.get("SIGHTLINE_URL", DEFAULT_URL).rstrip("/")
    with httpx.Client(
        base_url=url, timeout=TIMEOUT_SECONDS, headers={"Authorization": f"Bearer {api_key}"}
    ) as client:
        try:
            response = client.request(
                method, path, params=query, json=body, content=content, headers=headers
            )
        except httpx.InvalidURL as error:
            raise command_error(
                "invalid-input", f"SIGHTLINE_URL is not an address: {error}."
            ) from None
        except httpx.TransportError as error:
            detail = f"Nothing answers at {url} ({error}). Start it with: sightline serve"
            raise command_error("unavailable", detail) from None
    return read_json(response)


def read_json(response: httpx.Response) -> Any:  # Any: JSON values
    """Return the JSON of a reply.

    Raises: CommandError for a problem document, and for a reply that is not the service's.
    """
    try:
        document = response.json() if response.content else None
    except ValueError:
        raise command_error(
            "unavailable", f"{response.url} answered {response.status_code} without JSON."
        ) from None
    if response.is_success:
        return document
    if isinstance(document, dict) and "detail" in document:
        raise CommandError(document)
    raise command_error("unavailable", f"{response.url} answered {response.status_code}.")


def quote_segment(key: str) -> str:
    """Return a key as one segment of a path."""
    return quote(key, safe="")
