"""Which raw events each loss is made of: what a person would list, with nothing but the definitions of scoring.md."""

from collections.abc import Callable
from datetime import date

from tests.reference_model.components import agreements
from tests.reference_model.evidence import Fact, matches
from tests.reference_model.ledger import Loss
from tests.reference_model.scene import (
    Scene,
    attention_facts,
    events_of,
    key_results_of,
    leads_to,
    metric_of,
    served_elsewhere,
)
from tests.reference_model.world import Event


def sold(scene: Scene, loss: Loss) -> list[Event]:
    """What was sold of the offering in the playbook's window, in the policy's unit or in none, for that reason."""
    offering = {o.key: o for o in scene.world.offerings}.get(str(loss.offering))
    unit = scene.world.policy.unit

    def why(day: date) -> str | None:
        if offering is None:
            return "unknown_offering"
        if day < offering.available_from:
            return "not_yet_available"
        return "retired" if offering.retired_on is not None and day >= offering.retired_on else None

    return [
        f.event
        for f in scene.facts
        if f.day >= scene.world.playbook.starts_on
        and loss.offering in {key for key, _ in f.event.offerings}
        and (unit is None or f.event.unit in (None, unit))
        and why(f.day) == loss.reason
    ]


def worked_on(scene: Scene, loss: Loss) -> list[Event]:
    """The team's work, or its activities, over the focus days that went where the loss says."""
    kind = "activity" if loss.component == "productivity" else None

    def there(fact: Fact) -> bool:
        served = leads_to(scene.world, fact.event, scene.world.playbook.key)
        if loss.objective is not None:
            return loss.objective in served
        return not served and served_elsewhere(scene.world, fact) == (
            loss.reason == "other_playbook"
        )

    return [fact.event for fact in attention_facts(scene, str(loss.team), kind) if there(fact)]


def making(scene: Scene, loss: Loss) -> list[Event]:
    """What counts for the key result, the canonical source's where there is one; nothing makes an unmeasured one."""
    found = [
        k for k in key_results_of(scene.world, str(loss.objective)) if k.key == loss.key_result
    ]
    sources = {k.key: metric_of(scene.world, k).canonical_source for k in found}
    return [e for k in found for e in events_of(scene, k) if sources[k.key] in (None, e.source)]


def refreshing(scene: Scene, objective: str) -> list[Event]:
    """What names the objective or matches a metric of its key results, in the playbook's window."""
    metrics = [metric_of(scene.world, k) for k in key_results_of(scene.world, objective)]
    return [
        f.event
        for f in scene.facts
        if f.day >= scene.world.playbook.starts_on
        and (f.event.objective == objective or any(matches(m, f.event) for m in metrics))
    ]


def compared(scene: Scene, loss: Loss) -> list[Event]:
    """What any source says of those of the objective's key results on whose metric the sources differ."""
    found = [
        k
        for k, near in agreements(scene, str(loss.objective))
        if k.metric == loss.metric and near < 1
    ]
    return [e for k in found for e in events_of(scene, k)]


MADE_OF: dict[str, Callable[[Scene, Loss], list[Event]]] = {
    "focus": worked_on,
    "outcomes": making,
    "freshness": lambda scene, loss: refreshing(scene, str(loss.objective)),
    "productivity": worked_on,
    "deliverability": sold,
    "agreement": compared,
}


def made_of(scene: Scene, loss: Loss) -> set[tuple[str, str]] | None:
    """The (source, id) of what the loss is made of. None when that is no event: what somebody did not sign or set."""
    if loss.component not in MADE_OF or loss.reason == "unmeasured":
        return None
    return names(MADE_OF[loss.component](scene, loss))


def names(found: list[Event]) -> set[tuple[str, str]]:
    """What the events are known by."""
    return {(e.source, e.id) for e in found}
