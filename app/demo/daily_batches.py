"""What the other systems tell: projects, campaigns and billing, a batch of events a day."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from app.demo.company import WEEKS, Quarter
from app.demo.deals import Deal, deals
from app.demo.seeded_random import Dice

Event = dict[str, Any]  # Any: an event of our own API


def by_day(quarter: Quarter) -> list[list[Event]]:
    """The events of each day of the quarter, in the order in which they happened; none on most weekends."""
    dice, found = Dice(quarter.seed), []
    sold = [deal for deal in deals(quarter) if deal.segment == "enterprise" and deal.won]
    for offset in range(WEEKS * 7):
        day = [
            event
            for deal in sold
            if _due(deal) == quarter.day(offset)
            for event in _invoice(quarter, offset, deal)
        ]
        if offset % 7 < 5:
            day += [*_operations(quarter, offset, dice), *_marketing(quarter, offset, dice)]
            day += _executives(quarter, offset, dice)
        found.append(sorted(day, key=lambda event: (event["time"], event["id"])))
    return found


def _operations(quarter: Quarter, offset: int, dice: Dice) -> Iterator[Event]:
    """A team that does what the playbook says, but for the promises that others made."""
    for index in range(dice.between(3, 4, "steps", offset)):
        at = quarter.at(offset, 8 + 2 * index, dice.between(0, 59, "step", offset, index))
        hours = dice.between(4, 12, "hours", offset, index) / 2
        yield _event("projects", "project.step", at, "operations", kind="activity", effort=hours)
    if offset % 7 in (1, 3):
        days = 40 - offset // 12 - dice.between(0, 6, "days", offset)
        yield _event(
            "projects",
            "project.delivered",
            quarter.at(offset, 16, 20),
            "operations",
            data={"days": days},
        )
    more: Event = {"kind": "activity", "effort": 4, "objective": "keep-customers"}
    yield _event("projects", "customer.reviewed", quarter.at(offset, 15, 10), "operations", **more)
    if (
        offset % 7 in (1, 4) and offset > 14
    ):  # what was sold and cannot be delivered is tailored by hand
        more = {"kind": "activity", "effort": 3, "data": {"reason": "sold outside the catalogue"}}
        yield _event("projects", "rework.done", quarter.at(offset, 14, 40), "operations", **more)


def _marketing(quarter: Quarter, offset: int, dice: Dice) -> Iterator[Event]:
    """Half a team for the enterprise, half for everyone else, counted by what it does."""
    for index in range(2):
        at = quarter.at(offset, 9 + 4 * index, dice.between(0, 59, "campaign", offset, index))
        segment = dice.weighed(
            {"enterprise": 55, "small": 45}, "campaign", offset, index, "segment"
        )
        yield _event(
            "campaigns",
            "campaign.sent",
            at,
            "marketing",
            kind="activity",
            data={"segment": segment},
        )
    if offset % 7 == 2:
        at, data = quarter.at(offset, 11, 0), {"segment": "enterprise"}
        yield _event(
            "campaigns", "webinar.held", at, "marketing", kind="activity", effort=4, data=data
        )
    for index in range(dice.between(0, 2, "leads", offset)):
        at = quarter.at(offset, 10 + 3 * index, dice.between(0, 59, "lead", offset, index))
        segment = dice.weighed({"enterprise": 60, "small": 40}, "lead", offset, index, "segment")
        yield _event("campaigns", "lead.qualified", at, "marketing", data={"segment": segment})


def _executives(quarter: Quarter, offset: int, dice: Dice) -> Iterator[Event]:
    """A week of partner talks, and then the day-to-day again."""
    more: Event = {"kind": "activity", "objective": "open-partner-channel"}
    if offset in (1, 3, 4, 8, 10):
        yield _event("projects", "partner.met", quarter.at(offset, 10, 30), "executives", **more)
    if offset == 11:
        yield _event("projects", "partner.signed", quarter.at(offset, 16, 0), "executives", value=1)
    if offset % 7 == 0 and offset > 0:
        rate = round(8 - offset * 0.022 - dice.between(0, 2, "churn", offset) / 10, 1)
        yield _event(
            "billing", "churn.measured", quarter.at(offset, 7, 0), "operations", value=rate
        )
    if offset % 7 == 4:
        at, goal = quarter.at(offset, 9, 0), "keep-customers"
        yield _event("projects", "review.held", at, "executives", kind="activity", objective=goal)


def _due(deal: Deal) -> date | None:
    """The day on which billing writes the invoice. None for a deal that stays open."""
    return None if deal.ends is None else (deal.ends + timedelta(days=4)).date()


def _invoice(quarter: Quarter, offset: int, deal: Deal) -> Iterator[Event]:
    """What billing made of a won deal: not of all of them, and not always in full."""
    dice, at = Dice(quarter.seed), quarter.at(offset, 7, 30)
    if dice.whether(0.15, deal.id, "not invoiced"):
        return
    share = dice.pick((100, 90, 75, 60), deal.id, "invoiced")
    more: Event = {
        "value": deal.amount * share / 100,
        "unit": deal.currency,
        "subject": f"deal/{deal.id}",
    }
    yield _event("billing", "invoice.issued", at, "sales", **more, data={"segment": deal.segment})


# Any: the members of an event
def _event(source: str, type_: str, at: datetime, team: str, **more: Any) -> Event:
    """An event named by what it is and when it was."""
    name = f"{type_}/{at:%Y-%m-%dT%H:%M}" + (f"/{more['subject']}" if "subject" in more else "")
    time = at.isoformat().replace("+00:00", "Z")
    return {"id": name, "source": source, "type": type_, "time": time, "team": team, **more}
