"""The quarter as a list of acts: API requests and deliveries, each with its instant."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from app.demo import daily_batches
from app.demo.company import (
    LEAD_TIME,
    MAPPING,
    PLAYBOOK,
    PORTAL_ID,
    WEEKS,
    Quarter,
    playbook_document,
)
from app.demo.deals import Element, TimedElement, build_webhook_elements, to_generic_element
from app.demo.seeded_random import SeededRandom

MAX_BATCH: Final = 100  # HubSpot's limit
DELIVERY_TIMES: Final = ((12, 30), (17, 30))
PLAYBOOK_PATH: Final = f"/v1/playbooks/{PLAYBOOK}"
SIGNER: Final = "the demo"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request to the API."""

    occurs_at: datetime
    method: str
    path: str
    body: Mapping[str, Any] | None = None  # Any: JSON values


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """A delivery of HubSpot to the hook, with at least one element."""

    occurs_at: datetime
    elements: tuple[Element, ...]


Act = ApiRequest | WebhookDelivery


def build_connection(quarter: Quarter, secret: str) -> ApiRequest:
    """Return the request that connects the CRM with a client secret."""
    body = {
        "name": "HubSpot",
        "connector": "hubspot",
        "account": str(PORTAL_ID),
        "team": "sales",
        "mapping": {
            **MAPPING,
            "rates": [
                _exchange_rate(quarter.day(-60), 0.93),
                _exchange_rate(quarter.day(28), 0.91),
            ],
        },
        "secret": secret,
    }
    return ApiRequest(_instant_before(quarter, 14, 10), "PUT", "/v1/sources/hubspot", body)


def _exchange_rate(day: date, rate: float) -> dict[str, object]:
    return {"from": "USD", "to": "EUR", "rate": rate, "valid_from": day.isoformat()}


def build_acts(quarter: Quarter) -> list[Act]:
    """Return all acts of the quarter in order, except `build_connection`.

    The connection follows the first act.
    """
    planned_acts: list[Act] = [
        *_planning_acts(quarter),
        *_revision_acts(quarter),
        *_plan_deliveries(quarter),
    ]
    for offset, events in enumerate(daily_batches.build_daily_batches(quarter)):
        if events:
            planned_acts.append(
                ApiRequest(
                    quarter.instant_at(offset, 18, 5),
                    "POST",
                    "/v1/event-batches",
                    {"events": events},
                )
            )
    return sorted(planned_acts, key=lambda act: act.occurs_at)


def _instant_before(quarter: Quarter, days: int, hour: int) -> datetime:
    return quarter.instant_at(-days, hour)


def story_start(quarter: Quarter) -> datetime:
    """Return when the organization is created, before all acts."""
    return quarter.instant_at(0, 8) - LEAD_TIME


def _planning_acts(quarter: Quarter) -> Iterator[ApiRequest]:
    """Yield the planning: executives write, operations and marketing contribute.

    Marketing never signs, and sales signs later.
    """
    yield ApiRequest(
        _instant_before(quarter, 14, 9), "POST", "/v1/apply", playbook_document(quarter)
    )
    yield _contribution(_instant_before(quarter, 10, 11), "executives", "Wrote it")
    yield _contribution(_instant_before(quarter, 9, 15), "operations", "The part on onboarding")
    yield _contribution(_instant_before(quarter, 7, 16), "marketing", "The part on leads")
    yield ApiRequest(_instant_before(quarter, 4, 9), "POST", f"{PLAYBOOK_PATH}/publish")
    yield _signature(_instant_before(quarter, 4, 10), "executives", 1)
    yield _signature(_instant_before(quarter, 3, 14), "operations", 1)
    accepting_teams = {
        "win-enterprise": ("sales", "marketing", "operations"),
        "fill-the-pipeline": ("marketing",),
        "deliver-in-a-month": ("operations", "sales"),
        "keep-customers": ("operations",),
        "open-partner-channel": ("executives",),
    }
    minute = 0
    for objective, teams in accepting_teams.items():
        for team in teams:
            minute += 5
            instant = _instant_before(quarter, 2, 9) + timedelta(minutes=minute)
            yield _acceptance(instant, objective, team, accepted=True, note="")
    refusal_note = "No one free for leads that take a year."
    yield _acceptance(
        _instant_before(quarter, 1, 10),
        "fill-the-pipeline",
        "sales",
        accepted=False,
        note=refusal_note,
    )


