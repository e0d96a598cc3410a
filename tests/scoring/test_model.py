"""The reference model: figures computed by hand, and the laws of docs/scoring.md."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference_model.alignment import compute_alignment
from tests.reference_model.component_inputs import collect_inputs
from tests.reference_model.evidence import get_local_day
from tests.reference_model.examples.worked_examples import WORKED_EXAMPLES
from tests.reference_model.expectations import ExpectedAlignment
from tests.reference_model.views import build_objective_view, build_team_view, compute_overlaps
from tests.reference_model.world import COMPONENTS, Policy, World
from tests.reference_model.world_strategies import worlds

T = TypeVar("T")
TOLERANCE = Fraction(1, 10**9)
property_settings = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize("example", WORKED_EXAMPLES.values(), ids=WORKED_EXAMPLES.keys())
def test_the_model_agrees_with_the_worked_examples(
    example: tuple[World, ExpectedAlignment],
) -> None:
    world, expected = example
    alignment = compute_alignment(world)
    assert {
        c: (p.score, p.coverage) for c, p in alignment.components.items()
    } == expected.components
    assert {c for c, p in alignment.components.items() if not p.applies} == expected.not_applying
    assert (alignment.score, alignment.floor, alignment.coverage) == (
        expected.score,
        expected.floor,
        expected.coverage,
    )
    assert alignment.weakest == expected.weakest
    assert alignment.silent_teams == expected.silent_teams
    assert alignment.ledger == expected.ledger


@pytest.mark.parametrize("example", WORKED_EXAMPLES.values(), ids=WORKED_EXAMPLES.keys())
def test_the_worked_examples_explain_every_point(
    example: tuple[World, ExpectedAlignment],
) -> None:
    world, expected = example
    raw_score = compute_alignment(world).raw_score
    assert raw_score is not None
    assert sum(expected.ledger.values()) == 1 - raw_score


def test_a_team_on_its_own_mission_sees_it_in_its_view() -> None:
    world, _ = WORKED_EXAMPLES["mission"]
    view = build_team_view(world, "marketing")
    assert view.components["focus"].score == Fraction(5, 6)
    # The team bears retain with 1/2 * 1/4 and brand with 1/4 * 1: (1/3) * (3/5) + (2/3) * 0.
    # A third of this is measured.
    assert (view.components["outcomes"].score, view.components["outcomes"].coverage) == (
        Fraction(1, 5),
        Fraction(1, 3),
    )
    # Attention per head: sales 8/2, marketing 2, operations 2; the median is 2.
    assert (view.attention_per_head, view.is_busy, view.is_productive) == (Fraction(2), True, False)
    # A quarter of retain's loss of pace (1/15), and all of brand's unmeasured loss (1/12).
    by_reason = {
        (loss.component, loss.reason): lost
        for loss, lost in view.ledger.items()
        if loss.team is None
    }
    assert by_reason["outcomes", "behind_pace"] == Fraction(1, 60)
    assert by_reason["outcomes", "unmeasured"] == Fraction(1, 12)
    assert ("freshness", "stale") not in by_reason


def test_off_playbook_work_never_overlaps() -> None:
    world, _ = WORKED_EXAMPLES["mission"]
    assert compute_overlaps(world) == {
        ("marketing", "operations"): Fraction(1, 2),
        ("marketing", "sales"): 0,
        ("operations", "sales"): 0,
    }


def test_an_objective_is_stale_whatever_its_progress() -> None:
    world, _ = WORKED_EXAMPLES["mission"]
    assert [build_objective_view(world, o).is_stale for o in ("retain", "brand", "expand")] == [
        False,
        False,
        True,
    ]


@given(worlds())
@property_settings
def test_every_figure_is_a_fraction_or_null(world: World) -> None:
    alignment = compute_alignment(world)
    figures = [p.score for p in alignment.components.values()] + [
        p.coverage for p in alignment.components.values()
    ]
    figures += [alignment.raw_score, alignment.floor, alignment.coverage]
    assert all(0 <= f <= 1 for f in figures if f is not None)
    assert all(p.coverage == 0 for p in alignment.components.values() if p.score is None)
    assert alignment.score in (None, alignment.raw_score)


@given(worlds())
@property_settings
def test_the_ledger_sums_to_what_is_missing(world: World) -> None:
    alignment = compute_alignment(world)
    missing = Fraction(0) if alignment.raw_score is None else 1 - alignment.raw_score
    assert abs(sum(alignment.ledger.values()) - missing) < TOLERANCE
    for component in COMPONENTS:
        points = sum(lost for loss, lost in alignment.ledger.items() if loss.component == component)
        assert abs(points - alignment.lost_points[component]) < TOLERANCE


@given(worlds(max_events=20), st.randoms(use_true_random=False))
@property_settings
def test_no_order_matters(world: World, rng: Random) -> None:
    def shuffle(resources: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(rng.sample(resources, len(resources)))

    shuffled_world = replace(
        world,
        teams=shuffle(world.teams),
        metrics=shuffle(world.metrics),
        objectives=shuffle(world.objectives),
        key_results=shuffle(world.key_results),
        responsibilities=shuffle(world.responsibilities),
        events=shuffle(world.events),
        retractions=shuffle(world.retractions),
    )
    assert compute_alignment(shuffled_world) == compute_alignment(world)


@given(worlds(max_events=20))
@property_settings
def test_a_second_delivery_changes_nothing(world: World) -> None:
    repeated_events = tuple(
        replace(e, recorded_at=e.recorded_at + timedelta(hours=1)) for e in world.events
    )
    assert compute_alignment(
        replace(world, events=world.events + repeated_events)
    ) == compute_alignment(world)


@given(worlds(max_events=20), st.integers(2, 9))
@property_settings
def test_one_factor_on_every_weight_of_a_kind_changes_nothing(world: World, factor: int) -> None:
    weights = {c: w * factor for c, w in world.policy.weights.items()}
    scaled_world = replace(
        world,
        teams=tuple(replace(t, size=t.size * factor) for t in world.teams),
        objectives=tuple(replace(o, priority=o.priority * factor) for o in world.objectives),
        responsibilities=tuple(replace(r, share=r.share * factor) for r in world.responsibilities),
        policy=replace(world.policy, weights=weights),
    )
    assert compute_alignment(scaled_world) == compute_alignment(world)


@given(worlds(), st.integers(1, 10))
@property_settings
def test_waiting_without_events_never_raises_freshness_or_outcomes(world: World, days: int) -> None:
    known_at = world.as_of + timedelta(days=100)
    past_events = tuple(e for e in world.events if get_local_day(world, e.time) <= world.as_of)
    before = replace(world, events=past_events, known_at=known_at)
    after = replace(before, as_of=before.as_of + timedelta(days=days))
    for component in ("freshness", "outcomes"):
        later_score = compute_alignment(after).components[component].score
        earlier_score = compute_alignment(before).components[component].score
        assert (later_score is None) == (earlier_score is None)
        assert later_score is None or earlier_score is None or later_score <= earlier_score


@given(worlds(), st.sampled_from(["alpha", "bravo"]))
@property_settings
def test_silencing_a_team_never_raises_what_focus_proves(world: World, team: str) -> None:
    silenced_world = replace(world, events=tuple(e for e in world.events if e.team != team))
    before, after = (compute_alignment(w).components["focus"] for w in (world, silenced_world))
    assert (after.score or 0) * after.coverage <= (before.score or 0) * before.coverage


@given(worlds())
@property_settings
def test_the_views_of_the_teams_never_claim_more_than_the_ledger(world: World) -> None:
    ledger = compute_alignment(world).ledger
    claimed_points: dict[object, Fraction] = {}
    for team in world.teams:
        for loss, lost in build_team_view(world, team.key).ledger.items():
            claimed_points[loss] = claimed_points.get(loss, Fraction(0)) + lost
    assert all(lost <= ledger[loss] for loss, lost in claimed_points.items())  # type: ignore[index]  # keys are losses
    for objective in collect_inputs(world).objectives:
        assert build_objective_view(world, objective.key).ledger.keys() <= ledger.keys()
    assert all(o is None or 0 <= o <= 1 for o in compute_overlaps(world).values())


def test_a_finished_playbook_keeps_its_number_and_one_not_begun_has_no_evidence() -> None:
    world, _ = WORKED_EXAMPLES["harbor"]
    last = replace(
        world, as_of=world.playbook.ends_on, known_at=world.playbook.ends_on + timedelta(days=9)
    )
    assert compute_alignment(
        replace(last, as_of=last.as_of + timedelta(days=9))
    ) == compute_alignment(last)
    before = compute_alignment(
        replace(world, as_of=world.playbook.starts_on - timedelta(days=1), policy=Policy())
    )
    assert before.components["outcomes"].score is None
    assert before.components["freshness"].score == 1
