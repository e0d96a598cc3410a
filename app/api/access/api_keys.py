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
    team: Annotated[Key | None, Field(description="The only team that it may write for.")]
    source: Annotated[Key | None, Field(description="The only source that it may write for.")]
    expires_at: Instant | None
    last_four: Annotated[str, text(4)]
    created_at: Instant
    created_by: Annotated[str, text(300, 1)]
    last_used_at: Annotated[Instant | None, Field(description="Accurate to the minute.")]

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE_KEY)}


class IssuedApiKey(ApiKey):
    """A new API key, and the key itself: it is not shown again."""

    api_key: Annotated[
        Secret, Field(description="The value for the Authorization header. It is not shown again.")
    ]

    model_config = {
        "json_schema_extra": json_schema_example(**EXAMPLE_KEY, api_key="sightline_...")
    }


class ApiKeyPage(ResponseModel):
    """A page of API keys."""

    items: Annotated[list[ApiKey], Field(max_length=200)]
    next_cursor: Cursor | None


class NewApiKey(RequestModel):
    """A new key. It cannot have scopes or bindings beyond those of the caller's own key."""

    name: Name
    scopes: Scopes
    team: Key | None = None
    source: Key | None = None
    expires_at: Instant | None = None

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


def _key_fields(key: ApiKeyValue) -> dict[str, object]:
    return {field_name: getattr(key, field_name) for field_name in ApiKey.model_fields}


def _parse_position(cursor_position: str) -> tuple[datetime, str]:
    created_at, key_id = cursor_position.split(" ")
    return parse_instant(created_at), key_id


@router.get("/v1/api-keys", **list_contract("admin"))
async def list_api_keys(context: ContextDep, paging: PagingDep) -> ApiKeyPage:
    """List the keys that are not revoked, oldest first."""
    after = paging.start_position(_parse_position)
    async with context.service.database.read_transaction() as connection:
        stored_keys = await api_keys_store.list_api_keys(
            connection, context.actor.organization, after, paging.limit + 1
        )
    positions = [
        f"{stored_key.created_at.isoformat()} {stored_key.id}" for stored_key in stored_keys
    ]
    page_keys, next_cursor = paging.paginate(
        [ApiKey.model_validate(_key_fields(stored_key)) for stored_key in stored_keys], positions
    )
    return ApiKeyPage(items=page_keys, next_cursor=next_cursor)


@router.post("/v1/api-keys", status_code=201, **route_contract(Contract("admin", JSON)))
async def issue_api_key(context: ContextDep, body: NewApiKey) -> IssuedApiKey:
    """Issue a key. Only this reply contains the key itself."""
    if len(set(body.scopes)) < len(body.scopes):
        raise InvalidError("A scope is named twice.", [Fault("/scopes", "each scope at most once")])
    key_request = api_keys_service.IssueKey(
        body.name, frozenset(body.scopes), body.team, body.source, body.expires_at
    )
    issued_key, secret = await api_keys_service.issue_key(
        context.service, context.actor, key_request
    )
    return IssuedApiKey.model_validate({**_key_fields(issued_key), "api_key": secret})


@router.delete(
    "/v1/api-keys/{id}", **{**delete_contract("admin"), **route_contract(Contract("admin"))}
)
async def revoke_api_key(
    context: ContextDep,
    id: Annotated[
        KeyId, Path(description="The key's public id.", examples=["0aZ3bY7cX1d"])
    ],  # the name in the path
) -> None:
    """Revoke the key. It is refused from the next request on."""
    await api_keys_service.revoke_key(context.service, context.actor, id)
