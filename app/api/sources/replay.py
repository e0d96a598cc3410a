"""The endpoints that replay deliveries, import records and preview a mapping."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Query, Request
from pydantic import BeforeValidator, Field, WithJsonSchema

from app.api.events.event_parsing import parse_event
from app.api.events.event_schemas import SoldItem
from app.api.http.authentication import ContextDep
from app.api.http.body import JSON, MIB
from app.api.http.resources import SourceKey
from app.api.http.route import Contract, create_router, route_contract
from app.api.http.schema_base import RequestModel, ResponseModel, json_schema_example
from app.api.http.schema_types import (
    Count,
    DayOrInstant,
    EventType,
    FreeObject,
    Instant,
    Key,
    LongText,
    ShownNumber,
    Subject,
    Unit,
    text,
)
from app.api.sources.deliveries import EXAMPLE as DELIVERY_EXAMPLE
from app.api.sources.deliveries import Delivery, DeliveryUid, RejectedElement, delivery_fields
from app.api.sources.source_schemas import UnmappedPair
from app.connectors.connector import Delivery as DeliveryValue
from app.domain.events.events import Event
from app.domain.primitives import strict_json
from app.domain.primitives.decimals import to_json_number
from app.domain.sources.crm.reconciliation import DesiredEvent
from app.services.sources import mapping_preview, record_import
from app.services.sources import replay as replay_service

router = create_router("sources")
MAX_UNMAPPED: Final = 1_000
MAX_EXAMPLE_RECORDS: Final = 10
RecordId = Annotated[str, text(600), Field(description="A record's id in the CRM.")]
PropertyName = Annotated[str, text(600)]
OBJECT_SCHEMA: Any = {
    "type": "object",
    "additionalProperties": True,
    "maxProperties": 1_000,
}  # Any: a JSON schema
OBJECT_LIST_SCHEMA: Any = {
    "type": "array",
    "maxItems": 10_000,
    "items": OBJECT_SCHEMA,
}  # Any: a JSON schema
# Any: a CRM's record is what the CRM says; its numbers stay exact, so nothing converts it here.
RecordBody = Annotated[dict[str, Any], WithJsonSchema(OBJECT_SCHEMA)]
SampleBody = Annotated[
    Any,  # Any: text, or JSON as the CRM would send it
    WithJsonSchema(
        {"anyOf": [{"type": "string", "maxLength": 2_000_000}, OBJECT_SCHEMA, OBJECT_LIST_SCHEMA]}
    ),
]


def _lowercase_headers(headers: object) -> object:
    return (
        {str(header_name).lower(): header_value for header_name, header_value in headers.items()}
        if isinstance(headers, dict)
        else headers
    )


class ReplayRequest(RequestModel):
    """The deliveries to process again."""

    since: Annotated[
        DayOrInstant | None,
        Field(description="All since this instant or start of day; null: the failed ones."),
    ] = None

    model_config = {"json_schema_extra": json_schema_example(since="2026-11-01")}


class Replay(ResponseModel):
    """The outcome of a replay."""

    dry_run: bool
    processed: Annotated[Count, Field(description="Deliveries with relevant changes.")]
    ignored: Annotated[Count, Field(description="Deliveries without relevant changes.")]
    failed: Annotated[Count, Field(description="Deliveries that still cannot be read.")]
    without_body: Annotated[
        Count, Field(description="Deliveries whose body is no longer stored; their changes stay.")
    ]
    recorded: Count
    retracted: Annotated[Count, Field(description="Events that were retracted.")]
    continue_from: Annotated[
        Instant | None,
        Field(description="The `since` of the next request if deliveries remain, or null."),
    ]

    model_config = {
        "json_schema_extra": json_schema_example(
            dry_run=False,
            processed=12,
            ignored=1,
            failed=0,
            without_body=0,
            recorded=2,
            retracted=1,
            continue_from=None,
        )
    }


class RecordImport(RequestModel):
    """Deals in their current state in the CRM."""

    records: Annotated[
        list[RecordBody],
        Field(min_length=1, max_length=10_000, description="Deals, as the CRM holds them."),
    ]
    taken_at: Annotated[
        Instant | None, Field(description="When the records were read; null: now.")
    ] = None

    model_config = {
        "json_schema_extra": json_schema_example(
            records=[
                {"id": "42", "dealstage": "closedwon", "amount": "1200", "closedate": "2026-10-02"}
            ],
            taken_at="2026-11-01T00:00:00Z",
        )
    }


class UnmappedRecords(UnmappedPair):
    """A value of imported records that the mapping does not cover or cannot read."""

    count: Annotated[Count, Field(description="How many records hold it.")]
    records: Annotated[list[RecordId], Field(max_length=10, description="The first of them.")]


class ImportedRecords(Delivery):
    """The outcome of an import, with the unmapped values of its records."""

    reads: Annotated[
        list[PropertyName],
        Field(max_length=1_100, description="The properties that the mapping reads."),
    ]
    unmapped: Annotated[
        list[UnmappedRecords], Field(max_length=1_000, description="The most frequent first.")
    ]
    wins_without_amount: Annotated[
        Count, Field(description="Won deals without an amount in any record.")
    ]
    without_amount: Annotated[
        list[RecordId], Field(max_length=10, description="The first of them.")
    ]

    model_config = {
        "json_schema_extra": json_schema_example(
            **{**DELIVERY_EXAMPLE, "origin": "records"},
            reads=["amount", "closedate", "dealstage"],
            unmapped=[{"property": "amount", "value": "a lot", "count": 1, "records": ["42"]}],
            wins_without_amount=1,
            without_amount=["42"],
        )
    }


class SampleDelivery(RequestModel):
    """A delivery as the CRM would send it."""

    body: Annotated[SampleBody, Field(description="The body: as text, or as the JSON that it is.")]
    headers: Annotated[
        dict[str, Annotated[str, text(4_000)]],
        BeforeValidator(_lowercase_headers),
        Field(
            max_length=100,
            description="Headers that the connector reads. No signature is required.",
        ),
    ] = {}
    mapping: Annotated[
        FreeObject | None, Field(description="A mapping to try out in place of the source's.")
    ] = None

    model_config = {
        "json_schema_extra": json_schema_example(
            body=[{"subscriptionType": "deal.creation", "objectId": 42}]
        )
    }


class PreviewedEvent(ResponseModel):
    """An event that a sample would produce."""

    type: EventType
    time: Instant
    team: Key
    kind: Literal["outcome", "activity"]
    value: ShownNumber | None
    unit: Unit | None
    subject: Subject | None
    offerings: Annotated[list[SoldItem], Field(max_length=100)]
    data: FreeObject


class Preview(ResponseModel):
    """The events that a sample would produce."""

    changes: Annotated[Count, Field(description="Changes of records in the sample.")]
    ignored: Annotated[Count, Field(description="Elements without relevant changes.")]
    problem: Annotated[
        LongText | None, Field(description="The reason if the sample cannot be read, or null.")
    ]
    rejects: Annotated[list[RejectedElement], Field(max_length=100_000)]
    events: Annotated[list[PreviewedEvent], Field(max_length=100_000)]
    unmapped: Annotated[list[UnmappedPair], Field(max_length=100_000)]

    model_config = {
        "json_schema_extra": json_schema_example(
            changes=1,
            ignored=0,
            problem=None,
            rejects=[],
            events=[
                {
                    "type": "deal.created",
                    "time": "2026-10-02T12:00:00Z",
                    "team": "sales",
                    "kind": "activity",
                    "value": None,
                    "unit": None,
                    "subject": "deal/42",
                    "offerings": [],
                    "data": {"pipeline": "default"},
                }
            ],
            unmapped=[{"property": "pipeline", "value": "partners"}],
        )
    }


def _to_previewed_event(event: DesiredEvent | Event) -> PreviewedEvent:
    copied_fields = {
        field_name: getattr(event, field_name)
        for field_name in ("type", "time", "team", "kind", "unit", "subject")
    }
    event_value = None if event.value is None else to_json_number(event.value)
    offerings = [
        {"offering": offering_key, "value": to_json_number(sold_value)}
        for offering_key, sold_value in event.offerings
    ]
    return PreviewedEvent.model_validate(
        {**copied_fields, "value": event_value, "offerings": offerings, "data": dict(event.data)}
    )


@router.post(
    "/v1/sources/{source}/deliveries/{uid}/replay",
    **route_contract(Contract("admin", problem_statuses=(409,))),
)
async def replay_delivery(context: ContextDep, source: SourceKey, uid: DeliveryUid) -> Delivery:
    """Process one delivery again with the current mapping of its source."""
    stored = await replay_service.replay_delivery(
        context.service, context.actor, source, UUID(uid), parse_event
    )
    return Delivery.model_validate(delivery_fields(stored))


@router.post(
    "/v1/sources/{source}/replay",
    **route_contract(Contract("admin", JSON, problem_statuses=(409,), is_body_optional=True)),
)
async def replay_deliveries(
    context: ContextDep,
    source: SourceKey,
    body: ReplayRequest | None = None,
    dry_run: Annotated[bool, Query(description="Only return the outcome.")] = False,
) -> Replay:
    """Process failed deliveries again, or all since a time, at most 2,000; no duplicates."""
    since = None if body is None else body.since
    replay_result = await replay_service.replay_deliveries(
        context.service, context.actor, source, since, parse_event, dry_run=dry_run
    )
    states = {
        state: replay_result.state_counts.get(state, 0)
        for state in ("processed", "ignored", "failed")
    }
    return Replay(
        dry_run=dry_run,
        **states,
        without_body=replay_result.without_body_count,
        recorded=replay_result.recorded_count,
        retracted=replay_result.retracted_count,
        continue_from=replay_result.continue_from,
    )


@router.post(
    "/v1/sources/{source}/records",
    **route_contract(Contract("admin", JSON, 16 * MIB, problem_statuses=(409,))),
)
async def import_records(
    context: ContextDep, request: Request, source: SourceKey, body: RecordImport
) -> ImportedRecords:
    """Import deals that existed before connecting. Known state changes nothing."""
    raw = await request.body()  # the raw bytes keep numbers exact; the schema has been checked
    import_result = await record_import.import_records(
        context.service, context.actor, source, raw, parse_event
    )
    unmapped = [
        {
            "property": property_name,
            "value": raw_value,
            "count": len(ids),
            "records": ids[:MAX_EXAMPLE_RECORDS],
        }
        for (property_name, raw_value), ids in import_result.unmapped_values[:MAX_UNMAPPED]
    ]
    return ImportedRecords.model_validate(
        {
            **delivery_fields(import_result.stored_delivery),
            "reads": import_result.mapped_properties,
            "unmapped": unmapped,
            "wins_without_amount": len(import_result.deals_without_amount),
            "without_amount": import_result.deals_without_amount[:MAX_EXAMPLE_RECORDS],
        }
    )


@router.post(
    "/v1/sources/{source}/preview",
    **route_contract(Contract("read", JSON, 2 * MIB, problem_statuses=(409,))),
)
async def preview_delivery(context: ContextDep, source: SourceKey, body: SampleDelivery) -> Preview:
    """Preview the events of a sample delivery, without other deliveries. Nothing is stored."""
    body_text = body.body if isinstance(body.body, str) else strict_json.dumps(body.body)
    sample = DeliveryValue("POST", "", body.headers, body_text.encode())
    preview = await mapping_preview.preview_mapping(
        context.service, context.actor, source, sample, body.mapping, parse_event
    )
    return Preview.model_validate(
        {
            "changes": len(preview.parsed.changes),
            "ignored": preview.parsed.ignored_count,
            "problem": preview.parsed.unreadable_reason,
            "rejects": list(preview.parsed.problems),
            "events": [
                *map(_to_previewed_event, preview.deal_events),
                *map(_to_previewed_event, preview.own_events),
            ],
            "unmapped": [
                {"property": property_name, "value": raw_value}
                for property_name, raw_value in preview.unmapped_values
            ],
        }
    )
