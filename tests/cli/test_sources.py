import json
import os
from datetime import UTC, datetime


def test_the_sources_are_listed_with_their_health(sightline, larkfield):
    done = sightline("sources")
    assert done.exit_code == 0, done.output
    hubspot = next(line for line in done.stdout.splitlines() if line.startswith("hubspot"))
    assert "2026-10-14" in hubspot
    assert hubspot.rstrip().endswith("well")
    assert "at worst" in hubspot
    assert sightline("sources", "list").stdout == done.stdout
    found = json.loads(sightline("sources", "--json").stdout)
    assert [source["key"] for source in found["items"]] == ["billing", "campaigns", "hubspot", "projects"]


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
    file.write_text(
        "Record ID,Deal Stage,amount,closedate\n99000001,closedlost,12.50,2026-09-30\n99000002,,,\n", "utf-8-sig"
    )
    october = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
    os.utime(file, (october, october))
    told = ("sources", "import", "hubspot", str(file), "--column", "Deal Stage=dealstage", "--json")
    first, again = json.loads(sightline(*told).stdout), json.loads(sightline(*told).stdout)
    assert (first["records"], first["changes"], first["problems"]) == (2, 2, [])
    assert (again["changes"], again["recorded"], again["retracted"]) == (0, 0, 0)


def test_an_import_names_what_it_could_not_read(sightline, larkfield, tmp_path, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_API_KEY", larkfield.admin_key)
    file = tmp_path / "deals.csv"
    rows = ("99000011,handshake,5,", "99000012,closedwon,a lot,2026-09-30", "99000013,closedwon,5,31/12/2025")
    file.write_text("\n".join(("id,dealstage,amount,closedate", *rows)), "utf-8")
    october = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
    os.utime(file, (october, october))
    done = sightline("sources", "import", "hubspot", str(file))
    assert done.exit_code == 1
    assert "; 1 set aside." in done.stdout
    assert "record 3: Its closedate, '31/12/2025', cannot be read as a time" in " ".join(done.stdout.split())
    for said in ("dealstage = 'handshake' is not mapped", "amount = 'a lot' is not mapped, or cannot be read (1)"):
        assert said in " ".join(done.stdout.split())
    assert "hubspot: 1 won deal has no amount that can be read" in " ".join(done.stdout.split())
    told = json.loads(sightline("sources", "import", "hubspot", str(file), "--json").stdout)
    assert told["wins_without_amount"] == 1
    assert {pair["value"] for pair in told["unmapped"]} >= {"handshake", "a lot"}
