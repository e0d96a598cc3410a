"""The endpoints of API keys: issue, list without the secret, revoke."""

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from app.api.http.authentication import ContextDep
from app.api.http.body import JSON
from app.api.http.pagination import PagingDep, parse_instant
from app.api.http.route import (
    Contract,
    create_router,
    delete_contract,
    list_contract,
    route_contract,
)
from app.api.http.schema_base import RequestModel, ResponseModel, json_schema_example
from app.api.http.schema_types import Cursor, Instant, Key, Name, Scope, Secret, text
from app.domain.primitives.errors import Fault, InvalidError
from app.services.access import api_keys as api_keys_service
from app.store.access import api_keys as api_keys_store
from app.store.access.api_keys import StoredApiKey as ApiKeyValue

router = create_router("api-keys")
KeyId = Annotated[str, text(40, 1, r"^[A-Za-z0-9]+$")]
EXAMPLE = {
    "name": "billing",
    "scopes": ["events:write"],
    "team": None,
    "source": "billing",
    "expires_at": None,
}
EXAMPLE_KEY = {
    "id": "0aZ3bY7cX1d",
    **EXAMPLE,
    "last_four": "9f3K",
    "created_at": "2026-10-01T09:00:00Z",
    "created_by": "operator",
    "last_used_at": None,
}
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=4)]


class ApiKey(ResponseModel):
    """An API key, without the key."""

    id: KeyId
    name: Name
    scopes: Annotated[list[Scope], Field(max_length=4)]
    team: Annotated[Key | None, Field(description="The team for which alone it may write.")]
    source: Annotated[Key | None, Field(description="The source for which alone it may write.")]
    expires_at: Instant | None
    last_four: Annotated[str, text(4)]
    created_at: Instant
    created_by: Annotated[str, text(300, 1)]
    last_used_at: Annotated[Instant | None, Field(description="To the minute.")]

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE_KEY)}


class IssuedApiKey(ApiKey):
    """A new API key, and the key itself: it is not shown again."""

    api_key: Annotated[
        Secret, Field(description="What goes into the Authorization header; keep it now.")
    ]

    model_config = {
        "json_schema_extra": json_schema_example(**EXAMPLE_KEY, api_key="sightline_...")
    }


class ApiKeyPage(ResponseModel):
    """A page of API keys."""

    items: Annotated[list[ApiKey], Field(max_length=200)]
    next_cursor: Cursor | None


class NewApiKey(RequestModel):
    """What a new key shall be; nobody issues one beyond their own scopes or binding."""

    name: Name
    scopes: Scopes
    team: Key | None = None
    source: Key | None = None
    expires_at: Instant | None = None

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


def _key_fields(key: ApiKeyValue) -> dict[str, object]:
    return {name: getattr(key, name) for name in ApiKey.model_fields}


def _parse_position(cursor_position: str) -> tuple[datetime, str]:
    created_at, key_id = cursor_position.split(" ")
    return parse_instant(created_at), key_id


@router.get("/v1/api-keys", **list_contract("admin"))
async def list_api_keys(context: ContextDep, paging: PagingDep) -> ApiKeyPage:
    """The keys that are not revoked, oldest first."""
    after = paging.start_position(_parse_position)
    async with context.service.database.read_transaction() as connection:
        stored_keys = await api_keys_store.list_api_keys(
            connection, context.actor.organization, after, paging.limit + 1
        )
    positions = [f"{key.created_at.isoformat()} {key.id}" for key in stored_keys]
    page_keys, next_cursor = paging.paginate(
        [ApiKey.model_validate(_key_fields(key)) for key in stored_keys], positions
    )
    return ApiKeyPage(items=page_keys, next_cursor=next_cursor)


@router.post("/v1/api-keys", status_code=201, **route_contract(Contract("admin", JSON)))
async def issue_api_key(context: ContextDep, body: NewApiKey) -> IssuedApiKey:
    """Issues a key; the reply is the only place that shows it."""
    if len(set(body.scopes)) < len(body.scopes):
        raise InvalidError("A scope is named twice.", [Fault("/scopes", "each scope at most once")])
    key_request = api_keys_service.IssueKey(
        body.name, frozenset(body.scopes), body.team, body.source, body.expires_at
    )
    key, secret = await api_keys_service.issue_key(context.service, context.actor, key_request)
    return IssuedApiKey.model_validate({**_key_fields(key), "api_key": secret})


@router.delete(
    "/v1/api-keys/{id}", **{**delete_contract("admin"), **route_contract(Contract("admin"))}
)
async def revoke_api_key(
    context: ContextDep,
    id: Annotated[
        KeyId, Path(description="The key's public id.", examples=["0aZ3bY7cX1d"])
    ],  # the name in the path
) -> None:
    """Revokes the key; it is refused from the next request on."""
    await api_keys_service.revoke_key(context.service, context.actor, id)
