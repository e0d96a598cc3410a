"""The common handlers of the resources with a key: read, list, put, patch and archive."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Path, Query, Response
from pydantic import BaseModel
from pydantic.json_schema import SkipJsonSchema

from app.api.http.authentication import RequestContext
from app.api.http.etags import entity_tag, with_etag
from app.api.http.pagination import Paging
from app.api.http.schema_base import RequestModel, ResponseModel
from app.api.http.schema_types import Day, Key
from app.domain.playbook.configuration import Resource, missing_message
from app.domain.primitives.errors import NotFoundError
from app.services.playbook import configuration as configuration_service
from app.services.playbook import configuration_history
from app.services.playbook.configuration import Precondition, WrittenResource
from app.store.playbook import configuration as configuration_store
from app.store.playbook.configuration import ResourceFilter, StoredResource

ModelT = TypeVar("ModelT", bound=ResponseModel)

IncludeArchived = Annotated[bool, Query(description="Include archived ones.")]
AsOf = Annotated[
    Day | SkipJsonSchema[None],
    Query(description="The day at whose end they are listed. Default: now."),
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
    """Return a live resource, now or at the end of a day. Raises: NotFoundError."""
    async with context.service.database.read_transaction() as connection:
        if as_of is not None:
            past_configuration = await configuration_history.configuration_as_of(
                connection, context.actor.organization, as_of, (kind,)
            )
            if key not in past_configuration.resources_of(kind):
                raise NotFoundError(missing_message(past_configuration, kind, key))
            return StoredResource(past_configuration.resources_of(kind)[key], 0, is_archived=False)
        stored = await configuration_store.find_resource(
            connection, context.actor.organization, kind, key
        )
        if stored is None or stored.is_archived:
            live_configuration = await configuration_store.load_configuration(
                connection, context.actor.organization, (kind,)
            )
            raise NotFoundError(missing_message(live_configuration, kind, key))
    return stored


async def list_resources(
    context: RequestContext,
    paging: Paging,
    resource_filter: ResourceFilter,
    as_of: date | None = None,
) -> tuple[list[StoredResource], str | None]:
    """Return one page of resources, now or at the end of a day, and the next cursor."""
    organization = context.actor.organization
    async with context.service.database.read_transaction() as connection:
        if as_of is None:
            rows = await configuration_store.list_resources(
                connection, organization, resource_filter, paging.after, paging.limit + 1
            )
        else:
            rows = await configuration_history.list_resources_as_of(
                connection, organization, as_of, resource_filter, paging.after
            )
    return paging.paginate(rows, [stored.resource.key for stored in rows])


def set_write_headers(
    context: RequestContext,
    response: Response,
    written: WrittenResource,
    computed_reply: BaseModel | None = None,
) -> None:
    """Set the entity tag and, for a new resource, status 201 and its address.

    `computed_reply` is the reply if it shows more than the resource itself.
    """
    response.headers["ETag"] = entity_tag(written.version, computed_reply)
    if written.is_new:
        response.status_code = 201
        response.headers["Location"] = context.request.scope["path"]


def merge_patch(body: RequestModel) -> Callable[[Resource], Resource]:
    """Return the function that applies a merge patch of plain members to a resource."""
    fields = body.sent_fields()

    def apply_patch(resource: Resource) -> Resource:
        return replace(resource, **fields)

    return apply_patch


@dataclass(frozen=True, slots=True)
class KeyedResource(Generic[ModelT]):
    """The handlers of one kind of resource whose reply shows the resource and nothing computed."""

    kind: str
    model: type[ModelT]

    def to_model(self, resource: Resource, *, is_archived: bool = False) -> ModelT:
        """Convert a resource to the body of a reply."""
        return self.model.from_domain(resource, archived=is_archived)

    async def get_resource(
        self, context: RequestContext, response: Response, key: str
    ) -> ModelT | Response:
        """Return a live resource, or a 304 if the caller has it. Raises: NotFoundError."""
        stored = await find_resource(context, self.kind, key)
        return with_etag(
            context.request,
            response,
            self.to_model(stored.resource),
            entity_tag(stored.changed_version),
        )

    async def list_page(
        self,
        context: RequestContext,
        paging: Paging,
        equals: Mapping[str, object | None],
        *,
        archived: bool = False,
        as_of: date | None = None,
    ) -> dict[str, Any]:  # Any: the members of a page
        """Return the members of one page, by key. A None in `equals` filters nothing."""
        filters = {
            filter_name: required
            for filter_name, required in equals.items()
            if required is not None
        }
        resource_filter = ResourceFilter(self.kind, filters, archived)
        rows, next_cursor = await list_resources(context, paging, resource_filter, as_of)
        return {
            "items": [
                self.to_model(stored.resource, is_archived=stored.is_archived) for stored in rows
            ],
            "next_cursor": next_cursor,
        }

    async def put_resource(
        self,
        context: RequestContext,
        response: Response,
        resource: Resource,
        precondition: Precondition,
    ) -> ModelT:
        """Create or replace a resource."""
        written = await configuration_service.put_resource(
            context.service, context.actor, resource, precondition
        )
        return self.reply_to_write(context, response, written)

    async def patch_resource(
        self,
        context: RequestContext,
        response: Response,
        key: str,
        body: RequestModel,
        precondition: Precondition,
    ) -> ModelT:
        """Apply a merge patch to a resource."""
        written = await configuration_service.patch_resource(
            context.service, context.actor, self.kind, key, merge_patch(body), precondition
        )
        return self.reply_to_write(context, response, written)

    async def archive_resource(
        self, context: RequestContext, key: str, precondition: Precondition
    ) -> None:
        """Archive a resource."""
        await configuration_service.archive_resource(
            context.service, context.actor, self.kind, key, precondition
        )

    def reply_to_write(
        self, context: RequestContext, response: Response, written: WrittenResource
    ) -> ModelT:
        """Return the reply to a write, with its headers set."""
        set_write_headers(context, response, written)
        return self.to_model(written.resource)
