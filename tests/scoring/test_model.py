"""The independent model against a pencil, and the laws of scoring.md section 6 on the model itself."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference_model.evidence import day_of
from tests.reference_model.model import align
from tests.reference_model.pencil import Expected
from tests.reference_model.scene import look
from tests.reference_model.strategies import worlds
from tests.reference_model.views import objective_view, pairs, team_view
from tests.reference_model.worked import WORKED
from tests.reference_model.world import COMPONENTS, Policy, World

T = TypeVar("T")
TINY = Fraction(1, 10**9)
examined = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize("build", WORKED.values(), ids=WORKED.keys())
def test_the_model_agrees_with_the_pencil(build: Callable[[], tuple[World, Expected]]) -> None:
    world, expected = build()
    found = align(world)
    assert {c: (p.score, p.cov) for c, p in found.components.items()} == expected.components
    assert {c for c, p in found.components.items() if not p.applies} == expected.not_applying
    assert (found.score, found.floor, found.coverage) == (
        expected.score,
        expected.floor,
        expected.coverage,
    )
    assert found.weakest == expected.weakest
    assert found.silent_teams == expected.silent_teams
    assert found.ledger == expected.ledger


@pytest.mark.parametrize("build", WORKED.values(), ids=WORKED.keys())
def test_the_pencil_leaves_no_point_unexplained(
    build: Callable[[], tuple[World, Expected]],
) -> None:
    world, expected = build()
    raw = align(world).raw
    assert raw is not None
    assert sum(expected.ledger.values()) == 1 - raw


def test_a_team_on_its_own_mission_sees_it_in_its_view() -> None:
    world, _ = WORKED["mission"]()
    view = team_view(world, "marketing")
    assert view.components["focus"].score == Fraction(5, 6)
    # It bears retain with 1/2 * 1/4 and brand with 1/4 * 1: (1/3) * (3/5) + (2/3) * 0, of which a third is measured.
    assert (view.components["outcomes"].score, view.components["outcomes"].cov) == (
        Fraction(1, 5),
        Fraction(1, 3),
    )
    # Attention per head: sales 8/2, marketing 2, operations 2; the median is 2.
    assert (view.attention_per_head, view.busy, view.productive) == (Fraction(2), True, False)
    # Of retain's loss of pace, 1/15, its quarter; of brand's being unmeasured, 1/12, all of it.
    by_reason = {
        (loss.component, loss.reason): lost
        for loss, lost in view.ledger.items()
        if loss.team is None
    }
    assert by_reason["outcomes", "behind_pace"] == Fraction(1, 60)
    assert by_reason["outcomes", "unmeasured"] == Fraction(1, 12)
    assert ("freshness", "stale") not in by_reason


def test_off_playbook_work_never_overlaps() -> None:
    world, _ = WORKED["mission"]()
    assert pairs(world) == {
        ("marketing", "operations"): Fraction(1, 2),
        ("marketing", "sales"): 0,
        ("operations", "sales"): 0,
    }


def test_an_objective_is_stale_whatever_its_progress() -> None:
    world, _ = WORKED["mission"]()
    assert [objective_view(world, o).stale for o in ("retain", "brand", "expand")] == [
        False,
        False,
        True,
    ]


@given(worlds())
@examined
def test_every_figure_is_a_fraction_or_null(world: World) -> None:
    found = align(world)
    figures = [p.score for p in found.components.values()] + [
        p.cov for p in found.components.values()
    ]
    figures += [found.raw, found.floor, found.coverage]
    assert all(0 <= f <= 1 for f in figures if f is not None)
    assert all(p.cov == 0 for p in found.components.values() if p.score is None)
    assert found.score in (None, found.raw)


@given(worlds())
@examined
def test_the_ledger_sums_to_what_is_missing(world: World) -> None:
    found = align(world)
    missing = Fraction(0) if found.raw is None else 1 - found.raw
    assert abs(sum(found.ledger.values()) - missing) < TINY
    for component in COMPONENTS:
        points = sum(lost for loss, lost in found.ledger.items() if loss.component == component)
        assert abs(points - found.lost[component]) < TINY


@given(worlds(max_events=20), st.randoms(use_true_random=False))
@examined
def test_no_order_matters(world: World, chance: Random) -> None:
    def shuffled(things: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(chance.sample(things, len(things)))

    other = replace(
        world,
        teams=shuffled(world.teams),
        metrics=shuffled(world.metrics),
        objectives=shuffled(world.objectives),
        key_results=shuffled(world.key_results),
        responsibilities=shuffled(world.responsibilities),
        events=shuffled(world.events),
        retractions=shuffled(world.retractions),
    )
    assert align(other) == align(world)


@given(worlds(max_events=20))
@examined
def test_a_second_delivery_changes_nothing(world: World) -> None:
    again = tuple(replace(e, recorded_at=e.recorded_at + timedelta(hours=1)) for e in world.events)
    assert align(replace(world, events=world.events + again)) == align(world)


@given(worlds(max_events=20), st.integers(2, 9))
@examined
def test_one_factor_on_every_weight_of_a_kind_changes_nothing(world: World, factor: int) -> None:
    weights = {c: w * factor for c, w in world.policy.weights.items()}
    other = replace(
        world,
        teams=tuple(replace(t, size=t.size * factor) for t in world.teams),
        objectives=tuple(replace(o, priority=o.priority * factor) for o in world.objectives),
        responsibilities=tuple(replace(r, share=r.share * factor) for r in world.responsibilities),
        policy=replace(world.policy, weights=weights),
    )
    assert align(other) == align(world)


@given(worlds(), st.integers(1, 10))
@examined
def test_waiting_without_events_never_raises_freshness_or_outcomes(world: World, days: int) -> None:
    known_at = world.as_of + timedelta(days=100)
    known = tuple(e for e in world.events if day_of(world, e.time) <= world.as_of)
    before = replace(world, events=known, known_at=known_at)
    after = replace(before, as_of=before.as_of + timedelta(days=days))
    for component in ("freshness", "outcomes"):
        now, then = (
            align(after).components[component].score,
            align(before).components[component].score,
        )
        assert (now is None) == (then is None)
        assert now is None or then is None or now <= then


@given(worlds(), st.sampled_from(["alpha", "bravo"]))
@examined
def test_silencing_a_team_never_raises_what_focus_proves(world: World, team: str) -> None:
    silenced = replace(world, events=tuple(e for e in world.events if e.team != team))
    before, after = (align(w).components["focus"] for w in (world, silenced))
    assert (after.score or 0) * after.cov <= (before.score or 0) * before.cov


@given(worlds())
@examined
def test_the_views_of_the_teams_never_claim_more_than_the_ledger(world: World) -> None:
    whole = align(world).ledger
    claimed: dict[object, Fraction] = {}
    for team in world.teams:
        for loss, lost in team_view(world, team.key).ledger.items():
            claimed[loss] = claimed.get(loss, Fraction(0)) + lost
    assert all(lost <= whole[loss] for loss, lost in claimed.items())  # type: ignore[index]  # keys are losses
    for objective in look(world).objectives:
        assert objective_view(world, objective.key).ledger.keys() <= whole.keys()
    assert all(o is None or 0 <= o <= 1 for o in pairs(world).values())


def test_a_finished_playbook_keeps_its_number_and_one_not_begun_has_no_evidence() -> None:
    world, _ = WORKED["harbor"]()
    last = replace(
        world, as_of=world.playbook.ends_on, known_at=world.playbook.ends_on + timedelta(days=9)
    )
    assert align(replace(last, as_of=last.as_of + timedelta(days=9))) == align(last)
    before = align(
        replace(world, as_of=world.playbook.starts_on - timedelta(days=1), policy=Policy())
    )
    assert before.components["outcomes"].score is None
    assert before.components["freshness"].score == 1
