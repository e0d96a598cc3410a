import json

import pytest

from app.cli.documents import slim
from app.cli.support import yaml12


@pytest.fixture
def book(sightline, larkfield, tmp_path):
    file = tmp_path / "book.yaml"
    file.write_text(sightline("document", "enterprise-quarter").stdout, encoding="utf-8")
    return file


@pytest.fixture
def admin(larkfield, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_API_KEY", larkfield.admin_key)


def test_a_playbook_as_code_applies_to_nothing_new(sightline, book, admin):
    done = sightline("apply", str(book))
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [done.stdout.strip()], "one line: nothing changed"
    assert "created" not in done.stdout
    assert "'enterprise-quarter' is at revision" in done.stdout


def test_a_dry_run_tells_what_would_change_and_changes_nothing(sightline, book, admin):
    text = book.read_text(encoding="utf-8").replace("target: 80", "target: 70")
    done = sightline("apply", "-", "--dry-run", stdin=text)
    assert "~ update   key result      leads-80" in done.stdout
    assert "target: 80 -> 70" in done.stdout
    assert "1 would be updated" in done.stdout
    assert "target: 80" in sightline("document", "enterprise-quarter").stdout
    assert (
        json.loads(sightline("apply", "-", "--dry-run", "--json", stdin=text).stdout)["dry_run"]
        is True
    )


def test_what_the_service_refuses_says_where_in_the_document(sightline, book, admin):
    text = book.read_text(encoding="utf-8").replace("metric: churn-rate", "metric: churn-rates")
    done = sightline("apply", "-", "--json", stdin=text)
    assert done.exit_code == 1
    problem = json.loads(done.stderr)
    assert problem["code"] == "invalid-input"
    assert "'churn-rate'" in problem["detail"]


def test_days_stand_as_people_write_them(sightline, book):
    assert "  starts_on: 2026-09-28\n" in book.read_text(encoding="utf-8")
    found = json.loads(sightline("document", "enterprise-quarter", "--json").stdout)
    assert slim(found) == yaml12.load(book.read_text(encoding="utf-8"))


def test_what_cannot_be_read_is_one_line(sightline, larkfield, tmp_path):
    file = tmp_path / "x.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    for arguments in (
        ("apply", str(file)),
        ("apply", str(tmp_path / "none.yaml")),
        ("document", "nothing-like-it"),
    ):
        done = sightline(*arguments)
        assert done.exit_code == 1
        assert len(done.stderr.splitlines()) == 1
    assert sightline("apply", "-", stdin="- a\n").exit_code == 1
