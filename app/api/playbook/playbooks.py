"""The endpoints of playbooks: their resources, publishing and closing."""

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from fastapi import Response
from pydantic import Field

from app.api.http.authentication import ContextDep, RequestContext
from app.api.http.etags import (
    IfNoneMatch,
    UpdatePreconditionDep,
    WritePreconditionDep,
    entity_tag,
    with_etag,
)
from app.api.http.pagination import PagingDep
from app.api.http.resources import (
    IncludeArchived,
    PlaybookKey,
    find_resource,
    list_resources,
    merge_patch,
    set_write_headers,
)
from app.api.http.route import (
    Contract,
    create_router,
    delete_contract,
    list_contract,
    patch_contract,
    put_contract,
    read_contract,
    route_contract,
)
from app.api.http.schema_base import RequestModel, ResponseModel, json_schema_example, to_domain
from app.api.http.schema_types import (
    Cursor,
    Day,
    Instant,
    Int32,
    Key,
    Name,
    Narrative,
    optional_member,
)
from app.domain.playbook.configuration import Resource
from app.domain.playbook.lifecycle import count_unpublished_changes
from app.domain.playbook.playbooks import Playbook as PlaybookValue
from app.services.playbook import configuration as configuration_service
from app.services.playbook import playbooks
from app.services.playbook.configuration import WrittenResource
from app.store.playbook.configuration import ResourceFilter, load_configuration

router = create_router("playbooks")
REVISION_KINDS: Final = ("playbook", "objective", "key_result", "responsibility", "revision")
EXAMPLE = {
    "title": "Win the enterprise",
    "narrative": "",
    "starts_on": "2026-10-01",
    "ends_on": "2026-12-31",
}
EXAMPLE_STATE = {
    "state": "published",
    "revision": 3,
    "published_at": "2026-09-28T08:00:00Z",
    "unpublished_changes": 0,
}


class Playbook(ResponseModel):
    """A strategy for a period."""

    key: Key
    title: Name
    narrative: Narrative
    starts_on: Day
    ends_on: Annotated[Day, Field(description="The last day, inclusive.")]
    state: Literal["draft", "published", "closed"]
    revision: Annotated[Int32, Field(description="0 before the first publishing.")]
    published_at: Instant | None
    unpublished_changes: Annotated[
        Int32, Field(description="The number of parts that differ from the revision.")
    ]
    archived: bool

    model_config = {
        "json_schema_extra": json_schema_example(
            key="fy26-q4", **EXAMPLE, **EXAMPLE_STATE, archived=False
        )
    }


class PlaybookPage(ResponseModel):
    """A page of playbooks."""

    items: Annotated[list[Playbook], Field(max_length=200)]
    next_cursor: Cursor | None


class PlaybookPut(RequestModel):
    """A playbook to create or replace.

    Changes take effect at once and count as unpublished until the next publishing.
    """

    title: Name
    narrative: Narrative = ""
    starts_on: Day
    ends_on: Annotated[Day, Field(description="The last day, inclusive.")]

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


class PlaybookPatch(RequestModel):
    """The changes of a playbook."""

    title: Name = optional_member()
    narrative: Narrative = optional_member()
    starts_on: Day = optional_member()
    ends_on: Day = optional_member()

    model_config = {"json_schema_extra": json_schema_example(title="Win and keep the enterprise")}


async def _count_unpublished(context: RequestContext, keys: Iterable[str]) -> dict[str, int]:
    """Return the number of unpublished changes of each playbook; 0 for an archived one."""
    async with context.service.database.read_transaction() as connection:
        configuration_subset = await load_configuration(
            connection, context.actor.organization, REVISION_KINDS
        )
    return {
        playbook_key: count_unpublished_changes(configuration_subset, playbook_key)
        if playbook_key in configuration_subset.playbooks
        else 0
        for playbook_key in keys
    }


