import json

import pytest


@pytest.fixture
def keys(sightline, sqlite_url):
    sightline("organizations", "create", "acme", "--name", "Acme", "--database-url", sqlite_url)
    return lambda *arguments: sightline("keys", *arguments, "--database-url", sqlite_url)


def test_a_key_is_issued_listed_without_itself_and_revoked(keys):
    wanted = (
        "--name",
        "Reports",
        "--scope",
        "read",
        "--scope",
        "events:write",
        "--expires-in-days",
        "30",
    )
    made = json.loads(keys("create", "acme", *wanted, "--json").stdout)
    assert made["scopes"] == ["read", "events:write"]
    assert made["expires_at"] is not None
    listed = keys("list", "acme", "--json").stdout
    assert [key["name"] for key in json.loads(listed)["items"]] == ["first admin key", "Reports"]
    assert made["api_key"] not in listed
    assert json.loads(keys("revoke", "acme", made["id"], "--json").stdout) == {
        "revoked": made["id"]
    }
    assert made["id"] not in keys("list", "acme").stdout
    again = keys("revoke", "acme", made["id"])
    assert (again.exit_code, again.stderr) == (1, "sightline: There is no such API key.\n")


def test_a_wrong_organization_names_the_nearest(keys):
    done = keys("list", "acne")
    assert done.exit_code == 1
    assert "'acme'" in done.stderr


def test_a_wrong_scope_or_team_is_refused(keys):
    done = keys(
        "create", "acme", "--name", "x", "--scope", "everything", "--team", "sails", "--json"
    )
    assert done.exit_code == 1
    assert {fault["pointer"] for fault in json.loads(done.stderr)["errors"]} == {"/scopes", "/team"}


def test_for_people_the_key_is_shown_once(keys):
    assert "sightline_" in keys("create", "acme", "--name", "x", "--scope", "read").stdout
    assert "sightline_" not in keys("list", "acme").stdout


def test_a_name_is_as_long_as_the_api_takes_it(keys):
    for name in ("", "n" * 201):
        done = keys("create", "acme", "--name", name, "--scope", "read")
        assert (done.exit_code, "1 to 200 characters" in done.stderr) == (2, True)
    assert keys("create", "acme", "--name", "n" * 200, "--scope", "read").exit_code == 0
