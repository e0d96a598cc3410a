"""A quarter of deals as HubSpot tells it: what happened to each, in the elements of its webhooks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from app.demo.company import PORTAL, WEEKS, Quarter
from app.demo.seeded_random import Dice
from app.domain.sources.crm.changes import milliseconds

Element = dict[str, Any]  # Any: a JSON object in HubSpot's own words
# Sales is on its own mission: most of what it opens is small.
SEGMENTS: Final = {"enterprise": 26, "mid-market": 28, "small": 46}
PRODUCTS: Final = {
    "enterprise": {"PLUS": 50, "ADVISE": 38, "TAILOR": 12},
    "mid-market": {"PLUS": 72, "ADVISE": 12, "SETUP": 16},
    "small": {"PLUS": 90, "SETUP": 10},
}
AMOUNTS: Final = {"enterprise": (90, 240), "mid-market": (12, 38), "small": (1, 7)}  # thousands
DAYS: Final = {"enterprise": (12, 28), "mid-market": (8, 20), "small": (3, 11)}
WON: Final = {"enterprise": 0.55, "mid-market": 0.55, "small": 0.7}
ENDED: Final = {"enterprise": 0.8, "mid-market": 0.9, "small": 0.95}
PATHS: Final = {
    "enterprise": ("qualifiedtobuy", "presentationscheduled", "contractsent"),
    "mid-market": ("qualifiedtobuy", "contractsent"),
    "small": ("contractsent",),
}
TOUCHES: Final = {"enterprise": (3, 5), "mid-market": (2, 4), "small": (2, 3)}
TYPES: Final = {"call": "0-48", "meeting": "0-47", "email": "0-49"}


@dataclass(frozen=True, slots=True)
class Told:
    """One element and when it happened."""

    at: datetime
    element: Element


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal and its fate. None when it stays open: `ends`. Units: `amount` in whole units of the currency."""

    id: int
    segment: str
    amount: int
    currency: str
    product: str
    opens: datetime
    ends: datetime | None
    won: bool


def all_told(quarter: Quarter) -> list[Told]:
    """Everything that HubSpot would tell of the quarter, in the order in which it happened."""
    dice = Dice(quarter.seed)
    told = [one for deal in deals(quarter) for one in _deal(dice, deal)]
    return sorted(told, key=lambda one: (one.at, str(one.element)))


def deals(quarter: Quarter) -> Iterator[Deal]:
    """The quarter's deals by the day on which they open: two or three a working day."""
    dice, number = Dice(quarter.seed), 9_000_001
    for offset in range(WEEKS * 7):
        if offset % 7 > 4:
            continue
        for index in range(dice.between(2, 3, "deals", offset)):
            yield _open(dice, quarter, offset, number, index)
            number += 7


def _open(dice: Dice, quarter: Quarter, offset: int, number: int, index: int) -> Deal:
    segment = dice.weighed(SEGMENTS, number, "segment")
    low, high = AMOUNTS[segment]
    opens = quarter.at(offset, 8 + 2 * index, dice.between(0, 59, number, "minute"))
    ends = opens + timedelta(
        days=dice.between(*DAYS[segment], number, "days"), minutes=dice.between(60, 170, number)
    )
    return Deal(
        id=number,
        segment=segment,
        amount=1_000 * dice.between(low, high, number, "amount")
        + 100 * dice.between(0, 9, number, "cents"),
        currency=dice.weighed({"EUR": 88, "USD": 12}, number, "currency"),
        product=dice.weighed(PRODUCTS[segment], number, "product"),
        opens=opens,
        ends=_weekday(ends) if dice.whether(ENDED[segment], number, "ends") else None,
        won=dice.whether(WON[segment], number, "won"),
    )


def _weekday(at: datetime) -> datetime:
    """The same hour of the next working day, if it is none."""
    return at + timedelta(days=max(0, 7 - at.weekday()) if at.weekday() > 4 else 0)


