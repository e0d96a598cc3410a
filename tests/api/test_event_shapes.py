"""Events as they are shown."""

from datetime import UTC, datetime
from uuid import UUID

from app.api.event_shapes import UID, NewEventBatch, show
from app.domain.events import Event
from app.store.events import StoredEvent

AT = datetime(2026, 11, 20, 12, 0, 0, 120_000, tzinfo=UTC)


def test_an_event_is_shown_with_its_numbers_and_instants_as_on_the_wire():
    event = Event("a", "b", "c", AT, "d", value=12_005_000, effort=0, offerings=(("plus", 1),), data={"x": [1.5]})
    shown = show(StoredEvent(event, UUID(UID), AT, ("m",), None, None, "")).model_dump(mode="json")
    assert (shown["uid"], shown["time"]) == (UID, "2026-11-20T12:00:00.120000Z")
    assert (shown["value"], shown["effort"]) == (1200.5, 0)
    assert shown["offerings"] == [{"offering": "plus", "value": 0.0001}]
    assert (shown["data"], shown["metrics"], shown["retracted_at"]) == ({"x": [1.5]}, ["m"], None)


def test_a_batch_is_read_without_looking_into_its_events():
    assert NewEventBatch.model_validate({"events": [1, {"id": None}, "x"]}).events == [1, {"id": None}, "x"]
