"""What the resources with a key have in common: reading one, listing, replying to a write."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, TypeVar, cast

from fastapi import Path, Query, Request, Response
from pydantic import BaseModel
from pydantic.json_schema import SkipJsonSchema

from app.api.http.authentication import RequestContext
from app.api.http.etags import entity_tag
from app.api.http.pagination import Paging
from app.api.http.schema_base import RequestModel
from app.api.http.schema_types import Day, Key
from app.domain.playbook.configuration import Resource, missing_message
from app.domain.primitives.errors import NotFoundError
from app.services.playbook import configuration_history as past
from app.services.playbook.configuration import WrittenResource
from app.store.playbook import configuration
from app.store.playbook.configuration import StoredResource

PageItem = TypeVar("PageItem")
ResourceT = TypeVar("ResourceT", bound=Resource)

IncludeArchived = Annotated[bool, Query(description="Archived ones too.")]
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


async def find_resource(
    context: RequestContext, kind: str, key: str, as_of: date | None = None
) -> StoredResource:
    """A live thing as it is kept, or as it was. Raises: NotFoundError for what is archived or was never there."""
    async with context.service.database.read_transaction() as connection:
        if as_of is not None:
            past_configuration = await past.configuration_as_of(
                connection, context.actor.organization, as_of, (kind,)
            )
            if key not in past_configuration.resources_of(kind):
                raise NotFoundError(missing_message(past_configuration, kind, key))
            return StoredResource(past_configuration.resources_of(kind)[key], 0, is_archived=False)
        stored = await configuration.find_resource(
            connection, context.actor.organization, kind, key
        )
        if stored is None or stored.is_archived:
            live_configuration = await configuration.load_configuration(
                connection, context.actor.organization, (kind,)
            )
            raise NotFoundError(missing_message(live_configuration, kind, key))
    return stored


async def list_page(
    context: RequestContext,
    paging: Paging,
    response: Response,
    kind: str,
    to_model: Callable[[StoredResource], PageItem],
    equals: Mapping[str, object | None],
    *,
    archived: bool = False,
    as_of: date | None = None,
) -> dict[str, Any]:  # Any: the members of a page, whose shape the caller knows
    """The members of one page: things by key. None among `equals` filters nothing."""
    filters = {name: expected for name, expected in equals.items() if expected is not None}
    if as_of is not None:
        return _to_page_fields(
            paging,
            response,
            to_model,
            await _list_as_of(context, kind, as_of, filters, paging.after, archived=archived),
        )
    async with context.service.database.read_transaction() as connection:
        rows = await configuration.list_resources(
            connection,
            context.actor.organization,
            kind,
            equals=filters,
            after_key=paging.after,
            limit=paging.limit + 1,
            include_archived=archived,
        )
    return _to_page_fields(paging, response, to_model, rows)


def _to_page_fields(
    paging: Paging,
    response: Response,
    to_model: Callable[[StoredResource], PageItem],
    rows: Sequence[StoredResource],
) -> dict[str, Any]:  # Any: as `page`
    page_rows, next_cursor = paging.paginate(
        response, rows, [stored.resource.key for stored in rows]
    )
    return {"items": [to_model(stored) for stored in page_rows], "next_cursor": next_cursor}


async def _list_as_of(
    context: RequestContext,
    kind: str,
    as_of: date,
    filters: Mapping[str, object],
    after: str | None,
    *,
    archived: bool,
) -> list[StoredResource]:
    """The things as they stood at the end of that day."""
    async with context.service.database.read_transaction() as connection:
        past_configuration = await past.configuration_as_of(
            connection, context.actor.organization, as_of, (kind,)
        )
    resources = [
        StoredResource(resource, 0, False)
        for resource in past_configuration.resources_of(kind).values()
    ]
    resources += [
        StoredResource(resource, 0, True)
        for resource in past_configuration.archived.get(kind, {}).values()
        if archived
    ]
    matches = [
        candidate
        for candidate in resources
        if all(getattr(candidate.resource, name) == expected for name, expected in filters.items())
    ]
    ordered = sorted(matches, key=lambda candidate: _key_order(candidate.resource.key))
    return [
        candidate
        for candidate in ordered
        if after is None or _key_order(candidate.resource.key) > _key_order(after)
    ]


def _key_order(key: str) -> tuple[str, ...]:
    """Where a key of several parts stands among its like."""
    return tuple(key.split("/"))


def set_write_headers(
    request: Request,
    response: Response,
    write_result: WrittenResource,
    computed: BaseModel | None = None,
) -> None:
    """The reply to a write says its tag and, for a new thing, where it is."""
    response.headers["ETag"] = entity_tag(write_result.version, computed)
    if write_result.is_new:
        response.status_code = 201
        response.headers["Location"] = request.scope["path"]


def merge_patch(
    body: RequestModel, resource_type: type[ResourceT]
) -> Callable[[Resource], Resource]:
    """The change that a merge patch of plain members asks for."""
    fields = body.sent_fields()

    def apply_patch(resource: Resource) -> Resource:
        return cast("ResourceT", replace(resource, **fields))

    return apply_patch
