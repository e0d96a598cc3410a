"""Request bodies: limited in size and time, of one media type, parsed strictly."""

from asyncio import timeout
from typing import Any, Final

from fastapi import Request

from app.api.http.problems import BodyTimeoutError, BodyTooLargeError, UnsupportedMediaError
from app.domain.primitives.strict_json import loads

KIB: Final = 1_024
MIB: Final = 1_024 * KIB
JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
BODY_TIMEOUT_SECONDS: Final = 60.0
_ACCEPT_HEADERS: Final = {"POST": "Accept-Post", "PATCH": "Accept-Patch"}


class ParsedRequest(Request):
    """A request with its body read and parsed; FastAPI's own reading returns these."""

    def __init__(self, request: Request, body: bytes, json_value: object) -> None:
        """Wrap a request."""
        super().__init__(request.scope, request.receive)
        self._body = body
        self._json = json_value


def check_media_type(request: Request, media_type: str | None) -> None:
    """Check the media type and encoding of a body. With `media_type` None, accept any type.

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
    sent_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "").replace(" ", "")
    if sent_type.strip().lower() != media_type or charset not in ("", "charset=utf-8"):
        raise UnsupportedMediaError(
            f"The body must be {media_type}.",
            _ACCEPT_HEADERS.get(request.method, "Accept"),
            media_type,
        )


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Read the whole body.

    Raises: BodyTooLargeError beyond `max_bytes`, even if Content-Length is missing or wrong;
    BodyTimeoutError after BODY_TIMEOUT_SECONDS.
    """
    declared_length = request.headers.get("content-length", "0")
    if (
        declared_length.isascii()
        and declared_length.isdigit()
        and int(declared_length[:20]) > max_bytes
    ):
        raise BodyTooLargeError(f"The body may have at most {max_bytes} bytes.")
    body = bytearray()
    try:
        async with timeout(BODY_TIMEOUT_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise BodyTooLargeError(f"The body may have at most {max_bytes} bytes.")
    except TimeoutError:
        raise BodyTimeoutError(
            f"The body did not arrive within {BODY_TIMEOUT_SECONDS:.0f} seconds."
        ) from None
    return bytes(body)


async def parse_json_request(
    request: Request, max_bytes: int, media_type: str, *, is_body_optional: bool = False
) -> ParsedRequest:
    """Read and parse the JSON body of a request.

    Raises: UnsupportedMediaError, BodyTooLargeError, BodyTimeoutError, MalformedError.
    """
    if is_body_optional and "content-type" not in request.headers:
        body = await read_body(request, max_bytes)
        if not body:
            return ParsedRequest(request, b"", None)
    check_media_type(request, media_type)
    body = await read_body(request, max_bytes)
    return ParsedRequest(request, body, loads(body))


def apply_merge_patch(target: object, patch: Any) -> object:  # Any: JSON values
    """Apply a merge patch (RFC 7396) to a JSON value."""
    if not isinstance(patch, dict):
        return patch
    document = dict(target) if isinstance(target, dict) else {}
    for member_name, member in patch.items():
        if member is None:
            document.pop(member_name, None)
        else:
            document[member_name] = apply_merge_patch(document.get(member_name), member)
    return document
