import pytest

from app.domain.playbook.configuration import Resource
from app.scoring.engine import compute_alignment
from app.scoring.snapshot import Snapshot
from app.services.alignment.evidence_urls import to_url
from tests.scoring.snapshot_builders import (
    OTHER_PLAYBOOK,
    filter_losses,
    make_effort_cell,
    make_key_result,
    make_metric,
    make_objective,
    make_responsibility,
    make_snapshot,
    make_team,
)

WORLD: tuple[Resource, ...] = (
    *map(make_team, ("ann", "bob")),
    make_objective("win"),
    make_objective("keep"),
    make_objective("away", playbook="other"),
    OTHER_PLAYBOOK,
    make_metric("m"),
    make_metric("n"),
    make_metric("o"),
    make_key_result("k1", "win", "m"),
    make_key_result("k2", "keep", "n"),
    make_key_result("k3", "keep", "m"),
    make_key_result("k4", "away", "o"),
)


def score_focus(snapshot: Snapshot) -> tuple[float | None, float]:
    component = compute_alignment(snapshot).components[2]
    return component.score, component.coverage


def test_work_on_a_metric_is_split_over_the_objectives_it_leads_to():
    assert score_focus(make_snapshot(*WORLD, effort_cells=(make_effort_cell("ann", "m"),))) == (
        1,
        0.5,
    )
    assert score_focus(make_snapshot(*WORLD, effort_cells=(make_effort_cell("ann", "n"),))) == (
        0.5,
        0.5,
    )
    assert score_focus(
        make_snapshot(*WORLD, effort_cells=(make_effort_cell("ann", "m", "n"),))
    ) == (
        1,
        0.5,
    )


def test_a_named_objective_takes_all_of_the_work_whatever_it_matched():
    assert score_focus(
        make_snapshot(
            *WORLD,
            effort_cells=(
                make_effort_cell("ann", "n", objective_key="win"),
                make_effort_cell("ann", objective_key="keep"),
            ),
        )
    ) == (1, 0.5)
    assert score_focus(
        make_snapshot(
            *WORLD, effort_cells=(make_effort_cell("ann", "m", objective_key="unheard-of"),)
        )
    ) == (0, 0.5)


def test_a_team_is_expected_where_it_bears():
    snapshot = make_snapshot(
        *WORLD,
        make_responsibility("win", "ann"),
        effort_cells=(
            make_effort_cell("ann", "n", events=5),
            make_effort_cell("ann", objective_key="win", events=15),
        ),
    )
    assert score_focus(snapshot) == (0.75, 0.5)
    [loss] = filter_losses(compute_alignment(snapshot).losses, "focus")
    assert (loss.reason, loss.team, loss.objective) == ("over_served", "ann", "keep")
    assert loss.detail == "25% of the recorded work of ann went to keep, 0% was expected"


def test_effort_weighs_and_events_make_the_sample():
    few_heavy_events = (
        make_effort_cell("ann", objective_key="win", events=1, effort=30),
        make_effort_cell("ann", events=9, effort=10),
    )
    assert score_focus(
        make_snapshot(*WORLD, make_responsibility("win", "ann"), effort_cells=few_heavy_events)
    ) == (0.75, 0.5)
    assert score_focus(
        make_snapshot(
            *WORLD,
            effort_cells=(make_effort_cell("ann", objective_key="win", events=9, effort=30),),
        )
    ) == (
        None,
        0,
    )
    assert score_focus(
        make_snapshot(
            *WORLD,
            effort_cells=(make_effort_cell("ann", objective_key="win", events=30, effort=0),),
        )
    ) == (
        None,
        0,
    )


def test_work_of_archived_teams_is_not_counted():
    assert score_focus(make_snapshot(*WORLD, effort_cells=(make_effort_cell("gone", "m"),))) == (
        None,
        0,
    )


def test_work_off_the_playbook_is_split_by_whether_it_serves_another_playbook():
    running_playbooks = frozenset(("other",))
    cells = (
        make_effort_cell("ann", events=10, effort=10),
        make_effort_cell("ann", "o", events=2, effort=20, running_playbooks=running_playbooks),
        make_effort_cell(
            "ann", objective_key="away", events=2, effort=5, running_playbooks=running_playbooks
        ),
        make_effort_cell("ann", "o", events=2, effort=15),
    )
    losses = filter_losses(
        compute_alignment(make_snapshot(*WORLD, effort_cells=cells)).losses, "focus"
    )
    assert {loss.reason for loss in losses} == {"off_playbook", "other_playbook"}
    assert [loss.points for loss in losses] == pytest.approx([losses[0].points] * 2)
    assert [loss.detail for loss in losses] == [
        "50% of the recorded work of ann served no objective",
        "50% of the recorded work of ann served another playbook",
    ]
    assert [to_url(loss.evidence) for loss in losses] == [
        f"/v1/events?team=ann&off_playbook=q4&other_playbook={serves_other_playbook}&from=2026-10-27&to=2026-11-23&as_of=2026-11-23"
        for serves_other_playbook in ("false", "true")
    ]


def test_without_objectives_there_is_no_figure():
    assert score_focus(
        make_snapshot(make_team("ann"), effort_cells=(make_effort_cell("ann"),))
    ) == (
        None,
        0,
    )
