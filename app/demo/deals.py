"""A quarter of deals, as the elements of HubSpot's webhooks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from app.demo.company import PORTAL_ID, WEEKS, Quarter
from app.demo.seeded_random import SeededRandom
from app.domain.sources.crm.changes import to_milliseconds

Element = dict[str, Any]  # Any: a JSON object of HubSpot
# Sales does not follow the playbook: most deals that it opens are small.
SEGMENT_WEIGHTS: Final = {"enterprise": 26, "mid-market": 28, "small": 46}
PRODUCT_WEIGHTS: Final = {
    "enterprise": {"PLUS": 50, "ADVISE": 38, "TAILOR": 12},
    "mid-market": {"PLUS": 72, "ADVISE": 12, "SETUP": 16},
    "small": {"PLUS": 90, "SETUP": 10},
}
# In thousands.
AMOUNT_RANGES: Final = {"enterprise": (90, 240), "mid-market": (12, 38), "small": (1, 7)}
# In days.
DURATION_RANGES: Final = {"enterprise": (12, 28), "mid-market": (8, 20), "small": (3, 11)}
WIN_PROBABILITIES: Final = {"enterprise": 0.55, "mid-market": 0.55, "small": 0.7}
CLOSE_PROBABILITIES: Final = {"enterprise": 0.8, "mid-market": 0.9, "small": 0.95}
STAGE_PATHS: Final = {
    "enterprise": ("qualifiedtobuy", "presentationscheduled", "contractsent"),
    "mid-market": ("qualifiedtobuy", "contractsent"),
    "small": ("contractsent",),
}
ACTIVITY_COUNTS: Final = {"enterprise": (3, 5), "mid-market": (2, 4), "small": (2, 3)}
OBJECT_TYPE_IDS: Final = {"call": "0-48", "meeting": "0-47", "email": "0-49"}


@dataclass(frozen=True, slots=True)
class TimedElement:
    """A webhook element and when it happened."""

    occurred_at: datetime
    element: Element


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal and its outcome."""

    id: int
    segment: str
    # In whole units of the currency.
    amount: int
    currency: str
    product: str
    opened_at: datetime
    # None for a deal that stays open.
    closed_at: datetime | None
    is_won: bool


def build_webhook_elements(quarter: Quarter) -> list[TimedElement]:
    """Return all elements of the quarter, in the order in which they happened."""
    seeded_random = SeededRandom(quarter.seed)
    timed_elements = [
        timed_element
        for deal in generate_deals(quarter)
        for timed_element in _deal_elements(seeded_random, deal)
    ]
    return sorted(
        timed_elements,
        key=lambda timed_element: (timed_element.occurred_at, str(timed_element.element)),
    )


def generate_deals(quarter: Quarter) -> Iterator[Deal]:
    """Yield the quarter's deals by opening day: two or three each working day."""
    seeded_random = SeededRandom(quarter.seed)
    number = 9_000_001
    for offset in range(WEEKS * 7):
        if offset % 7 > 4:
            continue
        for index in range(seeded_random.integer_between(2, 3, "deals", offset)):
            yield _create_deal(seeded_random, quarter, offset, number, index)
            number += 7


def _create_deal(
    seeded_random: SeededRandom, quarter: Quarter, offset: int, number: int, index: int
) -> Deal:
    segment = seeded_random.choose_weighted(SEGMENT_WEIGHTS, number, "segment")
    min_amount, max_amount = AMOUNT_RANGES[segment]
    opened_at = quarter.instant_at(
        offset, 8 + 2 * index, seeded_random.integer_between(0, 59, number, "minute")
    )
    closed_at = opened_at + timedelta(
        days=seeded_random.integer_between(*DURATION_RANGES[segment], number, "days"),
        minutes=seeded_random.integer_between(60, 170, number),
    )
    return Deal(
        id=number,
        segment=segment,
        amount=1_000 * seeded_random.integer_between(min_amount, max_amount, number, "amount")
        + 100 * seeded_random.integer_between(0, 9, number, "cents"),
        currency=seeded_random.choose_weighted({"EUR": 88, "USD": 12}, number, "currency"),
        product=seeded_random.choose_weighted(PRODUCT_WEIGHTS[segment], number, "product"),
        opened_at=opened_at,
        closed_at=_next_working_day(closed_at)
        if seeded_random.happens(CLOSE_PROBABILITIES[segment], number, "ends")
        else None,
        is_won=seeded_random.happens(WIN_PROBABILITIES[segment], number, "won"),
    )


def _next_working_day(instant: datetime) -> datetime:
    """Return the same time on the next working day, or the instant itself on a working day."""
    return instant + timedelta(days=max(0, 7 - instant.weekday()) if instant.weekday() > 4 else 0)


