import json
import re
from datetime import date, timedelta

from app.cli.alignment import BAR_WIDTH, PURPOSE_NOTICE, render_bar


def test_the_answer_fits_80_columns_and_says_what_it_is_not_for(sightline, demo_service):
    invocation = sightline("alignment")
    assert invocation.exit_code == 0, invocation.output
    lines = invocation.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("score 0.")
    assert "off playbook  sales" in invocation.stdout
    assert lines[-1] == PURPOSE_NOTICE


def test_every_component_has_its_bar(sightline, demo_service):
    alignment = json.loads(sightline("alignment", "--json").stdout)
    output = sightline("alignment").stdout
    assert [
        component["name"]
        for component in alignment["components"]
        if f"\n{component['name']} " not in output
    ] == []


def test_a_team_sees_its_own_answer(sightline, demo_service):
    output = sightline("alignment", "--team", "sales").stdout
    assert output.startswith("sales: ")
    assert "bears " in output
    assert json.loads(sightline("alignment", "--team", "sales", "--json").stdout)["team"] == "sales"


def test_an_unknown_team_or_playbook_is_one_line(sightline, demo_service):
    for arguments in (
        ("--team", "sails"),
        ("--playbook", "enterprise-quarters"),
        ("--team", "../x y"),
    ):
        invocation = sightline("alignment", *arguments)
        assert invocation.exit_code == 1
        assert len(invocation.stderr.splitlines()) == 1, invocation.stderr


def test_a_bar_is_as_full_as_its_score():
    assert render_bar(1).plain == "█" * BAR_WIDTH
    assert render_bar(None).plain == "░" * BAR_WIDTH
    assert render_bar(0.5, ascii_only=True).plain == "#" * (BAR_WIDTH // 2) + "-" * (BAR_WIDTH // 2)


def test_a_past_day_and_what_changed_since_are_shown(sightline, demo_service):
    alignment = json.loads(sightline("alignment", "--json").stdout)
    day = (date.fromisoformat(alignment["as_of"]) - timedelta(days=14)).isoformat()
    assert f"as of {day}" in sightline("alignment", "--as-of", day).stdout
    assert f"as of {day}" in sightline("alignment", "--as-of", day, "--known-at", day).stdout
    invocation = sightline("alignment", "--compare", day)
    assert invocation.exit_code == 0, invocation.output
    assert f"since {day}: score 0." in invocation.stdout
    assert f", both as known on {alignment['as_of']}" in invocation.stdout
    assert "What moved the score, largest first" in invocation.stdout
    score_pairs = re.findall(r"(0\.\d\d|1\.00|-) to (0\.\d\d|1\.00|-)", invocation.stdout)
    assert all(before != after for before, after in score_pairs)
    assert max(map(len, invocation.stdout.splitlines())) <= 80
    comparison = json.loads(sightline("alignment", "--compare", day, "--json").stdout)
    assert comparison["before"]["as_of"] == day
    shown_changes = [
        float(number)
        for number in re.findall(r"^ ([+-]0\.\d{3})  ", invocation.stdout, re.MULTILINE)
    ]
    assert (
        shown_changes
        == [round(-change["change"], 3) + 0 for change in comparison["items"][: len(shown_changes)]]
        != []
    )
    assert "Nothing changed." in sightline("alignment", "--compare", alignment["as_of"]).stdout
    assert sightline("alignment", "--compare", day, "--team", "sales").exit_code == 1


def test_a_refusal_names_the_option_and_not_the_parameter_of_the_api(sightline, demo_service):
    invocation = sightline("alignment", "--compare", "2026-10-10", "--as-of", "2026-10-01")
    assert (invocation.exit_code, invocation.stderr) == (
        1,
        "sightline: --compare is after --as-of.\n",
    )
    assert "--compare" in sightline("alignment", "--compare", "yesterday").stderr