async def _to_playbook(context: RequestContext, resource: Resource) -> Playbook:
    counts = await _count_unpublished(context, [resource.key])
    return Playbook.from_domain(resource, archived=False, unpublished_changes=counts[resource.key])


async def _reply_to_write(
    context: RequestContext, response: Response, written: WrittenResource
) -> Playbook:
    reply = await _to_playbook(context, written.resource)
    set_write_headers(context, response, written, reply)
    return reply


@router.get("/v1/playbooks", **list_contract())
async def list_playbooks(
    context: ContextDep, paging: PagingDep, archived: IncludeArchived = False
) -> PlaybookPage:
    """List the playbooks, by key."""
    rows, next_cursor = await list_resources(
        context, paging, ResourceFilter("playbook", include_archived=archived)
    )
    counts = await _count_unpublished(context, [stored.resource.key for stored in rows])
    page_playbooks = [
        Playbook.from_domain(
            stored.resource,
            archived=stored.is_archived,
            unpublished_changes=counts[stored.resource.key],
        )
        for stored in rows
    ]
    return PlaybookPage(items=page_playbooks, next_cursor=next_cursor)


@router.get("/v1/playbooks/{playbook}", response_model=Playbook, **read_contract())
async def get_playbook(
    context: ContextDep,
    response: Response,
    playbook: PlaybookKey,
    if_none_match: IfNoneMatch = None,
) -> object:
    """Return one playbook."""
    stored = await find_resource(context, "playbook", playbook)
    reply = await _to_playbook(context, stored.resource)
    return with_etag(context.request, response, reply, entity_tag(stored.changed_version, reply))


@router.put("/v1/playbooks/{playbook}", **put_contract("playbook:write"))
async def put_playbook(
    context: ContextDep,
    response: Response,
    playbook: PlaybookKey,
    body: PlaybookPut,
    precondition: WritePreconditionDep,
) -> Playbook:
    """Create the playbook as a draft, or replace its content. State and revision stay."""
    written = await configuration_service.put_resource(
        context.service, context.actor, to_domain(PlaybookValue, body, key=playbook), precondition
    )
    return await _reply_to_write(context, response, written)


@router.patch("/v1/playbooks/{playbook}", **patch_contract("playbook:write"))
async def patch_playbook(
    context: ContextDep,
    response: Response,
    playbook: PlaybookKey,
    body: PlaybookPatch,
    precondition: UpdatePreconditionDep,
) -> Playbook:
    """Change the members in the merge patch."""
    written = await configuration_service.patch_resource(
        context.service, context.actor, "playbook", playbook, merge_patch(body), precondition
    )
    return await _reply_to_write(context, response, written)


@router.delete("/v1/playbooks/{playbook}", **delete_contract("playbook:write"))
async def delete_playbook(
    context: ContextDep, playbook: PlaybookKey, precondition: UpdatePreconditionDep
) -> None:
    """Archive the playbook. Its objectives must be archived before."""
    await configuration_service.archive_resource(
        context.service, context.actor, "playbook", playbook, precondition
    )


@router.post(
    "/v1/playbooks/{playbook}/publish",
    **route_contract(Contract("playbook:write", problem_statuses=(409,), has_etag=True)),
)
async def publish_playbook(
    context: ContextDep, response: Response, playbook: PlaybookKey
) -> Playbook:
    """Publish the next revision. Without a change, return the last one."""
    written = await playbooks.publish_playbook(context.service, context.actor, playbook)
    return await _reply_to_write(context, response, written)


@router.post(
    "/v1/playbooks/{playbook}/close",
    **route_contract(Contract("playbook:write", problem_statuses=(409,), has_etag=True)),
)
async def close_playbook(
    context: ContextDep, response: Response, playbook: PlaybookKey
) -> Playbook:
    """Close a published playbook."""
    written = await playbooks.close_playbook(context.service, context.actor, playbook)
    return await _reply_to_write(context, response, written)
