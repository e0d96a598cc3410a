"""Sources over HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import Request, Response

from app.api.http.authentication import Call, Caller
from app.api.http.body import JSON, merged
from app.api.http.etags import Change, Creation, IfNoneMatch, shown, tag
from app.api.http.pagination import Pages
from app.api.http.resources import Archived, SourceKey, find, page, written
from app.api.http.route import Contract, declare, deletes, desk, lists, patches, puts, reads
from app.api.sources.source_schemas import (
    ConnectedSource,
    SecretRotation,
    Source,
    SourcePage,
    SourcePatch,
    SourcePut,
)
from app.domain.playbook.configuration import Noun
from app.domain.sources.sources import Source as SourceValue
from app.services.playbook import configuration
from app.services.sources import sources as flow
from app.services.sources.sources import Connected
from app.store.playbook.configuration import Stored
from app.store.sources.source_health import Health

router = desk("sources")


def _health(found: Health) -> dict[str, Any]:  # Any: the members of a reply
    unmapped = [
        {"property": name, "value": value, "count": count} for name, value, count in found.unmapped
    ]
    members = {name: getattr(found, name) for name in Health.__slots__}
    return {**members, "unmapped": unmapped}


async def _show(call: Call, found: Sequence[Stored]) -> list[Source]:
    known = [stored.value for stored in found if isinstance(stored.value, SourceValue)]
    health, hooks = await flow.health(call.service, call.actor, known)
    url = f"{call.service.public_url}/hooks/"
    return [
        Source.of(
            stored.value,
            hook_url=url + hooks[stored.value.key] if stored.value.key in hooks else None,
            health=_health(health[stored.value.key]),
            archived=stored.archived,
        )
        for stored in found
    ]


async def _reply(call: Call, response: Response, done: Connected) -> ConnectedSource:
    (reply,) = await _show(call, [Stored(done.written.value, done.written.changed, archived=False)])
    written(call.request, response, done.written, reply)
    return ConnectedSource.model_validate({**dict(reply), "secret": done.secret})


@router.get("/v1/sources", **lists())
async def list_sources(
    call: Caller, response: Response, paging: Pages, archived: Archived = False
) -> SourcePage:
    """The organization's sources, by key, and how each is doing."""

    def same(stored: Stored) -> Stored:
        return stored

    found = await page(call, paging, response, "source", same, {}, archived=archived)
    return SourcePage(items=await _show(call, found["items"]), next_cursor=found["next_cursor"])


@router.get("/v1/sources/{source}", response_model=Source, **reads())
async def get_source(
    call: Caller, request: Request, response: Response, source: SourceKey, seen: IfNoneMatch = None
) -> object:
    """One source, and how it is doing."""
    stored = await find(call, "source", source)
    (reply,) = await _show(call, [stored])
    return shown(request, response, reply, tag(stored.changed, reply))


@router.put("/v1/sources/{source}", **puts("admin"))
async def put_source(
    call: Caller, response: Response, source: SourceKey, body: SourcePut, precondition: Creation
) -> ConnectedSource:
    """Creates the source, or replaces it; without a secret it keeps the one it has."""
    noun = _value(source, body)
    done = await flow.put(call.service, call.actor, noun, body.secret, precondition)
    return await _reply(call, response, done)


def _value(key: str, body: SourcePut) -> SourceValue:
    return SourceValue(key, body.name, body.connector, body.account, body.team, body.mapping)


@router.patch("/v1/sources/{source}", **patches("admin"))
async def patch_source(
    call: Caller, response: Response, source: SourceKey, body: SourcePatch, precondition: Change
) -> ConnectedSource:
    """Changes what the merge patch names."""
    given = body.given()
    secret = given.pop("secret", None)

    def edit(noun: Noun) -> Noun:
        assert isinstance(noun, SourceValue)
        return replace(noun, **_merged(noun, given))

    done = await flow.patch(call.service, call.actor, source, edit, secret, precondition)
    return await _reply(call, response, done)


def _merged(
    noun: SourceValue, given: Mapping[str, Any]
) -> dict[str, Any]:  # Any: each member has its own type
    if "mapping" not in given:
        return dict(given)
    return {**given, "mapping": merged(dict(noun.mapping), given["mapping"])}


@router.delete("/v1/sources/{source}", **deletes("admin"))
async def delete_source(call: Caller, source: SourceKey, precondition: Change) -> None:
    """Archives the source; its hook takes nothing any more."""
    await configuration.archive(call.service, call.actor, "source", source, precondition)


@router.post(
    "/v1/sources/{source}/rotate",
    **declare(Contract("admin", JSON, problems=(409,), etag=True, may_be_empty=True)),
)
async def rotate_secret(
    call: Caller, response: Response, source: SourceKey, body: SecretRotation | None = None
) -> ConnectedSource:
    """Gives the source a new secret; the one before is taken for another 24 hours."""
    secret = None if body is None else body.secret
    return await _reply(call, response, await flow.rotate(call.service, call.actor, source, secret))
