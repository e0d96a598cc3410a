"""Deliveries read again, deals imported and samples tried out, over HTTP."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Query, Request
from pydantic import BeforeValidator, Field, WithJsonSchema

from app.api.events.event_parsing import read_event
from app.api.events.event_schemas import SoldItem
from app.api.http.authentication import Caller
from app.api.http.body import JSON, MIB
from app.api.http.resources import SourceKey
from app.api.http.route import Contract, declare, desk
from app.api.http.schema_base import Given, Shown, example
from app.api.http.schema_types import (
    Count,
    DayOrInstant,
    EventType,
    FreeObject,
    Instant,
    Key,
    Sentence,
    ShownNumber,
    Subject,
    Unit,
    text,
)
from app.api.sources.deliveries import EXAMPLE as DELIVERY
from app.api.sources.deliveries import Delivery, DeliveryUid, RejectedElement, members
from app.api.sources.source_schemas import UnmappedPair
from app.connectors.connector import Delivery as Sample
from app.domain.events.events import Event
from app.domain.primitives import strict_json
from app.domain.primitives.decimals import number
from app.domain.sources.crm.reconciliation import DesiredEvent
from app.services.sources import replay as replays

router = desk("sources")
LISTED: Final = 1_000
NAMED: Final = 10
RecordId = Annotated[str, text(600), Field(description="A record's id in the CRM.")]
PropertyName = Annotated[str, text(600)]
MOST: Any = {
    "type": "object",
    "additionalProperties": True,
    "maxProperties": 1_000,
}  # Any: a JSON schema
MANY: Any = {"type": "array", "maxItems": 10_000, "items": MOST}  # Any: a JSON schema
# Any: a CRM's record is what the CRM says; its numbers stay exact, so nothing converts it here.
Record = Annotated[dict[str, Any], WithJsonSchema(MOST)]
Body = Annotated[
    Any,  # Any: text, or JSON as the CRM would send it
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": 2_000_000}, MOST, MANY]}),
]


def _header(value: object) -> object:
    """Header names in lower case."""
    return (
        {str(name).lower(): one for name, one in value.items()}
        if isinstance(value, dict)
        else value
    )


class ReplayRequest(Given):
    """Which deliveries shall be read again."""

    since: Annotated[
        DayOrInstant | None,
        Field(description="All since then, a day from its beginning on; null: the failed ones."),
    ] = None

    model_config = {"json_schema_extra": example(since="2026-11-01")}


class Replay(Shown):
    """What came of a replay."""

    dry_run: bool
    processed: Annotated[Count, Field(description="Deliveries that said something of ours.")]
    ignored: Annotated[
        Count, Field(description="Deliveries that were understood and are not ours.")
    ]
    failed: Annotated[Count, Field(description="Deliveries that still cannot be read.")]
    without_body: Annotated[
        Count, Field(description="Those whose body is kept no longer: what they said stands.")
    ]
    recorded: Count
    retracted: Annotated[Count, Field(description="Events that were retracted.")]
    continue_from: Annotated[
        Instant | None, Field(description="Not null: ask again since then for the rest.")
    ]

    model_config = {
        "json_schema_extra": example(
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


class RecordImport(Given):
    """Deals as they are in the CRM now."""

    records: Annotated[
        list[Record],
        Field(min_length=1, max_length=10_000, description="Deals, as the CRM holds them."),
    ]
    taken_at: Annotated[
        Instant | None, Field(description="When the records were read; null: now.")
    ] = None

    model_config = {
        "json_schema_extra": example(
            records=[
                {"id": "42", "dealstage": "closedwon", "amount": "1200", "closedate": "2026-10-02"}
            ],
            taken_at="2026-11-01T00:00:00Z",
        )
    }


class UnmappedRecords(UnmappedPair):
    """A value that imported records hold and the mapping does not know, or cannot read."""

    count: Annotated[Count, Field(description="How many records hold it.")]
    records: Annotated[list[RecordId], Field(max_length=10, description="The first of them.")]


class ImportedRecords(Delivery):
    """What became of imported records; what is unmapped is told of these records alone."""

    reads: Annotated[
        list[PropertyName],
        Field(max_length=1_100, description="What the mapping reads of a record."),
    ]
    unmapped: Annotated[
        list[UnmappedRecords], Field(max_length=1_000, description="The most frequent first.")
    ]
    wins_without_amount: Annotated[
        Count, Field(description="Won deals whose amount no record says.")
    ]
    without_amount: Annotated[
        list[RecordId], Field(max_length=10, description="The first of them.")
    ]

    model_config = {
        "json_schema_extra": example(
            **{**DELIVERY, "origin": "records"},
            reads=["amount", "closedate", "dealstage"],
            unmapped=[{"property": "amount", "value": "a lot", "count": 1, "records": ["42"]}],
            wins_without_amount=1,
            without_amount=["42"],
        )
    }


class SampleDelivery(Given):
    """A delivery as the CRM would send it."""

    body: Annotated[Body, Field(description="The body: as text, or as the JSON that it is.")]
    headers: Annotated[
        dict[str, Annotated[str, text(4_000)]],
        BeforeValidator(_header),
        Field(
            max_length=100,
            description="Headers that the connector reads; a signature is not asked for.",
        ),
    ] = {}
    mapping: Annotated[
        FreeObject | None, Field(description="A mapping to try out in place of the source's.")
    ] = None

    model_config = {
        "json_schema_extra": example(body=[{"subscriptionType": "deal.creation", "objectId": 42}])
    }


class PreviewedEvent(Shown):
    """An event that a sample would make."""

    type: EventType
    time: Instant
    team: Key
    kind: Literal["outcome", "activity"]
    value: ShownNumber | None
    unit: Unit | None
    subject: Subject | None
    offerings: Annotated[list[SoldItem], Field(max_length=100)]
    data: FreeObject


class Preview(Shown):
    """What a sample would make."""

    changes: Annotated[Count, Field(description="Changes of records that it tells.")]
    ignored: Annotated[Count, Field(description="Elements that were understood and are not ours.")]
    problem: Annotated[
        Sentence | None, Field(description="Not null when the sample cannot be read at all.")
    ]
    rejects: Annotated[list[RejectedElement], Field(max_length=100_000)]
    events: Annotated[list[PreviewedEvent], Field(max_length=100_000)]
    unmapped: Annotated[list[UnmappedPair], Field(max_length=100_000)]

    model_config = {
        "json_schema_extra": example(
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


def _event(found: DesiredEvent | Event) -> PreviewedEvent:
    members = {
        name: getattr(found, name) for name in ("type", "time", "team", "kind", "unit", "subject")
    }
    value = None if found.value is None else number(found.value)
    offerings = [{"offering": key, "value": number(sold)} for key, sold in found.offerings]
    return PreviewedEvent.model_validate(
        {**members, "value": value, "offerings": offerings, "data": dict(found.data)}
    )


@router.post(
    "/v1/sources/{source}/deliveries/{uid}/replay", **declare(Contract("admin", problems=(409,)))
)
async def replay_delivery(call: Caller, source: SourceKey, uid: DeliveryUid) -> Delivery:
    """Reads one delivery again, under the source's present mapping."""
    found = await replays.replay_one(call.service, call.actor, source, UUID(uid), read_event)
    return Delivery.model_validate(members(found))


