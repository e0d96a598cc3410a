"""Projection of a deal's changes to its events, independent of the order of arrival."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from app.domain.primitives import decimals
from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.crm.deal_stages import find_transitions
from app.domain.sources.crm.line_items import is_offering_key, sum_by_offering
from app.domain.sources.crm.reconciliation import DesiredEvent, ProjectedEvents
from app.domain.sources.crm.timeline import (
    MAX_REPORTED_LENGTH,
    RecordTimeline,
    find_unmapped_values,
)
from app.domain.sources.mapping.mapping import CurrencyRate, DealMapping
from app.domain.sources.mapping.rule_parser import MAX_UNIT_LENGTH
from app.domain.sources.mapping.rules import Rule
from app.domain.sources.mapping.values import (
    convert_currency,
    limit_data_size,
    parse_amount,
    to_event_datum,
    to_text,
)


def project_events(
    changes: Iterable[Change],
    mapping: DealMapping,
    default_team: str,
    entity: str | None = None,
    line_items: Sequence[RecordTimeline] = (),
) -> ProjectedEvents:
    """Return the events that a deal should have, and the values that the mapping does not know.

    `changes` include those of the deals whose history it continues. `entity` may be omitted if all
    changes are of one record. `line_items` are the deal's line items that are alive.
    """
    ordered_changes = list(changes)
    if not ordered_changes:
        return ProjectedEvents()
    entity = entity or ordered_changes[0].entity
    timeline = RecordTimeline(ordered_changes, entity)
    subject = entity.replace(":", "/", 1)
    unmapped_values = find_unmapped_deal_values(timeline, mapping)
    if not timeline.is_alive:
        return ProjectedEvents((), unmapped_values)
    events = []
    for slot_suffix, event_kind, occurred_at in find_transitions(timeline, mapping):
        event = DesiredEvent(
            slot=f"{subject}/{slot_suffix}",
            type=f"deal.{slot_suffix.split('/')[0]}",
            time=occurred_at,
            team=resolve_team([timeline], mapping.team, default_team, occurred_at),
            kind=event_kind,
            subject=subject,
            data=event_data_as_of(timeline, mapping, occurred_at),
        )
        events.append(
            _with_won_amount(event, timeline, mapping, line_items)
            if slot_suffix == "won"
            else event
        )
    wins = [event for event in events if event.type == "deal.won"]
    unmapped_values = tuple(
        sorted(
            {
                *unmapped_values,
                *(pair for win in wins for pair in _find_missing_rates(win, mapping)),
            }
        )
    )
    return ProjectedEvents(tuple(events), unmapped_values, any(win.value is None for win in wins))


def _find_missing_rates(win: DesiredEvent, mapping: DealMapping) -> list[tuple[str, str]]:
    """Return the currency of a win that cannot be converted, as (property, currency) pairs.

    The mapping's own currencies are the targets of its rates and the default of its unit.
    """
    if mapping.unit is None or win.unit is None:
        return []
    target_units = {rate.target_unit for rate in mapping.rates}
    target_units |= set() if mapping.unit.default is None else {to_text(mapping.unit.default)}
    return (
        [(next(iter(mapping.unit.properties), "unit"), win.unit)]
        if target_units and win.unit not in target_units
        else []
    )


def _with_won_amount(
    event: DesiredEvent,
    timeline: RecordTimeline,
    mapping: DealMapping,
    line_items: Sequence[RecordTimeline],
) -> DesiredEvent:
    """Return the win with its amount, unit and offerings.

    Later corrections of the amount count; the rate stays that of the win.
    """
    value = (
        None
        if mapping.value is None
        else parse_amount(mapping.value.evaluate(timeline.latest_value))
    )
    unit = _read_unit(timeline, mapping.unit)
    data = dict(event.data)
    rate = None if unit is None else mapping.find_rate(unit, event.time.astimezone(UTC).date())
    if rate is not None and value is not None:
        data |= {"original_value": decimals.to_json_number(value), "original_unit": unit}
        value = convert_currency(value, rate.rate)
    return replace(
        event,
        value=value,
        unit=unit if rate is None else rate.target_unit,
        offerings=_sold_offerings(event.time, value, timeline, mapping, line_items, rate),
        data=data,
    )


def _sold_offerings(
    occurred_at: datetime,
    value: int | None,
    timeline: RecordTimeline,
    mapping: DealMapping,
    line_items: Sequence[RecordTimeline],
    rate: CurrencyRate | None,
) -> tuple[tuple[str, int], ...]:
    sold_values = sum_by_offering(line_items, mapping.line_items)
    if sold_values:
        pairs = [
            (
                offering_key,
                offering_value if rate is None else convert_currency(offering_value, rate.rate),
            )
            for offering_key, offering_value in sold_values.items()
        ]
        return tuple(
            (offering_key, offering_value)
            for offering_key, offering_value in sorted(pairs)
            if offering_value is not None
        )
    offering = _read_as_of(timeline, mapping.offerings, occurred_at)
    is_usable = (
        isinstance(offering, str) and is_offering_key(offering) and value is not None and value >= 0
    )
    return ((str(offering), value),) if is_usable and value is not None else ()


def _read_as_of(timeline: RecordTimeline, rule: Rule | None, as_of: datetime) -> Scalar:
    """Return the value of a rule as of an instant, or its default."""
    if rule is None or rule.const is not None:
        return None if rule is None else rule.const
    mapped = rule.apply(timeline.raw_value_as_of_or_first(rule, as_of))
    return rule.default if mapped is None else mapped


def _read_unit(timeline: RecordTimeline, rule: Rule | None) -> str | None:
    """Return the newest unit, or the rule's default."""
    if rule is None:
        return None
    unit = rule.evaluate(timeline.latest_value)
    return (
        unit
        if _is_unit(unit) and isinstance(unit, str)
        else None
        if rule.default is None
        else to_text(rule.default)
    )


