import random
from dataclasses import replace
from datetime import date
from math import fsum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.playbook.configuration import Resource
from app.domain.playbook.organization import COMPONENTS, Policy
from app.domain.playbook.playbooks import Contribution, Signoff
from app.domain.primitives.decimals import FIXED_SCALE
from app.scoring.components.registry import COMPONENT_FIGURES
from app.scoring.engine import compute_alignment
from app.scoring.playbook_index import PlaybookIndex
from app.scoring.snapshot import LatestActivity, MetricReading, Snapshot
from tests.scoring.snapshot_builders import (
    SCORED_DAY,
    make_effort_cell,
    make_key_result,
    make_measure,
    make_metric,
    make_objective,
    make_responsibility,
    make_snapshot,
    make_team,
    scale_weights,
    snapshots,
)

property_settings = settings(max_examples=40)


def make_policy(**weights: int) -> Policy:
    return Policy(
        {
            component_name: weights.get(component_name, 0) * FIXED_SCALE
            for component_name in COMPONENTS
        }
    )


def shuffle_snapshot(snapshot: Snapshot, seed: int) -> Snapshot:
    """Return the same evidence and configuration in another order."""
    rng = random.Random(seed)

    def shuffle(elements):
        return rng.sample(list(elements), len(elements))

    configuration = snapshot.configuration
    names = (
        "teams",
        "objectives",
        "key_results",
        "responsibilities",
        "metrics",
        "playbooks",
        "offerings",
    )
    shuffled_configuration = replace(
        configuration,
        **{
            table_name: dict(shuffle(getattr(configuration, table_name).items()))
            for table_name in names
        },
    )
    return replace(
        snapshot,
        playbook_index=PlaybookIndex(shuffled_configuration, "q4"),
        readings={
            window: reading._replace(sources=dict(shuffle(reading.sources.items())))
            for window, reading in shuffle(snapshot.readings.items())
        },
        effort_cells=tuple(shuffle(snapshot.effort_cells)),
        latest_activities=tuple(shuffle(snapshot.latest_activities)),
        sold_values=tuple(shuffle(snapshot.sold_values)),
    )


def test_the_registry_is_in_the_order_of_the_method():
    assert tuple(COMPONENT_FIGURES) == COMPONENTS


def test_an_organization_that_does_everything_right_scores_exactly_1():
    teams = (make_team("sales", size=12), make_team("ops", size=7))
    objectives = (make_objective("win"), make_objective("keep", 2))
    responsibilities = [make_responsibility(o.key, "sales", "accountable") for o in objectives] + [
        make_responsibility(o.key, "ops") for o in objectives
    ]
    contributions = [Contribution("q4", t.key, "x") for t in teams]
    signoffs = [Signoff("q4", t.key, 2, "x") for t in teams]
    measured_resources: list[Resource] = [
        make_metric("arr"),
        make_key_result("arr-1", "win", "arr"),
        make_key_result("arr-2", "keep", "arr"),
    ]
    alignment = compute_alignment(
        make_snapshot(
            *teams,
            *objectives,
            *responsibilities,
            *contributions,
            *signoffs,
            *measured_resources,
            measures={("arr-1", "crm"): make_measure(100), ("arr-2", "crm"): make_measure(100)},
            effort_cells=tuple(
                make_effort_cell(t.key, objective_key=o, events=n, kind="activity")
                for t in teams
                for o, n in (("win", 10), ("keep", 20))
            ),
            latest_activities=(LatestActivity(frozenset(("arr",)), None, SCORED_DAY),),
        )
    )
    assert [c.score for c in alignment.components] == [1, 1, 1, 1, 1, 1, None, None]
    assert (
        alignment.score,
        alignment.floor,
        alignment.coverage,
        alignment.weakest,
        alignment.losses,
    ) == (
        1,
        1,
        1,
        None,
        (),
    )


def test_without_anything_there_is_no_score_and_no_loss():
    alignment = compute_alignment(make_snapshot())
    assert (
        alignment.score,
        alignment.floor,
        alignment.coverage,
        alignment.weakest,
        alignment.losses,
    ) == (
        None,
        0.0,
        0.0,
        None,
        (),
    )


