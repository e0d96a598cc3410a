import pytest

from app.scoring.engine import compute_alignment
from app.services.alignment.evidence_urls import to_url
from tests.scoring.snapshot_builders import (
    LAST_DAY,
    filter_losses,
    make_effort_cell,
    make_key_result,
    make_measure,
    make_metric,
    make_objective,
    make_snapshot,
    make_team,
)

WORLD = (
    make_team("ann"),
    make_team("bob", size=3),
    make_objective("win"),
    make_objective("keep"),
    make_metric("m"),
    make_metric("n"),
    make_key_result("k1", "win", "m"),
    make_key_result("k2", "keep", "n"),
)
MEASURES = {("k1", "crm"): make_measure(100), ("k2", "crm"): make_measure(40)}


def score_productivity(*attention, measures=MEASURES):
    alignment = compute_alignment(
        make_snapshot(*WORLD, as_of=LAST_DAY, measures=measures, effort_cells=attention)
    )
    return alignment, alignment.components[5]


def test_activity_is_worth_what_its_objective_attains():
    _, component = score_productivity(
        make_effort_cell("ann", "m", kind="activity"), make_effort_cell("ann", "n", kind="activity")
    )
    assert (component.score, component.coverage) == (pytest.approx(0.7), 0.25)


def test_outcomes_are_no_activity():
    assert score_productivity(make_effort_cell("ann", "m"))[1].score is None
    assert (
        score_productivity(
            make_effort_cell("ann", "m", events=90),
            make_effort_cell("ann", "m", events=9, kind="activity"),
        )[1].score
        is None
    )


def test_activity_off_the_playbook_is_worth_nothing():
    alignment, component = score_productivity(make_effort_cell("bob", kind="activity"))
    [loss] = filter_losses(alignment.losses, "productivity")
    assert (component.score, component.coverage, loss.reason) == (0, 0.75, "off_playbook")
    assert "team=bob&kind=activity&off_playbook=q4&other_playbook=false" in to_url(loss.evidence)


def test_a_busy_team_on_an_objective_without_progress_has_a_loss():
    [loss] = filter_losses(
        score_productivity(make_effort_cell("ann", "n", kind="activity"))[0].losses, "productivity"
    )
    assert (loss.reason, loss.objective) == ("busy_without_result", "keep")
    assert loss.detail == "100% of the activity of ann went to keep, whose attainment is 40%"


def test_without_evidence_of_any_objective_nobody_is_unproductive():
    assert (
        score_productivity(make_effort_cell("ann", "m", kind="activity"), measures={})[1].score
        is None
    )
