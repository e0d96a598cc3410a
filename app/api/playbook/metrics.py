"""Metrics over HTTP."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Request, Response
from pydantic import BeforeValidator, Field, WithJsonSchema

from app.api.http.authentication import Call, Caller
from app.api.http.etags import Change, Creation, IfNoneMatch, shown, tag
from app.api.http.pagination import Pages
from app.api.http.resources import Archived, MetricKey, edited, find, page, written
from app.api.http.route import deletes, desk, lists, patches, puts, reads
from app.api.http.schema_base import Given, Shown, example, made
from app.api.http.schema_types import (
    TEXT_PATTERN,
    Count,
    Cursor,
    EventType,
    Instant,
    Key,
    Name,
    Small,
    Unit,
    plain,
    text,
    unset,
)
from app.domain.events.metrics import Condition as ConditionValue
from app.domain.events.metrics import Metric as MetricValue
from app.services.playbook import configuration
from app.services.playbook.configuration import Written
from app.store.events import metric_counts as metrics
from app.store.events import metric_restatement as restatements
from app.store.events.metric_counts import Figures
from app.store.playbook.configuration import Stored

router = desk("metrics")
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
FIGURES = {
    "events_matched": 214,
    "events_counted": 17,
    "events_in_other_unit": 1,
    "events_without_value": 0,
}
Aggregation = Literal["sum", "count", "mean", "min", "max", "last"]
EventTypes = Annotated[list[EventType], Field(min_length=1, max_length=100)]
ActivityTypes = Annotated[list[EventType], Field(max_length=100)]
Operator = Literal["eq", "ne", "in", "not_in", "gt", "gte", "lt", "lte", "exists"]
Property = Annotated[str, text(300, 1, r"^(value|unit|subject|team|source|kind|data\.[^\x00]+)$")]
LARGEST = 10**15
LONGEST_OPERAND = 300
MOST_OPTIONS = 100
_SCALARS: list[dict[str, object]] = [
    {"type": "string", "maxLength": LONGEST_OPERAND, "pattern": TEXT_PATTERN},
    {"type": "number", "format": "double", "minimum": -LARGEST, "maximum": LARGEST},
    {"type": "boolean"},
]
_OPTIONS = {"type": "array", "minItems": 1, "maxItems": MOST_OPTIONS, "items": {"anyOf": _SCALARS}}
Value = Annotated[str, text(300, 1, r"^(value|data\.[^\x00]+)$")]


def _operand(value: object) -> object:
    """A condition's value: a scalar, or a list of them. Raises: ValueError."""
    if isinstance(value, list):
        if not 1 <= len(value) <= MOST_OPTIONS or any(
            isinstance(option, list) or option is None for option in value
        ):
            raise ValueError(f"must be a list of 1 to {MOST_OPTIONS} texts, numbers or booleans")
        return [_operand(option) for option in value]
    if isinstance(value, str) and len(value) > LONGEST_OPERAND:
        raise ValueError(f"must have at most {LONGEST_OPERAND} characters")
    if value is None or isinstance(value, (str, bool)):
        return value
    number = plain(value)
    if isinstance(number, (int, float)) and abs(number) <= LARGEST:
        return number
    raise ValueError(f"must be a text, a boolean, a number of at most {LARGEST} or a list of them")


Operand = Annotated[
    Any,  # Any: a JSON scalar or a list of them
    BeforeValidator(_operand),
    WithJsonSchema(
        {
            "anyOf": [
                *_SCALARS,
                {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MOST_OPTIONS,
                    "items": {"anyOf": _SCALARS},
                },
                {"type": "null"},
            ]
        }
    ),
]


class Condition(Shown):
    """One condition on a property of an event."""

    property: Property
    op: Operator
    value: Operand


class ConditionPut(Given):
    """One condition on a property of an event."""

    property: Property
    op: Operator
    value: Annotated[
        Operand, Field(description="A list for in and not_in, a number for gt, gte, lt and lte.")
    ] = None

    def kept(self) -> ConditionValue:
        """The domain's condition."""
        value = tuple(self.value) if isinstance(self.value, list) else self.value
        return ConditionValue(self.property, self.op, value)


class Restatement(Shown):
    """How far the history of a redefined metric is restated."""

    started_at: Annotated[Instant, Field(description="When the metric was redefined.")]
    days: Annotated[Small, Field(description="Days of events to match anew.")]
    days_done: Annotated[Small, Field(description="Of these, the ones that are done.")]


