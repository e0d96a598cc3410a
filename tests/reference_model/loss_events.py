"""The raw events behind each loss, by the definitions of docs/scoring.md alone."""

from collections.abc import Callable
from datetime import date

from tests.reference_model.component_inputs import (
    ComponentInputs,
    find_attention_events,
    find_key_result_events,
    find_key_results,
    find_metric,
    find_served_objectives,
    serves_other_playbook,
)
from tests.reference_model.components import compute_agreements
from tests.reference_model.evidence import DatedEvent, matches_metric
from tests.reference_model.ledger import Loss
from tests.reference_model.world import Event


def find_sold_events(inputs: ComponentInputs, loss: Loss) -> list[Event]:
    """Return the sales of the offering in the playbook's window that failed for the loss's reason.

    Count sales in the policy's unit, or without a unit.
    """
    offering = {o.key: o for o in inputs.world.offerings}.get(str(loss.offering))
    unit = inputs.world.policy.unit

    def get_reason(day: date) -> str | None:
        if offering is None:
            return "unknown_offering"
        if day < offering.available_from:
            return "not_yet_available"
        return "retired" if offering.retired_on is not None and day >= offering.retired_on else None

    return [
        f.event
        for f in inputs.dated_events
        if f.day >= inputs.world.playbook.starts_on
        and loss.offering in {offering_key for offering_key, _ in f.event.offerings}
        and (unit is None or f.event.unit in (None, unit))
        and get_reason(f.day) == loss.reason
    ]


def find_worked_events(inputs: ComponentInputs, loss: Loss) -> list[Event]:
    """Return the team's work, or its activities, that the loss counts in the attention window."""
    kind = "activity" if loss.component == "productivity" else None

    def matches_loss(dated_event: DatedEvent) -> bool:
        served_objectives = find_served_objectives(
            inputs.world, dated_event.event, inputs.world.playbook.key
        )
        if loss.objective is not None:
            return loss.objective in served_objectives
        return not served_objectives and serves_other_playbook(inputs.world, dated_event) == (
            loss.reason == "other_playbook"
        )

    return [
        dated_event.event
        for dated_event in find_attention_events(inputs, str(loss.team), kind)
        if matches_loss(dated_event)
    ]


def find_value_events(inputs: ComponentInputs, loss: Loss) -> list[Event]:
    """Return the events that count for the key result, from the canonical source if it has one."""
    key_results = [
        k for k in find_key_results(inputs.world, str(loss.objective)) if k.key == loss.key_result
    ]
    sources = {k.key: find_metric(inputs.world, k).canonical_source for k in key_results}
    return [
        e
        for k in key_results
        for e in find_key_result_events(inputs, k)
        if sources[k.key] in (None, e.source)
    ]


def find_refreshing_events(inputs: ComponentInputs, objective: str) -> list[Event]:
    """Return the events of the objective, or of its metrics, in the playbook's window."""
    metrics = [find_metric(inputs.world, k) for k in find_key_results(inputs.world, objective)]
    return [
        f.event
        for f in inputs.dated_events
        if f.day >= inputs.world.playbook.starts_on
        and (f.event.objective == objective or any(matches_metric(m, f.event) for m in metrics))
    ]


def find_compared_events(inputs: ComponentInputs, loss: Loss) -> list[Event]:
    """Return the events of the objective's key results whose metric has sources that differ."""
    key_results = [
        k
        for k, agreement in compute_agreements(inputs, str(loss.objective))
        if k.metric == loss.metric and agreement < 1
    ]
    return [e for k in key_results for e in find_key_result_events(inputs, k)]


EVENT_FINDERS: dict[str, Callable[[ComponentInputs, Loss], list[Event]]] = {
    "focus": find_worked_events,
    "outcomes": find_value_events,
    "freshness": lambda inputs, loss: find_refreshing_events(inputs, str(loss.objective)),
    "productivity": find_worked_events,
    "deliverability": find_sold_events,
    "agreement": find_compared_events,
}


def find_loss_events(inputs: ComponentInputs, loss: Loss) -> set[tuple[str, str]] | None:
    """Return the (source, id) of the events behind the loss.

    Return None if the loss has no events, such as a missing sign-off.
    """
    if loss.component not in EVENT_FINDERS or loss.reason == "unmeasured":
        return None
    return to_event_keys(EVENT_FINDERS[loss.component](inputs, loss))


def to_event_keys(events: list[Event]) -> set[tuple[str, str]]:
    return {(e.source, e.id) for e in events}
