"""A deal's changes folded into the events it should have: pure, and the same in whatever order they came."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from app.domain.primitives import decimals as fixed
from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.crm.deal_stages import moments
from app.domain.sources.crm.line_items import is_offering, sold
from app.domain.sources.crm.reconciliation import DesiredEvent, Folded
from app.domain.sources.crm.timeline import History, unread
from app.domain.sources.mapping.mapping import DealMapping, Rate
from app.domain.sources.mapping.parser import UNIT
from app.domain.sources.mapping.rules import Rule
from app.domain.sources.mapping.values import amount, converted, datum, text, within_budget


def fold(
    changes: Iterable[Change],
    mapping: DealMapping,
    default_team: str,
    entity: str | None = None,
    items: Sequence[History] = (),
) -> Folded:
    """The events that one deal should have now, and what of it the mapping does not know.

    Shape: `changes` are those of the deal and of those that it continues; `items` are its line items as they stand.
    None when: `entity` is None where all changes are of one record.
    """
    told = list(changes)
    if not told:
        return Folded()
    entity = entity or told[0].entity
    history = History(told, entity)
    subject = entity.replace(":", "/", 1)
    unmapped = unknown_values(history, mapping)
    if not history.alive:
        return Folded((), unmapped)
    events = []
    for slot, kind, at in moments(history, mapping):
        event = DesiredEvent(
            slot=f"{subject}/{slot}",
            type=f"deal.{slot.split('/')[0]}",
            time=at,
            team=team_at([history], mapping.team, default_team, at),
            kind=kind,
            subject=subject,
            data=data_at(history, mapping, at),
        )
        events.append(_won(event, history, mapping, items) if slot == "won" else event)
    wins = [event for event in events if event.type == "deal.won"]
    unmapped = tuple(
        sorted({*unmapped, *(pair for win in wins for pair in _without_rate(win, mapping))})
    )
    return Folded(tuple(events), unmapped, any(win.value is None for win in wins))


def _without_rate(win: DesiredEvent, mapping: DealMapping) -> list[tuple[str, str]]:
    """The currency of a win that no rate converts to those of the mapping: what its rates come to, and its default."""
    if mapping.unit is None or win.unit is None:
        return []
    usual = {rate.to for rate in mapping.rates}
    usual |= set() if mapping.unit.default is None else {text(mapping.unit.default)}
    return (
        [(next(iter(mapping.unit.properties), "unit"), win.unit)]
        if usual and win.unit not in usual
        else []
    )


def _won(
    event: DesiredEvent, history: History, mapping: DealMapping, items: Sequence[History]
) -> DesiredEvent:
    """The win with what was won: the newest amount and unit, converted at the rate of the win's own day."""
    value = None if mapping.value is None else amount(mapping.value.read(history.latest))
    unit = _unit(history, mapping.unit)
    data = dict(event.data)
    rate = None if unit is None else mapping.rate_on(unit, event.time.astimezone(UTC).date())
    if rate is not None and value is not None:
        data |= {"original_value": fixed.number(value), "original_unit": unit}
        value = converted(value, rate.rate)
    return replace(
        event,
        value=value,
        unit=unit if rate is None else rate.to,
        offerings=_offerings(event.time, value, history, mapping, items, rate),
        data=data,
    )


def _offerings(  # what was sold is said by the line items, else by the deal
    at: datetime,
    value: int | None,
    history: History,
    mapping: DealMapping,
    items: Sequence[History],
    rate: Rate | None,
) -> tuple[tuple[str, int], ...]:
    found = sold(items, mapping.line_items)
    if found:
        pairs = [
            (key, one if rate is None else converted(one, rate.rate)) for key, one in found.items()
        ]
        return tuple((key, one) for key, one in sorted(pairs) if one is not None)
    said = _as_of(history, mapping.offerings, at)
    known = isinstance(said, str) and is_offering(said) and value is not None and value >= 0
    return ((str(said), value),) if known and value is not None else ()


def _as_of(history: History, rule: Rule | None, at: datetime) -> Scalar:
    """What a rule comes to at an instant. None when there is none, or it comes to nothing."""
    if rule is None or rule.const is not None:
        return None if rule is None else rule.const
    said = rule.apply(history.as_of(rule, at))
    return rule.default if said is None else said


def _unit(history: History, rule: Rule | None) -> str | None:
    """The newest unit, else the rule's default."""
    if rule is None:
        return None
    said = rule.read(history.latest)
    return (
        said
        if _is_unit(said) and isinstance(said, str)
        else None
        if rule.default is None
        else text(rule.default)
    )


def _is_unit(said: Scalar) -> bool:
    return isinstance(said, str) and 0 < len(said) <= UNIT and said.isprintable()


def team_at(
    histories: Sequence[History], rule: Rule | None, default_team: str, at: datetime
) -> str:
    """The team of an event: the first of the records whose property names one says it, else the defaults."""
    if rule is None:
        return default_team
    if rule.const is not None:
        return text(rule.const)
    for history in histories:
        team = rule.apply(history.as_of(rule, at))
        if team is not None:
            return text(team)
    return default_team if rule.default is None else text(rule.default)


def data_at(history: History, mapping: DealMapping, at: datetime) -> dict[str, object]:
    """The mapped fields, pipeline and stage of a deal as of an instant. Shape: what was not set is not in it."""
    found: dict[str, object] = {}
    for name, rule in [
        ("pipeline", mapping.pipeline),
        ("stage", mapping.stage),
        *mapping.data.items(),
    ]:
        read = datum(_as_of(history, rule, at))
        if read is not None:
            found[name] = read
    return within_budget(found)


def unknown_values(history: History, mapping: DealMapping) -> tuple[tuple[str, str], ...]:
    """Every value the deal ever had that the mapping does not know or cannot read. Shape: (property, value), sorted."""
    found: set[tuple[str, str]] = set()
    by_status = mapping.status is not None or mapping.won is not None
    if mapping.stage is not None and not by_status:
        for name in mapping.stage.properties:
            values = history.seen(name)
            found |= {
                (name, one[:200])
                for one in values
                if text(mapping.stage.apply(one)) not in mapping.stages
            }
    rules = [mapping.status, mapping.won, mapping.closed, mapping.team, *mapping.data.values()]
    found |= unread(history, rules, lambda rule, value: datum(rule.apply(value)) is not None)
    found |= unread(history, [mapping.unit], lambda rule, value: _is_unit(rule.apply(value)))
    found |= unread(
        history, [mapping.value], lambda rule, value: amount(rule.apply(value)) is not None
    )
    found |= unread(
        history, [mapping.offerings], lambda rule, value: is_offering(rule.apply(value))
    )
    for moment in filter(None, (mapping.created_at, mapping.closed_at, mapping.modified_at)):
        for name in moment.properties:
            found |= {(name, one[:200]) for one in history.seen(name) if moment.at(one) is None}
    return tuple(sorted(found))
