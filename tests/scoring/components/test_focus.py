import pytest

from app.domain.playbook.configuration import Noun
from app.scoring.engine import score
from app.scoring.evidence_links import address
from app.scoring.snapshot import Snapshot
from tests.scoring.scenes import (
    OTHER,
    bears,
    key_result,
    losses,
    metric,
    objective,
    snapshot,
    team,
    work,
)

WORLD: tuple[Noun, ...] = (
    *map(team, ("ann", "bob")), objective("win"), objective("keep"), objective("away", playbook="other"), OTHER,
    metric("m"), metric("n"), metric("o"), key_result("k1", "win", "m"), key_result("k2", "keep", "n"),
    key_result("k3", "keep", "m"), key_result("k4", "away", "o"),
)  # fmt: skip


def focus(found: Snapshot) -> tuple[float | None, float]:
    component = score(found).components[2]
    return component.score, component.coverage


def test_work_on_a_metric_is_split_over_the_objectives_it_leads_to():
    assert focus(snapshot(*WORLD, attention=(work("ann", "m"),))) == (1, 0.5)
    assert focus(snapshot(*WORLD, attention=(work("ann", "n"),))) == (0.5, 0.5)
    assert focus(snapshot(*WORLD, attention=(work("ann", "m", "n"),))) == (1, 0.5)


def test_a_named_objective_takes_all_of_the_work_whatever_it_matched():
    assert focus(
        snapshot(*WORLD, attention=(work("ann", "n", named="win"), work("ann", named="keep")))
    ) == (1, 0.5)
    assert focus(snapshot(*WORLD, attention=(work("ann", "m", named="unheard-of"),))) == (0, 0.5)


def test_a_team_is_expected_where_it_bears():
    found = snapshot(
        *WORLD,
        bears("win", "ann"),
        attention=(work("ann", "n", events=5), work("ann", named="win", events=15)),
    )
    assert focus(found) == (0.75, 0.5)
    [loss] = losses(score(found).losses, "focus")
    assert (loss.reason, loss.team, loss.objective) == ("over_served", "ann", "keep")
    assert loss.detail == "25% of the recorded work of ann went to keep, 0% was expected"


def test_effort_weighs_and_events_make_the_sample():
    heavy = (work("ann", named="win", events=1, effort=30), work("ann", events=9, effort=10))
    assert focus(snapshot(*WORLD, bears("win", "ann"), attention=heavy)) == (0.75, 0.5)
    assert focus(snapshot(*WORLD, attention=(work("ann", named="win", events=9, effort=30),))) == (
        None,
        0,
    )
    assert focus(snapshot(*WORLD, attention=(work("ann", named="win", events=30, effort=0),))) == (
        None,
        0,
    )


def test_work_of_teams_that_are_gone_is_not_counted():
    assert focus(snapshot(*WORLD, attention=(work("gone", "m"),))) == (None, 0)


def test_work_off_the_playbook_is_told_apart_by_whether_another_one_wanted_it():
    early = frozenset(("other",))
    cells = (
        work("ann", events=10, effort=10),
        work("ann", "o", events=2, effort=20, running=early),
        work("ann", named="away", events=2, effort=5, running=early),
        work("ann", "o", events=2, effort=15),
    )
    found = losses(score(snapshot(*WORLD, attention=cells)).losses, "focus")
    assert {loss.reason for loss in found} == {"off_playbook", "other_playbook"}
    assert [loss.points for loss in found] == pytest.approx([found[0].points] * 2)
    assert [loss.detail for loss in found] == [
        "50% of the recorded work of ann served no objective",
        "50% of the recorded work of ann served another playbook",
    ]
    assert [address(loss.evidence) for loss in found] == [
        f"/v1/events?team=ann&off_playbook=q4&other_playbook={other}&from=2026-10-27&to=2026-11-23&as_of=2026-11-23"
        for other in ("false", "true")
    ]


def test_without_objectives_there_is_no_figure():
    assert focus(snapshot(team("ann"), attention=(work("ann"),))) == (None, 0)
