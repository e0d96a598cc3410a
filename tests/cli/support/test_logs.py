import json
import logging

from app.cli.support.logs import ConsoleLine, JsonLine, configuration


def record(message: str, **extra: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "sightline.request", "levelname": "INFO", "msg": message, "created": 0.0, **extra}
    )


def test_a_json_line_holds_what_its_writer_added():
    found = json.loads(JsonLine().format(record("request", status=200, actor=None)))
    assert found == {
        "at": "1970-01-01T00:00:00.000Z",
        "level": "info",
        "logger": "sightline.request",
        "message": "request",
        "status": 200,
        "actor": None,
    }


def test_no_value_breaks_a_line():
    nasty = "a\r\nb\x1b[2J\x7f"
    for formatter in (JsonLine(), ConsoleLine()):
        line = formatter.format(record("request", actor=nasty))
        assert len(line.splitlines()) == 1
        assert not {"\x1b", "\x7f"} & set(line)


def test_a_traceback_is_kept():
    error = ValueError("why")
    found = record("unexpected", exc_info=(ValueError, error, None))
    assert "ValueError: why" in json.loads(JsonLine().format(found))["exception"]
    assert "ValueError: why" in ConsoleLine().format(found)


def test_the_format_that_was_asked_for_is_configured():
    assert configuration("json")["formatters"]["line"]["()"] == "app.cli.support.logs.JsonLine"
    assert configuration("console", "WARNING")["loggers"]["sightline"]["level"] == "WARNING"
