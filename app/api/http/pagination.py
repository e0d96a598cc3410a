"""Pages of a list: a cursor holds a position, bound to one list of one organization."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Final, TypeVar
from urllib.parse import quote, urlencode
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.api.http.authentication import ContextDep
from app.api.http.schema_types import Cursor
from app.domain.primitives.errors import Fault, InvalidError

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
_DIGEST_BYTES: Final = 12
PageItem = TypeVar("PageItem")
Position = TypeVar("Position")


def _cursor_binding(request: Request, organization: str) -> bytes:
    """Return the bytes that a cursor is bound to: organization, path and filters."""
    filters = sorted(
        (parameter_name, parameter_value)
        for parameter_name, parameter_value in request.query_params.multi_items()
        if parameter_name not in ("cursor", "limit")
    )
    return "\n".join([organization, request.scope["path"], urlencode(filters)]).encode()


def _position_digest(position: str, binding: bytes) -> bytes:
    return sha256(b"\0".join([binding, position.encode()])).digest()[:_DIGEST_BYTES]


def encode_cursor(position: str, binding: bytes) -> str:
    """Return the opaque cursor of a position."""
    return (
        urlsafe_b64encode(_position_digest(position, binding) + position.encode())
        .decode()
        .rstrip("=")
    )


def decode_cursor(cursor: str, binding: bytes) -> str:
    """Return the position in a cursor. Raises: InvalidError for a cursor of another list."""
    try:
        decoded = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        position = decoded[_DIGEST_BYTES:].decode()
    except (Error, ValueError):
        decoded = b""
        position = ""
    if (
        not position
        or "\x00" in position
        or decoded[:_DIGEST_BYTES] != _position_digest(position, binding)
    ):
        raise _foreign_cursor_error()
    return position


def _foreign_cursor_error() -> InvalidError:
    return InvalidError(
        "This cursor is not of this list; start again without one.",
        [Fault("cursor", "not a cursor of this list")],
    )


# The digest has no key, so a caller can forge a cursor. Positions are parsed as any input is.
def parse_integer(text: str, limit: int = 2**63) -> int:
    """Parse an integer that the database can hold. Raises: ValueError."""
    number = int(text)
    if not 0 <= number < limit:
        raise ValueError("beyond what the database holds")
    return number


def parse_instant(text: str) -> datetime:
    """Parse an instant with its offset. Raises: ValueError."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError("an instant has an offset")
    return parsed


def parse_instant_and_uid(text: str) -> tuple[datetime, UUID]:
    """Parse a position in a list ordered by time. Raises: ValueError."""
    instant_text, uid_text = text.split(" ")
    return parse_instant(instant_text), UUID(uid_text)


@dataclass(frozen=True, slots=True)
class Paging:
    """The page that a request asks for."""

    request: Request
    # The response of the endpoint, for its Link header.
    response: Response
    # The bytes that tie a cursor to this list of this organization.
    binding: bytes
    limit: int
    # The position of the last item of the page before; None for the first page.
    after: str | None

    def start_position(self, parse_position: Callable[[str], Position]) -> Position | None:
        """Return the parsed position of the page before, or None for the first page.

        Raises: InvalidError when `parse_position` raises a ValueError.
        """
        try:
            return None if self.after is None else parse_position(self.after)
        except ValueError as error:
            raise _foreign_cursor_error() from error

    def add_next_link(self, position: str) -> str:
        """Return the cursor of the next page, and add it to the response's Link header."""
        cursor = encode_cursor(position, self.binding)
        other_parameters = [
            (parameter_name, parameter_value)
            for parameter_name, parameter_value in self.request.query_params.multi_items()
            if parameter_name != "cursor"
        ]
        query = urlencode([*other_parameters, ("cursor", cursor)])
        path = quote(self.request.scope["path"])
        self.response.headers["Link"] = f'<{path}?{query}>; rel="next"'
        return cursor

    def paginate(
        self, candidates: Sequence[PageItem], positions: Sequence[str]
    ) -> tuple[list[PageItem], str | None]:
        """Return the page, and the next cursor if there are more candidates than the limit."""
        if len(candidates) <= self.limit:
            return list(candidates), None
        return list(candidates[: self.limit]), self.add_next_link(positions[self.limit - 1])


async def _read_paging(
    context: ContextDep,
    response: Response,
    limit: Annotated[
        Annotated[int, Field(ge=1, le=MAX_LIMIT, json_schema_extra={"format": "int32"})],
        Query(description="The maximum number of items on a page."),
    ] = DEFAULT_LIMIT,
    cursor: Annotated[
        Cursor | SkipJsonSchema[None],
        Query(description="The `next_cursor` of the previous page."),
    ] = None,
) -> Paging:
    binding = _cursor_binding(context.request, str(context.actor.organization))
    after = None if cursor is None else decode_cursor(cursor, binding)
    return Paging(context.request, response, binding, limit, after)


PagingDep = Annotated[Paging, Depends(_read_paging)]
