"""Events as they are shown."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.api.events.event_schemas import EXAMPLE_UID, NewEventBatch, to_event, to_json_bytes
from app.api.events.event_schemas import Event as EventModel
from app.domain.events.events import Event
from app.store.events.event_queries import StoredEvent

INSTANT = datetime(2026, 11, 20, 12, 0, 0, 120_000, tzinfo=UTC)


def test_an_event_is_shown_with_its_numbers_and_instants_as_on_the_wire():
    event = Event(
        "a",
        "b",
        "c",
        INSTANT,
        "d",
        value=12_005_000,
        effort=0,
        offerings=(("plus", 1),),
        data={"x": [1.5]},
    )
    event_view = to_event(
        StoredEvent(event, UUID(EXAMPLE_UID), INSTANT, ("m",), None, None, "")
    ).model_dump(mode="json")
    assert (event_view["uid"], event_view["time"]) == (EXAMPLE_UID, "2026-11-20T12:00:00.120000Z")
    assert (event_view["value"], event_view["effort"]) == (1200.5, 0)
    assert event_view["offerings"] == [{"offering": "plus", "value": 0.0001}]
    assert (event_view["data"], event_view["metrics"], event_view["retracted_at"]) == (
        {"x": [1.5]},
        ["m"],
        None,
    )


@given(
    st.dictionaries(
        st.text(max_size=3),
        st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
        max_size=3,
    ),
    st.none() | st.integers(-(10**16), 10**16),
    st.booleans(),
)
def test_the_reply_to_an_event_is_what_is_shown_of_it(
    data: dict[str, object], value: int | None, is_retracted: bool
):
    event = Event(
        "é\u2028",
        "b",
        "c",
        INSTANT.replace(microsecond=0),
        "d",
        "activity",
        value,
        None,
        value,
        data=data,
    )
    event = (
        event
        if value is None
        else event._replace(offerings=(("plus", value),), subject="deal/1", objective="o")
    )
    retracted_at, reason = (INSTANT, "twice") if is_retracted else (None, None)
    stored = StoredEvent(event, UUID(EXAMPLE_UID), INSTANT, ("m", "n"), retracted_at, reason, "")
    assert EventModel.model_validate_json(to_json_bytes(stored)) == to_event(stored)
    assert [*EventModel.model_fields] == [*msgspec.json.decode(to_json_bytes(stored))]


def test_a_batch_is_read_without_looking_into_its_events():
    assert NewEventBatch.model_validate({"events": [1, {"id": None}, "x"]}).events == [
        1,
        {"id": None},
        "x",
    ]
