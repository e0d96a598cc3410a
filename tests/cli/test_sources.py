import json
import os
from datetime import UTC, datetime


def test_the_sources_are_listed_with_their_health(sightline, larkfield):
    done = sightline("sources")
    assert done.exit_code == 0, done.output
    hubspot = next(line for line in done.stdout.splitlines() if line.startswith("hubspot"))
    assert "2026-10-14" in hubspot
    assert hubspot.rstrip().endswith("well")
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
    file.write_text("Record ID,Deal Stage,amount\n99000001,closedlost,12.50\n99000002,,\n", "utf-8-sig")
    october = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
    os.utime(file, (october, october))
    told = ("sources", "import", "hubspot", str(file), "--column", "Deal Stage=dealstage", "--json")
    first, again = json.loads(sightline(*told).stdout), json.loads(sightline(*told).stdout)
    assert (first["records"], first["changes"], first["problems"]) == (2, 2, [])
    assert (again["changes"], again["recorded"], again["retracted"]) == (0, 0, 0)
