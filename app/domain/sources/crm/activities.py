"""Calls, meetings and e-mails folded into what was held or sent, with what they inherit from their deal."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.crm.deals import event_data_as_of, resolve_team
from app.domain.sources.crm.reconciliation import DesiredEvent, ProjectedEvents
from app.domain.sources.crm.record_links import MergeIndex, find_associated_deals
from app.domain.sources.crm.timeline import RecordTimeline, unreadable_values
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.mapping.values import parse_instant, to_text


@dataclass(frozen=True, slots=True)
class ActivityRule:
    """How one kind of activity says when it was and whether it was. Source: HubSpot's property names."""

    slot: str
    time_properties: tuple[str, ...]
    outcome_property: str
    held_outcomes: frozenset[str]
    not_held_outcomes: frozenset[str]
    direction_property: str | None = None


ACTIVITY_RULES: Final[Mapping[str, ActivityRule]] = {
    "call": ActivityRule(
        "held",
        ("hs_timestamp",),
        "hs_call_status",
        frozenset({"COMPLETED"}),
        frozenset(
            (
                *(
                    "BUSY",
                    "CALLING_CRM_USER",
                    "CANCELED",
                    "CONNECTING",
                    "FAILED",
                    "IN_PROGRESS",
                    "MISSED",
                    "NO_ANSWER",
                ),
                *("NO_SHOW", "QUEUED", "RESCHEDULED", "RINGING", "SCHEDULED"),
            )
        ),
    ),
    "meeting": ActivityRule(
        "held",
        ("hs_meeting_start_time", "hs_timestamp"),
        "hs_meeting_outcome",
        frozenset({"COMPLETED"}),
        frozenset({"CANCELED", "NO_SHOW", "RESCHEDULED", "SCHEDULED"}),
    ),
    "email": ActivityRule(
        "sent",
        ("hs_timestamp",),
        "hs_email_status",
        frozenset({"SENT"}),
        frozenset({"BOUNCED", "DRAFT", "FAILED", "SCHEDULED", "SENDING"}),
        "hs_email_direction",
    ),
}
INCOMING_DIRECTION: Final = "INCOMING_EMAIL"


def activity_properties(kind: str, mapping: DealMapping) -> frozenset[str]:
    """The raw properties of an activity that are read: the built-in ones, and those that name a team.

    A connector of another CRM translates its own to these names (RULES), and its outcome to HubSpot's words.
    """
    rule = ACTIVITY_RULES[kind]
    team_properties = mapping.team.properties if mapping.team is not None else ()
    return frozenset(
        name
        for name in (
            *rule.time_properties,
            rule.outcome_property,
            rule.direction_property,
            *team_properties,
        )
        if name is not None
    )


def find_deal(changes: Iterable[Change], merge_index: MergeIndex | None = None) -> str | None:
    """The deal whose fields an activity inherits: of those associated now the first one. None when there is none."""
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
    """The event that one activity should have now.

    Shape: `deal` is what `deal_of` says; `deal_changes` are those of the deal and of those that it continues.
    """
    timeline = RecordTimeline(changes)
    if not timeline.changes:
        return ProjectedEvents()
    kind, _, id_ = timeline.changes[0].entity.partition(":")
    rule = ACTIVITY_RULES[kind]
    unmapped_values = _find_unknown_values(timeline, rule, mapping)
    occurred_at = _find_held_at(timeline, rule) if timeline.is_alive else None
    if occurred_at is None:
        return ProjectedEvents((), unmapped_values)
    deal_timeline = RecordTimeline(deal_changes)
    event = DesiredEvent(
        slot=f"{kind}/{id_}/{rule.slot}",
        type=f"{kind}.{rule.slot}",
        time=occurred_at,
        team=resolve_team([timeline, deal_timeline], mapping.team, default_team, occurred_at),
        kind="activity",
        subject=None if deal is None else deal.replace(":", "/", 1),
        data=event_data_as_of(deal_timeline, mapping, occurred_at),
    )
    return ProjectedEvents((event,), unmapped_values)


def _find_held_at(timeline: RecordTimeline, rule: ActivityRule) -> datetime | None:
    """When it was held or sent. None when it was not, or not yet."""
    direction = timeline.latest_value(rule.direction_property)
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
    outcome = timeline.latest_value(rule.outcome_property)
    outcome_code = None if outcome is None else _to_option_code(outcome)
    if outcome_code in rule.held_outcomes:  # said done before its planned time: it was over by then
        return min(planned_at, _find_done_since(timeline, rule) or planned_at)
    if outcome_code in rule.not_held_outcomes:
        return None
    return planned_at if planned_at <= latest_change_at else None


def _find_done_since(timeline: RecordTimeline, rule: ActivityRule) -> datetime | None:
    """Since when the outcome has said, without a break, that it was done."""
    since: datetime | None = None
    for changed_at, value in timeline.value_history(rule.outcome_property):
        is_held = value is not None and _to_option_code(value) in rule.held_outcomes
        since = (since or changed_at) if is_held else None
    return since


def _to_option_code(value: Scalar) -> str:
    """An option of an enumeration, however it is spelled."""
    return to_text(value).strip().upper().replace(" ", "_").replace("-", "_")


def _find_unknown_values(
    timeline: RecordTimeline, rule: ActivityRule, mapping: DealMapping
) -> tuple[tuple[str, str], ...]:
    """Every value the activity ever had that is not known or cannot be read. Shape: (property, value), sorted."""
    known_outcomes = rule.held_outcomes | rule.not_held_outcomes
    unknown_pairs = {
        (rule.outcome_property, value[:200])
        for value in timeline.distinct_values(rule.outcome_property)
        if _to_option_code(value) not in known_outcomes
    }
    for name in rule.time_properties:
        unknown_pairs |= {
            (name, value[:200])
            for value in timeline.distinct_values(name)
            if parse_instant(value) is None
        }
    unknown_pairs |= unreadable_values(
        timeline, [mapping.team], lambda rule, value: rule.apply(value) is not None
    )
    return tuple(sorted(unknown_pairs))
