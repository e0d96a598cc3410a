import json

import pytest


@pytest.fixture
def run_keys(sightline, sqlite_url):
    sightline("organizations", "create", "acme", "--name", "Acme", "--database-url", sqlite_url)
    return lambda *arguments: sightline("keys", *arguments, "--database-url", sqlite_url)


def test_a_key_is_issued_listed_without_its_secret_and_revoked(run_keys):
    options = (
        "--name",
        "Reports",
        "--scope",
        "read",
        "--scope",
        "events:write",
        "--expires-in-days",
        "30",
    )
    issued = json.loads(run_keys("create", "acme", *options, "--json").stdout)
    assert issued["scopes"] == ["read", "events:write"]
    assert issued["expires_at"] is not None
    listing = run_keys("list", "acme", "--json").stdout
    assert [key["name"] for key in json.loads(listing)["items"]] == ["first admin key", "Reports"]
    assert issued["api_key"] not in listing
    assert json.loads(run_keys("revoke", "acme", issued["id"], "--json").stdout) == {
        "revoked": issued["id"]
    }
    assert issued["id"] not in run_keys("list", "acme").stdout
    second_revocation = run_keys("revoke", "acme", issued["id"])
    assert (second_revocation.exit_code, second_revocation.stderr) == (
        1,
        "sightline: There is no such API key.\n",
    )


def test_a_wrong_organization_names_the_nearest(run_keys):
    invocation = run_keys("list", "acne")
    assert invocation.exit_code == 1
    assert "'acme'" in invocation.stderr


def test_a_wrong_scope_or_team_is_refused(run_keys):
    invocation = run_keys(
        "create", "acme", "--name", "x", "--scope", "everything", "--team", "sails", "--json"
    )
    assert invocation.exit_code == 1
    assert {fault["pointer"] for fault in json.loads(invocation.stderr)["errors"]} == {
        "/scopes",
        "/team",
    }


def test_without_json_the_key_is_shown_once(run_keys):
    assert "sightline_" in run_keys("create", "acme", "--name", "x", "--scope", "read").stdout
    assert "sightline_" not in run_keys("list", "acme").stdout


def test_the_length_of_a_name_has_the_limits_of_the_api(run_keys):
    for name in ("", "n" * 201):
        invocation = run_keys("create", "acme", "--name", name, "--scope", "read")
        assert (invocation.exit_code, "1 to 200 characters" in invocation.stderr) == (2, True)
    assert run_keys("create", "acme", "--name", "n" * 200, "--scope", "read").exit_code == 0