def test_below_the_minimum_coverage_the_score_is_null_and_the_ledger_is_not_empty():
    alignment = compute_alignment(
        make_snapshot(make_team("sales"), make_policy(playbook=4, outcomes=6))
    )
    assert alignment.score is None
    assert alignment.coverage == pytest.approx(0.4)
    assert [(loss.reason, loss.points) for loss in alignment.losses] == [("not_involved", 1.0)]


def test_coverage_of_exactly_the_minimum_is_enough():
    alignment = compute_alignment(
        make_snapshot(make_team("sales"), make_policy(playbook=3, outcomes=3))
    )
    assert (alignment.coverage, alignment.score) == (0.5, 0.0)


def test_a_component_of_weight_0_is_shown_and_counts_for_nothing():
    alignment = compute_alignment(
        make_snapshot(make_team("sales"), make_objective("win"), make_policy(playbook=1))
    )
    assert alignment.components[1].score == 0.0
    assert (alignment.coverage, alignment.weakest) == (1.0, "playbook")
    assert {loss.component for loss in alignment.losses} == {"playbook"}


def test_all_weights_0_give_no_score_and_no_coverage():
    alignment = compute_alignment(
        make_snapshot(make_team("sales"), make_objective("win"), make_policy())
    )
    assert (alignment.score, alignment.coverage, alignment.floor, alignment.losses) == (
        None,
        0.0,
        0.0,
        (),
    )


def test_what_does_not_apply_is_left_out_of_coverage_and_what_is_silent_is_not():
    silent = compute_alignment(
        make_snapshot(make_team("sales"), make_policy(playbook=1, outcomes=1))
    )
    absent = compute_alignment(
        make_snapshot(make_team("sales"), make_policy(playbook=1, deliverability=1))
    )
    assert (silent.coverage, absent.coverage) == (0.5, 1.0)


def test_teams_that_bear_an_objective_without_any_event_are_silent_and_consulted_ones_are_not():
    alignment = compute_alignment(
        make_snapshot(
            *map(make_team, ("ann", "bob", "cyd")),
            make_objective("win"),
            make_responsibility("win", "ann"),
            make_responsibility("win", "bob"),
            make_responsibility("win", "cyd", "consulted"),
            effort_cells=(make_effort_cell("bob", events=1, effort=0),),
        )
    )
    assert alignment.silent_teams == ("ann",)


def test_equal_losses_name_the_first_component_as_the_weakest():
    alignment = compute_alignment(
        make_snapshot(
            make_team("sales"),
            make_objective("win"),
            make_policy(playbook=1, shared_responsibility=1),
        )
    )
    assert alignment.weakest == "playbook"


def test_before_its_first_day_a_playbook_is_scored_at_its_first_day_without_focus():
    alignment = compute_alignment(
        make_snapshot(make_team("sales"), make_objective("win"), as_of=date(2026, 9, 1))
    )
    assert alignment.frame.day == date(2026, 10, 1)
    assert {c.name for c in alignment.components if c.score is not None} == {
        "playbook",
        "shared_responsibility",
        "freshness",
    }


@property_settings
@given(snapshots())
def test_every_figure_is_a_fraction_or_null(snapshot: Snapshot):
    alignment = compute_alignment(snapshot)
    figures = [c.score for c in alignment.components] + [c.coverage for c in alignment.components]
    figures += [
        alignment.score,
        alignment.floor,
        alignment.coverage,
        *(c.lost_points for c in alignment.components),
    ]
    assert all(figure is None or 0 <= figure <= 1 for figure in figures)
    assert alignment.score is None or alignment.floor <= alignment.score + 1e-12


@property_settings
@given(snapshots())
def test_the_ledger_explains_every_point_that_is_missing(snapshot: Snapshot):
    alignment = compute_alignment(snapshot)
    scored_components = [c for c in alignment.components if c.score is not None]
    total = sum(c.weight for c in scored_components)
    lost = (
        fsum(c.weight * (1 - (c.score or 0)) for c in scored_components) / total if total else 0.0
    )
    assert fsum(loss.points for loss in alignment.losses) == pytest.approx(lost, abs=1e-9)
    if alignment.score is not None:
        assert lost == pytest.approx(1 - alignment.score, abs=1e-9)
    for component in alignment.components:
        component_points = fsum(
            loss.points for loss in alignment.losses if loss.component == component.name
        )
        assert component_points == pytest.approx(component.lost_points, abs=1e-9)


