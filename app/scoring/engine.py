"""The score: all components weighted, and the ledger of what is missing."""

from collections.abc import Mapping, Sequence
from itertools import chain
from math import fsum

from app.domain.primitives.decimals import ONE
from app.scoring.averages import clamp
from app.scoring.components.registry import REGISTRY
from app.scoring.context import Context, build
from app.scoring.ledger import LEAST, entered, ordered
from app.scoring.result import Alignment, ComponentResult, Figure
from app.scoring.snapshot import Snapshot


def score(snapshot: Snapshot) -> Alignment:
    """The alignment that follows from a snapshot, and from nothing else."""
    return align(build(snapshot))


def outline(snapshot: Snapshot) -> Alignment:
    """The alignment without its ledger, for half the work."""
    return align(build(snapshot), ledger=False)


def align(context: Context, *, ledger: bool = True) -> Alignment:
    """The alignment of an indexed snapshot, with its ledger or without."""
    weights = context.plan.policy.weights
    figures = {name: measure(context) for name, measure in REGISTRY.items()}
    total = sum(weights[name] for name, figure in figures.items() if figure.score is not None)
    parts = {
        name: 0.0 if figure.score is None or not total else weights[name] / total
        for name, figure in figures.items()
    }
    coverage = _over_applying(
        weights, figures, {name: figure.coverage for name, figure in figures.items()}
    )
    components = tuple(
        ComponentResult(
            name=name,
            score=figure.score,
            weight=weights[name],
            coverage=figure.coverage,
            applies=figure.applies,
            lost=0.0 if figure.score is None else parts[name] * (1 - figure.score),
            summary=figure.summary,
        )
        for name, figure in figures.items()
    )
    # Half of the evidence is half of it, whichever way the eight terms were rounded.
    enough = total > 0 and coverage >= context.plan.policy.minimum_coverage / ONE - LEAST
    return Alignment(
        frame=context.snapshot.frame,
        version=context.snapshot.version,
        score=_mean(weights, figures, total) if enough else None,
        floor=_over_applying(
            weights, figures, {name: figure.proven for name, figure in figures.items()}
        ),
        coverage=coverage,
        weakest=_weakest(components),
        silent_teams=silent_teams(context),
        components=components,
        losses=ordered(
            chain.from_iterable(
                entered(figure.losses(parts[name])) for name, figure in figures.items() if ledger
            )
        ),
    )


def _mean(weights: Mapping[str, int], figures: Mapping[str, Figure], total: int) -> float:
    return clamp(
        fsum(weights[name] * f.score for name, f in figures.items() if f.score is not None) / total
    )


def _over_applying(
    weights: Mapping[str, int], figures: Mapping[str, Figure], values: Mapping[str, float]
) -> float:
    """The weighted mean of the values over the components that apply; 0 when their weights are."""
    names = [name for name, figure in figures.items() if figure.applies]
    total = sum(weights[name] for name in names)
    return clamp(fsum(weights[name] * values[name] for name in names) / total) if total else 0.0


def _weakest(components: Sequence[ComponentResult]) -> str | None:
    """The component that loses most; the first of those that lose as much, None when none loses anything."""
    most = max(component.lost for component in components)
    if most < LEAST:
        return None
    return next(component.name for component in components if component.lost >= most - LEAST)


def silent_teams(context: Context) -> tuple[str, ...]:
    """The teams that bear an objective and have no event in the focus days."""
    heard = {team for team, work in context.work.items() if work.events > 0}
    return tuple(sorted(context.plan.borne.keys() - heard))
