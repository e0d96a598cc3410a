from datetime import date

from app.demo.company import Quarter
from app.demo.story import MAX_BATCH, WebhookDelivery, build_acts, build_connection, story_start
from app.domain.sources.crm.changes import to_milliseconds

QUARTER = Quarter(date(2026, 9, 28))


def list_deliveries() -> list[WebhookDelivery]:
    return [act for act in build_acts(QUARTER) if isinstance(act, WebhookDelivery)]


def test_the_acts_are_in_order_and_the_playbook_is_first():
    ordered_acts = build_acts(QUARTER)
    assert [act.occurs_at for act in ordered_acts] == sorted(act.occurs_at for act in ordered_acts)
    assert (
        story_start(QUARTER)
        < ordered_acts[0].occurs_at
        < build_connection(QUARTER, "secret").occurs_at
        < ordered_acts[1].occurs_at
    )


def test_no_delivery_contains_future_changes():
    occurrences = [
        (element["occurredAt"], delivery.occurs_at)
        for delivery in list_deliveries()
        for element in delivery.elements
    ]
    assert all(occurred_ms <= to_milliseconds(sent_at) for occurred_ms, sent_at in occurrences)


def test_some_deliveries_are_repeated_or_late_and_none_is_too_large():
    sizes = [len(delivery.elements) for delivery in list_deliveries()]
    assert min(sizes) > 0
    assert max(sizes) <= MAX_BATCH
    repeated = [
        delivery for delivery in list_deliveries() if delivery.elements[0]["attemptNumber"] == 1
    ]
    assert len(repeated) >= 3
    times = [
        element["occurredAt"] for delivery in list_deliveries() for element in delivery.elements
    ]
    assert times != sorted(times)


def test_both_dialects_are_used():
    subscription_types = {
        element["subscriptionType"]
        for delivery in list_deliveries()
        for element in delivery.elements
    }
    assert subscription_types >= {
        "deal.propertyChange",
        "object.propertyChange",
        "object.associationChange",
        "deal.creation",
    }
    assert any(
        element.get("objectTypeId") == "0-3"
        for delivery in list_deliveries()
        for element in delivery.elements
    )
