"""The endpoints of metrics."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Response
from pydantic import BeforeValidator, Field, WithJsonSchema

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
    MetricKey,
    find_resource,
    list_resources,
    merge_patch,
    set_write_headers,
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
    TEXT_PATTERN,
    Count,
    Cursor,
    EventType,
    Instant,
    Int32,
    Key,
    Name,
    Unit,
    optional_member,
    text,
    to_plain_json,
)
from app.domain.events.metrics import Condition as ConditionValue
from app.domain.events.metrics import Metric as MetricValue
from app.services.playbook import configuration as configuration_service
from app.services.playbook.configuration import WrittenResource
from app.store.events import metric_counts
from app.store.events import metric_restatement as metric_restatement_store
from app.store.events.metric_counts import MetricCounts
from app.store.playbook.configuration import ResourceFilter, StoredResource

router = create_router("metrics")
EXAMPLE = {
    "name": "New enterprise ARR",
    "unit": "EUR",
    "events": ["deal.won"],
    "activities": ["deal.created", "call.held", "meeting.held"],
    "where": [{"property": "data.segment", "op": "eq", "value": "enterprise"}],
    "value": "value",
    "aggregation": "sum",
    "canonical_source": "hubspot",
}
EXAMPLE_COUNTS = {
    "events_matched": 214,
    "events_counted": 17,
    "events_in_other_unit": 1,
    "events_without_value": 0,
}
Aggregation = Literal["sum", "count", "mean", "min", "max", "last"]
EventTypes = Annotated[list[EventType], Field(min_length=1, max_length=100)]
ActivityTypes = Annotated[list[EventType], Field(max_length=100)]
Operator = Literal["eq", "ne", "in", "not_in", "gt", "gte", "lt", "lte", "exists"]
PropertyPath = Annotated[
    str, text(300, 1, r"^(value|unit|subject|team|source|kind|data\.[^\x00]+)$")
]
MAX_OPERAND = 10**15
MAX_OPERAND_LENGTH = 300
MAX_OPTIONS = 100
_SCALAR_SCHEMAS: list[dict[str, object]] = [
    {"type": "string", "maxLength": MAX_OPERAND_LENGTH, "pattern": TEXT_PATTERN},
    {"type": "number", "format": "double", "minimum": -MAX_OPERAND, "maximum": MAX_OPERAND},
    {"type": "boolean"},
]
_OPTIONS_SCHEMA = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_OPTIONS,
    "items": {"anyOf": _SCALAR_SCHEMAS},
}
ValuePath = Annotated[str, text(300, 1, r"^(value|data\.[^\x00]+)$")]


def _check_operand(operand: object) -> object:
    """Return a condition's value, a scalar or a list of scalars. Raises: ValueError."""
    if isinstance(operand, list):
        if not 1 <= len(operand) <= MAX_OPTIONS or any(
            isinstance(option, list) or option is None for option in operand
        ):
            raise ValueError(f"must be a list of 1 to {MAX_OPTIONS} texts, numbers or booleans")
        return [_check_operand(option) for option in operand]
    if isinstance(operand, str) and len(operand) > MAX_OPERAND_LENGTH:
        raise ValueError(f"must have at most {MAX_OPERAND_LENGTH} characters")
    if operand is None or isinstance(operand, (str, bool)):
        return operand
    number = to_plain_json(operand)
    if isinstance(number, (int, float)) and abs(number) <= MAX_OPERAND:
        return number
    raise ValueError(
        f"must be a text, a boolean, a number of at most {MAX_OPERAND} or a list of them"
    )


Operand = Annotated[
    Any,  # Any: a JSON scalar or a list of them
    BeforeValidator(_check_operand),
    WithJsonSchema(
        {
            "anyOf": [
                *_SCALAR_SCHEMAS,
                {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MAX_OPTIONS,
                    "items": {"anyOf": _SCALAR_SCHEMAS},
                },
                {"type": "null"},
            ]
        }
    ),
]


class Condition(ResponseModel):
    """One condition on a property of an event."""

    property: PropertyPath
    op: Operator
    value: Operand


class ConditionPut(RequestModel):
    """One condition on a property of an event."""

    property: PropertyPath
    op: Operator
    value: Annotated[
        Operand, Field(description="A list for in and not_in, a number for gt, gte, lt and lte.")
    ] = None

    def to_domain_value(self) -> ConditionValue:
        """Convert the condition to a value of the domain."""
        operand = tuple(self.value) if isinstance(self.value, list) else self.value
        return ConditionValue(self.property, self.op, operand)


class Restatement(ResponseModel):
    """The progress of restating the history of a redefined metric."""

    started_at: Annotated[Instant, Field(description="When the metric was redefined.")]
    days: Annotated[Int32, Field(description="Days whose events must be matched again.")]
    days_done: Annotated[Int32, Field(description="The days done so far.")]


class Metric(ResponseModel):
    """A number defined once for everyone."""

    key: Key
    name: Name
    unit: Unit | None
    events: ActivityTypes
    activities: ActivityTypes
    where: Annotated[list[Condition], Field(max_length=50)]
    value: ValuePath
    aggregation: Aggregation
    canonical_source: Key | None
    events_matched: Annotated[
        Count, Field(description="Events that match it, activities included.")
    ]
    events_counted: Annotated[Count, Field(description="Matching events that count for it.")]
    events_in_other_unit: Annotated[
        Count, Field(description="Matching events excluded for their unit.")
    ]
    events_without_value: Annotated[
        Count, Field(description="Matching events excluded for lack of a number.")
    ]
    restatement: Annotated[
        Restatement | None,
        Field(
            description="Null unless its history is being restated. "
            "Until then, scores use the old history."
        ),
    ]
    archived: bool

    model_config = {
        "json_schema_extra": json_schema_example(
            key="enterprise-arr", **EXAMPLE, **EXAMPLE_COUNTS, restatement=None, archived=False
        ),
    }


