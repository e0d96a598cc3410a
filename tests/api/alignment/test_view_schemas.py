"""The views as they are shown."""

from app.api.alignment.view_schemas import to_team_alignment
from app.scoring.effort import OTHER_PLAYBOOK, UNASSIGNED, TeamEffort
from app.scoring.views import Bearing, Quadrant, TeamFigure, TeamView


def test_a_team_view_shows_how_its_work_is_distributed():
    effort = TeamEffort(
        12, 125_000, {frozenset(("win",)): 93_750, UNASSIGNED: 25_000, OTHER_PLAYBOOK: 6_250}
    )
    figures = (TeamFigure("focus", None, 0.0), TeamFigure("agreement", None, 0.0, applies=False))
    bearings = (Bearing("win", "sales", "accountable", 0.5),)
    team_view = to_team_alignment(
        TeamView("sales", figures, Quadrant(None, True), bearings, effort, False, ()), 10
    ).model_dump()
    assert team_view["work"] == {
        "events": 12,
        "effort": 12.5,
        "shares": [{"objective": "win", "share": 0.75}],
        "off_playbook": 0.2,
        "other_playbook": 0.05,
    }
    assert (team_view["busy"], team_view["productive"], team_view["silent"]) == (None, True, False)
    assert team_view["bears"] == [{"objective": "win", "role": "accountable", "share": 0.5}]
    assert [component["applies"] for component in team_view["components"]] == [True, False]


def test_a_team_with_too_little_work_has_no_figure_of_it():
    team_view = to_team_alignment(
        TeamView("sales", (), Quadrant(None, None), (), None, True, ()), 10
    )
    assert (team_view.work, team_view.silent, team_view.losses) == (None, True, [])
