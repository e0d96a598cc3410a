import pytest

from app.scoring.engine import score
from app.scoring.evidence_links import address
from tests.scoring.scenes import (
    LAST,
    key_result,
    losses,
    metric,
    objective,
    said,
    snapshot,
    team,
    work,
)

WORLD = (
    team("ann"), team("bob", size=3), objective("win"), objective("keep"), metric("m"), metric("n"),
    key_result("k1", "win", "m"), key_result("k2", "keep", "n"),
)  # fmt: skip
MEASURED = {("k1", "crm"): said(100), ("k2", "crm"): said(40)}


def productivity(*attention, measures=MEASURED):
    found = score(snapshot(*WORLD, as_of=LAST, measures=measures, attention=attention))
    return found, found.components[5]


def test_activity_is_worth_what_its_objective_attains():
    _, component = productivity(
        work("ann", "m", kind="activity"), work("ann", "n", kind="activity")
    )
    assert (component.score, component.coverage) == (pytest.approx(0.7), 0.25)


def test_outcomes_are_no_activity():
    assert productivity(work("ann", "m"))[1].score is None
    assert (
        productivity(work("ann", "m", events=90), work("ann", "m", events=9, kind="activity"))[
            1
        ].score
        is None
    )


def test_activity_off_the_playbook_is_worth_nothing():
    found, component = productivity(work("bob", kind="activity"))
    [loss] = losses(found.losses, "productivity")
    assert (component.score, component.coverage, loss.reason) == (0, 0.75, "off_playbook")
    assert "team=bob&kind=activity&off_playbook=q4&other_playbook=false" in address(loss.evidence)


def test_a_busy_team_on_an_objective_that_does_not_move_is_told_so():
    [loss] = losses(productivity(work("ann", "n", kind="activity"))[0].losses, "productivity")
    assert (loss.reason, loss.objective) == ("busy_without_result", "keep")
    assert loss.detail == "100% of the activity of ann went to keep, whose attainment is 40%"


def test_without_evidence_of_any_objective_nobody_is_unproductive():
    assert productivity(work("ann", "m", kind="activity"), measures={})[1].score is None
