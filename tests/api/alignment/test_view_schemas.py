"""The views as they are shown."""

from app.api.alignment.view_schemas import show_team
from app.scoring.effort import ELSEWHERE, NOWHERE, Work
from app.scoring.views import Bearing, Quadrant, TeamFigure, TeamView


def test_a_team_is_shown_with_where_its_work_went():
    work = Work(12, 125_000, {frozenset(("win",)): 93_750, NOWHERE: 25_000, ELSEWHERE: 6_250})
    figures = (TeamFigure("focus", None, 0.0), TeamFigure("agreement", None, 0.0, applies=False))
    bears = (Bearing("win", "sales", "accountable", 0.5),)
    shown = show_team(
        TeamView("sales", figures, Quadrant(None, True), bears, work, False, ()), 10
    ).model_dump()
    assert shown["work"] == {
        "events": 12,
        "effort": 12.5,
        "shares": [{"objective": "win", "share": 0.75}],
        "off_playbook": 0.2,
        "other_playbook": 0.05,
    }
    assert (shown["busy"], shown["productive"], shown["silent"]) == (None, True, False)
    assert shown["bears"] == [{"objective": "win", "role": "accountable", "share": 0.5}]
    assert [one["applies"] for one in shown["components"]] == [True, False]


def test_a_team_with_too_little_work_has_no_figure_of_it():
    shown = show_team(TeamView("sales", (), Quadrant(None, None), (), None, True, ()), 10)
    assert (shown.work, shown.silent, shown.losses) == (None, True, [])
