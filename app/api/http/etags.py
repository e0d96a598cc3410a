"""Entity tags, against lost updates and for caches.

A tag is `"<changed>"`, the organization's version at the last change of the resource. A reply with
computed members (counts, health, unpublished changes) adds a digest after a dot. Caches compare
the whole tag; If-Match compares the version only, because a write cannot overwrite the rest.
"""

import re
from hashlib import sha256
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from pydantic.json_schema import SkipJsonSchema

from app.api.http.schema_types import text
from app.domain.primitives.errors import Fault, InvalidError
from app.services.playbook.configuration import Precondition

_TAG: Final = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|\Z)')
TagList = Annotated[str, text(1_000, 1)]
ResponseT = TypeVar("ResponseT", bound=BaseModel)


def short_digest(content: BaseModel | bytes) -> str:
    """Return a short digest of a model, or of its JSON if that exists already."""
    body = content if isinstance(content, bytes) else content.model_dump_json().encode()
    return sha256(body).hexdigest()[:16]


def entity_tag(changed: int, computed_reply: BaseModel | None = None) -> str:
    """Return a resource's entity tag, with a digest of its reply if that has computed members."""
    return (
        f'"{changed}"' if computed_reply is None else f'"{changed}.{short_digest(computed_reply)}"'
    )


def parse_tags(header: str, name: str) -> list[tuple[bool, str]]:
    """Parse a header to (is weak, opaque part). Raises: InvalidError for anything but tags."""
    tags = []
    position = 0
    while position < len(header):
        match = _TAG.match(header, position)
        if match is None:
            raise InvalidError(
                f'{name} must be * or a list of entity tags such as "42".',
                [Fault(name, "no list of entity tags")],
            )
        tags.append((match[1] is not None, match[2]))
        position = match.end()
    return tags


def is_not_modified(request: Request, etag: str) -> bool:
    """Return True if If-None-Match names the current tag (weak comparison)."""
    header = ", ".join(request.headers.getlist("if-none-match")).strip()
    if not header:
        return False
    return header == "*" or any(
        f'"{opaque}"' == etag for _, opaque in parse_tags(header, "If-None-Match")
    )


def with_etag(
    request: Request, response: Response, model: ResponseT, etag: str
) -> ResponseT | Response:
    """Return the reply with its tag, or a 304 if the caller has it."""
    if is_not_modified(request, etag):
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return model


def body_etag(body: bytes) -> str:
    """Return the entity tag of a reply whose members are all computed."""
    return f'"{short_digest(body)}"'


def json_with_etag(request: Request, body: bytes, etag: str) -> Response:
    """Return serialized JSON with its tag, or a 304 if the caller has it."""
    if is_not_modified(request, etag):
        return Response(status_code=304, headers={"ETag": etag})
    return Response(body, media_type="application/json", headers={"ETag": etag})


async def _update_precondition(
    request: Request,
    if_match: Annotated[
        TagList | SkipJsonSchema[None],
        Header(alias="If-Match", description="Write only if the current tag is one of these."),
    ] = None,
) -> Precondition:
    return Precondition(_matching_versions(request), if_none_match=False)


async def _write_precondition(
    request: Request,
    if_match: Annotated[
        TagList | SkipJsonSchema[None],
        Header(alias="If-Match", description="Write only if the current tag is one of these."),
    ] = None,
    if_none_match: Annotated[
        TagList | SkipJsonSchema[None],
        Header(alias="If-None-Match", description="`*`: write only if it does not exist yet."),
    ] = None,
) -> Precondition:
    if if_none_match is not None and if_none_match.strip() != "*":
        raise InvalidError(
            "If-None-Match on a PUT can only be *.", [Fault("If-None-Match", "can only be * here")]
        )
    return Precondition(_matching_versions(request), if_none_match=if_none_match is not None)


def _matching_versions(request: Request) -> frozenset[str] | None:
    """Return the versions that If-Match allows, or None without it. Weak tags never match."""
    header = ", ".join(request.headers.getlist("if-match")).strip()
    if header in ("", "*"):
        return frozenset() if header else None
    strong_tags = {
        opaque.partition(".")[0] for weak, opaque in parse_tags(header, "If-Match") if not weak
    }
    return frozenset(strong_tags or {"-"})  # an empty set would mean any


UpdatePreconditionDep = Annotated[Precondition, Depends(_update_precondition)]
WritePreconditionDep = Annotated[Precondition, Depends(_write_precondition)]
IfNoneMatch = Annotated[
    TagList | SkipJsonSchema[None],
    Header(alias="If-None-Match", description="Return 304 if the current tag is one of these."),
]
