import json
import sqlite3

import pytest


@pytest.fixture
def service_keys(monkeypatch):
    encryption_key = "k1:" + "A" * 43 + "="
    monkeypatch.setenv("SIGHTLINE_SECRET_KEYS", encryption_key)
    monkeypatch.setenv("SIGHTLINE_KEY_PEPPER", encryption_key)


@pytest.mark.postgresql
def test_a_migrated_database_passes_the_check(sightline, database_url, service_keys):
    sightline("organizations", "create", "acme", "--name", "Acme", "--database-url", database_url)
    invocation = sightline("db", "check", "--database-url", database_url, "--json")
    assert invocation.exit_code == 0, invocation.output
    report = json.loads(invocation.stdout)
    assert report["ok"]
    assert report["organizations"] == {
        "acme": {"event": 0, "measure": 0, "attention": 0, "sold": 0, "journal": 0}
    }


def test_upgrade_brings_a_new_file_to_head(sightline, tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'x.db'}"
    before = sightline("db", "check", "--database-url", url)
    assert before.exit_code == 1
    assert "sightline db upgrade" in before.stderr
    upgraded = json.loads(sightline("db", "upgrade", "--database-url", url, "--json").stdout)
    assert (
        json.loads(sightline("db", "check", "--database-url", url, "--json").stdout)["revision"]
        == upgraded["revision"]
    )


def test_a_table_that_is_not_ours_is_drift(sightline, sqlite_url):
    with sqlite3.connect(sqlite_url.removeprefix("sqlite+aiosqlite:///")) as connection:
        connection.execute("create table stray (a integer)")
    connection.close()
    invocation = sightline("db", "check", "--database-url", sqlite_url)
    assert invocation.exit_code == 1
    assert "stray" in invocation.stderr


def test_a_wrong_roll_up_is_detected_and_rebuilt(sightline, sqlite_url):
    url = ("--database-url", sqlite_url)
    sightline("organizations", "create", "acme", "--name", "Acme", *url)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite+aiosqlite:///")) as connection:
        (identity,) = connection.execute("select organization_id from organization").fetchone()
        row = (identity, "phantom", "onboarding", 20000, 20000, 1)
        names = "organization_id, team, offering, day, recorded_day, value"
        columns = [column_info[1] for column_info in connection.execute("pragma table_info(sold)")]
        values_by_column = dict(zip(names.split(", "), row, strict=True))
        row_values = [
            values_by_column.get(column_name, "" if column_name == "unit" else 1)
            for column_name in columns
        ]
        connection.execute(f"insert into sold values ({', '.join('?' * len(columns))})", row_values)
    connection.close()
    assert sightline("db", "check", *url).exit_code == 1
    invocation = sightline("db", "rebuild", "--check", *url)
    assert invocation.exit_code == 1
    assert "acme: 1 row(s) of 'sold' are not as the events say" in invocation.stdout
    assert "1 had to be mended" in sightline("db", "rebuild", *url).stdout
    assert sightline("db", "rebuild", "--check", *url).exit_code == 0
    assert (
        json.loads(sightline("db", "rebuild", "--json", *url).stdout)["organizations"]["acme"][
            "sold"
        ]
        == 0
    )


def test_a_database_that_cannot_be_opened_is_one_line(sightline, tmp_path):
    invocation = sightline(
        "db", "upgrade", "--database-url", f"sqlite+aiosqlite:///{tmp_path}/no/such/folder/x.db"
    )
    assert invocation.exit_code == 1
    assert len(invocation.stderr.splitlines()) == 1
    assert sightline("db", "upgrade", "--database-url", "nonsense").exit_code == 1


def test_old_bodies_are_trimmed(sightline, database_url, service_keys):
    sightline("organizations", "create", "acme", "--name", "Acme", "--database-url", database_url)
    invocation = sightline("db", "trim", "--days", "7", "--database-url", database_url, "--json")
    assert json.loads(invocation.stdout) == {"days": 7, "emptied": {"acme": 0}}


def test_an_embedded_database_has_no_role_to_grant_to(sightline, sqlite_url):
    invocation = sightline(
        "db", "upgrade", "--service-role", "sightline", "--database-url", sqlite_url
    )
    assert (invocation.exit_code, "no roles" in invocation.stderr) == (1, True)


@pytest.mark.postgresql
def test_an_upgrade_names_an_unknown_role(sightline, postgresql_url):
    invocation = sightline(
        "db", "upgrade", "--service-role", "nobody-of-that-name", "--database-url", postgresql_url
    )
    assert (
        invocation.exit_code,
        "There is no role 'nobody-of-that-name'" in invocation.stderr,
    ) == (1, True)
    assert (
        json.loads(sightline("db", "upgrade", "--json", "--database-url", postgresql_url).stdout)[
            "service_roles"
        ]
        == []
    )
