from datetime import timedelta
from math import fsum

import pytest
from hypothesis import given, settings

from app.domain.playbook.configuration import Resource
from app.domain.playbook.offerings import Offering
from app.domain.playbook.playbooks import Contribution
from app.domain.primitives.decimals import FIXED_SCALE
from app.scoring.engine import compute_alignment
from app.scoring.snapshot import LatestActivity, Snapshot, SoldValue
from app.scoring.views import TeamView, build_objective_views, build_team_pairs, build_team_views
from app.services.alignment.evidence_urls import to_url
from tests.scoring.snapshot_builders import (
    FIRST_DAY,
    LAST_DAY,
    SCORED_DAY,
    make_effort_cell,
    make_key_result,
    make_measure,
    make_metric,
    make_objective,
    make_responsibility,
    make_snapshot,
    make_team,
    snapshots,
)

WORLD: tuple[Resource, ...] = (
    make_team("ann", "sales"),
    make_team("bob", "ops", 2),
    make_team("cyd", "legal"),
    make_objective("win", 3),
    make_objective("keep"),
    make_metric("m"),
    make_metric("n"),
    make_key_result("k1", "win", "m"),
    make_key_result("k2", "keep", "n"),
    make_responsibility("win", "ann", "accountable", 3),
    make_responsibility("win", "bob"),
    make_responsibility("keep", "bob", "accountable"),
)


def scores_by_component(view: TeamView) -> dict[str, float | None]:
    return {figure.name: figure.score for figure in view.figures}


def test_a_teams_figures_are_of_its_own_work_and_of_what_it_bears():
    views = build_team_views(
        make_snapshot(
            *WORLD,
            Contribution("q4", "ann", "x"),
            Offering("plus", "Plus", FIRST_DAY),
            as_of=LAST_DAY,
            measures={("k1", "crm"): make_measure(80), ("k2", "crm"): make_measure(40)},
            effort_cells=(
                make_effort_cell("ann", objective_key="win", kind="activity"),
                make_effort_cell("bob", objective_key="keep"),
            ),
            sold_values=(
                SoldValue("plus", "ann", SCORED_DAY, 3 * FIXED_SCALE),
                SoldValue("odd", "ann", SCORED_DAY, FIXED_SCALE),
                SoldValue("odd", "bob", SCORED_DAY, 0),
            ),
        )
    )
    ann, bob, cyd = views
    assert scores_by_component(ann) == pytest.approx(
        {
            "playbook": 0.5,
            "shared_responsibility": 0.6,
            "focus": 1,
            "outcomes": 0.8,
            "freshness": 0.5 ** (84 / 14),
            "productivity": 0.8,
            "deliverability": 0.75,
            "agreement": None,
        }
    )
    bearing_both = (3 / 16 * 0.8 + 4 / 16 * 0.4) / (7 / 16)
    assert scores_by_component(bob)["outcomes"] == pytest.approx(bearing_both)
    assert scores_by_component(bob)["deliverability"] is None
    assert scores_by_component(cyd)["outcomes"] is None


def test_busy_is_at_or_above_the_median_per_head_and_productive_at_or_above_half():
    cells = (
        make_effort_cell("ann", objective_key="keep", kind="activity", events=20),
        make_effort_cell("bob", objective_key="win", kind="activity", events=20),
        make_effort_cell("cyd", objective_key="win", kind="activity", events=15),
    )
    snapshot = make_snapshot(
        *WORLD,
        as_of=LAST_DAY,
        measures={("k1", "crm"): make_measure(50), ("k2", "crm"): make_measure(49)},
        effort_cells=cells,
    )
    quadrants = {
        view.team: (view.quadrant.is_busy, view.quadrant.is_productive)
        for view in build_team_views(snapshot)
    }
    assert quadrants == {"ann": (True, False), "bob": (False, True), "cyd": (True, True)}
    silent_views = [view for view in build_team_views(make_snapshot(*WORLD)) if view.team == "ann"]
    assert (
        silent_views[0].quadrant.is_busy,
        silent_views[0].quadrant.is_productive,
        silent_views[0].is_silent,
    ) == (
        None,
        None,
        True,
    )