def _deal_elements(seeded_random: SeededRandom, deal: Deal) -> Iterator[TimedElement]:
    yield _timed_element(deal.opened_at, "deal.creation", deal.id)
    fields = {
        "pipeline": "default",
        "customer_segment": deal.segment,
        "amount": str(deal.amount),
        "deal_currency_code": deal.currency,
        "product": deal.product,
        "seats": str(max(5, deal.amount // 400)),
        "dealstage": "appointmentscheduled",
    }
    for property_name, property_value in fields.items():
        yield _property_change(deal.opened_at, deal.id, property_name, property_value)
    yield from _stage_elements(seeded_random, deal)
    last_instant = deal.closed_at or deal.opened_at + timedelta(days=30)
    for index in range(
        seeded_random.integer_between(*ACTIVITY_COUNTS[deal.segment], deal.id, "touches")
    ):
        occurred_at = _next_working_day(
            deal.opened_at
            + (last_instant - deal.opened_at) * seeded_random.fraction(deal.id, "touch", index)
        )
        hour = seeded_random.integer_between(8, 16, deal.id, "hour", index)
        yield from _activity_elements(
            seeded_random,
            deal,
            index,
            occurred_at.replace(
                hour=hour, minute=seeded_random.integer_between(0, 59, deal.id, "at", index)
            ),
        )


def _stage_elements(seeded_random: SeededRandom, deal: Deal) -> Iterator[TimedElement]:
    """Yield the stages of a deal, its closing, and later corrections."""
    path = STAGE_PATHS[deal.segment]
    last_instant = deal.closed_at or deal.opened_at + timedelta(days=28)
    for index, deal_stage in enumerate(path):
        occurred_at = _next_working_day(
            deal.opened_at + (last_instant - deal.opened_at) * (index + 1) / (len(path) + 1)
        )
        if occurred_at < last_instant:
            yield _property_change(occurred_at, deal.id, "dealstage", deal_stage)
    if deal.closed_at is None:
        return
    yield _property_change(
        deal.closed_at, deal.id, "dealstage", "closedwon" if deal.is_won else "closedlost"
    )
    if not deal.is_won:
        return
    # Sometimes the contract has another amount than the deal.
    if seeded_random.happens(0.12, deal.id, "corrected"):
        occurred_at = _next_working_day(deal.closed_at + timedelta(days=3))
        yield _property_change(
            occurred_at,
            deal.id,
            "amount",
            str(deal.amount * seeded_random.integer_between(70, 95, deal.id, "less") // 100),
        )
    if seeded_random.happens(0.1, deal.id, "reopened"):
        occurred_at = _next_working_day(deal.closed_at + timedelta(days=5))
        yield _property_change(occurred_at, deal.id, "dealstage", "contractsent")
        if seeded_random.happens(0.6, deal.id, "again"):
            yield _property_change(
                _next_working_day(occurred_at + timedelta(days=6)),
                deal.id,
                "dealstage",
                "closedwon",
            )


def _activity_elements(
    seeded_random: SeededRandom, deal: Deal, index: int, occurred_at: datetime
) -> Iterator[TimedElement]:
    """Yield a call, meeting or e-mail of a deal, after it has ended.

    HubSpot reports activities in the generic dialect only.
    """
    kind = seeded_random.choose_weighted(
        {"call": 45, "meeting": 25, "email": 30}, deal.id, "kind", index
    )
    id_ = 100 * deal.id + index
    ended_at = occurred_at + timedelta(minutes=25)
    object_type = {"objectTypeId": OBJECT_TYPE_IDS[kind]}
    yield _timed_element(ended_at, "object.creation", id_, **object_type)
    properties = {
        "call": {"hs_timestamp": _to_timestamp(occurred_at), "hs_call_status": "COMPLETED"},
        "meeting": {
            "hs_meeting_start_time": _to_timestamp(occurred_at),
            "hs_meeting_outcome": "NO_SHOW"
            if seeded_random.happens(0.1, id_, "no show")
            else "COMPLETED",
        },
        "email": {
            "hs_timestamp": _to_timestamp(occurred_at),
            "hs_email_status": "SENT",
            "hs_email_direction": "EMAIL",
        },
    }[kind]
    for property_name, property_value in properties.items():
        yield _timed_element(
            ended_at,
            "object.propertyChange",
            id_,
            **object_type,
            propertyName=property_name,
            propertyValue=property_value,
        )
    association = {
        "fromObjectTypeId": OBJECT_TYPE_IDS[kind],
        "fromObjectId": id_,
        "toObjectTypeId": "0-3",
        "toObjectId": deal.id,
    }
    yield _timed_element(
        ended_at, "object.associationChange", None, **association, associationRemoved=False
    )


def _property_change(
    occurred_at: datetime, id_: int, name: str, property_value: str
) -> TimedElement:
    return _timed_element(
        occurred_at, "deal.propertyChange", id_, propertyName=name, propertyValue=property_value
    )


def _timed_element(
    occurred_at: datetime, subscription_type: str, id_: int | None, **extra_fields: object
) -> TimedElement:
    element: Element = {
        "subscriptionType": subscription_type,
        "portalId": PORTAL_ID,
        "occurredAt": to_milliseconds(occurred_at),
    }
    if id_ is not None:
        element["objectId"] = id_
    return TimedElement(
        occurred_at, {**element, "attemptNumber": 0, "changeSource": "CRM_UI", **extra_fields}
    )


def _to_timestamp(instant: datetime) -> str:
    return str(to_milliseconds(instant))


def to_generic_element(element: Element) -> Element:
    """Return a classic element of a deal in the generic dialect."""
    verb = str(element["subscriptionType"]).partition(".")[2]
    return {**element, "subscriptionType": f"object.{verb}", "objectTypeId": "0-3"}
