import json
import sqlite3

import pytest


@pytest.fixture
def with_keys(monkeypatch):
    key = "k1:" + "A" * 43 + "="
    monkeypatch.setenv("SIGHTLINE_SECRET_KEYS", key)
    monkeypatch.setenv("SIGHTLINE_KEY_PEPPER", key)


@pytest.mark.postgresql
def test_a_migrated_database_is_well(sightline, database_url, with_keys):
    sightline("organizations", "create", "acme", "--name", "Acme", "--database-url", database_url)
    done = sightline("db", "check", "--database-url", database_url, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["ok"]
    assert found["organizations"] == {
        "acme": {"event": 0, "measure": 0, "attention": 0, "sold": 0, "journal": 0}
    }


def test_upgrade_brings_a_new_file_to_head(sightline, tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'x.db'}"
    before = sightline("db", "check", "--database-url", url)
    assert before.exit_code == 1
    assert "sightline db upgrade" in before.stderr
    made = json.loads(sightline("db", "upgrade", "--database-url", url, "--json").stdout)
    assert (
        json.loads(sightline("db", "check", "--database-url", url, "--json").stdout)["revision"]
        == made["revision"]
    )


def test_a_table_that_is_not_ours_is_drift(sightline, sqlite_url):
    with sqlite3.connect(sqlite_url.removeprefix("sqlite+aiosqlite:///")) as connection:
        connection.execute("create table stray (a integer)")
    connection.close()
    done = sightline("db", "check", "--database-url", sqlite_url)
    assert done.exit_code == 1
    assert "stray" in done.stderr


def test_a_roll_up_that_lies_is_found_and_mended(sightline, sqlite_url):
    url = ("--database-url", sqlite_url)
    sightline("organizations", "create", "acme", "--name", "Acme", *url)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite+aiosqlite:///")) as connection:
        (identity,) = connection.execute("select organization_id from organization").fetchone()
        row = (identity, "phantom", "onboarding", 20000, 20000, 1)
        names = "organization_id, team, offering, day, recorded_day, value"
        columns = [each[1] for each in connection.execute("pragma table_info(sold)")]
        given = dict(zip(names.split(", "), row, strict=True))
        values = [given.get(name, "" if name == "unit" else 1) for name in columns]
        connection.execute(f"insert into sold values ({', '.join('?' * len(columns))})", values)
    connection.close()
    assert sightline("db", "check", *url).exit_code == 1
    told = sightline("db", "rebuild", "--check", *url)
    assert told.exit_code == 1
    assert "acme: 1 row(s) of 'sold' are not as the events say" in told.stdout
    assert "1 had to be mended" in sightline("db", "rebuild", *url).stdout
    assert sightline("db", "rebuild", "--check", *url).exit_code == 0
    assert (
        json.loads(sightline("db", "rebuild", "--json", *url).stdout)["organizations"]["acme"][
            "sold"
        ]
        == 0
    )


def test_a_database_that_cannot_be_opened_is_one_line(sightline, tmp_path):
    done = sightline(
        "db", "upgrade", "--database-url", f"sqlite+aiosqlite:///{tmp_path}/no/such/folder/x.db"
    )
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1
    assert sightline("db", "upgrade", "--database-url", "nonsense").exit_code == 1


def test_old_bodies_are_trimmed(sightline, database_url, with_keys):
    sightline("organizations", "create", "acme", "--name", "Acme", "--database-url", database_url)
    done = sightline("db", "trim", "--days", "7", "--database-url", database_url, "--json")
    assert json.loads(done.stdout) == {"days": 7, "emptied": {"acme": 0}}


def test_an_embedded_database_has_no_role_to_grant_to(sightline, sqlite_url):
    done = sightline("db", "upgrade", "--service-role", "sightline", "--database-url", sqlite_url)
    assert (done.exit_code, "no roles" in done.stderr) == (1, True)


@pytest.mark.postgresql
def test_an_upgrade_names_a_role_that_is_not_there(sightline, postgresql_url):
    done = sightline(
        "db", "upgrade", "--service-role", "nobody-of-that-name", "--database-url", postgresql_url
    )
    assert (done.exit_code, "There is no role 'nobody-of-that-name'" in done.stderr) == (1, True)
    assert (
        json.loads(sightline("db", "upgrade", "--json", "--database-url", postgresql_url).stdout)[
            "service_roles"
        ]
        == []
    )
