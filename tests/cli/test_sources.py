import json
import os
from datetime import UTC, datetime


def test_the_sources_are_listed_with_their_health(sightline, demo_service):
    invocation = sightline("sources")
    assert invocation.exit_code == 0, invocation.output
    lines = invocation.stdout.splitlines()
    hubspot_index = lines.index("hubspot  hubspot  well")
    assert lines[hubspot_index + 1].startswith("  last delivery 2026-10-14 ")
    assert "; lag " in lines[hubspot_index + 1]
    assert lines[lines.index("billing  api") + 1].startswith("  events by API key")
    assert max(map(len, lines)) <= 80
    assert sightline("sources", "list").stdout == invocation.stdout
    source_list = json.loads(sightline("sources", "--json").stdout)
    assert [source["key"] for source in source_list["items"]] == [
        "billing",
        "campaigns",
        "hubspot",
        "projects",
    ]


def test_a_file_that_holds_no_records_is_refused(sightline, demo_service, tmp_path):
    file = tmp_path / "deals.json"
    for text in ("[5]", "{", '"x"'):
        file.write_text(text, "utf-8")
        assert sightline("sources", "import", "hubspot", str(file)).exit_code == 1
    file.write_text('[{"id": 1}]', "utf-8")
    invocation = sightline("sources", "import", "hubspot", str(file), "--column", "Stage")
    assert "must be like" in invocation.stderr


def test_the_crm_s_own_table_is_imported_once(sightline, demo_service, tmp_path, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_API_KEY", demo_service.admin_key)
    file = tmp_path / "deals.csv"
    rows = (
        "Record ID,Deal Stage,amount,closedate,note",
        "99000001,closedlost,12.50,2026-09-30,two\u2028lines",
        "99000002,,,,",
    )
    file.write_text("\n".join(rows), "utf-8-sig")
    modified_at = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
    os.utime(file, (modified_at, modified_at))
    arguments = (
        "sources",
        "import",
        "hubspot",
        str(file),
        "--column",
        "Deal Stage=dealstage",
        "--json",
    )
    first_report = json.loads(sightline(*arguments).stdout)
    second_report = json.loads(sightline(*arguments).stdout)
    assert (first_report["records"], first_report["changes"], first_report["problems"]) == (
        2,
        2,
        [],
    )
    assert (second_report["changes"], second_report["recorded"], second_report["retracted"]) == (
        0,
        0,
        0,
    )
    file = tmp_path / "deals.ndjson"
    file.write_text('{"id": 99000001, "note": "two\u2028lines"}\n\n{"id": 99000002}\n', "utf-8")
    assert (
        json.loads(sightline("sources", "import", "hubspot", str(file), "--json").stdout)["records"]
        == 2
    )


def test_an_import_names_what_it_could_not_read(sightline, demo_service, tmp_path, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_API_KEY", demo_service.admin_key)
    file = tmp_path / "deals.csv"
    rows = (
        "99000011;handshake;5;;x",
        "99000012;closedwon;a lot;2026-09-30;x",
        "99000013;closedwon;5;31/12/2025;x",
        "99000014;closedwon;5",
        "99000015;closedwon;5;;x",
    )
    file.write_text("\n".join(("id;Deal Stage;amount;closedate;Deal owner", *rows)), "utf-8")
    modified_at = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
    os.utime(file, (modified_at, modified_at))
    arguments = ("sources", "import", "hubspot", str(file), "--column", "Deal Stage=dealstage")
    invocation = sightline(*arguments)
    assert invocation.exit_code == 1, invocation.output
    lines = invocation.stdout.splitlines()
    assert lines[0] == "5 records: 2 new changes, 1 event recorded, 0 retracted; 3 set aside."
    assert (
        "  record 3 (99000013): Its closedate, '31/12/2025', cannot be read as a time" in lines[1]
    )
    assert lines[2:4] == [
        "  record 4: It has 3 cells, and the heading has 5.",
        "  record 5 (99000015): It is won and has no closedate: it would be dated by the import.",
    ]
    unmapped_reason = "is not mapped, has no rate, or cannot be read"
    assert lines[4:7] == [
        f"  amount = 'a lot' {unmapped_reason}: 99000012",
        f"  dealstage = 'handshake' {unmapped_reason}: 99000011",
        "  1 won deal without an amount that can be read: 99000012",
    ]
    assert "createdate" in lines[7]
    assert lines[8].startswith("  columns that nothing reads: Deal owner (")
    assert lines[9:] == ["Days such as 5/12/2026 are read with --dates d/m/y, or --dates m/d/y."]
    report = json.loads(sightline(*arguments, "--dates", "d/m/y", "--json").stdout)
    assert report["wins_without_amount"] == 1
    assert [problem["record"] for problem in report["problems"]] == ["", "99000015"]
    assert (report["changes"], report["recorded"], report["unread_columns"]) == (
        1,
        1,
        ["Deal owner"],
    )


def test_an_import_into_an_unknown_source_names_the_nearest(
    sightline, demo_service, tmp_path, monkeypatch
):
    monkeypatch.setenv("SIGHTLINE_API_KEY", demo_service.admin_key)
    file = tmp_path / "deals.json"
    file.write_text('[{"id": 1, "amount": "5"}]', "utf-8")
    invocation = sightline("sources", "import", "hubspott", str(file))
    assert (
        invocation.exit_code,
        "the nearest known one is 'hubspot'" in " ".join(invocation.stderr.split()),
    ) == (1, True)