@property_settings
@given(snapshots())
def test_every_loss_has_a_detail_and_they_are_sorted_by_size(snapshot: Snapshot):
    losses = compute_alignment(snapshot).losses
    assert losses == tuple(
        sorted(
            losses,
            key=lambda loss: (
                -loss.points,
                COMPONENTS.index(loss.component),
                loss.reason,
                [n or "" for n in loss[4:]],
            ),
        )
    )
    assert all(loss.detail and loss.evidence.filters for loss in losses)
    assert len({(loss.component, loss.reason, *loss[4:]) for loss in losses}) == len(losses)


@property_settings
@given(snapshots(), st.integers(0, 99))
def test_the_order_of_rows_changes_nothing(snapshot: Snapshot, seed: int):
    assert (
        compute_alignment(shuffle_snapshot(snapshot, seed)).losses
        == compute_alignment(snapshot).losses
    )
    assert (
        compute_alignment(shuffle_snapshot(snapshot, seed)).components
        == compute_alignment(snapshot).components
    )
    assert (
        compute_alignment(shuffle_snapshot(snapshot, seed)).score
        == compute_alignment(snapshot).score
    )


@property_settings
@given(snapshots(), st.sampled_from((2, 3, 7, 10)))
def test_only_the_proportions_of_weights_priorities_shares_and_sizes_matter(
    snapshot: Snapshot, factor: int
):
    original = compute_alignment(snapshot)
    scaled = compute_alignment(scale_weights(snapshot, factor))
    assert (original.score is None) == (scaled.score is None)
    assert scaled.score == pytest.approx(original.score, abs=1e-12)
    assert (scaled.floor, scaled.coverage) == pytest.approx(
        (original.floor, original.coverage), abs=1e-12
    )
    assert {
        loss[:2] + loss[4:]: pytest.approx(loss.points, abs=1e-12)
        for loss in original.losses
        if loss.points > 1e-9
    } == {loss[:2] + loss[4:]: loss.points for loss in scaled.losses if loss.points > 1e-9}


@property_settings
@given(snapshots(), st.data())
def test_progress_of_a_key_result_never_lowers_outcomes(
    snapshot: Snapshot, generator: st.DataObject
):
    pairs = sorted(
        (window, source)
        for window, reading in snapshot.readings.items()
        for source in reading.sources
    )
    if not pairs:
        return
    window, source = generator.draw(st.sampled_from(pairs))
    measure = snapshot.readings[window].sources[source]
    increase = generator.draw(st.integers(0, 50 * FIXED_SCALE))
    last_time, last_id, last_number = measure.last or (0, "", 0)
    low = (measure.low or 0) + increase
    high = (measure.high or 0) + increase
    raised_measure = replace(
        measure,
        total=measure.total + increase,
        low=low,
        high=high,
        last=(last_time, last_id, last_number + increase),
    )
    before = compute_alignment(snapshot)
    after = compute_alignment(
        replace(
            snapshot,
            readings={
                **snapshot.readings,
                window: MetricReading(
                    {**snapshot.readings[window].sources, source: raised_measure}
                ),
            },
        )
    )
    assert (after.components[3].score or 0) >= (before.components[3].score or 0)


@property_settings
@given(
    snapshots(), st.sampled_from(("ann", "bob", "cyd")), st.sampled_from(("focus", "productivity"))
)
def test_a_team_that_falls_silent_never_raises_what_was_proven_of_work(
    snapshot: Snapshot, silent_team: str, component: str
):
    # Only work is removed. The attainments are fixed, as the law of productivity requires.
    policy = {
        component_name: FIXED_SCALE if component_name == component else 0
        for component_name in COMPONENTS
    }
    configuration = replace(
        snapshot.configuration,
        policies={"policy": replace(snapshot.configuration.policy, weights=policy)},
    )
    full_snapshot = replace(snapshot, playbook_index=PlaybookIndex(configuration, "q4"))
    silent_snapshot = replace(
        full_snapshot,
        effort_cells=tuple(cell for cell in snapshot.effort_cells if cell.team != silent_team),
    )
    assert compute_alignment(silent_snapshot).floor <= compute_alignment(full_snapshot).floor
