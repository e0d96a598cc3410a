"""The endpoints of sources."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import Response

from app.api.http.authentication import ContextDep, RequestContext
from app.api.http.body import JSON, apply_merge_patch
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
    SourceKey,
    find_resource,
    list_resources,
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
from app.api.sources.source_schemas import (
    ConnectedSource,
    SecretRotation,
    Source,
    SourcePage,
    SourcePatch,
    SourcePut,
)
from app.domain.playbook.configuration import Resource
from app.domain.sources.sources import Source as SourceValue
from app.services.playbook import configuration as configuration_service
from app.services.sources import sources as sources_service
from app.services.sources.sources import SavedSource
from app.store.playbook.configuration import ResourceFilter, StoredResource
from app.store.sources.source_health import SourceHealthReport

router = create_router("sources")


def _to_health_fields(
    source_health: SourceHealthReport,
) -> dict[str, Any]:  # Any: the members of a reply
    unmapped = [
        {"property": field_name, "value": raw_value, "count": count}
        for field_name, raw_value, count in source_health.unmapped
    ]
    copied_fields = {
        field_name: getattr(source_health, field_name)
        for field_name in SourceHealthReport.__slots__
    }
    return {**copied_fields, "unmapped": unmapped}


async def _to_sources(context: RequestContext, rows: Sequence[StoredResource]) -> list[Source]:
    source_values = [stored.resource for stored in rows if isinstance(stored.resource, SourceValue)]
    health, hooks = await sources_service.get_health(context.service, context.actor, source_values)
    hook_base_url = f"{context.service.public_url}/hooks/"
    return [
        Source.from_domain(
            stored.resource,
            hook_url=hook_base_url + hooks[stored.resource.key]
            if stored.resource.key in hooks
            else None,
            health=_to_health_fields(health[stored.resource.key]),
            archived=stored.is_archived,
        )
        for stored in rows
    ]


async def _reply_to_write(
    context: RequestContext, response: Response, saved: SavedSource
) -> ConnectedSource:
    written = saved.written_resource
    stored = StoredResource(written.resource, written.version, is_archived=False)
    (reply,) = await _to_sources(context, [stored])
    set_write_headers(context, response, written, reply)
    return ConnectedSource.model_validate({**dict(reply), "secret": saved.secret})


@router.get("/v1/sources", **list_contract())
async def list_sources(
    context: ContextDep, paging: PagingDep, archived: IncludeArchived = False
) -> SourcePage:
    """List the sources with their health, by key."""
    rows, next_cursor = await list_resources(
        context, paging, ResourceFilter("source", include_archived=archived)
    )
    return SourcePage(items=await _to_sources(context, rows), next_cursor=next_cursor)


@router.get("/v1/sources/{source}", response_model=Source, **read_contract())
async def get_source(
    context: ContextDep,
    response: Response,
    source: SourceKey,
    if_none_match: IfNoneMatch = None,
) -> object:
    """Return one source with its health."""
    stored = await find_resource(context, "source", source)
    (reply,) = await _to_sources(context, [stored])
    return with_etag(context.request, response, reply, entity_tag(stored.changed_version, reply))


@router.put("/v1/sources/{source}", **put_contract("admin"))
async def put_source(
    context: ContextDep,
    response: Response,
    source: SourceKey,
    body: SourcePut,
    precondition: WritePreconditionDep,
) -> ConnectedSource:
    """Create or replace the source. Without a secret, its current one stays."""
    new_source = _to_source_value(source, body)
    saved = await sources_service.put_source(
        context.service, context.actor, new_source, body.secret, precondition
    )
    return await _reply_to_write(context, response, saved)


def _to_source_value(key: str, body: SourcePut) -> SourceValue:
    return SourceValue(key, body.name, body.connector, body.account, body.team, body.mapping)


@router.patch("/v1/sources/{source}", **patch_contract("admin"))
async def patch_source(
    context: ContextDep,
    response: Response,
    source: SourceKey,
    body: SourcePatch,
    precondition: UpdatePreconditionDep,
) -> ConnectedSource:
    """Change the members in the merge patch."""
    fields = body.sent_fields()
    secret = fields.pop("secret", None)

    def apply_patch(source_value: Resource) -> Resource:
        assert isinstance(source_value, SourceValue)
        return replace(source_value, **_merge_fields(source_value, fields))

    saved = await sources_service.patch_source(
        context.service, context.actor, source, apply_patch, secret, precondition
    )
    return await _reply_to_write(context, response, saved)


def _merge_fields(
    source: SourceValue, fields: Mapping[str, Any]
) -> dict[str, Any]:  # Any: each member has its own type
    if "mapping" not in fields:
        return dict(fields)
    return {**fields, "mapping": apply_merge_patch(dict(source.mapping), fields["mapping"])}


@router.delete("/v1/sources/{source}", **delete_contract("admin"))
async def delete_source(
    context: ContextDep, source: SourceKey, precondition: UpdatePreconditionDep
) -> None:
    """Archive the source. Its hook accepts no more deliveries."""
    await configuration_service.archive_resource(
        context.service, context.actor, "source", source, precondition
    )


@router.post(
    "/v1/sources/{source}/rotate",
    **route_contract(
        Contract("admin", JSON, problem_statuses=(409,), has_etag=True, is_body_optional=True)
    ),
)
async def rotate_secret(
    context: ContextDep, response: Response, source: SourceKey, body: SecretRotation | None = None
) -> ConnectedSource:
    """Replace the secret. The previous one stays valid for 24 hours."""
    secret = None if body is None else body.secret
    saved = await sources_service.rotate_secret(context.service, context.actor, source, secret)
    return await _reply_to_write(context, response, saved)
