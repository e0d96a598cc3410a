"""The schema of a new event, and its parser.

An event is parsed by msgspec first, and by Pydantic only if that fails: Pydantic takes longer, and
its errors say what is wrong.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

from fastapi import Body
from msgspec import Meta, Struct, convert
from pydantic import (
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from app.api.http.problems import to_faults
from app.api.http.schema_base import RequestModel, json_schema_example
from app.api.http.schema_types import (
    FREE_OBJECT_SCHEMA,
    KEY_PATTERN,
    TYPE_PATTERN,
    EventId,
    EventType,
    Instant,
    Key,
    NotNegative,
    Number,
    Subject,
    Unit,
    to_fixed,
    to_instant,
    to_not_negative,
    to_plain_json,
)
from app.domain.events.events import Event as EventValue
from app.domain.events.events import to_canonical_json
from app.domain.primitives.errors import Fault, InvalidError

MAX_DATA_BYTES: Final = 16 * 1_024
MAX_DATA_DEPTH: Final = 5
MEMBER_OVERHEAD_BYTES: Final = 45  # a member's quotes and separators, or its number
MAX_BYTES_PER_CHARACTER: Final = 6  # the escape \u0000
MAX_OFFERINGS: Final = 100
_KEY_REGEX: Final = re.compile(KEY_PATTERN.rstrip("$") + r"\Z")
_TYPE_REGEX: Final = re.compile(TYPE_PATTERN.rstrip("$") + r"\Z")
_ShortText = Annotated[str, Meta(min_length=1, max_length=64)]
EXAMPLE: Final = {
    "id": "inv-42",
    "source": "billing",
    "type": "invoice.paid",
    "time": "2026-10-02T12:00:00Z",
    "team": "sales",
    "kind": "outcome",
    "value": 1200.5,
    "unit": "EUR",
    "effort": None,
    "subject": "deal/42",
    "objective": None,
    "offerings": [{"offering": "onboarding-plus", "value": 1200.5}],
    "data": {"segment": "enterprise"},
}


def _is_nested_within(json_value: object, max_depth: int) -> bool:
    if isinstance(json_value, dict):
        return max_depth > 0 and all(
            _is_nested_within(member, max_depth - 1) for member in json_value.values()
        )
    if isinstance(json_value, list):
        return max_depth > 0 and all(
            _is_nested_within(member, max_depth - 1) for member in json_value
        )
    return True


def _is_small(members: Mapping[str, object]) -> bool:
    """Return True if the data is flat, needs no conversion and certainly fits. Most data does."""
    size = 0
    for member_name, member in members.items():
        kind = type(member)
        if kind is str:
            size += len(member)  # type: ignore[arg-type]  # it is a text
        elif kind is not int and kind is not bool and member is not None:
            return False
        size += len(member_name) + MEMBER_OVERHEAD_BYTES
    return size * MAX_BYTES_PER_CHARACTER < MAX_DATA_BYTES


def _check_data(raw_data: object) -> Mapping[str, Any]:  # Any: JSON values
    """Return an event's data with its numbers as int or float. Raises: ValueError."""
    if not isinstance(raw_data, dict):
        raise ValueError("must be a JSON object")  # noqa: TRY004  # Pydantic handles only ValueError
    if _is_small(raw_data):
        return raw_data
    if not _is_nested_within(raw_data, MAX_DATA_DEPTH):
        raise ValueError(f"must be nested at most {MAX_DATA_DEPTH} levels deep")
    plain_data: Mapping[str, Any] = to_plain_json(raw_data)  # Any: JSON values
    if len(to_canonical_json(plain_data).encode()) > MAX_DATA_BYTES:
        raise ValueError(f"must have at most {MAX_DATA_BYTES} bytes as compact JSON")
    return plain_data


EventData = Annotated[
    dict[str, Any],  # Any: JSON values
    BeforeValidator(_check_data),
    WithJsonSchema(
        {
            **FREE_OBJECT_SCHEMA,
            "description": "At most 16 KiB as compact JSON, nested at most 5 levels deep.",
        }
    ),
]


class NewSoldItem(RequestModel):
    """The quantity sold of an offering."""

    offering: Annotated[
        Key, Field(description="It need not exist; what does not exist counts as undeliverable.")
    ]
    value: NotNegative


class NewEvent(RequestModel):
    """An event to record."""

    id: Annotated[
        EventId, Field(description="Identifies the event within its source, permanently.")
    ]
    source: Key
    type: EventType
    time: Annotated[Instant, Field(description="When it happened; at most 24 hours in the future.")]
    team: Key
    kind: Literal["outcome", "activity"] = "outcome"
    value: Number | None = None
    unit: Unit | None = None
    effort: Annotated[
        NotNegative | None, Field(description="The effort that it represents; null: 1.")
    ] = None
    subject: Subject | None = None
    objective: Annotated[Key | None, Field(description="The objective that the work was for.")] = (
        None
    )
    # Factories: Pydantic deep-copies any other default, a quarter of the time to parse an event.
    offerings: list[NewSoldItem] = Field(
        default_factory=list, max_length=MAX_OFFERINGS, json_schema_extra={"default": []}
    )
    data: EventData = Field(default_factory=dict, json_schema_extra={"default": {}})

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


