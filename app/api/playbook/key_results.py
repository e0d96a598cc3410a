"""The endpoints of key results."""

from typing import Annotated

from fastapi import Query, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.api.http.authentication import ContextDep
from app.api.http.etags import (
    IfNoneMatch,
    UpdatePreconditionDep,
    WritePreconditionDep,
)
from app.api.http.pagination import PagingDep
from app.api.http.resources import (
    AsOf,
    IncludeArchived,
    KeyedResource,
    KeyResultKey,
)
from app.api.http.route import (
    create_router,
    delete_contract,
    list_contract,
    patch_contract,
    put_contract,
    read_contract,
)
from app.api.http.schema_base import RequestModel, ResponseModel, json_schema_example, to_domain
from app.api.http.schema_types import (
    Cursor,
    Day,
    Days,
    Key,
    Name,
    Number,
    Positive,
    ShownNumber,
    defaulted_member,
    optional_member,
)
from app.domain.playbook.objectives import KeyResult as KeyResultValue
from app.domain.primitives.decimals import FIXED_SCALE

router = create_router("key-results")
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
CADENCE_DESCRIPTION = "The days without evidence after which it is stale."


class KeyResult(ResponseModel):
    """An objective's measurable outcome."""

    key: Key
    objective: Key
    title: Name
    metric: Key
    baseline: ShownNumber
    target: ShownNumber
    weight: ShownNumber
    cadence_days: Annotated[Days, Field(description=CADENCE_DESCRIPTION)]
    starts_on: Annotated[Day | None, Field(description="Null: the playbook's first day.")]
    ends_on: Annotated[Day | None, Field(description="Null: the playbook's last day.")]
    archived: bool

    model_config = {
        "json_schema_extra": json_schema_example(key="arr-2m", **EXAMPLE, archived=False)
    }


class KeyResultPage(ResponseModel):
    """A page of key results."""

    items: Annotated[list[KeyResult], Field(max_length=200)]
    next_cursor: Cursor | None


class KeyResultPut(RequestModel):
    """A key result to create or replace."""

    objective: Key
    title: Name
    metric: Key
    baseline: Number
    target: Number
    weight: Positive = defaulted_member(FIXED_SCALE, 1)
    cadence_days: Annotated[Days, Field(description=CADENCE_DESCRIPTION)] = 7
    starts_on: Annotated[Day | None, Field(description="Null: the playbook's first day.")] = None
    ends_on: Annotated[Day | None, Field(description="Null: the playbook's last day.")] = None

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


class KeyResultPatch(RequestModel):
    """The changes of a key result."""

    objective: Key = optional_member()
    title: Name = optional_member()
    metric: Key = optional_member()
    baseline: Number = optional_member()
    target: Number = optional_member()
    weight: Positive = optional_member()
    cadence_days: Days = optional_member()
    starts_on: Day | None = optional_member()
    ends_on: Day | None = optional_member()

    model_config = {"json_schema_extra": json_schema_example(target=2_500_000)}


KEY_RESULTS = KeyedResource("key_result", KeyResult)


@router.get("/v1/key-results", **list_contract())
async def list_key_results(
    context: ContextDep,
    paging: PagingDep,
    objective: Annotated[
        Key | SkipJsonSchema[None], Query(description="Only those of this objective.")
    ] = None,
    metric: Annotated[
        Key | SkipJsonSchema[None], Query(description="Only those of this metric.")
    ] = None,
    archived: IncludeArchived = False,
    as_of: AsOf = None,
) -> KeyResultPage:
    """List the key results, by key."""
    equals = {"objective": objective, "metric": metric}
    return KeyResultPage(
        **await KEY_RESULTS.list_page(
            context,
            paging,
            equals,
            archived=archived,
            as_of=as_of,
        )
    )


@router.get("/v1/key-results/{key_result}", response_model=KeyResult, **read_contract())
async def get_key_result(
    context: ContextDep,
    response: Response,
    key_result: KeyResultKey,
    if_none_match: IfNoneMatch = None,
) -> object:
    """Return one key result."""
    return await KEY_RESULTS.get_resource(context, response, key_result)


@router.put("/v1/key-results/{key_result}", **put_contract("playbook:write"))
async def put_key_result(
    context: ContextDep,
    response: Response,
    key_result: KeyResultKey,
    body: KeyResultPut,
    precondition: WritePreconditionDep,
) -> KeyResult:
    """Create or replace the key result."""
    key_result_value = to_domain(KeyResultValue, body, key=key_result)
    return await KEY_RESULTS.put_resource(context, response, key_result_value, precondition)


@router.patch("/v1/key-results/{key_result}", **patch_contract("playbook:write"))
async def patch_key_result(
    context: ContextDep,
    response: Response,
    key_result: KeyResultKey,
    body: KeyResultPatch,
    precondition: UpdatePreconditionDep,
) -> KeyResult:
    """Change the members in the merge patch."""
    return await KEY_RESULTS.patch_resource(context, response, key_result, body, precondition)


@router.delete("/v1/key-results/{key_result}", **delete_contract("playbook:write"))
async def delete_key_result(
    context: ContextDep, key_result: KeyResultKey, precondition: UpdatePreconditionDep
) -> None:
    """Archive the key result."""
    await KEY_RESULTS.archive_resource(context, key_result, precondition)
