"""Events as they come in: the wire shape, and its way to the domain's value."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, convert
from pydantic import BeforeValidator, Field, ValidationError, WithJsonSchema

from app.api.http.problems import faults
from app.api.http.schema_base import Given, example
from app.api.http.schema_types import (
    FREE,
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
    instant,
    not_negative,
    plain,
    to_fixed,
)
from app.domain.events.events import Event as EventValue
from app.domain.events.events import canonical
from app.domain.primitives.errors import Fault, InvalidError

MOST_BYTES: Final = 16 * 1_024
MOST_LEVELS: Final = 5
ABOUT: Final = 45  # bytes around a member's name and text, or of its number
MOST_A_LETTER: Final = 6  # bytes
MOST_OFFERINGS: Final = 100
_KEY: Final = re.compile(KEY_PATTERN.rstrip("$") + r"\Z")
_TYPE: Final = re.compile(TYPE_PATTERN.rstrip("$") + r"\Z")
_Short = Annotated[str, Meta(min_length=1, max_length=64)]
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


def _levels(value: object, left: int) -> bool:
    """Whether a JSON value is nested at most `left` levels deep."""
    if isinstance(value, dict):
        return left > 0 and all(_levels(member, left - 1) for member in value.values())
    if isinstance(value, list):
        return left > 0 and all(_levels(member, left - 1) for member in value)
    return True


def _small(value: Mapping[str, object]) -> bool:
    """Whether it is flat, has nothing to be made plain, and fits for certain: most data is such."""
    size = 0
    for name, member in value.items():
        kind = type(member)
        if kind is str:
            size += len(member)  # type: ignore[arg-type]  # it is a text
        elif kind is not int and kind is not bool and member is not None:
            return False
        size += len(name) + ABOUT
    return size * MOST_A_LETTER < MOST_BYTES


def _data(value: object) -> Mapping[str, Any]:  # Any: JSON values
    """An event's data, with its numbers as int or float. Raises: ValueError."""
    if not isinstance(value, dict):
        raise ValueError("must be a JSON object")  # noqa: TRY004  # what Pydantic listens to
    if _small(value):
        return value
    if not _levels(value, MOST_LEVELS):
        raise ValueError(f"must be nested at most {MOST_LEVELS} levels deep")
    found: Mapping[str, Any] = plain(value)  # Any: JSON values
    if len(canonical(found).encode()) > MOST_BYTES:
        raise ValueError(f"must have at most {MOST_BYTES} bytes as compact JSON")
    return found


Data = Annotated[
    dict[str, Any],  # Any: JSON values
    BeforeValidator(_data),
    WithJsonSchema(
        {**FREE, "description": "At most 16 KiB as compact JSON, nested at most 5 levels deep."}
    ),
]


class NewSoldItem(Given):
    """What was sold of an offering."""

    offering: Annotated[
        Key, Field(description="It need not exist: what does not cannot be delivered.")
    ]
    value: NotNegative


class NewEvent(Given):
    """An event as its sender tells it."""

    id: Annotated[EventId, Field(description="With the source it names the event, for good.")]
    source: Key
    type: EventType
    time: Annotated[Instant, Field(description="When it happened; at most 24 hours ahead.")]
    team: Key
    kind: Literal["outcome", "activity"] = "outcome"
    value: Number | None = None
    unit: Unit | None = None
    effort: Annotated[
        NotNegative | None, Field(description="What it weighs as attention; null: 1.")
    ] = None
    subject: Subject | None = None
    objective: Annotated[Key | None, Field(description="The objective that the work was for.")] = (
        None
    )
    # Factories, for Pydantic makes a deep copy of any other default: a quarter of the time that an event takes to read.
    offerings: list[NewSoldItem] = Field(
        default_factory=list, max_length=MOST_OFFERINGS, json_schema_extra={"default": []}
    )
    data: Data = Field(default_factory=dict, json_schema_extra={"default": {}})

    model_config = {"json_schema_extra": example(**EXAMPLE)}


def to_domain(new: NewEvent | EventValue) -> EventValue:
    """The domain's event, which it may be already."""
    if isinstance(new, EventValue):
        return new
    return EventValue(
        new.id,
        new.source,
        new.type,
        new.time,
        new.team,
        new.kind,
        new.value,
        new.unit,
        new.effort,
        new.subject,
        new.objective,
        tuple([(item.offering, item.value) for item in new.offerings]) if new.offerings else (),
        new.data,
    )


class _Offered(Struct, forbid_unknown_fields=True):
    offering: _Short
    value: Any  # Any: a number


class _Ordinary(Struct, forbid_unknown_fields=True):
    """What `NewEvent` is, as far as types and lengths tell."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    source: _Short
    type: Annotated[str, Meta(min_length=1, max_length=100)]
    time: str
    team: _Short
    kind: Literal["outcome", "activity"] = "outcome"
    value: Any = None  # Any: a number
    unit: Annotated[str, Meta(min_length=1, max_length=32)] | None = None
    effort: Any = None  # Any: a number
    subject: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    objective: _Short | None = None
    offerings: Annotated[list[_Offered], Meta(max_length=MOST_OFFERINGS)] = []
    data: dict[str, Any] = {}  # Any: JSON values


@lru_cache(4_096)
def _is_key(text: str | None) -> bool:
    return text is None or _KEY.match(text) is not None


@lru_cache(4_096)
def _is_type(text: str) -> bool:
    return _TYPE.match(text) is not None


def _offered(item: _Offered) -> tuple[str, int]:
    if not _is_key(item.offering):
        raise ValueError
    return item.offering, not_negative(item.value)


def _quickly(item: object) -> EventValue | None:
    """The event of a JSON value, as `NewEvent` reads it. None where that has to tell what is wrong.

    Raises: ValueError for a time, a number or data that is not as it has to be.
    """
    new = convert(item, _Ordinary)
    if not (
        _is_key(new.source) and _is_key(new.team) and _is_type(new.type) and _is_key(new.objective)
    ):
        return None
    if "\0" in new.id or "\0" in (new.unit or "") or "\0" in (new.subject or ""):
        return None
    return EventValue(
        new.id,
        new.source,
        new.type,
        instant(new.time),
        new.team,
        new.kind,
        None if new.value is None else to_fixed(new.value),
        new.unit,
        None if new.effort is None else not_negative(new.effort),
        new.subject,
        new.objective,
        tuple(map(_offered, new.offerings)) if new.offerings else (),
        _data(new.data),
    )


def read_event(item: object) -> EventValue:
    """The event that a JSON value tells. Raises: InvalidError, with a fault for each thing wrong."""
    try:
        found = _quickly(item)
    except ValueError:  # msgspec's refusal is one too
        found = None
    return carefully(item) if found is None else found


def carefully(item: object) -> EventValue:
    """The same, of any value, and more slowly: it is what says what is wrong. Raises: InvalidError."""
    if not isinstance(item, dict):
        raise InvalidError("An event is a JSON object.", [Fault("", "must be a JSON object")])
    try:
        return to_domain(NewEvent.model_validate(item))
    except ValidationError as error:
        raise refusal(error) from None


def refusal(error: ValidationError) -> InvalidError:
    """What Pydantic found wrong with a body."""
    found = faults(error.errors(include_url=False, include_input=False))
    return InvalidError(f"{found[0].pointer or 'the body'}: {found[0].detail}", found)