class Metric(Shown):
    """A number defined once for everyone."""

    key: Key
    name: Name
    unit: Unit | None
    events: ActivityTypes
    activities: ActivityTypes
    where: Annotated[list[Condition], Field(max_length=50)]
    value: Value
    aggregation: Aggregation
    canonical_source: Key | None
    events_matched: Annotated[
        Count, Field(description="Live events that match it, activities too.")
    ]
    events_counted: Annotated[Count, Field(description="Of these, the ones that count for it.")]
    events_in_other_unit: Annotated[
        Count, Field(description="Of these, the ones left out for their unit.")
    ]
    events_without_value: Annotated[
        Count, Field(description="Of these, the ones left out for want of a number.")
    ]
    restatement: Annotated[
        Restatement | None,
        Field(description="Null unless its history is being restated: answers are those before."),
    ]
    archived: bool

    model_config = {
        "json_schema_extra": example(
            key="enterprise-arr", **EXAMPLE, **FIGURES, restatement=None, archived=False
        ),
    }


class MetricPage(Shown):
    """A page of metrics."""

    items: Annotated[list[Metric], Field(max_length=200)]
    next_cursor: Cursor | None


class MetricPut(Given):
    """A metric as it shall be."""

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
        Value, Field(description="Where an event's number is: `value` or `data.<path>`.")
    ] = "value"
    canonical_source: Annotated[
        Key | None, Field(description="Its events alone make the number.")
    ] = None

    model_config = {"json_schema_extra": example(**EXAMPLE)}


class MetricPatch(Given):
    """What shall change in a metric."""

    name: Name = unset()
    events: EventTypes = unset()
    aggregation: Aggregation = unset()
    unit: Unit | None = unset()
    activities: ActivityTypes = unset()
    where: Annotated[list[ConditionPut], Field(max_length=50)] = unset()
    value: Value = unset()
    canonical_source: Key | None = unset()

    model_config = {"json_schema_extra": example(canonical_source="billing")}


@dataclass(frozen=True, slots=True)
class Known:
    """How the events stand to metrics, and which of these are being restated, how far."""

    figures: Mapping[str, Figures]
    restating: Mapping[str, Restatement]


def show(stored: Stored, known: Known) -> Metric:
    """A metric on the wire."""
    found = known.figures[stored.value.key]
    return Metric.of(
        stored.value,
        archived=stored.archived,
        restatement=known.restating.get(stored.value.key),
        events_matched=found.matched,
        events_counted=found.counted,
        events_in_other_unit=found.other_unit,
        events_without_value=found.no_value,
    )


async def figures(call: Call, keys: Collection[str]) -> Known:
    """How the events stand to these metrics."""
    async with call.service.database.reading() as connection:
        found = await metrics.figures(connection, call.actor.organization, keys)
        under_way = await restatements.progress(connection, call.actor.organization)
    if under_way is None:
        return Known(found, {})
    one, done = under_way
    shown = Restatement(started_at=one.started_at, days=len(one.days), days_done=done)
    return Known(found, dict.fromkeys(one.metrics, shown))


async def replied(call: Call, request: Request, response: Response, done: Written) -> Metric:
    """The reply to a write."""
    found = await figures(call, [done.value.key])
    metric = show(Stored(done.value, done.changed, archived=False), found)
    written(request, response, done, metric)
    return metric


@router.get("/v1/metrics", **lists())
async def list_metrics(
    call: Caller, response: Response, paging: Pages, archived: Archived = False
) -> MetricPage:
    """The organization's metrics, by key."""
    found = await page(
        call, paging, response, "metric", lambda stored: stored, {}, archived=archived
    )
    stored: list[Stored] = found["items"]
    known = await figures(call, [one.value.key for one in stored])
    return MetricPage(items=[show(one, known) for one in stored], next_cursor=found["next_cursor"])


@router.get("/v1/metrics/{metric}", response_model=Metric, **reads())
async def get_metric(
    call: Caller, request: Request, response: Response, metric: MetricKey, seen: IfNoneMatch = None
) -> object:
    """One metric."""
    stored = await find(call, "metric", metric)
    found = show(stored, await figures(call, [metric]))
    return shown(request, response, found, tag(stored.changed, found))


@router.put("/v1/metrics/{metric}", **puts("playbook:write"))
async def put_metric(
    call: Caller,
    request: Request,
    response: Response,
    metric: MetricKey,
    body: MetricPut,
    precondition: Creation,
) -> Metric:
    """Creates the metric, or replaces it."""
    done = await configuration.put(
        call.service, call.actor, made(MetricValue, body, key=metric), precondition
    )
    return await replied(call, request, response, done)


@router.patch("/v1/metrics/{metric}", **patches("playbook:write"))
async def patch_metric(
    call: Caller,
    request: Request,
    response: Response,
    metric: MetricKey,
    body: MetricPatch,
    precondition: Change,
) -> Metric:
    """Changes what the merge patch names."""
    edit = edited(body, MetricValue)
    done = await configuration.patch(call.service, call.actor, "metric", metric, edit, precondition)
    return await replied(call, request, response, done)


@router.delete("/v1/metrics/{metric}", **deletes("playbook:write"))
async def delete_metric(call: Caller, metric: MetricKey, precondition: Change) -> None:
    """Archives the metric."""
    await configuration.archive(call.service, call.actor, "metric", metric, precondition)