@router.post(
    "/v1/sources/{source}/replay",
    **declare(Contract("admin", JSON, problems=(409,), may_be_empty=True)),
)
async def replay_deliveries(
    call: Caller,
    source: SourceKey,
    body: ReplayRequest | None = None,
    dry_run: Annotated[bool, Query(description="Only say what would come of it.")] = False,
) -> Replay:
    """Reads the failed deliveries again, or all since a time, at most 2,000 at once; nothing doubles."""
    since = None if body is None else body.since
    done = await replays.replay(
        call.service, call.actor, source, since, read_event, dry_run=dry_run
    )
    states = {state: done.states.get(state, 0) for state in ("processed", "ignored", "failed")}
    return Replay(
        dry_run=dry_run,
        **states,
        without_body=done.without_body,
        recorded=done.recorded,
        retracted=done.retracted,
        continue_from=done.continue_from,
    )


@router.post(
    "/v1/sources/{source}/records", **declare(Contract("admin", JSON, 16 * MIB, problems=(409,)))
)
async def import_records(
    call: Caller, request: Request, source: SourceKey, body: RecordImport
) -> ImportedRecords:
    """Takes deals that existed before connecting; what is there already changes nothing."""
    raw = (
        await request.body()
    )  # the records as they came, number for number; the shape has been checked
    found = await replays.take_records(call.service, call.actor, source, raw, read_event)
    unmapped = [
        {"property": name, "value": value, "count": len(ids), "records": ids[:NAMED]}
        for (name, value), ids in found.unmapped[:LISTED]
    ]
    return ImportedRecords.model_validate(
        {
            **members(found.kept),
            "reads": found.reads,
            "unmapped": unmapped,
            "wins_without_amount": len(found.without_amount),
            "without_amount": found.without_amount[:NAMED],
        }
    )


@router.post(
    "/v1/sources/{source}/preview", **declare(Contract("read", JSON, 2 * MIB, problems=(409,)))
)
async def preview_delivery(call: Caller, source: SourceKey, body: SampleDelivery) -> Preview:
    """Says what a sample would make of a source that knew nothing else; stores nothing."""
    raw = body.body if isinstance(body.body, str) else strict_json.dumps(body.body)
    sample = Sample("POST", "", body.headers, raw.encode())
    found = await replays.preview(
        call.service, call.actor, source, sample, body.mapping, read_event
    )
    return Preview.model_validate(
        {
            "changes": len(found.said.changes),
            "ignored": found.said.ignored,
            "problem": found.said.unreadable,
            "rejects": list(found.said.problems),
            "events": [*map(_event, found.events), *map(_event, found.own)],
            "unmapped": [{"property": name, "value": value} for name, value in found.unmapped],
        }
    )
