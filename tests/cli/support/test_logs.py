import json
import logging

from app.cli.support.logs import ConsoleLine, JsonLine, logging_configuration


def make_log_record(message: str, **extra: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "sightline.request", "levelname": "INFO", "msg": message, "created": 0.0, **extra}
    )


def test_a_json_line_holds_what_its_writer_added():
    parsed_line = json.loads(JsonLine().format(make_log_record("request", status=200, actor=None)))
    assert parsed_line == {
        "at": "1970-01-01T00:00:00.000Z",
        "level": "info",
        "logger": "sightline.request",
        "message": "request",
        "status": 200,
        "actor": None,
    }


def test_no_value_breaks_a_line():
    hostile_text = "a\r\nb\x1b[2J\x7f"
    for formatter in (JsonLine(), ConsoleLine()):
        line = formatter.format(make_log_record("request", actor=hostile_text))
        assert len(line.splitlines()) == 1
        assert not {"\x1b", "\x7f"} & set(line)


def test_a_traceback_is_logged():
    error = ValueError("why")
    log_record = make_log_record("unexpected", exc_info=(ValueError, error, None))
    assert "ValueError: why" in json.loads(JsonLine().format(log_record))["exception"]
    assert "ValueError: why" in ConsoleLine().format(log_record)


def test_the_requested_format_is_configured():
    assert (
        logging_configuration("json")["formatters"]["line"]["()"] == "app.cli.support.logs.JsonLine"
    )
    assert logging_configuration("console", "WARNING")["loggers"]["sightline"]["level"] == "WARNING"
