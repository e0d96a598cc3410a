"""Daily batches of events from the other systems: projects, campaigns and billing."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from app.demo.company import WEEKS, Quarter
from app.demo.deals import Deal, generate_deals
from app.demo.seeded_random import SeededRandom

EventBody = dict[str, Any]  # Any: an event of our own API


def build_daily_batches(quarter: Quarter) -> list[list[EventBody]]:
    """Return the events of each day in order. Most weekend days have none."""
    seeded_random = SeededRandom(quarter.seed)
    batches = []
    won_deals = [
        deal for deal in generate_deals(quarter) if deal.segment == "enterprise" and deal.is_won
    ]
    for offset in range(WEEKS * 7):
        day = [
            event
            for deal in won_deals
            if _invoice_day(deal) == quarter.day(offset)
            for event in _invoice_events(quarter, offset, deal)
        ]
        if offset % 7 < 5:
            day += [
                *_operations_events(quarter, offset, seeded_random),
                *_marketing_events(quarter, offset, seeded_random),
            ]
            day += _executive_events(quarter, offset, seeded_random)
        batches.append(sorted(day, key=lambda event: (event["time"], event["id"])))
    return batches


def _operations_events(
    quarter: Quarter, offset: int, seeded_random: SeededRandom
) -> Iterator[EventBody]:
    """Yield a day of Operations, which follows the playbook but also repairs what others sold."""
    for index in range(seeded_random.integer_between(3, 4, "steps", offset)):
        occurred_at = quarter.instant_at(
            offset, 8 + 2 * index, seeded_random.integer_between(0, 59, "step", offset, index)
        )
        hours = seeded_random.integer_between(4, 12, "hours", offset, index) / 2
        yield _build_event(
            "projects", "project.step", occurred_at, "operations", kind="activity", effort=hours
        )
    if offset % 7 in (1, 3):
        days = 40 - offset // 12 - seeded_random.integer_between(0, 6, "days", offset)
        yield _build_event(
            "projects",
            "project.delivered",
            quarter.instant_at(offset, 16, 20),
            "operations",
            data={"days": days},
        )
    event_fields: EventBody = {"kind": "activity", "effort": 4, "objective": "keep-customers"}
    yield _build_event(
        "projects",
        "customer.reviewed",
        quarter.instant_at(offset, 15, 10),
        "operations",
        **event_fields,
    )
    # Operations repairs what was sold but cannot be delivered.
    if offset % 7 in (1, 4) and offset > 14:
        event_fields = {
            "kind": "activity",
            "effort": 3,
            "data": {"reason": "sold outside the catalogue"},
        }
        yield _build_event(
            "projects",
            "rework.done",
            quarter.instant_at(offset, 14, 40),
            "operations",
            **event_fields,
        )


def _marketing_events(
    quarter: Quarter, offset: int, seeded_random: SeededRandom
) -> Iterator[EventBody]:
    """Yield a day of Marketing, half for the enterprise segment and half for others."""
    for index in range(2):
        occurred_at = quarter.instant_at(
            offset, 9 + 4 * index, seeded_random.integer_between(0, 59, "campaign", offset, index)
        )
        segment = seeded_random.choose_weighted(
            {"enterprise": 55, "small": 45}, "campaign", offset, index, "segment"
        )
        yield _build_event(
            "campaigns",
            "campaign.sent",
            occurred_at,
            "marketing",
            kind="activity",
            data={"segment": segment},
        )
    if offset % 7 == 2:
        occurred_at = quarter.instant_at(offset, 11, 0)
        event_data = {"segment": "enterprise"}
        yield _build_event(
            "campaigns",
            "webinar.held",
            occurred_at,
            "marketing",
            kind="activity",
            effort=4,
            data=event_data,
        )
    for index in range(seeded_random.integer_between(0, 2, "leads", offset)):
        occurred_at = quarter.instant_at(
            offset, 10 + 3 * index, seeded_random.integer_between(0, 59, "lead", offset, index)
        )
        segment = seeded_random.choose_weighted(
            {"enterprise": 60, "small": 40}, "lead", offset, index, "segment"
        )
        yield _build_event(
            "campaigns", "lead.qualified", occurred_at, "marketing", data={"segment": segment}
        )


def _executive_events(
    quarter: Quarter, offset: int, seeded_random: SeededRandom
) -> Iterator[EventBody]:
    """Yield a day of the executives: two weeks with partners, then daily business again."""
    event_fields: EventBody = {"kind": "activity", "objective": "open-partner-channel"}
    if offset in (1, 3, 4, 8, 10):
        yield _build_event(
            "projects",
            "partner.met",
            quarter.instant_at(offset, 10, 30),
            "executives",
            **event_fields,
        )
    if offset == 11:
        yield _build_event(
            "projects", "partner.signed", quarter.instant_at(offset, 16, 0), "executives", value=1
        )
    if offset % 7 == 0 and offset > 0:
        rate = round(
            8 - offset * 0.022 - seeded_random.integer_between(0, 2, "churn", offset) / 10, 1
        )
        yield _build_event(
            "billing", "churn.measured", quarter.instant_at(offset, 7, 0), "operations", value=rate
        )
    if offset % 7 == 4:
        occurred_at = quarter.instant_at(offset, 9, 0)
        goal = "keep-customers"
        yield _build_event(
            "projects", "review.held", occurred_at, "executives", kind="activity", objective=goal
        )


def _invoice_day(deal: Deal) -> date | None:
    """Return the day of a deal's invoice, or None for an open deal."""
    return None if deal.closed_at is None else (deal.closed_at + timedelta(days=4)).date()


def _invoice_events(quarter: Quarter, offset: int, deal: Deal) -> Iterator[EventBody]:
    """Yield the invoice of a won deal. Some are missing, and some are below the deal's amount."""
    seeded_random = SeededRandom(quarter.seed)
    invoiced_at = quarter.instant_at(offset, 7, 30)
    if seeded_random.happens(0.15, deal.id, "not invoiced"):
        return
    share = seeded_random.choose((100, 90, 75, 60), deal.id, "invoiced")
    event_fields: EventBody = {
        "value": deal.amount * share / 100,
        "unit": deal.currency,
        "subject": f"deal/{deal.id}",
    }
    yield _build_event(
        "billing",
        "invoice.issued",
        invoiced_at,
        "sales",
        **event_fields,
        data={"segment": deal.segment},
    )


# Any: the members of an event
def _build_event(
    source: str, type_: str, occurred_at: datetime, team: str, **event_fields: Any
) -> EventBody:
    """Return an event with an id made from its type and time."""
    event_id = f"{type_}/{occurred_at:%Y-%m-%dT%H:%M}" + (
        f"/{event_fields['subject']}" if "subject" in event_fields else ""
    )
    time = occurred_at.isoformat().replace("+00:00", "Z")
    return {
        "id": event_id,
        "source": source,
        "type": type_,
        "time": time,
        "team": team,
        **event_fields,
    }
