"""Calls, meetings and e-mails folded into what was held or sent, with what they inherit from their deal."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.crm.deals import data_at, team_at
from app.domain.sources.crm.reconciliation import DesiredEvent, Folded
from app.domain.sources.crm.record_links import Homes, associated
from app.domain.sources.crm.timeline import History, unread
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.mapping.values import instant, text


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind of activity says when it was and whether it was. Source: HubSpot's property names."""

    slot: str
    times: tuple[str, ...]
    outcome: str
    held: frozenset[str]
    not_held: frozenset[str]
    direction: str | None = None


RULES: Final[Mapping[str, Rule]] = {
    "call": Rule(
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
    "meeting": Rule(
        "held",
        ("hs_meeting_start_time", "hs_timestamp"),
        "hs_meeting_outcome",
        frozenset({"COMPLETED"}),
        frozenset({"CANCELED", "NO_SHOW", "RESCHEDULED", "SCHEDULED"}),
    ),
    "email": Rule(
        "sent",
        ("hs_timestamp",),
        "hs_email_status",
        frozenset({"SENT"}),
        frozenset({"BOUNCED", "DRAFT", "FAILED", "SCHEDULED", "SENDING"}),
        "hs_email_direction",
    ),
}
INCOMING: Final = "INCOMING_EMAIL"


def properties(kind: str, mapping: DealMapping) -> frozenset[str]:
    """The raw properties of an activity that are read: the built-in ones, and those that name a team.

    A connector of another CRM translates its own to these names (RULES), and its outcome to HubSpot's words.
    """
    rule = RULES[kind]
    team = mapping.team.properties if mapping.team is not None else ()
    return frozenset(
        name for name in (*rule.times, rule.outcome, rule.direction, *team) if name is not None
    )


def deal_of(changes: Iterable[Change], homes: Homes | None = None) -> str | None:
    """The deal whose fields an activity inherits: of those associated now the first one. None when there is none."""
    standing = associated(History(changes), homes or Homes())
    return min(standing, key=lambda deal: (standing[deal], len(deal), deal), default=None)


def fold(
    changes: Iterable[Change],
    deal: str | None,
    deal_changes: Iterable[Change],
    mapping: DealMapping,
    default_team: str,
) -> Folded:
    """The event that one activity should have now.

    Shape: `deal` is what `deal_of` says; `deal_changes` are those of the deal and of those that it continues.
    """
    history = History(changes)
    if not history.changes:
        return Folded()
    kind, _, id_ = history.changes[0].entity.partition(":")
    rule = RULES[kind]
    unmapped = _unknown_values(history, rule, mapping)
    at = _held_at(history, rule) if history.alive else None
    if at is None:
        return Folded((), unmapped)
    inherited = History(deal_changes)
    event = DesiredEvent(
        slot=f"{kind}/{id_}/{rule.slot}",
        type=f"{kind}.{rule.slot}",
        time=at,
        team=team_at([history, inherited], mapping.team, default_team, at),
        kind="activity",
        subject=None if deal is None else deal.replace(":", "/", 1),
        data=data_at(inherited, mapping, at),
    )
    return Folded((event,), unmapped)


def _held_at(history: History, rule: Rule) -> datetime | None:
    """When it was held or sent. None when it was not, or not yet."""
    direction = history.latest(rule.direction)
    if direction is not None and _word(direction) == INCOMING:
        return None
    said = next(
        (at for name in rule.times if (at := instant(history.latest(name))) is not None), None
    )
    planned = said or history.created
    newest = history.newest
    if planned is None or newest is None:
        return None
    outcome = history.latest(rule.outcome)
    word = None if outcome is None else _word(outcome)
    if word in rule.held:  # said done before its planned time: it was over by then
        return min(planned, _done_since(history, rule) or planned)
    if word in rule.not_held:
        return None
    return planned if planned <= newest else None


def _done_since(history: History, rule: Rule) -> datetime | None:
    """Since when the outcome has said, without a break, that it was done."""
    since: datetime | None = None
    for at, value in history.past(rule.outcome):
        done = value is not None and _word(value) in rule.held
        since = (since or at) if done else None
    return since


def _word(value: Scalar) -> str:
    """An option of an enumeration, however it is spelled."""
    return text(value).strip().upper().replace(" ", "_").replace("-", "_")


def _unknown_values(
    history: History, rule: Rule, mapping: DealMapping
) -> tuple[tuple[str, str], ...]:
    """Every value the activity ever had that is not known or cannot be read. Shape: (property, value), sorted."""
    known = rule.held | rule.not_held
    found = {
        (rule.outcome, value[:200])
        for value in history.seen(rule.outcome)
        if _word(value) not in known
    }
    for name in rule.times:
        found |= {(name, value[:200]) for value in history.seen(name) if instant(value) is None}
    found |= unread(history, [mapping.team], lambda rule, value: rule.apply(value) is not None)
    return tuple(sorted(found))