def _deal(dice: Dice, deal: Deal) -> Iterator[Told]:
    yield _said(deal.opens, "deal.creation", deal.id)
    fields = {
        "pipeline": "default",
        "customer_segment": deal.segment,
        "amount": str(deal.amount),
        "deal_currency_code": deal.currency,
        "product": deal.product,
        "seats": str(max(5, deal.amount // 400)),
        "dealstage": "appointmentscheduled",
    }
    for name, value in fields.items():
        yield _set(deal.opens, deal.id, name, value)
    yield from _moves(dice, deal)
    last = deal.ends or deal.opens + timedelta(days=30)
    for index in range(dice.between(*TOUCHES[deal.segment], deal.id, "touches")):
        at = _weekday(deal.opens + (last - deal.opens) * dice.chance(deal.id, "touch", index))
        hour = dice.between(8, 16, deal.id, "hour", index)
        yield from _touch(
            dice,
            deal,
            index,
            at.replace(hour=hour, minute=dice.between(0, 59, deal.id, "at", index)),
        )


def _moves(dice: Dice, deal: Deal) -> Iterator[Told]:
    """The stages that it goes through, its end, and what comes after."""
    path = PATHS[deal.segment]
    last = deal.ends or deal.opens + timedelta(days=28)
    for index, stage in enumerate(path):
        at = _weekday(deal.opens + (last - deal.opens) * (index + 1) / (len(path) + 1))
        if at < last:
            yield _set(at, deal.id, "dealstage", stage)
    if deal.ends is None:
        return
    yield _set(deal.ends, deal.id, "dealstage", "closedwon" if deal.won else "closedlost")
    if not deal.won:
        return
    if dice.whether(
        0.12, deal.id, "corrected"
    ):  # the contract says another amount than the deal did
        at = _weekday(deal.ends + timedelta(days=3))
        yield _set(
            at, deal.id, "amount", str(deal.amount * dice.between(70, 95, deal.id, "less") // 100)
        )
    if dice.whether(0.1, deal.id, "reopened"):
        at = _weekday(deal.ends + timedelta(days=5))
        yield _set(at, deal.id, "dealstage", "contractsent")
        if dice.whether(0.6, deal.id, "again"):
            yield _set(_weekday(at + timedelta(days=6)), deal.id, "dealstage", "closedwon")


def _touch(dice: Dice, deal: Deal, index: int, at: datetime) -> Iterator[Told]:
    """A call, meeting or e-mail of a deal. It is told when it is over, in the generic dialect: there is no other."""
    kind = dice.weighed({"call": 45, "meeting": 25, "email": 30}, deal.id, "kind", index)
    id_, over = 100 * deal.id + index, at + timedelta(minutes=25)
    what = {"objectTypeId": TYPES[kind]}
    yield _said(over, "object.creation", id_, **what)
    properties = {
        "call": {"hs_timestamp": _stamp(at), "hs_call_status": "COMPLETED"},
        "meeting": {
            "hs_meeting_start_time": _stamp(at),
            "hs_meeting_outcome": "NO_SHOW" if dice.whether(0.1, id_, "no show") else "COMPLETED",
        },
        "email": {
            "hs_timestamp": _stamp(at),
            "hs_email_status": "SENT",
            "hs_email_direction": "EMAIL",
        },
    }[kind]
    for name, value in properties.items():
        yield _said(
            over, "object.propertyChange", id_, **what, propertyName=name, propertyValue=value
        )
    ends = {
        "fromObjectTypeId": TYPES[kind],
        "fromObjectId": id_,
        "toObjectTypeId": "0-3",
        "toObjectId": deal.id,
    }
    yield _said(over, "object.associationChange", None, **ends, associationRemoved=False)


def _set(at: datetime, id_: int, name: str, value: str) -> Told:
    return _said(at, "deal.propertyChange", id_, propertyName=name, propertyValue=value)


def _said(at: datetime, said: str, id_: int | None, **more: object) -> Told:
    element: Element = {
        "subscriptionType": said,
        "portalId": PORTAL,
        "occurredAt": milliseconds(at),
    }
    if id_ is not None:
        element["objectId"] = id_
    return Told(at, {**element, "attemptNumber": 0, "changeSource": "CRM_UI", **more})


def _stamp(at: datetime) -> str:
    return str(milliseconds(at))


def generic(element: Element) -> Element:
    """A classic element of a deal as the generic dialect says it."""
    verb = str(element["subscriptionType"]).partition(".")[2]
    return {**element, "subscriptionType": f"object.{verb}", "objectTypeId": "0-3"}