def _revision_acts(quarter: Quarter) -> Iterator[ApiRequest]:
    """Yield a revision after three weeks that lowers a goal, and a later unpublished edit.

    Operations never signs the revision.
    """
    lowered_goal = {"target": 22, "title": "22 onboardings delivered"}
    yield ApiRequest(
        quarter.instant_at(21, 9), "PATCH", "/v1/key-results/onboardings-26", lowered_goal
    )
    yield ApiRequest(quarter.instant_at(21, 9, 10), "POST", f"{PLAYBOOK_PATH}/publish")
    yield _signature(quarter.instant_at(22, 9), "executives", 2)
    yield _signature(quarter.instant_at(23, 9), "sales", 2)
    new_description = {"description": "Seats above 200, or a contract above 90,000 a year."}
    yield ApiRequest(
        quarter.instant_at(39, 11), "PATCH", "/v1/objectives/win-enterprise", new_description
    )


def _contribution(occurs_at: datetime, team: str, note: str) -> ApiRequest:
    return ApiRequest(
        occurs_at, "PUT", f"{PLAYBOOK_PATH}/contributions/{team}", {"by": SIGNER, "note": note}
    )


def _signature(occurs_at: datetime, team: str, revision: int) -> ApiRequest:
    return ApiRequest(
        occurs_at, "PUT", f"{PLAYBOOK_PATH}/signoffs/{team}", {"revision": revision, "by": SIGNER}
    )


def _acceptance(
    occurs_at: datetime, objective: str, team: str, *, accepted: bool, note: str
) -> ApiRequest:
    path = f"/v1/objectives/{objective}/responsibilities/{team}/acceptance"
    return ApiRequest(occurs_at, "PUT", path, {"accepted": accepted, "by": SIGNER, "note": note})


def _plan_deliveries(quarter: Quarter) -> Iterator[WebhookDelivery]:
    """Yield two deliveries a day. Some elements are late or repeated, as are some deliveries."""
    seeded_random = SeededRandom(quarter.seed)
    slots = [
        quarter.instant_at(offset, *slot) for offset in range(WEEKS * 7) for slot in DELIVERY_TIMES
    ]
    batches: dict[datetime, list[Element]] = {slot: [] for slot in slots}
    remaining_slots = iter(slots)
    slot = next(remaining_slots)
    for timed_element in build_webhook_elements(quarter):
        while slot < timed_element.occurred_at:
            next_slot = next(remaining_slots, None)
            if next_slot is None:
                break
            slot = next_slot
        delay = timedelta(days=1) if _is_late(seeded_random, timed_element) else timedelta()
        if timed_element.occurred_at <= slot and slot + delay in batches:
            batches[slot + delay] += _in_dialects(seeded_random, timed_element)
    for occurs_at, elements in batches.items():
        for start in range(0, len(elements), MAX_BATCH):
            yield from _send_deliveries(
                seeded_random,
                occurs_at + timedelta(minutes=start // MAX_BATCH),
                tuple(elements[start : start + MAX_BATCH]),
            )


def _is_late(seeded_random: SeededRandom, timed_element: TimedElement) -> bool:
    return seeded_random.happens(
        0.03, timed_element.occurred_at, timed_element.element.get("objectId"), "late"
    )


def _in_dialects(seeded_random: SeededRandom, timed_element: TimedElement) -> list[Element]:
    """Return the element, for some deals in both dialects."""
    is_repeated = "deal." in timed_element.element["subscriptionType"] and seeded_random.happens(
        0.08, timed_element.occurred_at, "both"
    )
    return (
        [timed_element.element, to_generic_element(timed_element.element)]
        if is_repeated
        else [timed_element.element]
    )


def _send_deliveries(
    seeded_random: SeededRandom, occurs_at: datetime, elements: tuple[Element, ...]
) -> Iterator[WebhookDelivery]:
    yield WebhookDelivery(occurs_at, elements)
    if seeded_random.happens(0.06, occurs_at, "again"):
        yield WebhookDelivery(
            occurs_at + timedelta(minutes=47),
            tuple({**element, "attemptNumber": 1} for element in elements),
        )
