"""For the commands that are clients of a running service: SIGHTLINE_URL and SIGHTLINE_API_KEY."""

import os
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx

from app.cli.support.terminal import CommandError, refusal

DEFAULT_URL: Final = "http://127.0.0.1:8000"
TIMEOUT: Final = 60.0


def ask(  # Any: JSON values
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    body: object = None,
    content: bytes | None = None,
) -> Any:
    """The service's answer. Shape: `content` is a body that is JSON already.

    Raises: CommandError with the service's problem document, or when there is no key.
    """
    key = os.environ.get("SIGHTLINE_API_KEY", "")
    if not key:
        raise refusal("unauthorized", "Set SIGHTLINE_API_KEY to an API key of the service.")
    if not key.isascii() or not key.isprintable():
        raise refusal("unauthorized", "SIGHTLINE_API_KEY is not an API key.")
    headers = None if content is None else {"Content-Type": "application/json"}
    url = os.environ.get("SIGHTLINE_URL", DEFAULT_URL).rstrip("/")
    with httpx.Client(
        base_url=url, timeout=TIMEOUT, headers={"Authorization": f"Bearer {key}"}
    ) as client:
        try:
            answer = client.request(
                method, path, params=query, json=body, content=content, headers=headers
            )
        except httpx.InvalidURL as error:
            raise refusal("invalid-input", f"SIGHTLINE_URL is not an address: {error}.") from None
        except httpx.TransportError as error:
            detail = f"Nothing answers at {url} ({error}). Start it with: sightline serve"
            raise refusal("unavailable", detail) from None
    return read(answer)


def read(answer: httpx.Response) -> Any:  # Any: JSON values
    """The JSON of an answer. Raises: CommandError for a problem, and for what is no answer of ours."""
    try:
        found = answer.json() if answer.content else None
    except ValueError:
        raise refusal(
            "unavailable", f"{answer.url} answered {answer.status_code} without JSON."
        ) from None
    if answer.is_success:
        return found
    if isinstance(found, dict) and "detail" in found:
        raise CommandError(found)
    raise refusal("unavailable", f"{answer.url} answered {answer.status_code}.")


def segment(key: str) -> str:
    """A key as one segment of a path."""
    return quote(key, safe="")
