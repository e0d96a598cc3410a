"""Projection of calls, meetings and e-mails to the events they imply.

Data come from the deal; the team from the activity itself, else from the deal, else the default.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.domain.sources.crm.activity_properties import (
    DIRECTION,
    OCCURRED_AT,
    REPORTED_NAMES,
    STARTS_AT,
    STATUS,
)
from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.crm.deals import event_data_as_of, resolve_team
from app.domain.sources.crm.reconciliation import DesiredEvent, ProjectedEvents
from app.domain.sources.crm.record_links import MergeIndex, find_associated_deals
from app.domain.sources.crm.timeline import (
    MAX_REPORTED_LENGTH,
    RecordTimeline,
    find_unmapped_values,
)
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.mapping.values import parse_instant, to_text


@dataclass(frozen=True, slots=True)
class ActivityRule:
    """Rule that tells when an activity of one type took place, and whether it did."""

    # The last part of the slot and of the event's type.
    slot_suffix: str
    # The first property with a readable time counts.
    time_properties: tuple[str, ...]
    # Outcomes of an activity that took place: it was held, or sent.
    held_outcomes: frozenset[str]
    not_held_outcomes: frozenset[str]


# fmt: off
ACTIVITY_RULES: Final[Mapping[str, ActivityRule]] = {
    "call": ActivityRule(
        "held",
        (OCCURRED_AT,),
        frozenset({"COMPLETED"}),
        frozenset({
            "BUSY", "CALLING_CRM_USER", "CANCELED", "CONNECTING", "FAILED", "IN_PROGRESS", "MISSED",
            "NO_ANSWER", "NO_SHOW", "QUEUED", "RESCHEDULED", "RINGING", "SCHEDULED",
        }),
    ),
    "meeting": ActivityRule(
        "held",
        (STARTS_AT, OCCURRED_AT),
        frozenset({"COMPLETED"}),
        frozenset({"CANCELED", "NO_SHOW", "RESCHEDULED", "SCHEDULED"}),
    ),
    "email": ActivityRule(
        "sent",
        (OCCURRED_AT,),
        frozenset({"SENT"}),
        frozenset({"BOUNCED", "DRAFT", "FAILED", "SCHEDULED", "SENDING"}),
    ),
}
# fmt: on
INCOMING_DIRECTION: Final = "INCOMING_EMAIL"


def find_deal(changes: Iterable[Change], merge_index: MergeIndex | None = None) -> str | None:
    """Return the deal whose fields an activity inherits, or None without one.

    Of several associated deals, the one associated first counts.
    """
    associated_since = find_associated_deals(RecordTimeline(changes), merge_index or MergeIndex())
    return min(
        associated_since, key=lambda deal: (associated_since[deal], len(deal), deal), default=None
    )


def project_events(
    changes: Iterable[Change],
    deal: str | None,
    deal_changes: Iterable[Change],
    mapping: DealMapping,
    default_team: str,
) -> ProjectedEvents:
    """Return the event that one activity implies, or none if it did not take place.

    `deal` is the result of `find_deal`; `deal_changes` are the changes of the deal and of the
    deals whose history it continues.
    """
    timeline = RecordTimeline(changes)
    if not timeline.changes:
        return ProjectedEvents()
    record_type, _, id_ = timeline.changes[0].entity.partition(":")
    rule = ACTIVITY_RULES[record_type]
    unmapped_values = _find_unmapped_activity_values(record_type, timeline, mapping)
    occurred_at = _find_occurred_at(timeline, rule) if timeline.is_alive else None
    if occurred_at is None:
        return ProjectedEvents((), unmapped_values)
    deal_timeline = RecordTimeline(deal_changes)
    event = DesiredEvent(
        slot=f"{record_type}/{id_}/{rule.slot_suffix}",
        type=f"{record_type}.{rule.slot_suffix}",
        time=occurred_at,
        team=resolve_team([timeline, deal_timeline], mapping.team, default_team, occurred_at),
        kind="activity",
        subject=None if deal is None else deal.replace(":", "/", 1),
        data=event_data_as_of(deal_timeline, mapping, occurred_at),
    )
    return ProjectedEvents((event,), unmapped_values)


def _find_occurred_at(timeline: RecordTimeline, rule: ActivityRule) -> datetime | None:
    """Return when the activity took place, or None if it did not, or not yet.

    Without a known outcome it counts as held once a change at or after its planned time exists.
    """
    direction = timeline.latest_value(DIRECTION)
    if direction is not None and _to_option_code(direction) == INCOMING_DIRECTION:
        return None
    stated_time = next(
        (
            parsed_time
            for name in rule.time_properties
            if (parsed_time := parse_instant(timeline.latest_value(name))) is not None
        ),
        None,
    )
    planned_at = stated_time or timeline.created_at
    latest_change_at = timeline.latest_change_at
    if planned_at is None or latest_change_at is None:
        return None
    outcome = timeline.latest_value(STATUS)
    outcome_code = None if outcome is None else _to_option_code(outcome)
    if outcome_code in rule.held_outcomes:
        # A held outcome before the planned time means that the activity took place earlier.
        return min(planned_at, _find_held_since(timeline, rule) or planned_at)
    if outcome_code in rule.not_held_outcomes:
        return None
    return planned_at if planned_at <= latest_change_at else None


def _find_held_since(timeline: RecordTimeline, rule: ActivityRule) -> datetime | None:
    """Return the start of the latest unbroken period with a held outcome."""
    since: datetime | None = None
    for changed_at, status in timeline.value_history(STATUS):
        is_held = status is not None and _to_option_code(status) in rule.held_outcomes
        since = (since or changed_at) if is_held else None
    return since


def _to_option_code(option: Scalar) -> str:
    """Return an option of an enumeration in upper case with underscores."""
    return to_text(option).strip().upper().replace(" ", "_").replace("-", "_")


def _find_unmapped_activity_values(
    record_type: str, timeline: RecordTimeline, mapping: DealMapping
) -> tuple[tuple[str, str], ...]:
    """Return the sorted (property, value) pairs that the rules do not know or cannot read."""
    rule = ACTIVITY_RULES[record_type]
    reported_names = REPORTED_NAMES[record_type]
    known_outcomes = rule.held_outcomes | rule.not_held_outcomes
    unmapped_values = {
        (reported_names[STATUS], status[:MAX_REPORTED_LENGTH])
        for status in timeline.distinct_values(STATUS)
        if _to_option_code(status) not in known_outcomes
    }
    for name in rule.time_properties:
        unmapped_values |= {
            (reported_names[name], time_text[:MAX_REPORTED_LENGTH])
            for time_text in timeline.distinct_values(name)
            if parse_instant(time_text) is None
        }
    unmapped_values |= find_unmapped_values(
        timeline,
        [mapping.team],
        lambda team_rule, team_value: team_rule.apply(team_value) is not None,
    )
    return tuple(sorted(unmapped_values))
