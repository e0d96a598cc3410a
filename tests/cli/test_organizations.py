import json


def test_a_first_organization_in_an_empty_folder_needs_one_command(
    sightline, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    invocation = sightline(
        "organizations", "create", "acme", "--name", "Acme", "--time-zone", "Europe/Oslo", "--json"
    )
    assert invocation.exit_code == 0, invocation.output
    created = json.loads(invocation.stdout)
    assert created["organization"] == "acme"
    assert created["api_key"].startswith("sightline_")
    assert len(created["api_key"]) == 70
    assert (tmp_path / "sightline.db").exists()


def test_an_organization_is_created_once(sightline, sqlite_url):
    arguments = ("organizations", "create", "acme", "--name", "Acme", "--database-url", sqlite_url)
    assert "sightline_" in sightline(*arguments).stdout
    second_creation = sightline(*arguments, "--json")
    assert second_creation.exit_code == 1
    assert second_creation.stdout == ""
    assert json.loads(second_creation.stderr)["code"] == "conflict"


def test_an_unknown_time_zone_is_refused_in_one_line(sightline, sqlite_url):
    invocation = sightline(
        "organizations",
        "create",
        "a",
        "--name",
        "A",
        "--time-zone",
        "Mars",
        "--database-url",
        sqlite_url,
    )
    assert invocation.exit_code == 1
    assert invocation.stderr.startswith("sightline: ")
    assert "Traceback" not in invocation.stderr


def test_a_missing_name_is_a_usage_error(sightline):
    assert sightline("organizations", "create", "acme").exit_code == 2


def test_an_organization_is_deleted_after_confirmation(sightline, sqlite_url):
    url = ("--database-url", sqlite_url)
    sightline("organizations", "create", "acme", "--name", "Acme", *url)
    declined = sightline("organizations", "delete", "acme", *url, stdin="n\n")
    assert (declined.exit_code, "for good" in declined.stderr) == (1, True)
    unconfirmed = sightline("organizations", "delete", "acme", "--json", *url)
    assert (unconfirmed.exit_code, json.loads(unconfirmed.stderr)["code"]) == (1, "conflict")
    assert sightline("keys", "list", "acme", *url).exit_code == 0
    confirmed = sightline("organizations", "delete", "acme", *url, stdin="y\n")
    assert (confirmed.exit_code, "is gone" in confirmed.stdout) == (0, True)
    second_deletion = sightline("organizations", "delete", "acme", "--yes", "--json", *url)
    assert (second_deletion.exit_code, json.loads(second_deletion.stderr)["code"]) == (
        1,
        "not-found",
    )


def test_yes_deletes_an_organization_without_confirmation(sightline, sqlite_url):
    url = ("--database-url", sqlite_url)
    sightline("organizations", "create", "acme", "--name", "Acme", *url)
    deletion = json.loads(
        sightline("organizations", "delete", "acme", "--yes", "--json", *url).stdout
    )
    assert deletion["deleted"] == "acme"
    assert deletion["rows"] > 0
