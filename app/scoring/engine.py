"""The score: the weighted components and the ledger of their losses."""

from collections.abc import Mapping, Sequence
from itertools import chain
from math import fsum

from app.domain.primitives.decimals import FIXED_SCALE
from app.scoring.averages import clamp
from app.scoring.components.registry import COMPONENT_FIGURES
from app.scoring.context import ScoringContext, build_context
from app.scoring.ledger import MIN_LOSS, drop_negligible, sort_by_points
from app.scoring.result import Alignment, ComponentScore, Figure
from app.scoring.snapshot import Snapshot


def compute_alignment(snapshot: Snapshot) -> Alignment:
    """Return the alignment of a snapshot."""
    return build_alignment(build_context(snapshot))


def compute_without_ledger(snapshot: Snapshot) -> Alignment:
    """Return the alignment without the ledger, in half the time."""
    return build_alignment(build_context(snapshot), with_ledger=False)


def build_alignment(context: ScoringContext, *, with_ledger: bool = True) -> Alignment:
    """Return the alignment of an indexed snapshot."""
    weights = context.playbook_index.policy.weights
    figures = {
        component_name: compute_figure(context)
        for component_name, compute_figure in COMPONENT_FIGURES.items()
    }
    total_weight = sum(
        weights[component_name]
        for component_name, figure in figures.items()
        if figure.score is not None
    )
    weight_shares = {
        component_name: 0.0
        if figure.score is None or not total_weight
        else weights[component_name] / total_weight
        for component_name, figure in figures.items()
    }
    coverage = _mean_over_applicable(
        weights,
        figures,
        {component_name: figure.coverage for component_name, figure in figures.items()},
    )
    components = _score_components(weights, figures, weight_shares)
    # The tolerance makes exactly half of the evidence enough, however its terms were rounded.
    has_enough_evidence = (
        total_weight > 0
        and coverage >= context.playbook_index.policy.minimum_coverage / FIXED_SCALE - MIN_LOSS
    )
    return Alignment(
        frame=context.snapshot.frame,
        version=context.snapshot.version,
        score=_weighted_mean(weights, figures, total_weight) if has_enough_evidence else None,
        floor=_mean_over_applicable(
            weights,
            figures,
            {component_name: figure.proven for component_name, figure in figures.items()},
        ),
        coverage=coverage,
        weakest=_find_weakest(components),
        silent_teams=find_silent_teams(context),
        components=components,
        losses=sort_by_points(
            chain.from_iterable(
                drop_negligible(figure.losses(weight_shares[component_name]))
                for component_name, figure in figures.items()
                if with_ledger
            )
        ),
    )


def _score_components(
    weights: Mapping[str, int], figures: Mapping[str, Figure], weight_shares: Mapping[str, float]
) -> tuple[ComponentScore, ...]:
    return tuple(
        ComponentScore(
            name=component_name,
            score=figure.score,
            weight=weights[component_name],
            coverage=figure.coverage,
            applies=figure.applies,
            lost_points=0.0
            if figure.score is None
            else weight_shares[component_name] * (1 - figure.score),
            summary=figure.summary,
        )
        for component_name, figure in figures.items()
    )


def _weighted_mean(weights: Mapping[str, int], figures: Mapping[str, Figure], total: int) -> float:
    return clamp(
        fsum(
            weights[component_name] * figure.score
            for component_name, figure in figures.items()
            if figure.score is not None
        )
        / total
    )


def _mean_over_applicable(
    weights: Mapping[str, int], figures: Mapping[str, Figure], figure_values: Mapping[str, float]
) -> float:
    """Return the weighted mean over the components that apply; 0 without weight."""
    names = [component_name for component_name, figure in figures.items() if figure.applies]
    total = sum(weights[component_name] for component_name in names)
    return (
        clamp(
            fsum(
                weights[component_name] * figure_values[component_name] for component_name in names
            )
            / total
        )
        if total
        else 0.0
    )


def _find_weakest(components: Sequence[ComponentScore]) -> str | None:
    """Return the component with the largest loss, or None without losses.

    Of equal losses, the first component in the order of the method counts.
    """
    largest_loss = max(component.lost_points for component in components)
    if largest_loss < MIN_LOSS:
        return None
    return next(
        component.name
        for component in components
        if component.lost_points >= largest_loss - MIN_LOSS
    )


def find_silent_teams(context: ScoringContext) -> tuple[str, ...]:
    """Return the teams that are responsible for an objective and have no event in the window."""
    active_teams = {
        team for team, team_effort in context.team_efforts.items() if team_effort.events > 0
    }
    return tuple(sorted(context.playbook_index.objective_shares.keys() - active_teams))
