"""Reading bodies: bounded before they are read, in one media type, strictly."""

from asyncio import timeout
from typing import Any, Final

from fastapi import Request

from app.api.http.problems import SlowError, TooLargeError, UnsupportedMediaError
from app.domain.primitives.strict_json import loads

KIB: Final = 1_024
MIB: Final = 1_024 * KIB
JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
PATIENCE: Final = 60.0  # seconds
_SAYS: Final = {"POST": "Accept-Post", "PATCH": "Accept-Patch"}


class StrictRequest(Request):
    """A request whose body was read and parsed by us: FastAPI's own reading finds it done."""

    def __init__(self, request: Request, body: bytes, value: object) -> None:
        """Takes the place of `request`."""
        super().__init__(request.scope, request.receive)
        self._body = body
        self._json = value


def check(request: Request, media_type: str | None) -> None:
    """Returns when the body's form is one that is read here. None when any type is: `media_type`.

    Raises: UnsupportedMediaError.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedMediaError(
            "Send the body as it is: nothing here decompresses requests.",
            "Accept-Encoding",
            "identity",
        )
    if media_type is None:
        return
    found, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "").replace(" ", "")
    if found.strip().lower() != media_type or charset not in ("", "charset=utf-8"):
        raise UnsupportedMediaError(
            f"The body must be {media_type}.", _SAYS.get(request.method, "Accept"), media_type
        )


async def read(request: Request, limit: int) -> bytes:
    """The body, whole.

    Raises: TooLargeError beyond `limit`, whatever its length was said to be; SlowError when it does not come in time.
    """
    said = request.headers.get("content-length", "0")
    if said.isascii() and said.isdigit() and int(said[:20]) > limit:
        raise TooLargeError(f"The body may have at most {limit} bytes.")
    body = bytearray()
    try:
        async with timeout(PATIENCE):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise TooLargeError(f"The body may have at most {limit} bytes.")
    except TimeoutError:
        raise SlowError(f"The body did not arrive within {PATIENCE:.0f} seconds.") from None
    return bytes(body)


async def strict(
    request: Request, limit: int, media_type: str, *, may_be_empty: bool = False
) -> StrictRequest:
    """The request with its JSON read.

    Raises: UnsupportedMediaError, TooLargeError, MalformedError.
    """
    if may_be_empty and "content-type" not in request.headers:
        body = await read(request, limit)
        if not body:
            return StrictRequest(request, b"", None)
    check(request, media_type)
    body = await read(request, limit)
    return StrictRequest(request, body, loads(body))


def merged(target: object, patch: Any) -> object:  # Any: JSON values
    """What a merge patch (RFC 7396) makes of a JSON value."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found
