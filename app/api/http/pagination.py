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

from app.api.http.authentication import Caller
from app.api.http.schema_types import Cursor
from app.domain.primitives.errors import Fault, InvalidError

DEFAULT: Final = 50
MOST: Final = 200
_DIGEST: Final = 12
Item = TypeVar("Item")
Position = TypeVar("Position")


def _binding(request: Request, organization: str) -> bytes:
    """What a cursor is bound to: the organization, the address and the filters."""
    filters = sorted(
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in ("cursor", "limit")
    )
    return "\n".join([organization, request.scope["path"], urlencode(filters)]).encode()


def _sealed(position: str, binding: bytes) -> bytes:
    return sha256(b"\0".join([binding, position.encode()])).digest()[:_DIGEST]


def encode(position: str, binding: bytes) -> str:
    """The opaque cursor of a position."""
    return urlsafe_b64encode(_sealed(position, binding) + position.encode()).decode().rstrip("=")


def decode(cursor: str, binding: bytes) -> str:
    """The position that a cursor holds. Raises: InvalidError for one of another list, organization or making."""
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        position = raw[_DIGEST:].decode()
    except (Error, ValueError):
        raw, position = b"", ""
    if not position or "\x00" in position or raw[:_DIGEST] != _sealed(position, binding):
        raise _stranger()
    return position


def _stranger() -> InvalidError:
    return InvalidError(
        "This cursor is not of this list; start again without one.",
        [Fault("cursor", "not a cursor of this list")],
    )


# The seal has no key: whoever wants to can make a cursor, so what a position says is read as any input is.
def whole(text: str, limit: int = 2**63) -> int:
    """A whole number below `limit`, which the database can hold. Raises: ValueError."""
    number = int(text)
    if not 0 <= number < limit:
        raise ValueError("beyond what the database holds")
    return number


def instant(text: str) -> datetime:
    """An instant with its offset. Raises: ValueError."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("an instant has an offset")
    return found


def instant_and_uid(text: str) -> tuple[datetime, UUID]:
    """The position of what is ordered by time. Raises: ValueError."""
    at, uid = text.split(" ")
    return instant(at), UUID(uid)


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is asked for. None at the beginning: `after`."""

    request: Request
    binding: bytes
    limit: int
    after: str | None

    def begin(self, read: Callable[[str], Position]) -> Position | None:
        """Where the page begins, as `read` reads it. None at the beginning.

        Raises: InvalidError where `read` raises a ValueError.
        """
        try:
            return None if self.after is None else read(self.after)
        except ValueError as error:
            raise _stranger() from error

    def link(self, response: Response, position: str) -> str:
        """The cursor of the next page, which is in the reply's Link header too."""
        cursor = encode(position, self.binding)
        kept = [
            (name, value)
            for name, value in self.request.query_params.multi_items()
            if name != "cursor"
        ]
        query = urlencode([*kept, ("cursor", cursor)])
        response.headers["Link"] = f'<{quote(self.request.scope["path"])}?{query}>; rel="next"'
        return cursor

    def cut(
        self, response: Response, found: Sequence[Item], positions: Sequence[str]
    ) -> tuple[list[Item], str | None]:
        """The page and the next cursor, of one item more than asked for."""
        if len(found) <= self.limit:
            return list(found), None
        return list(found[: self.limit]), self.link(response, positions[self.limit - 1])


async def _paging(
    call: Caller,
    limit: Annotated[
        Annotated[int, Field(ge=1, le=MOST, json_schema_extra={"format": "int32"})],
        Query(description="How many items a page holds."),
    ] = DEFAULT,
    cursor: Annotated[
        Cursor | SkipJsonSchema[None],
        Query(description="Where to go on: `next_cursor` of the page before."),
    ] = None,
) -> Paging:
    binding = _binding(call.request, str(call.actor.organization))
    return Paging(call.request, binding, limit, None if cursor is None else decode(cursor, binding))


Pages = Annotated[Paging, Depends(_paging)]
