import json

import pytest

from app.cli import events

OCCURRED_AT = "2026-10-10T12:00:00Z"


def make_event(name: str, **overrides: object) -> dict[str, object]:
    return {
        "id": name,
        "source": "billing",
        "type": "invoice.paid",
        "time": OCCURRED_AT,
        "team": "sales",
        "value": 1.5,
        **overrides,
    }


@pytest.fixture
def import_environment(demo_service, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_API_KEY", demo_service.admin_key)
    monkeypatch.setattr(events, "BATCH_SIZE", 3)


def test_lines_of_json_are_imported_once_and_faulty_ones_reported_by_their_numbers(
    sightline, import_environment, tmp_path
):
    file = tmp_path / "events.ndjson"
    good_lines = [json.dumps(make_event(f"line-{number}")) for number in range(5)]
    bad_lines = [
        '{"id": NaN}',
        json.dumps(make_event("x", team="sale")),
        '{"a": 1, "a": 2}',
        '"text"',
    ]
    file.write_text(
        "\n".join([*good_lines[:4], "", *bad_lines, good_lines[4], good_lines[0]]) + "\n",
        "utf-8-sig",
    )
    invocation = sightline("events", "import", str(file), "--json")
    report = json.loads(invocation.stdout)
    assert invocation.exit_code == 1
    assert (report["recorded"], report["duplicates"], report["rejected"]) == (5, 1, 4)
    assert [problem["line"] for problem in report["problems"]] == [6, 7, 8, 9]
    second_report = json.loads(sightline("events", "import", str(file), "--json").stdout)
    assert (second_report["recorded"], second_report["duplicates"], second_report["rejected"]) == (
        0,
        6,
        4,
    )


def test_a_table_is_imported_and_its_faulty_lines_do_not_stop_it(
    sightline, import_environment, tmp_path
):
    file = tmp_path / "events.csv"
    heading = "id,source,type,time,team,value,data,data.segment\n"
    row_template = "{},billing,invoice.paid," + OCCURRED_AT + ",sales,{},{},{}\n"
    good_rows = [
        row_template.format("t-1", "2.25", '"{""seats"": 3}"', "enterprise"),
        row_template.format("t-2", "", "", "'=x"),
    ]
    faulty_rows = [
        row_template.format("t-3", "much", "", ""),
        row_template.format("t-6", "1", "5", "x"),
        "a,b,c,d,e,f,g,h,i\n",
        row_template.format("t-4", "1", "", "\ud800"),
    ]
    text = (
        heading
        + "".join(good_rows)
        + "".join(faulty_rows)
        + row_template.format("t-5", "1", "", "")
        + "t-7,billing\n"
    )
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    invocation = sightline("events", "import", str(file))
    assert invocation.exit_code == 1
    assert "3 events recorded, 0 were there, 5 refused." in invocation.stdout
    assert "line 4: The cell 'value' is not a number." in invocation.stdout
    assert "line 5: The cell 'data' is no JSON object." in invocation.stdout
    assert "line 7: The line is not UTF-8." in invocation.stdout
    assert "line 9: The line has fewer cells than the heading has names." in invocation.stdout


def test_a_file_without_a_fault_succeeds_and_read_only_fields_are_ignored(
    sightline, import_environment, tmp_path
):
    file = tmp_path / "events.ndjson"
    file.write_text(
        json.dumps(make_event("back", uid="x", recorded_at=OCCURRED_AT, metrics=[])) + "\n", "utf-8"
    )
    invocation = sightline("events", "import", str(file))
    assert (invocation.exit_code, invocation.stdout) == (
        0,
        "1 event recorded, 0 were there, 0 refused.\n",
    )
