import json


def test_a_first_organization_in_an_empty_folder_needs_one_command(
    sightline, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    done = sightline(
        "organizations", "create", "acme", "--name", "Acme", "--time-zone", "Europe/Oslo", "--json"
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["organization"] == "acme"
    assert found["api_key"].startswith("sightline_")
    assert len(found["api_key"]) == 70
    assert (tmp_path / "sightline.db").exists()


def test_an_organization_is_made_once(sightline, sqlite_url):
    arguments = ("organizations", "create", "acme", "--name", "Acme", "--database-url", sqlite_url)
    assert "sightline_" in sightline(*arguments).stdout
    again = sightline(*arguments, "--json")
    assert again.exit_code == 1
    assert again.stdout == ""
    assert json.loads(again.stderr)["code"] == "conflict"


def test_an_unknown_time_zone_is_refused_in_one_line(sightline, sqlite_url):
    done = sightline(
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
    assert done.exit_code == 1
    assert done.stderr.startswith("sightline: ")
    assert "Traceback" not in done.stderr


def test_a_missing_name_is_a_usage_error(sightline):
    assert sightline("organizations", "create", "acme").exit_code == 2


def test_an_organization_is_deleted_once_it_was_confirmed(sightline, sqlite_url):
    url = ("--database-url", sqlite_url)
    sightline("organizations", "create", "acme", "--name", "Acme", *url)
    refused = sightline("organizations", "delete", "acme", *url, stdin="n\n")
    assert (refused.exit_code, "for good" in refused.stderr) == (1, True)
    unasked = sightline("organizations", "delete", "acme", "--json", *url)
    assert (unasked.exit_code, json.loads(unasked.stderr)["code"]) == (1, "conflict")
    assert sightline("keys", "list", "acme", *url).exit_code == 0
    done = sightline("organizations", "delete", "acme", *url, stdin="y\n")
    assert (done.exit_code, "is gone" in done.stdout) == (0, True)
    again = sightline("organizations", "delete", "acme", "--yes", "--json", *url)
    assert (again.exit_code, json.loads(again.stderr)["code"]) == (1, "not-found")


def test_a_script_deletes_an_organization_without_being_asked(sightline, sqlite_url):
    url = ("--database-url", sqlite_url)
    sightline("organizations", "create", "acme", "--name", "Acme", *url)
    done = json.loads(sightline("organizations", "delete", "acme", "--yes", "--json", *url).stdout)
    assert done["deleted"] == "acme"
    assert done["rows"] > 0
