import json

import pytest

from app.cli import events

AT = "2026-10-10T12:00:00Z"


def told(name: str, **more: object) -> dict[str, object]:
    return {
        "id": name,
        "source": "billing",
        "type": "invoice.paid",
        "time": AT,
        "team": "sales",
        "value": 1.5,
        **more,
    }


@pytest.fixture
def writer(larkfield, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_API_KEY", larkfield.admin_key)
    monkeypatch.setattr(events, "AT_ONCE", 3)


def test_lines_of_json_are_imported_once_and_faulty_ones_told_by_their_numbers(
    sightline, writer, tmp_path
):
    file = tmp_path / "events.ndjson"
    good = [json.dumps(told(f"line-{number}")) for number in range(5)]
    bad = ['{"id": NaN}', json.dumps(told("x", team="sale")), '{"a": 1, "a": 2}', '"text"']
    file.write_text("\n".join([*good[:4], "", *bad, good[4], good[0]]) + "\n", "utf-8-sig")
    first = sightline("events", "import", str(file), "--json")
    found = json.loads(first.stdout)
    assert first.exit_code == 1
    assert (found["recorded"], found["duplicates"], found["rejected"]) == (5, 1, 4)
    assert [each["line"] for each in found["problems"]] == [6, 7, 8, 9]
    again = json.loads(sightline("events", "import", str(file), "--json").stdout)
    assert (again["recorded"], again["duplicates"], again["rejected"]) == (0, 6, 4)


def test_a_table_is_imported_and_its_faulty_lines_do_not_stop_it(sightline, writer, tmp_path):
    file = tmp_path / "events.csv"
    head = "id,source,type,time,team,value,data,data.segment\n"
    row = "{},billing,invoice.paid," + AT + ",sales,{},{},{}\n"
    rows = [
        row.format("t-1", "2.25", '"{""seats"": 3}"', "enterprise"),
        row.format("t-2", "", "", "'=x"),
    ]
    wrong = [
        row.format("t-3", "much", "", ""),
        row.format("t-6", "1", "5", "x"),
        "a,b,c,d,e,f,g,h,i\n",
        row.format("t-4", "1", "", "\ud800"),
    ]
    text = head + "".join(rows) + "".join(wrong) + row.format("t-5", "1", "", "") + "t-7,billing\n"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    done = sightline("events", "import", str(file))
    assert done.exit_code == 1
    assert "3 events recorded, 0 were there, 5 refused." in done.stdout
    assert "line 4: The cell 'value' is not a number." in done.stdout
    assert "line 5: The cell 'data' is no JSON object." in done.stdout
    assert "line 7: The line is not UTF-8." in done.stdout
    assert "line 9: The line has fewer cells than the heading has names." in done.stdout


def test_a_file_without_a_fault_ends_well_and_what_the_service_says_of_an_event_is_left_out(
    sightline, writer, tmp_path
):
    file = tmp_path / "events.ndjson"
    file.write_text(json.dumps(told("back", uid="x", recorded_at=AT, metrics=[])) + "\n", "utf-8")
    done = sightline("events", "import", str(file))
    assert (done.exit_code, done.stdout) == (0, "1 event recorded, 0 were there, 0 refused.\n")
