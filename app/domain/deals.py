"""A deal's changes folded into the events it should have: pure, and the same in whatever order they came."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from app.domain import fixed
from app.domain.changes import Change, milliseconds
from app.domain.desired import DesiredEvent, Folded
from app.domain.histories import History, amount, converted, datum, text, within_budget
from app.domain.mapping import SLUG, Choice, DealMapping


def fold(changes: Iterable[Change], mapping: DealMapping, default_team: str) -> Folded:
    """The events that one deal should have now, and what of it the mapping does not know."""
    history = History(changes, mapping.stage)
    if not history.changes:
        return Folded()
    subject = history.changes[0].entity.replace(":", "/", 1)
    unmapped = unknown_values(history, mapping)
    if not history.alive:
        return Folded((), unmapped)
    events = []
    for slot, kind, at in _moments(history, mapping):
        event = DesiredEvent(
            slot=f"{subject}/{slot}",
            type=f"deal.{slot.split('/')[0]}",
            time=at,
            team=team_at([history], mapping.team, default_team, at),
            kind=kind,
            subject=subject,
            data=data_at(history, mapping, at),
        )
        events.append(_sold(event, history, mapping) if slot == "won" else event)
    lacking = any(event.type == "deal.won" and event.value is None for event in events)
    return Folded(tuple(events), unmapped, lacking)


def _moments(history: History, mapping: DealMapping) -> list[tuple[str, str, datetime]]:
    """What happened to the deal that stands now. Shape: (slot, kind, time)."""
    found: dict[str, tuple[str, datetime]] = {}
    if history.created is not None:
        found["created"] = ("activity", history.created)
    state, since, known = "open", None, None
    for at, value in history.past(mapping.stage):
        stage = None if value is None else text(value)
        now = "open" if stage is None else mapping.stages.get(stage, "open")
        if now == "open" and stage is not None and known is not None and stage != known:
            found[f"moved/{milliseconds(at)}"] = ("activity", at)
        if now != state:
            state, since = now, at
        known = stage if stage is not None else known
    if since is not None and state != "open":
        found[state] = ("outcome" if state == "won" else "activity", since)
    return [(slot, kind, at) for slot, (kind, at) in found.items()]


def _sold(event: DesiredEvent, history: History, mapping: DealMapping) -> DesiredEvent:
    """The win with what was won: the newest amount and unit, converted at the rate of the win's own day."""
    said = history.latest(mapping.value)
    value = None if said is None else amount(said)
    unit = _unit(history, mapping.unit)
    data = dict(event.data)
    rate = None if unit is None else mapping.rate_on(unit, event.time.astimezone(UTC).date())
    if rate is not None and value is not None:
        data |= {"original_value": fixed.number(value), "original_unit": unit}
        value = converted(value, rate.rate)
    offering = _offering(history.as_of(mapping.offerings.property, event.time), mapping) if mapping.offerings else None
    return DesiredEvent(
        slot=event.slot,
        type=event.type,
        time=event.time,
        team=event.team,
        kind=event.kind,
        value=value,
        unit=unit if rate is None else rate.to,
        subject=event.subject,
        offerings=((offering, value),) if offering is not None and value is not None and value >= 0 else (),
        data=data,
    )


def _unit(history: History, rule: Choice | None) -> str | None:
    """The newest unit, else the rule's default."""
    if rule is None:
        return None
    said = history.latest(rule.property)
    return rule.default if said is None or not _is_unit(text(said)) else text(said)


def _is_unit(said: str) -> bool:
    return 0 < len(said) <= 32 and said.isprintable()


def _offering(value: object, mapping: DealMapping) -> str | None:
    """The key of the offering that a value names. None when it names none."""
    rule = mapping.offerings
    if rule is None or not isinstance(value, str):
        return None
    if rule.map is not None:
        return rule.map.get(value)
    return value if len(value) <= 64 and SLUG.fullmatch(value) else None


def team_at(histories: Sequence[History], rule: Choice | None, default_team: str, at: datetime) -> str:
    """The team of an event: the first of the records whose property names one says it, else the defaults."""
    if rule is None:
        return default_team
    for history in histories:
        value = history.as_of(rule.property, at)
        team = None if value is None else (rule.map or {}).get(text(value))
        if team is not None:
            return team
    return rule.default or default_team


def data_at(history: History, mapping: DealMapping, at: datetime) -> dict[str, object]:
    """The mapped fields, pipeline and stage of a deal as of an instant. Shape: what was not set is not in it."""
    wanted = [("pipeline", mapping.pipeline, "text"), ("stage", mapping.stage, "text")]
    wanted += [(rule.name, rule.property, rule.parse) for rule in mapping.data]
    found: dict[str, object] = {}
    for name, source, kind in wanted:
        value = history.as_of(source, at)
        read = None if value is None else datum(value, kind)
        if read is not None:
            found[name] = read
    return within_budget(found)


def unknown_values(history: History, mapping: DealMapping) -> tuple[tuple[str, str], ...]:
    """Every value the deal ever had that the mapping does not know or cannot read. Shape: (property, value), sorted."""
    found: set[tuple[str, str]] = set()

    def add(name: str | None, values: Iterable[str]) -> None:
        found.update((name, value[:200]) for value in values if name is not None)

    add(mapping.stage, history.seen(mapping.stage) - mapping.stages.keys())
    if mapping.team is not None:
        add(mapping.team.property, history.seen(mapping.team.property) - (mapping.team.map or {}).keys())
    if mapping.offerings is not None:
        name = mapping.offerings.property
        add(name, (value for value in history.seen(name) if _offering(value, mapping) is None))
    if mapping.unit is not None:
        name = mapping.unit.property
        add(name, (value for value in history.seen(name) if not _is_unit(value)))
    add(mapping.value, (value for value in history.seen(mapping.value) if amount(value) is None))
    for rule in mapping.data:
        add(rule.property, (value for value in history.seen(rule.property) if datum(value, rule.parse) is None))
    return tuple(sorted(found))
