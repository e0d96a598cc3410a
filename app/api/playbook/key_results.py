"""Key results over HTTP."""

from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.api.http.authentication import Caller
from app.api.http.etags import Change, Creation, IfNoneMatch, shown, tag
from app.api.http.pagination import Pages
from app.api.http.resources import Archived, AsOf, KeyResultKey, edited, find, page, written
from app.api.http.route import deletes, desk, lists, patches, puts, reads
from app.api.http.schema_base import Given, Shown, example, made
from app.api.http.schema_types import (
    Cursor,
    Day,
    Days,
    Key,
    Name,
    Number,
    Positive,
    ShownNumber,
    default,
    unset,
)
from app.domain.playbook.objectives import KeyResult as KeyResultValue
from app.domain.primitives.decimals import ONE
from app.services.playbook import configuration
from app.store.playbook.configuration import Stored

router = desk("key-results")
EXAMPLE = {
    "objective": "win-enterprise",
    "title": "2M of new enterprise ARR",
    "metric": "enterprise-arr",
    "baseline": 0,
    "target": 2_000_000,
    "weight": 1,
    "cadence_days": 7,
    "starts_on": None,
    "ends_on": None,
}
CADENCE = "After how many days without evidence it begins to gather dust."


class KeyResult(Shown):
    """An objective's measurable outcome."""

    key: Key
    objective: Key
    title: Name
    metric: Key
    baseline: ShownNumber
    target: ShownNumber
    weight: ShownNumber
    cadence_days: Annotated[Days, Field(description=CADENCE)]
    starts_on: Annotated[Day | None, Field(description="Null: the playbook's first day.")]
    ends_on: Annotated[Day | None, Field(description="Null: the playbook's last day.")]
    archived: bool

    model_config = {"json_schema_extra": example(key="arr-2m", **EXAMPLE, archived=False)}


class KeyResultPage(Shown):
    """A page of key results."""

    items: Annotated[list[KeyResult], Field(max_length=200)]
    next_cursor: Cursor | None


class KeyResultPut(Given):
    """A key result as it shall be."""

    objective: Key
    title: Name
    metric: Key
    baseline: Number
    target: Number
    weight: Positive = default(ONE, 1)
    cadence_days: Annotated[Days, Field(description=CADENCE)] = 7
    starts_on: Annotated[Day | None, Field(description="Null: the playbook's first day.")] = None
    ends_on: Annotated[Day | None, Field(description="Null: the playbook's last day.")] = None

    model_config = {"json_schema_extra": example(**EXAMPLE)}


class KeyResultPatch(Given):
    """What shall change in a key result."""

    objective: Key = unset()
    title: Name = unset()
    metric: Key = unset()
    baseline: Number = unset()
    target: Number = unset()
    weight: Positive = unset()
    cadence_days: Days = unset()
    starts_on: Day | None = unset()
    ends_on: Day | None = unset()

    model_config = {"json_schema_extra": example(target=2_500_000)}


def show(stored: Stored) -> KeyResult:
    """A key result on the wire."""
    return KeyResult.of(stored.value, archived=stored.archived)


@router.get("/v1/key-results", **lists())
async def list_key_results(
    call: Caller,
    response: Response,
    paging: Pages,
    objective: Annotated[
        Key | SkipJsonSchema[None], Query(description="Only those of this objective.")
    ] = None,
    metric: Annotated[
        Key | SkipJsonSchema[None], Query(description="Only those of this metric.")
    ] = None,
    archived: Archived = False,
    as_of: AsOf = None,
) -> KeyResultPage:
    """The organization's key results, by key."""
    where = {"objective": objective, "metric": metric}
    return KeyResultPage(
        **await page(
            call, paging, response, "key_result", show, where, archived=archived, as_of=as_of
        )
    )


@router.get("/v1/key-results/{key_result}", response_model=KeyResult, **reads())
async def get_key_result(
    call: Caller,
    request: Request,
    response: Response,
    key_result: KeyResultKey,
    seen: IfNoneMatch = None,
) -> object:
    """One key result."""
    stored = await find(call, "key_result", key_result)
    return shown(request, response, show(stored), tag(stored.changed))


@router.put("/v1/key-results/{key_result}", **puts("playbook:write"))
async def put_key_result(
    call: Caller,
    request: Request,
    response: Response,
    key_result: KeyResultKey,
    body: KeyResultPut,
    precondition: Creation,
) -> KeyResult:
    """Creates the key result, or replaces it."""
    done = await configuration.put(
        call.service, call.actor, made(KeyResultValue, body, key=key_result), precondition
    )
    written(request, response, done)
    return KeyResult.of(done.value, archived=False)


@router.patch("/v1/key-results/{key_result}", **patches("playbook:write"))
async def patch_key_result(
    call: Caller,
    request: Request,
    response: Response,
    key_result: KeyResultKey,
    body: KeyResultPatch,
    precondition: Change,
) -> KeyResult:
    """Changes what the merge patch names."""
    edit = edited(body, KeyResultValue)
    done = await configuration.patch(
        call.service, call.actor, "key_result", key_result, edit, precondition
    )
    written(request, response, done)
    return KeyResult.of(done.value, archived=False)


@router.delete("/v1/key-results/{key_result}", **deletes("playbook:write"))
async def delete_key_result(call: Caller, key_result: KeyResultKey, precondition: Change) -> None:
    """Archives the key result."""
    await configuration.archive(call.service, call.actor, "key_result", key_result, precondition)
