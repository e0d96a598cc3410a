from datetime import timedelta
from math import fsum

import pytest
from hypothesis import given, settings

from app.domain.playbook.configuration import Noun
from app.domain.playbook.offerings import Offering
from app.domain.playbook.playbooks import Contribution
from app.domain.primitives.decimals import ONE
from app.scoring.engine import score
from app.scoring.evidence_links import address
from app.scoring.snapshot import Newest, Snapshot, Sold
from app.scoring.views import TeamView, objective_views, pairs, team_views
from tests.scoring.scenes import (
    DAY,
    FIRST,
    LAST,
    bears,
    key_result,
    metric,
    objective,
    said,
    snapshot,
    snapshots,
    team,
    work,
)

WORLD: tuple[Noun, ...] = (
    team("ann", "sales"), team("bob", "ops", 2), team("cyd", "legal"),
    objective("win", 3), objective("keep"), metric("m"), metric("n"), key_result("k1", "win", "m"),
    key_result("k2", "keep", "n"),
    bears("win", "ann", "accountable", 3), bears("win", "bob"), bears("keep", "bob", "accountable"),
)  # fmt: skip


def figures(view: TeamView) -> dict[str, float | None]:
    return {figure.name: figure.score for figure in view.figures}


def test_a_teams_figures_are_of_its_own_work_and_of_what_it_bears():
    found = team_views(
        snapshot(
            *WORLD, Contribution("q4", "ann", "x"), Offering("plus", "Plus", FIRST), as_of=LAST,
            measures={("k1", "crm"): said(80), ("k2", "crm"): said(40)},
            attention=(work("ann", named="win", kind="activity"), work("bob", named="keep")),
            sold=(Sold("plus", "ann", DAY, 3 * ONE), Sold("odd", "ann", DAY, ONE), Sold("odd", "bob", DAY, 0)),
        )
    )  # fmt: skip
    ann, bob, cyd = found
    assert figures(ann) == pytest.approx(
        {"playbook": 0.5, "shared_responsibility": 0.6, "focus": 1, "outcomes": 0.8, "freshness": 0.5 ** (84 / 14),
         "productivity": 0.8, "deliverability": 0.75, "agreement": None}
    )  # fmt: skip
    bearing_both = (3 / 16 * 0.8 + 4 / 16 * 0.4) / (7 / 16)
    assert figures(bob)["outcomes"] == pytest.approx(bearing_both)
    assert figures(bob)["deliverability"] is None
    assert figures(cyd)["outcomes"] is None


def test_busy_is_at_or_above_the_median_per_head_and_productive_at_or_above_half():
    cells = (
        work("ann", named="keep", kind="activity", events=20),
        work("bob", named="win", kind="activity", events=20),
        work("cyd", named="win", kind="activity", events=15),
    )
    found = snapshot(
        *WORLD,
        as_of=LAST,
        measures={("k1", "crm"): said(50), ("k2", "crm"): said(49)},
        attention=cells,
    )
    quadrants = {
        view.team: (view.quadrant.busy, view.quadrant.productive) for view in team_views(found)
    }
    assert quadrants == {"ann": (True, False), "bob": (False, True), "cyd": (True, True)}
    mute = [view for view in team_views(snapshot(*WORLD)) if view.team == "ann"]
    assert (mute[0].quadrant.busy, mute[0].quadrant.productive, mute[0].silent) == (
        None,
        None,
        True,
    )


def test_a_teams_ledger_holds_its_own_losses_and_its_share_of_its_objectives():
    found = snapshot(
        *WORLD, as_of=LAST, measures={("k1", "crm"): said(50)}, attention=(work("bob"),)
    )
    whole = {
        (loss.component, loss.objective, loss.team): loss.points for loss in score(found).losses
    }
    ann = team_views(found)[0]
    points = {(loss.component, loss.objective, loss.team): loss.points for loss in ann.losses}
    assert points["playbook", None, "ann"] == whole["playbook", None, "ann"]
    assert points["outcomes", "win", None] == pytest.approx(whole["outcomes", "win", None] * 0.75)
    assert not any(loss.team == "bob" or loss.objective == "keep" for loss in ann.losses)


def test_an_objective_shows_its_pace_its_dust_its_bearers_and_its_losses():
    newest = (Newest(frozenset(("m",)), None, DAY - timedelta(days=30)),)
    found = snapshot(*WORLD, newest=newest, measures={("k1", "crm"): said(20)})
    keep, win = objective_views(found)
    assert (win.weight, win.coverage, win.days_since, win.stale) == (0.75, 1, 30, True)
    [standing] = win.key_results
    assert (standing.value, standing.progress, standing.expected) == (20, 0.2, 54 / 92)
    assert win.attainment == pytest.approx(1 - (54 / 92 - 0.2))
    assert [(bearing.team, bearing.role, bearing.share) for bearing in win.bearers] == [
        ("ann", "accountable", 0.75),
        ("bob", "responsible", 0.25),
    ]
    assert (
        address(win.evidence)
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
        work("ann", events=10),
        work("ann", named="win", events=30),
        work("bob", "m", "n"),
        work("cyd", events=50),
    )
    found = pairs(snapshot(*WORLD, attention=cells))
    assert [(pair.one, pair.other, pair.overlap) for pair in found] == [
        ("ann", "bob", 0.5),
        ("ann", "cyd", 0),
        ("bob", "cyd", 0),
    ]


@settings(max_examples=30)
@given(snapshots())
def test_the_views_divide_the_ledger_among_objectives_and_teams(found: Snapshot):
    whole = score(found).losses
    objectives = objective_views(found)
    for view in objectives:
        assert view.losses == tuple(loss for loss in whole if loss.objective == view.objective)
    borne = {view.objective for view in objectives if view.bearers}
    shared = fsum(loss.points for loss in whole if loss.team is not None or loss.objective in borne)
    assert fsum(loss.points for view in team_views(found) for loss in view.losses) == pytest.approx(
        shared, abs=1e-9
    )


@settings(max_examples=30)
@given(snapshots())
def test_every_figure_of_a_view_is_a_fraction_or_null(found: Snapshot):
    shown = [figure.score for view in team_views(found) for figure in view.figures]
    shown += [pair.overlap for pair in pairs(found)]
    shown += [
        part
        for view in objective_views(found)
        for part in (view.attainment, view.freshness, view.coverage)
    ]
    assert all(part is None or 0 <= part <= 1 for part in shown)
