import json
import os
from datetime import UTC, datetime


def test_the_sources_are_listed_with_their_health(sightline, larkfield):
    done = sightline("sources")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    place = lines.index("hubspot  hubspot  well")
    assert lines[place + 1].startswith("  last delivery 2026-10-14 ")
    assert "; lag " in lines[place + 1]
    assert lines[lines.index("billing  api") + 1].startswith("  events by API key")
    assert max(map(len, lines)) <= 80
    assert sightline("sources", "list").stdout == done.stdout
    found = json.loads(sightline("sources", "--json").stdout)
    assert [source["key"] for source in found["items"]] == [
        "billing",
        "campaigns",
        "hubspot",
        "projects",
    ]


def test_a_file_that_holds_no_records_is_refused(sightline, larkfield, tmp_path):
    file = tmp_path / "deals.json"
    for text in ("[5]", "{", '"x"'):
        file.write_text(text, "utf-8")
        assert sightline("sources", "import", "hubspot", str(file)).exit_code == 1
    file.write_text('[{"id": 1}]', "utf-8")
    wrong = sightline("sources", "import", "hubspot", str(file), "--column", "Stage")
    assert "must be like" in wrong.stderr


def test_the_crm_s_own_table_is_imported_once(sightline, larkfield, tmp_path, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_API_KEY", larkfield.admin_key)
    file = tmp_path / "deals.csv"
    rows = (
        "Record ID,Deal Stage,amount,closedate,note",
        "99000001,closedlost,12.50,2026-09-30,two\u2028lines",
        "99000002,,,,",
    )
    file.write_text("\n".join(rows), "utf-8-sig")
    october = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
    os.utime(file, (october, october))
    told = ("sources", "import", "hubspot", str(file), "--column", "Deal Stage=dealstage", "--json")
    first, again = json.loads(sightline(*told).stdout), json.loads(sightline(*told).stdout)
    assert (first["records"], first["changes"], first["problems"]) == (2, 2, [])
    assert (again["changes"], again["recorded"], again["retracted"]) == (0, 0, 0)
    file = tmp_path / "deals.ndjson"
    file.write_text('{"id": 99000001, "note": "two\u2028lines"}\n\n{"id": 99000002}\n', "utf-8")
    assert (
        json.loads(sightline("sources", "import", "hubspot", str(file), "--json").stdout)["records"]
        == 2
    )


def test_an_import_names_what_it_could_not_read(sightline, larkfield, tmp_path, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_API_KEY", larkfield.admin_key)
    file = tmp_path / "deals.csv"
    rows = (
        "99000011;handshake;5;;x",
        "99000012;closedwon;a lot;2026-09-30;x",
        "99000013;closedwon;5;31/12/2025;x",
        "99000014;closedwon;5",
        "99000015;closedwon;5;;x",
    )
    file.write_text("\n".join(("id;Deal Stage;amount;closedate;Deal owner", *rows)), "utf-8")
    october = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
    os.utime(file, (october, october))
    asked = ("sources", "import", "hubspot", str(file), "--column", "Deal Stage=dealstage")
    done = sightline(*asked)
    assert done.exit_code == 1, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "5 records: 2 new changes, 1 event recorded, 0 retracted; 3 set aside."
    assert (
        "  record 3 (99000013): Its closedate, '31/12/2025', cannot be read as a time" in lines[1]
    )
    assert lines[2:4] == [
        "  record 4: It has 3 cells, and the heading has 5.",
        "  record 5 (99000015): It is won and has no closedate: it would be dated by the import.",
    ]
    unknown = "is not mapped, has no rate, or cannot be read"
    assert lines[4:7] == [
        f"  amount = 'a lot' {unknown}: 99000012",
        f"  dealstage = 'handshake' {unknown}: 99000011",
        "  1 won deal without an amount that can be read: 99000012",
    ]
    assert "createdate" in lines[7]
    assert lines[8].startswith("  columns that nothing reads: Deal owner (")
    assert lines[9:] == ["Days such as 5/12/2026 are read with --dates d/m/y, or --dates m/d/y."]
    told = json.loads(sightline(*asked, "--dates", "d/m/y", "--json").stdout)
    assert told["wins_without_amount"] == 1
    assert [each["record"] for each in told["problems"]] == ["", "99000015"]
    assert (told["changes"], told["recorded"], told["unread_columns"]) == (1, 1, ["Deal owner"])


def test_an_import_into_no_source_names_the_nearest(sightline, larkfield, tmp_path, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_API_KEY", larkfield.admin_key)
    file = tmp_path / "deals.json"
    file.write_text('[{"id": 1, "amount": "5"}]', "utf-8")
    done = sightline("sources", "import", "hubspott", str(file))
    assert (
        done.exit_code,
        "the nearest known one is 'hubspot'" in " ".join(done.stderr.split()),
    ) == (1, True)
