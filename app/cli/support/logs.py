"""Log formats for a person and for a machine. Each record is one line, whatever it contains."""

import json
import logging
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from msgspec.json import Encoder

STANDARD_ATTRIBUTES: Final = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "color_message",
    "taskName",
}

DELETE_CHARACTER: Final = b"\x7f"

# json.dumps would create an encoder for every call with options. The fast encoder does not escape
# all characters that start a new line or move a terminal's cursor. Lines with DELETE or with
# characters beyond ASCII are encoded again by the slow one.
_ENCODER: Final = json.JSONEncoder(default=str, separators=(",", ":"))
_FAST_ENCODER: Final = Encoder()


def logging_configuration(
    log_format: str, level: str = "INFO"
) -> dict[str, Any]:  # Any: the schema of logging.config
    """Return the argument of `logging.config.dictConfig` for uvicorn's workers."""
    formatter = "JsonLine" if log_format == "json" else "ConsoleLine"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"app.cli.support.logs.{formatter}"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"sightline": {"level": level}, "uvicorn": {"level": "WARNING"}},
    }


class JsonLine(logging.Formatter):
    """A JSON object for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record with all extra fields."""
        fields = {
            "at": _format_time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra_fields(record),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        try:
            line = _FAST_ENCODER.encode(fields)
        except (TypeError, ValueError):  # a type that JSON does not have
            return _ENCODER.encode(fields)
        return (
            line.decode()
            if line.isascii() and DELETE_CHARACTER not in line
            else _ENCODER.encode(fields)
        )


class ConsoleLine(logging.Formatter):
    """A readable line for each record, with `name=value` for extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record. Only a traceback takes more than one line."""
        extra = [
            f"{attribute_name}={_escape_control_characters(member)}"
            for attribute_name, member in _extra_fields(record).items()
            if member is not None
        ]
        line = " ".join(
            [
                _format_time(record),
                record.levelname.lower(),
                _escape_control_characters(record.getMessage()),
                *extra,
            ]
        )
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _format_time(record: logging.LogRecord) -> str:
    seconds, milliseconds = divmod(int(record.created * 1000), 1000)
    return f"{_format_second(seconds)}.{milliseconds:03}Z"


@lru_cache(maxsize=1)
def _format_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00")


def _extra_fields(record: logging.LogRecord) -> dict[str, object]:
    return {
        attribute_name: member
        for attribute_name, member in record.__dict__.items()
        if attribute_name not in STANDARD_ATTRIBUTES
    }


def _escape_control_characters(member: object) -> str:
    """Escape all characters that start a new line or move a terminal's cursor."""
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in str(member)
    )
