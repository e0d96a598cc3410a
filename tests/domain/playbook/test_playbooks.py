"""Which playbook is current on a day, and the explanation when none is."""

from dataclasses import replace
from datetime import date, timedelta

from app.domain.playbook.playbooks import (
    Playbook,
    current_playbooks,
    explain_no_current_playbook,
)
from tests.support.configurations import make_playbook
from tests.support.service_harness import NOW

TODAY = NOW.date()
DAY = timedelta(days=1)


def make_playbook_in_state(key: str, first: date, last: date, state: str = "published") -> Playbook:
    return replace(make_playbook(key, first, last), state=state)


def test_the_published_playbook_whose_window_holds_the_day_is_current():
    candidates = [
        make_playbook_in_state("before", TODAY - 9 * DAY, TODAY - DAY),
        make_playbook_in_state("now", TODAY, TODAY),
        make_playbook_in_state("after", TODAY + DAY, TODAY + 9 * DAY),
        make_playbook_in_state("shut", TODAY, TODAY, "closed"),
        make_playbook_in_state("idea", TODAY, TODAY, "draft"),
    ]
    current_keys = [current_playbooks(candidates, TODAY + n * DAY) for n in (-10, -9, -1, 0, 1, 9)]
    assert current_keys == [[], ["before"], ["before"], ["now"], ["after"], ["after"]]


def test_of_several_current_playbooks_the_latest_start_comes_first():
    candidates = [
        make_playbook_in_state("year", TODAY - 99 * DAY, TODAY + 99 * DAY),
        make_playbook_in_state("quarter", TODAY - 9 * DAY, TODAY + 9 * DAY),
        make_playbook_in_state("month", TODAY - 2 * DAY, TODAY),
        make_playbook_in_state("twin", TODAY - 2 * DAY, TODAY),
    ]
    assert current_playbooks(candidates, TODAY) == ["twin", "month", "quarter", "year"]
    assert current_playbooks(candidates[::-1], TODAY) == current_playbooks(candidates, TODAY)


def test_without_a_current_playbook_the_last_ended_one_and_a_draft_are_named():
    candidates = [
        make_playbook_in_state("old", TODAY - 99 * DAY, TODAY - 50 * DAY),
        make_playbook_in_state("older", TODAY - 9 * DAY, TODAY - 2 * DAY, "closed"),
        make_playbook_in_state("idea", TODAY, TODAY, "draft"),
    ]
    assert "'older', ended on 2026-11-21" in explain_no_current_playbook(candidates, TODAY)
    assert "draft: 'idea'" in explain_no_current_playbook(candidates, TODAY)
    assert (
        explain_no_current_playbook([], TODAY) == "No published playbook's window holds 2026-11-23."
    )
