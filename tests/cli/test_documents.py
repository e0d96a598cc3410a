import json

import pytest

from app.cli.documents import drop_empty_members
from app.cli.support import yaml12


@pytest.fixture
def playbook_file(sightline, demo_service, tmp_path):
    file = tmp_path / "book.yaml"
    file.write_text(sightline("document", "enterprise-quarter").stdout, encoding="utf-8")
    return file


@pytest.fixture
def admin_environment(demo_service, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_API_KEY", demo_service.admin_key)


def test_applying_an_unchanged_playbook_changes_nothing(
    sightline, playbook_file, admin_environment
):
    invocation = sightline("apply", str(playbook_file))
    assert invocation.exit_code == 0, invocation.output
    assert invocation.stdout.splitlines() == [invocation.stdout.strip()], (
        "one line: nothing changed"
    )
    assert "created" not in invocation.stdout
    assert "'enterprise-quarter' is at revision" in invocation.stdout


def test_a_dry_run_tells_what_would_change_and_changes_nothing(
    sightline, playbook_file, admin_environment
):
    text = playbook_file.read_text(encoding="utf-8").replace("target: 80", "target: 70")
    invocation = sightline("apply", "-", "--dry-run", stdin=text)
    assert "~ update   key result      leads-80" in invocation.stdout
    assert "target: 80 -> 70" in invocation.stdout
    assert "1 would be updated" in invocation.stdout
    assert "target: 80" in sightline("document", "enterprise-quarter").stdout
    assert (
        json.loads(sightline("apply", "-", "--dry-run", "--json", stdin=text).stdout)["dry_run"]
        is True
    )


def test_what_the_service_refuses_says_where_in_the_document(
    sightline, playbook_file, admin_environment
):
    text = playbook_file.read_text(encoding="utf-8").replace(
        "metric: churn-rate", "metric: churn-rates"
    )
    invocation = sightline("apply", "-", "--json", stdin=text)
    assert invocation.exit_code == 1
    problem = json.loads(invocation.stderr)
    assert problem["code"] == "invalid-input"
    assert "'churn-rate'" in problem["detail"]


def test_days_are_written_without_quotes(sightline, playbook_file):
    assert "  starts_on: 2026-09-28\n" in playbook_file.read_text(encoding="utf-8")
    document = json.loads(sightline("document", "enterprise-quarter", "--json").stdout)
    assert drop_empty_members(document) == yaml12.load_yaml(
        playbook_file.read_text(encoding="utf-8")
    )


def test_what_cannot_be_read_is_one_line(sightline, demo_service, tmp_path):
    file = tmp_path / "x.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    for arguments in (
        ("apply", str(file)),
        ("apply", str(tmp_path / "none.yaml")),
        ("document", "nothing-like-it"),
    ):
        invocation = sightline(*arguments)
        assert invocation.exit_code == 1
        assert len(invocation.stderr.splitlines()) == 1
    assert sightline("apply", "-", stdin="- a\n").exit_code == 1