def _is_unit(unit: Scalar) -> bool:
    return isinstance(unit, str) and 0 < len(unit) <= MAX_UNIT_LENGTH and unit.isprintable()


def resolve_team(
    timelines: Sequence[RecordTimeline], rule: Rule | None, default_team: str, as_of: datetime
) -> str:
    """Return the team of an event.

    The first record whose property names a team decides; else the defaults apply.
    """
    if rule is None:
        return default_team
    if rule.const is not None:
        return to_text(rule.const)
    for timeline in timelines:
        team = rule.apply(timeline.raw_value_as_of_or_first(rule, as_of))
        if team is not None:
            return to_text(team)
    return default_team if rule.default is None else to_text(rule.default)


def event_data_as_of(
    timeline: RecordTimeline, mapping: DealMapping, as_of: datetime
) -> dict[str, object]:
    """Return the mapped fields, pipeline and stage of a deal as of an instant.

    Fields that were not set are absent.
    """
    members: dict[str, object] = {}
    for data_field, rule in [
        ("pipeline", mapping.pipeline),
        ("stage", mapping.stage),
        *mapping.data.items(),
    ]:
        member = to_event_datum(_read_as_of(timeline, rule, as_of))
        if member is not None:
            members[data_field] = member
    return limit_data_size(members)


def find_unmapped_deal_values(
    timeline: RecordTimeline, mapping: DealMapping
) -> tuple[tuple[str, str], ...]:
    """Return the sorted (property, value) pairs that the mapping does not know or cannot read.

    All values that the deal ever had are checked.
    """
    unmapped_values: set[tuple[str, str]] = set()
    has_status_rule = mapping.status is not None or mapping.won is not None
    if mapping.stage is not None and not has_status_rule:
        for name in mapping.stage.properties:
            stages = timeline.distinct_values(name)
            unmapped_values |= {
                (name, raw[:MAX_REPORTED_LENGTH])
                for raw in stages
                if to_text(mapping.stage.apply(raw)) not in mapping.stages
            }
    rules = [mapping.status, mapping.won, mapping.closed, mapping.team, *mapping.data.values()]
    unmapped_values |= find_unmapped_values(
        timeline, rules, lambda rule, value: to_event_datum(rule.apply(value)) is not None
    )
    unmapped_values |= find_unmapped_values(
        timeline, [mapping.unit], lambda rule, value: _is_unit(rule.apply(value))
    )
    unmapped_values |= find_unmapped_values(
        timeline, [mapping.value], lambda rule, value: parse_amount(rule.apply(value)) is not None
    )
    unmapped_values |= find_unmapped_values(
        timeline, [mapping.offerings], lambda rule, value: is_offering_key(rule.apply(value))
    )
    for instant_rule in filter(None, (mapping.created_at, mapping.closed_at, mapping.modified_at)):
        for name in instant_rule.properties:
            unmapped_values |= {
                (name, raw[:MAX_REPORTED_LENGTH])
                for raw in timeline.distinct_values(name)
                if instant_rule.parse_instant(raw) is None
            }
    return tuple(sorted(unmapped_values))
