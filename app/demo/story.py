"""The quarter as a list of acts: every call of the API and every delivery, with the instant at which it comes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from app.demo import daily_batches as work
from app.demo.company import LEAD, MAPPING, PLAYBOOK, PORTAL, WEEKS, Quarter, document
from app.demo.deals import Element, Told, all_told, generic
from app.demo.seeded_random import Dice

MOST: Final = 100  # HubSpot's own batch
SLOTS: Final = ((12, 30), (17, 30))
BOOK: Final = f"/v1/playbooks/{PLAYBOOK}"
SIGNING: Final = "the demo"


@dataclass(frozen=True, slots=True)
class Request:
    """A call of the API. Any: JSON."""

    at: datetime
    method: str
    path: str
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What HubSpot sends to the hook; never empty."""

    at: datetime
    elements: tuple[Element, ...]


Act = Request | Delivery


def connect(quarter: Quarter, secret: str) -> Request:
    """The CRM is connected, its client secret being the one given."""
    body = {
        "name": "HubSpot",
        "connector": "hubspot",
        "account": str(PORTAL),
        "team": "sales",
        "mapping": {
            **MAPPING,
            "rates": [_rate(quarter.day(-60), 0.93), _rate(quarter.day(28), 0.91)],
        },
        "secret": secret,
    }
    return Request(_before(quarter, 14, 10), "PUT", "/v1/sources/hubspot", body)


def _rate(day: date, rate: float) -> dict[str, object]:
    return {"from": "USD", "to": "EUR", "rate": rate, "valid_from": day.isoformat()}


def acts(quarter: Quarter) -> list[Act]:
    """All acts of the quarter in the order in which they come, but for `connect`, which comes after the first one."""
    found: list[Act] = [*_planning(quarter), *_second_thoughts(quarter), *_deliveries(quarter)]
    for offset, events in enumerate(work.by_day(quarter)):
        if events:
            found.append(
                Request(quarter.at(offset, 18, 5), "POST", "/v1/event-batches", {"events": events})
            )
    return sorted(found, key=lambda act: act.at)


def _before(quarter: Quarter, days: int, hour: int) -> datetime:
    return quarter.at(-days, hour)


def begins(quarter: Quarter) -> datetime:
    """When the organization is made: before anything else."""
    return quarter.at(0, 8) - LEAD


def _planning(quarter: Quarter) -> Iterator[Request]:
    """The executives write it, operations and marketing help; marketing never signs, sales signs later on."""
    yield Request(_before(quarter, 14, 9), "POST", "/v1/apply", document(quarter))
    yield _contribution(_before(quarter, 10, 11), "executives", "Wrote it")
    yield _contribution(_before(quarter, 9, 15), "operations", "The part on onboarding")
    yield _contribution(_before(quarter, 7, 16), "marketing", "The part on leads")
    yield Request(_before(quarter, 4, 9), "POST", f"{BOOK}/publish")
    yield _signature(_before(quarter, 4, 10), "executives", 1)
    yield _signature(_before(quarter, 3, 14), "operations", 1)
    accepted = {
        "win-enterprise": ("sales", "marketing", "operations"),
        "fill-the-pipeline": ("marketing",),
        "deliver-in-a-month": ("operations", "sales"),
        "keep-customers": ("operations",),
        "open-partner-channel": ("executives",),
    }
    minute = 0
    for objective, teams in accepted.items():
        for team in teams:
            minute += 5
            at = _before(quarter, 2, 9) + timedelta(minutes=minute)
            yield _acceptance(at, objective, team, accepted=True, note="")
    no = "No one free for leads that take a year."
    yield _acceptance(
        _before(quarter, 1, 10), "fill-the-pipeline", "sales", accepted=False, note=no
    )


def _second_thoughts(quarter: Quarter) -> Iterator[Request]:
    """Three weeks in a goal is lowered: a revision that operations never signs. A later edit is not published."""
    lowered = {"target": 22, "title": "22 onboardings delivered"}
    yield Request(quarter.at(21, 9), "PATCH", "/v1/key-results/onboardings-26", lowered)
    yield Request(quarter.at(21, 9, 10), "POST", f"{BOOK}/publish")
    yield _signature(quarter.at(22, 9), "executives", 2)
    yield _signature(quarter.at(23, 9), "sales", 2)
    said = {"description": "Seats above 200, or a contract above 90,000 a year."}
    yield Request(quarter.at(39, 11), "PATCH", "/v1/objectives/win-enterprise", said)


def _contribution(at: datetime, team: str, note: str) -> Request:
    return Request(at, "PUT", f"{BOOK}/contributions/{team}", {"by": SIGNING, "note": note})


def _signature(at: datetime, team: str, revision: int) -> Request:
    return Request(at, "PUT", f"{BOOK}/signoffs/{team}", {"revision": revision, "by": SIGNING})


def _acceptance(at: datetime, objective: str, team: str, *, accepted: bool, note: str) -> Request:
    path = f"/v1/objectives/{objective}/responsibilities/{team}/acceptance"
    return Request(at, "PUT", path, {"accepted": accepted, "by": SIGNING, "note": note})


def _deliveries(quarter: Quarter) -> Iterator[Delivery]:
    """Two a day; a few elements come a day late, a few twice, and now and then a whole delivery is sent again."""
    dice = Dice(quarter.seed)
    slots = [quarter.at(offset, *slot) for offset in range(WEEKS * 7) for slot in SLOTS]
    batches: dict[datetime, list[Element]] = {slot: [] for slot in slots}
    following = iter(slots)
    slot = next(following)
    for told in all_told(quarter):
        while slot < told.at:
            later = next(following, None)
            if later is None:
                break
            slot = later
        late = timedelta(days=1) if _late(dice, told) else timedelta()
        if told.at <= slot and slot + late in batches:
            batches[slot + late] += _spoken(dice, told)
    for at, elements in batches.items():
        for part in range(0, len(elements), MOST):
            yield from _sent(
                dice, at + timedelta(minutes=part // MOST), tuple(elements[part : part + MOST])
            )


def _late(dice: Dice, told: Told) -> bool:
    return dice.whether(0.03, told.at, told.element.get("objectId"), "late")


def _spoken(dice: Dice, told: Told) -> list[Element]:
    """The element; both dialects say some of what happens to deals."""
    both = "deal." in told.element["subscriptionType"] and dice.whether(0.08, told.at, "both")
    return [told.element, generic(told.element)] if both else [told.element]


def _sent(dice: Dice, at: datetime, elements: tuple[Element, ...]) -> Iterator[Delivery]:
    yield Delivery(at, elements)
    if dice.whether(0.06, at, "again"):
        yield Delivery(
            at + timedelta(minutes=47), tuple({**one, "attemptNumber": 1} for one in elements)
        )
