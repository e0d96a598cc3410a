"""Pages: a position in a stable order, wrapped so that it fits one list of one organization only."""

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
    """What a cursor is bound to: the organization, the address and the filters."""
    filters = sorted(
        (name, parameter_value)
        for name, parameter_value in request.query_params.multi_items()
        if name not in ("cursor", "limit")
    )
    return "\n".join([organization, request.scope["path"], urlencode(filters)]).encode()


def _position_digest(position: str, binding: bytes) -> bytes:
    return sha256(b"\0".join([binding, position.encode()])).digest()[:_DIGEST_BYTES]


def encode_cursor(position: str, binding: bytes) -> str:
    """The opaque cursor of a position."""
    return (
        urlsafe_b64encode(_position_digest(position, binding) + position.encode())
        .decode()
        .rstrip("=")
    )


def decode_cursor(cursor: str, binding: bytes) -> str:
    """The position that a cursor holds. Raises: InvalidError for one of another list, organization or making."""
    try:
        decoded = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        position = decoded[_DIGEST_BYTES:].decode()
    except (Error, ValueError):
        decoded, position = b"", ""
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


# The seal has no key: whoever wants to can make a cursor, so what a position says is read as any input is.
def parse_integer(text: str, limit: int = 2**63) -> int:
    """A whole number below `limit`, which the database can hold. Raises: ValueError."""
    number = int(text)
    if not 0 <= number < limit:
        raise ValueError("beyond what the database holds")
    return number


def parse_instant(text: str) -> datetime:
    """An instant with its offset. Raises: ValueError."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError("an instant has an offset")
    return parsed


def parse_instant_and_uid(text: str) -> tuple[datetime, UUID]:
    """The position of what is ordered by time. Raises: ValueError."""
    instant_text, uid_text = text.split(" ")
    return parse_instant(instant_text), UUID(uid_text)


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is asked for. None at the beginning: `after`."""

    request: Request
    binding: bytes
    limit: int
    after: str | None

    def start_position(self, parse_position: Callable[[str], Position]) -> Position | None:
        """Where the page begins, as `read` reads it. None at the beginning.

        Raises: InvalidError where `read` raises a ValueError.
        """
        try:
            return None if self.after is None else parse_position(self.after)
        except ValueError as error:
            raise _foreign_cursor_error() from error

    def add_next_link(self, response: Response, position: str) -> str:
        """The cursor of the next page, which is in the reply's Link header too."""
        cursor = encode_cursor(position, self.binding)
        other_parameters = [
            (name, parameter_value)
            for name, parameter_value in self.request.query_params.multi_items()
            if name != "cursor"
        ]
        query = urlencode([*other_parameters, ("cursor", cursor)])
        response.headers["Link"] = f'<{quote(self.request.scope["path"])}?{query}>; rel="next"'
        return cursor

    def paginate(
        self, response: Response, candidates: Sequence[PageItem], positions: Sequence[str]
    ) -> tuple[list[PageItem], str | None]:
        """The page and the next cursor, of one item more than asked for."""
        if len(candidates) <= self.limit:
            return list(candidates), None
        return list(candidates[: self.limit]), self.add_next_link(
            response, positions[self.limit - 1]
        )


async def _read_paging(
    context: ContextDep,
    limit: Annotated[
        Annotated[int, Field(ge=1, le=MAX_LIMIT, json_schema_extra={"format": "int32"})],
        Query(description="How many items a page holds."),
    ] = DEFAULT_LIMIT,
    cursor: Annotated[
        Cursor | SkipJsonSchema[None],
        Query(description="Where to go on: `next_cursor` of the page before."),
    ] = None,
) -> Paging:
    binding = _cursor_binding(context.request, str(context.actor.organization))
    return Paging(
        context.request, binding, limit, None if cursor is None else decode_cursor(cursor, binding)
    )


PagingDep = Annotated[Paging, Depends(_read_paging)]
