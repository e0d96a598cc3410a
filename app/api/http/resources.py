"""What the resources with a key have in common: reading one, listing, replying to a write."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, TypeVar, cast

from fastapi import Path, Query, Request, Response
from pydantic import BaseModel
from pydantic.json_schema import SkipJsonSchema

from app.api.http.authentication import Call
from app.api.http.etags import tag
from app.api.http.pagination import Paging
from app.api.http.schema_base import Given
from app.api.http.schema_types import Day, Key
from app.domain.playbook.configuration import Noun, missing
from app.domain.primitives.errors import NotFoundError
from app.services.playbook import configuration_history as past
from app.services.playbook.configuration import Written
from app.store.playbook import configuration
from app.store.playbook.configuration import Stored

Item = TypeVar("Item")
Kind = TypeVar("Kind", bound=Noun)

Archived = Annotated[bool, Query(description="Archived ones too.")]
AsOf = Annotated[
    Day | SkipJsonSchema[None], Query(description="As they stood at the end of this day; else now.")
]
TeamKey = Annotated[Key, Path(description="The team's key.", examples=["sales"])]
MetricKey = Annotated[Key, Path(description="The metric's key.", examples=["enterprise-arr"])]
OfferingKey = Annotated[Key, Path(description="The offering's key.", examples=["onboarding-plus"])]
PlaybookKey = Annotated[Key, Path(description="The playbook's key.", examples=["fy26-q4"])]
ObjectiveKey = Annotated[Key, Path(description="The objective's key.", examples=["win-enterprise"])]
KeyResultKey = Annotated[Key, Path(description="The key result's key.", examples=["arr-2m"])]
SourceKey = Annotated[Key, Path(description="The source's key.", examples=["billing"])]


async def find(call: Call, kind: str, key: str, as_of: date | None = None) -> Stored:
    """A live thing as it is kept, or as it was. Raises: NotFoundError for what is archived or was never there."""
    async with call.service.database.reading() as connection:
        if as_of is not None:
            then = await past.configured(connection, call.actor.organization, as_of, (kind,))
            if key not in then.of(kind):
                raise NotFoundError(missing(then, kind, key))
            return Stored(then.of(kind)[key], 0, archived=False)
        found = await configuration.find(connection, call.actor.organization, kind, key)
        if found is None or found.archived:
            known = await configuration.load(connection, call.actor.organization, (kind,))
            raise NotFoundError(missing(known, kind, key))
    return found


async def page(
    call: Call,
    paging: Paging,
    response: Response,
    kind: str,
    show: Callable[[Stored], Item],
    equals: Mapping[str, object | None],
    *,
    archived: bool = False,
    as_of: date | None = None,
) -> dict[str, Any]:  # Any: the members of a page, whose shape the caller knows
    """The members of one page: things by key. None among `equals` filters nothing."""
    filters = {name: value for name, value in equals.items() if value is not None}
    if as_of is not None:
        return _cut(
            paging,
            response,
            show,
            await _then(call, kind, as_of, filters, paging.after, archived=archived),
        )
    async with call.service.database.reading() as connection:
        found = await configuration.page(
            connection,
            call.actor.organization,
            kind,
            equals=filters,
            after=paging.after,
            limit=paging.limit + 1,
            archived=archived,
        )
    return _cut(paging, response, show, found)


def _cut(
    paging: Paging, response: Response, show: Callable[[Stored], Item], found: Sequence[Stored]
) -> dict[str, Any]:  # Any: as `page`
    items, following = paging.cut(response, found, [stored.value.key for stored in found])
    return {"items": [show(stored) for stored in items], "next_cursor": following}


async def _then(
    call: Call,
    kind: str,
    as_of: date,
    filters: Mapping[str, object],
    after: str | None,
    *,
    archived: bool,
) -> list[Stored]:
    """The things as they stood at the end of that day."""
    async with call.service.database.reading() as connection:
        known = await past.configured(connection, call.actor.organization, as_of, (kind,))
    there = [Stored(noun, 0, False) for noun in known.of(kind).values()]
    there += [Stored(noun, 0, True) for noun in known.archived.get(kind, {}).values() if archived]
    wanted = [
        one
        for one in there
        if all(getattr(one.value, name) == value for name, value in filters.items())
    ]
    ordered = sorted(wanted, key=lambda one: _place(one.value.key))
    return [one for one in ordered if after is None or _place(one.value.key) > _place(after)]


def _place(key: str) -> tuple[str, ...]:
    """Where a key of several parts stands among its like."""
    return tuple(key.split("/"))


def written(
    request: Request, response: Response, done: Written, computed: BaseModel | None = None
) -> None:
    """The reply to a write says its tag and, for a new thing, where it is."""
    response.headers["ETag"] = tag(done.changed, computed)
    if done.created:
        response.status_code = 201
        response.headers["Location"] = request.scope["path"]


def edited(body: Given, kind: type[Kind]) -> Callable[[Noun], Noun]:
    """The change that a merge patch of plain members asks for."""
    given = body.given()

    def edit(noun: Noun) -> Noun:
        return cast("Kind", replace(noun, **given))

    return edit