class MetricPage(ResponseModel):
    """A page of metrics."""

    items: Annotated[list[Metric], Field(max_length=200)]
    next_cursor: Cursor | None


class MetricPut(RequestModel):
    """A metric to create or replace."""

    name: Name
    events: Annotated[
        EventTypes, Field(description="Types of the events that can move the number.")
    ]
    aggregation: Aggregation
    unit: Annotated[Unit | None, Field(description="Events in another unit do not count.")] = None
    activities: Annotated[
        ActivityTypes, Field(description="Types of the work towards the number.")
    ] = []
    where: Annotated[list[ConditionPut], Field(max_length=50)] = []
    value: Annotated[
        ValuePath, Field(description="Where an event's number is: `value` or `data.<path>`.")
    ] = "value"
    canonical_source: Annotated[
        Key | None, Field(description="Only events of this source count.")
    ] = None

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


class MetricPatch(RequestModel):
    """The changes of a metric."""

    name: Name = optional_member()
    events: EventTypes = optional_member()
    aggregation: Aggregation = optional_member()
    unit: Unit | None = optional_member()
    activities: ActivityTypes = optional_member()
    where: Annotated[list[ConditionPut], Field(max_length=50)] = optional_member()
    value: ValuePath = optional_member()
    canonical_source: Key | None = optional_member()

    model_config = {"json_schema_extra": json_schema_example(canonical_source="billing")}


@dataclass(frozen=True, slots=True)
class MetricUsage:
    """The event counts of metrics, and the progress of those being restated."""

    counts: Mapping[str, MetricCounts]
    restating: Mapping[str, Restatement]


def to_metric(stored: StoredResource, usage: MetricUsage) -> Metric:
    """Convert a metric to a reply."""
    counts = usage.counts[stored.resource.key]
    return Metric.from_domain(
        stored.resource,
        archived=stored.is_archived,
        restatement=usage.restating.get(stored.resource.key),
        events_matched=counts.matched,
        events_counted=counts.counted,
        events_in_other_unit=counts.other_unit,
        events_without_value=counts.no_value,
    )


async def load_metric_usage(context: RequestContext, keys: Collection[str]) -> MetricUsage:
    """Load the event counts and restatement progress of metrics."""
    async with context.service.database.read_transaction() as connection:
        counts = await metric_counts.count_by_metric(connection, context.actor.organization, keys)
        progress = await metric_restatement_store.load_progress(
            connection, context.actor.organization
        )
    if progress is None:
        return MetricUsage(counts, {})
    restatement, days_done = progress
    restatement_model = Restatement(
        started_at=restatement.started_at, days=len(restatement.days), days_done=days_done
    )
    return MetricUsage(counts, dict.fromkeys(restatement.metrics, restatement_model))


async def _reply_to_write(
    context: RequestContext, response: Response, written: WrittenResource
) -> Metric:
    usage = await load_metric_usage(context, [written.resource.key])
    metric = to_metric(StoredResource(written.resource, written.version, is_archived=False), usage)
    set_write_headers(context, response, written, metric)
    return metric


@router.get("/v1/metrics", **list_contract())
async def list_metrics(
    context: ContextDep, paging: PagingDep, archived: IncludeArchived = False
) -> MetricPage:
    """List the metrics, by key."""
    rows, next_cursor = await list_resources(
        context, paging, ResourceFilter("metric", include_archived=archived)
    )
    usage = await load_metric_usage(context, [stored.resource.key for stored in rows])
    return MetricPage(items=[to_metric(stored, usage) for stored in rows], next_cursor=next_cursor)


@router.get("/v1/metrics/{metric}", response_model=Metric, **read_contract())
async def get_metric(
    context: ContextDep,
    response: Response,
    metric: MetricKey,
    if_none_match: IfNoneMatch = None,
) -> object:
    """Return one metric."""
    stored = await find_resource(context, "metric", metric)
    reply = to_metric(stored, await load_metric_usage(context, [metric]))
    return with_etag(context.request, response, reply, entity_tag(stored.changed_version, reply))


@router.put("/v1/metrics/{metric}", **put_contract("playbook:write"))
async def put_metric(
    context: ContextDep,
    response: Response,
    metric: MetricKey,
    body: MetricPut,
    precondition: WritePreconditionDep,
) -> Metric:
    """Create or replace the metric."""
    written = await configuration_service.put_resource(
        context.service, context.actor, to_domain(MetricValue, body, key=metric), precondition
    )
    return await _reply_to_write(context, response, written)


@router.patch("/v1/metrics/{metric}", **patch_contract("playbook:write"))
async def patch_metric(
    context: ContextDep,
    response: Response,
    metric: MetricKey,
    body: MetricPatch,
    precondition: UpdatePreconditionDep,
) -> Metric:
    """Change the members in the merge patch."""
    written = await configuration_service.patch_resource(
        context.service, context.actor, "metric", metric, merge_patch(body), precondition
    )
    return await _reply_to_write(context, response, written)


@router.delete("/v1/metrics/{metric}", **delete_contract("playbook:write"))
async def delete_metric(
    context: ContextDep, metric: MetricKey, precondition: UpdatePreconditionDep
) -> None:
    """Archive the metric."""
    await configuration_service.archive_resource(
        context.service, context.actor, "metric", metric, precondition
    )
