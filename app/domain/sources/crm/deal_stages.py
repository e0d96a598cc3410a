"""The class of a deal (open, won or lost), its stage, and the times at which they changed."""

from datetime import datetime

from app.domain.sources.crm.changes import to_milliseconds
from app.domain.sources.crm.timeline import RecordTimeline
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.mapping.values import to_text


def find_deal_class(timeline: RecordTimeline, mapping: DealMapping, as_of: datetime) -> str | None:
    """Return open, won or lost as of an instant, or None if unknown.

    The first rule with a value decides: the status, two booleans, the stage.
    """
    read_property = timeline.reader_as_of(as_of)
    status = None if mapping.status is None else mapping.status.evaluate(read_property)
    if isinstance(status, str):
        return status
    won = None if mapping.won is None else mapping.won.evaluate(read_property)
    closed = None if mapping.closed is None else mapping.closed.evaluate(read_property)
    if won is True:
        return "won"
    if closed is False:
        return "open"
    if closed is True and (won is False or mapping.won is None):
        return "lost"
    stage = find_stage(timeline, mapping, as_of)
    return None if stage is None else mapping.stages.get(stage, "open")


def find_stage(timeline: RecordTimeline, mapping: DealMapping, as_of: datetime) -> str | None:
    """Return the stage as of an instant, or None if it is empty or unknown."""
    stage = None if mapping.stage is None else mapping.stage.evaluate(timeline.reader_as_of(as_of))
    return None if stage is None else to_text(stage)


def find_transitions(
    timeline: RecordTimeline, mapping: DealMapping
) -> list[tuple[str, str, datetime]]:
    """Return creation, each move between open stages, and the final win or loss.

    Each is (slot suffix, event kind, time). If the first known state comes from a snapshot, the
    stated closing time dates it.
    """
    transitions: list[tuple[str, str, datetime]] = []
    created_at = _find_created_at(timeline, mapping)
    if created_at is not None:
        transitions.append(("created", "activity", created_at))
    snapshot_times = {change.at for change in timeline.changes if change.verb == "snapshot"}
    state = "open"
    since = None
    last_class: str | None = None
    last_stage: str | None = None
    for changed_at in timeline.change_times(
        mapping.status, mapping.won, mapping.closed, mapping.stage
    ):
        deal_class = find_deal_class(timeline, mapping, changed_at)
        stage = find_stage(timeline, mapping, changed_at)
        current_state = deal_class or "open"
        if current_state == "open" and None not in (stage, last_stage) and stage != last_stage:
            transitions.append((f"moved/{to_milliseconds(changed_at)}", "activity", changed_at))
        if current_state != state:
            closed_at = (
                _find_closed_at(timeline, mapping, changed_at)
                if last_class is None and changed_at in snapshot_times
                else None
            )
            state = current_state
            since = closed_at or changed_at
        last_class = deal_class or last_class
        last_stage = stage or last_stage
    if since is not None and state != "open":
        transitions.append((state, "outcome" if state == "won" else "activity", since))
    return transitions


def _find_created_at(timeline: RecordTimeline, mapping: DealMapping) -> datetime | None:
    """Return when the deal was created, by its change or else by a field."""
    if (
        timeline.created_at is not None
        or mapping.created_at is None
        or timeline.latest_change_at is None
    ):
        return timeline.created_at
    stated_time = mapping.created_at.evaluate(timeline.latest_value)
    return (
        stated_time
        if stated_time is not None and stated_time <= timeline.latest_change_at
        else None
    )


def _find_closed_at(
    timeline: RecordTimeline, mapping: DealMapping, known_at: datetime
) -> datetime | None:
    """Return the stated closing time of a deal whose first known state is closed.

    Return None if no field states a time up to `known_at`.
    """
    stated_time = (
        None if mapping.closed_at is None else mapping.closed_at.evaluate(timeline.latest_value)
    )
    return stated_time if stated_time is not None and stated_time <= known_at else None
