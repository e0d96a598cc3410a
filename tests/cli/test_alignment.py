import json
import re
from datetime import date, timedelta

from app.cli.alignment import BAR, NOT_FOR, bar


def test_the_answer_fits_80_columns_and_says_what_it_is_not_for(sightline, larkfield):
    done = sightline("alignment")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("score 0.")
    assert "off playbook  sales" in done.stdout
    assert lines[-1] == NOT_FOR


def test_every_component_has_its_bar(sightline, larkfield):
    found = json.loads(sightline("alignment", "--json").stdout)
    shown = sightline("alignment").stdout
    assert [one["name"] for one in found["components"] if f"\n{one['name']} " not in shown] == []


def test_a_team_sees_its_own_answer(sightline, larkfield):
    shown = sightline("alignment", "--team", "sales").stdout
    assert shown.startswith("sales: ")
    assert "bears " in shown
    assert json.loads(sightline("alignment", "--team", "sales", "--json").stdout)["team"] == "sales"


def test_an_unknown_team_or_playbook_is_one_line(sightline, larkfield):
    for arguments in (
        ("--team", "sails"),
        ("--playbook", "enterprise-quarters"),
        ("--team", "../x y"),
    ):
        done = sightline("alignment", *arguments)
        assert done.exit_code == 1
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_bar_is_as_full_as_its_score():
    assert bar(1).plain == "█" * BAR
    assert bar(None).plain == "░" * BAR
    assert bar(0.5, ascii_only=True).plain == "#" * (BAR // 2) + "-" * (BAR // 2)


def test_a_past_day_and_what_changed_since_are_shown(sightline, larkfield):
    found = json.loads(sightline("alignment", "--json").stdout)
    day = (date.fromisoformat(found["as_of"]) - timedelta(days=14)).isoformat()
    assert f"as of {day}" in sightline("alignment", "--as-of", day).stdout
    assert f"as of {day}" in sightline("alignment", "--as-of", day, "--known-at", day).stdout
    shown = sightline("alignment", "--compare", day)
    assert shown.exit_code == 0, shown.output
    assert f"since {day}: score 0." in shown.stdout
    assert f", both as known on {found['as_of']}" in shown.stdout
    assert "What moved the score, largest first" in shown.stdout
    same = re.findall(r"(0\.\d\d|1\.00|-) to (0\.\d\d|1\.00|-)", shown.stdout)
    assert all(was != now for was, now in same)
    assert max(map(len, shown.stdout.splitlines())) <= 80
    said = json.loads(sightline("alignment", "--compare", day, "--json").stdout)
    assert said["before"]["as_of"] == day
    moved = [float(step) for step in re.findall(r"^ ([+-]0\.\d{3})  ", shown.stdout, re.MULTILINE)]
    assert moved == [round(-one["change"], 3) + 0 for one in said["items"][: len(moved)]] != []
    assert "Nothing changed." in sightline("alignment", "--compare", found["as_of"]).stdout
    assert sightline("alignment", "--compare", day, "--team", "sales").exit_code == 1


def test_a_refusal_names_the_option_and_not_the_parameter_of_the_api(sightline, larkfield):
    late = sightline("alignment", "--compare", "2026-10-10", "--as-of", "2026-10-01")
    assert (late.exit_code, late.stderr) == (1, "sightline: --compare is after --as-of.\n")
    assert "--compare" in sightline("alignment", "--compare", "yesterday").stderr
