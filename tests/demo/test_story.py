from datetime import date

from app.demo.company import Quarter
from app.demo.story import MOST, Delivery, acts, begins, connect
from app.domain.sources.crm.changes import milliseconds

QUARTER = Quarter(date(2026, 9, 28))


def deliveries() -> list[Delivery]:
    return [act for act in acts(QUARTER) if isinstance(act, Delivery)]


def test_the_acts_come_in_the_order_of_time_the_playbook_first():
    found = acts(QUARTER)
    assert [act.at for act in found] == sorted(act.at for act in found)
    assert begins(QUARTER) < found[0].at < connect(QUARTER, "secret").at < found[1].at


def test_no_delivery_tells_what_has_not_happened_yet():
    told = [
        (element["occurredAt"], delivery.at)
        for delivery in deliveries()
        for element in delivery.elements
    ]
    assert all(at <= milliseconds(sent) for at, sent in told)


def test_deliveries_repeat_come_late_and_are_no_larger_than_hubspots():
    sizes = [len(delivery.elements) for delivery in deliveries()]
    assert min(sizes) > 0
    assert max(sizes) <= MOST
    again = [delivery for delivery in deliveries() if delivery.elements[0]["attemptNumber"] == 1]
    assert len(again) >= 3
    times = [element["occurredAt"] for delivery in deliveries() for element in delivery.elements]
    assert times != sorted(times)


def test_both_dialects_are_spoken():
    said = {
        element["subscriptionType"] for delivery in deliveries() for element in delivery.elements
    }
    assert said >= {
        "deal.propertyChange",
        "object.propertyChange",
        "object.associationChange",
        "deal.creation",
    }
    assert any(
        element.get("objectTypeId") == "0-3"
        for delivery in deliveries()
        for element in delivery.elements
    )