def to_domain_event(body: NewEvent) -> EventValue:
    """Convert a request body to the domain's event."""
    return EventValue(
        body.id,
        body.source,
        body.type,
        body.time,
        body.team,
        body.kind,
        body.value,
        body.unit,
        body.effort,
        body.subject,
        body.objective,
        tuple([(sold_item.offering, sold_item.value) for sold_item in body.offerings])
        if body.offerings
        else (),
        body.data,
    )


class _FastSoldItem(Struct, forbid_unknown_fields=True):
    offering: _ShortText
    value: Any  # Any: a number


class _FastEvent(Struct, forbid_unknown_fields=True):
    """The types and lengths of `NewEvent`, for msgspec."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    source: _ShortText
    type: Annotated[str, Meta(min_length=1, max_length=100)]
    time: str
    team: _ShortText
    kind: Literal["outcome", "activity"] = "outcome"
    value: Any = None  # Any: a number
    unit: Annotated[str, Meta(min_length=1, max_length=32)] | None = None
    effort: Any = None  # Any: a number
    subject: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    objective: _ShortText | None = None
    offerings: Annotated[list[_FastSoldItem], Meta(max_length=MAX_OFFERINGS)] = []
    data: dict[str, Any] = {}  # Any: JSON values


@lru_cache(4_096)
def _is_key(text: str | None) -> bool:
    return text is None or _KEY_REGEX.match(text) is not None


@lru_cache(4_096)
def _is_type(text: str) -> bool:
    return _TYPE_REGEX.match(text) is not None


def _to_sold_item(sold_item: _FastSoldItem) -> tuple[str, int]:
    if not _is_key(sold_item.offering):
        raise ValueError
    return sold_item.offering, to_not_negative(sold_item.value)


def _parse_fast(raw_event: object) -> EventValue | None:
    """Return the event of a JSON value, or None if only `NewEvent` can say what is wrong.

    Raises: ValueError for an invalid type, length, time, number or data.
    """
    fast_event = convert(raw_event, _FastEvent)
    if not (
        _is_key(fast_event.source)
        and _is_key(fast_event.team)
        and _is_type(fast_event.type)
        and _is_key(fast_event.objective)
    ):
        return None
    if (
        "\0" in fast_event.id
        or "\0" in (fast_event.unit or "")
        or "\0" in (fast_event.subject or "")
    ):
        return None
    return EventValue(
        fast_event.id,
        fast_event.source,
        fast_event.type,
        to_instant(fast_event.time),
        fast_event.team,
        fast_event.kind,
        None if fast_event.value is None else to_fixed(fast_event.value),
        fast_event.unit,
        None if fast_event.effort is None else to_not_negative(fast_event.effort),
        fast_event.subject,
        fast_event.objective,
        tuple(map(_to_sold_item, fast_event.offerings)) if fast_event.offerings else (),
        _check_data(fast_event.data),
    )


def parse_event(raw_event: object) -> EventValue:
    """Parse a JSON value to an event. Raises: InvalidError, with a fault for each bad member."""
    try:
        event = _parse_fast(raw_event)
    except ValueError:  # msgspec's ValidationError is a ValueError
        event = None
    return parse_event_strict(raw_event) if event is None else event


def parse_event_strict(raw_event: object) -> EventValue:
    """Parse a JSON value to an event with Pydantic only. Raises: InvalidError."""
    if not isinstance(raw_event, dict):
        raise InvalidError("An event is a JSON object.", [Fault("", "must be a JSON object")])
    try:
        return to_domain_event(NewEvent.model_validate(raw_event))
    except ValidationError as error:
        raise to_invalid_error(error) from None


def to_invalid_error(error: ValidationError) -> InvalidError:
    """Convert Pydantic's errors to an InvalidError."""
    body_faults = to_faults(error.errors(include_url=False, include_input=False))
    return InvalidError(
        f"{body_faults[0].pointer or 'the body'}: {body_faults[0].detail}", body_faults
    )


class _NewEventSchema:
    """Validates a body with `parse_event` and documents it as `NewEvent`."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:  # Any: Pydantic's own
        return core_schema.no_info_wrap_validator_function(
            lambda raw_event, _: parse_event(raw_event), handler.generate_schema(NewEvent)
        )


NewEventBody = Annotated[EventValue, _NewEventSchema, Body()]
