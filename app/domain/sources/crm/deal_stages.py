"""Where a deal stood and stands: open, won or lost, and the moments at which that changed."""

from datetime import datetime

from app.domain.sources.crm.changes import to_milliseconds
from app.domain.sources.crm.timeline import RecordTimeline
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.mapping.values import to_text


def find_deal_class(timeline: RecordTimeline, mapping: DealMapping, as_of: datetime) -> str | None:
    """Open, won or lost at an instant: by the status, else by two booleans, else by the stage. None when not known."""
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
    """The stage at an instant. None when empty or not known."""
    stage = None if mapping.stage is None else mapping.stage.evaluate(timeline.reader_as_of(as_of))
    return None if stage is None else to_text(stage)


def find_transitions(
    timeline: RecordTimeline, mapping: DealMapping
) -> list[tuple[str, str, datetime]]:
    """What happened to the deal that stands now. Shape: (slot, kind, time)."""
    transitions: list[tuple[str, str, datetime]] = []
    created_at = _find_created_at(timeline, mapping)
    if created_at is not None:
        transitions.append(("created", "activity", created_at))
    snapshot_times = {change.at for change in timeline.changes if change.verb == "snapshot"}
    state, since = "open", None
    last_class: str | None = None
    last_stage: str | None = None
    for changed_at in timeline.change_times(
        mapping.status, mapping.won, mapping.closed, mapping.stage
    ):
        deal_class, stage = (
            find_deal_class(timeline, mapping, changed_at),
            find_stage(timeline, mapping, changed_at),
        )
        current_state = deal_class or "open"
        if current_state == "open" and None not in (stage, last_stage) and stage != last_stage:
            transitions.append((f"moved/{to_milliseconds(changed_at)}", "activity", changed_at))
        if current_state != state:
            closed_at = (
                _find_closed_at(timeline, mapping, changed_at)
                if last_class is None and changed_at in snapshot_times
                else None
            )
            state, since = current_state, closed_at or changed_at
        last_class, last_stage = deal_class or last_class, stage or last_stage
    if since is not None and state != "open":
        transitions.append((state, "outcome" if state == "won" else "activity", since))
    return transitions


def _find_created_at(timeline: RecordTimeline, mapping: DealMapping) -> datetime | None:
    """When the deal was created: told as it happened, else by a field. None when neither says so."""
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
    """When a deal was closed that is first known as closed. None when nothing says that it was before `at`."""
    stated_time = (
        None if mapping.closed_at is None else mapping.closed_at.evaluate(timeline.latest_value)
    )
    return stated_time if stated_time is not None and stated_time <= known_at else None
