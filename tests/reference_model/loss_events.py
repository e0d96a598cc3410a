"""Which raw events each loss is made of: what a person would list, with nothing but the definitions of scoring.md."""

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
    """What was sold of the offering in the playbook's window, in the policy's unit or in none, for that reason."""
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
        and loss.offering in {key for key, _ in f.event.offerings}
        and (unit is None or f.event.unit in (None, unit))
        and get_reason(f.day) == loss.reason
    ]


def find_worked_events(inputs: ComponentInputs, loss: Loss) -> list[Event]:
    """The team's work, or its activities, over the focus days that went where the loss says."""
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
    """What counts for the key result, the canonical source's where there is one; nothing makes an unmeasured one."""
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
    """What names the objective or matches a metric of its key results, in the playbook's window."""
    metrics = [find_metric(inputs.world, k) for k in find_key_results(inputs.world, objective)]
    return [
        f.event
        for f in inputs.dated_events
        if f.day >= inputs.world.playbook.starts_on
        and (f.event.objective == objective or any(matches_metric(m, f.event) for m in metrics))
    ]


def find_compared_events(inputs: ComponentInputs, loss: Loss) -> list[Event]:
    """What any source says of those of the objective's key results on whose metric the sources differ."""
    key_results = [
        k
        for k, agreement in compute_agreements(inputs, str(loss.objective))
        if k.metric == loss.metric and agreement < 1
    ]
    return [e for k in key_results for e in find_key_result_events(inputs, k)]


EVENT_FINDERS: dict[str, Callable[[ComponentInputs, Loss], list[Event]]] = {
    "focus": find_worked_events,
    "outcomes": find_value_events,
    "freshness": lambda scene, loss: find_refreshing_events(scene, str(loss.objective)),
    "productivity": find_worked_events,
    "deliverability": find_sold_events,
    "agreement": find_compared_events,
}


def find_loss_events(inputs: ComponentInputs, loss: Loss) -> set[tuple[str, str]] | None:
    """The (source, id) of what the loss is made of. None when that is no event: what somebody did not sign or set."""
    if loss.component not in EVENT_FINDERS or loss.reason == "unmeasured":
        return None
    return to_event_keys(EVENT_FINDERS[loss.component](inputs, loss))


def to_event_keys(events: list[Event]) -> set[tuple[str, str]]:
    """What the events are known by."""
    return {(e.source, e.id) for e in events}