def test_a_teams_ledger_holds_its_own_losses_and_its_share_of_its_objectives():
    snapshot = make_snapshot(
        *WORLD,
        as_of=LAST_DAY,
        measures={("k1", "crm"): make_measure(50)},
        effort_cells=(make_effort_cell("bob"),),
    )
    all_points = {
        (loss.component, loss.objective, loss.team): loss.points
        for loss in compute_alignment(snapshot).losses
    }
    ann = build_team_views(snapshot)[0]
    points = {(loss.component, loss.objective, loss.team): loss.points for loss in ann.losses}
    assert points["playbook", None, "ann"] == all_points["playbook", None, "ann"]
    assert points["outcomes", "win", None] == pytest.approx(
        all_points["outcomes", "win", None] * 0.75
    )
    assert not any(loss.team == "bob" or loss.objective == "keep" for loss in ann.losses)


def test_an_objective_shows_its_progress_its_freshness_its_bearers_and_its_losses():
    newest = (LatestActivity(frozenset(("m",)), None, SCORED_DAY - timedelta(days=30)),)
    snapshot = make_snapshot(
        *WORLD, latest_activities=newest, measures={("k1", "crm"): make_measure(20)}
    )
    keep, win = build_objective_views(snapshot)
    assert (win.weight, win.coverage, win.days_since, win.stale) == (0.75, 1, 30, True)
    [key_result_standing] = win.key_results
    assert (
        key_result_standing.value,
        key_result_standing.progress,
        key_result_standing.expected,
    ) == (20, 0.2, 54 / 92)
    assert win.attainment == pytest.approx(1 - (54 / 92 - 0.2))
    assert [(bearing.team, bearing.role, bearing.share) for bearing in win.bearers] == [
        ("ann", "accountable", 0.75),
        ("bob", "responsible", 0.25),
    ]
    assert (
        to_url(win.evidence)
        == "/v1/events?refreshes=win&from=2026-10-01&to=2026-11-23&as_of=2026-11-23"
    )
    assert {loss.component for loss in win.losses} == {
        "shared_responsibility",
        "outcomes",
        "freshness",
    }
    assert (keep.key_results[0].value, keep.shared_responsibility) == (None, 0)


def test_work_off_the_playbook_never_overlaps():
    cells = (
        make_effort_cell("ann", events=10),
        make_effort_cell("ann", objective_key="win", events=30),
        make_effort_cell("bob", "m", "n"),
        make_effort_cell("cyd", events=50),
    )
    overlaps = build_team_pairs(make_snapshot(*WORLD, effort_cells=cells))
    assert [(pair.first_team, pair.second_team, pair.overlap) for pair in overlaps] == [
        ("ann", "bob", 0.5),
        ("ann", "cyd", 0),
        ("bob", "cyd", 0),
    ]


@settings(max_examples=30)
@given(snapshots())
def test_the_views_divide_the_ledger_among_objectives_and_teams(snapshot: Snapshot):
    losses = compute_alignment(snapshot).losses
    objectives = build_objective_views(snapshot)
    for view in objectives:
        assert view.losses == tuple(loss for loss in losses if loss.objective == view.objective)
    borne_objectives = {view.objective for view in objectives if view.bearers}
    shared_points = fsum(
        loss.points
        for loss in losses
        if loss.team is not None or loss.objective in borne_objectives
    )
    assert fsum(
        loss.points for view in build_team_views(snapshot) for loss in view.losses
    ) == pytest.approx(shared_points, abs=1e-9)


@settings(max_examples=30)
@given(snapshots())
def test_every_figure_of_a_view_is_a_fraction_or_null(snapshot: Snapshot):
    figures = [figure.score for view in build_team_views(snapshot) for figure in view.figures]
    figures += [pair.overlap for pair in build_team_pairs(snapshot)]
    figures += [
        figure
        for view in build_objective_views(snapshot)
        for figure in (view.attainment, view.freshness, view.coverage)
    ]
    assert all(figure is None or 0 <= figure <= 1 for figure in figures)
