"""Where a deal stood and stands: open, won or lost, and the moments at which that changed."""

from datetime import datetime

from app.domain.sources.crm.changes import milliseconds
from app.domain.sources.crm.timeline import History
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.mapping.values import text


def class_at(history: History, mapping: DealMapping, at: datetime) -> str | None:
    """Open, won or lost at an instant: by the status, else by two booleans, else by the stage. None when not known."""
    look = history.until(at)
    status = None if mapping.status is None else mapping.status.read(look)
    if isinstance(status, str):
        return status
    won = None if mapping.won is None else mapping.won.read(look)
    closed = None if mapping.closed is None else mapping.closed.read(look)
    if won is True:
        return "won"
    if closed is False:
        return "open"
    if closed is True and (won is False or mapping.won is None):
        return "lost"
    stage = stage_at(history, mapping, at)
    return None if stage is None else mapping.stages.get(stage, "open")


def stage_at(history: History, mapping: DealMapping, at: datetime) -> str | None:
    """The stage at an instant. None when empty or not known."""
    stage = None if mapping.stage is None else mapping.stage.read(history.until(at))
    return None if stage is None else text(stage)


def moments(history: History, mapping: DealMapping) -> list[tuple[str, str, datetime]]:
    """What happened to the deal that stands now. Shape: (slot, kind, time)."""
    found: list[tuple[str, str, datetime]] = []
    created = _created(history, mapping)
    if created is not None:
        found.append(("created", "activity", created))
    snapshots = {change.at for change in history.changes if change.verb == "snapshot"}
    state, since = "open", None
    known_class: str | None = None
    known_stage: str | None = None
    for at in history.times(mapping.status, mapping.won, mapping.closed, mapping.stage):
        said, stage = class_at(history, mapping, at), stage_at(history, mapping, at)
        now = said or "open"
        if now == "open" and None not in (stage, known_stage) and stage != known_stage:
            found.append((f"moved/{milliseconds(at)}", "activity", at))
        if now != state:
            before = (
                _closed(history, mapping, at) if known_class is None and at in snapshots else None
            )
            state, since = now, before or at
        known_class, known_stage = said or known_class, stage or known_stage
    if since is not None and state != "open":
        found.append((state, "outcome" if state == "won" else "activity", since))
    return found


def _created(history: History, mapping: DealMapping) -> datetime | None:
    """When the deal was created: told as it happened, else by a field. None when neither says so."""
    if history.created is not None or mapping.created_at is None or history.newest is None:
        return history.created
    said = mapping.created_at.read(history.latest)
    return said if said is not None and said <= history.newest else None


def _closed(history: History, mapping: DealMapping, at: datetime) -> datetime | None:
    """When a deal was closed that is first known as closed. None when nothing says that it was before `at`."""
    said = None if mapping.closed_at is None else mapping.closed_at.read(history.latest)
    return said if said is not None and said <= at else None
