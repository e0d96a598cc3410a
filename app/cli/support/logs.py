"""How log lines look: one line each, whatever is in it, for a person or for a machine."""

import json
import logging
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from msgspec.json import Encoder

STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "color_message",
    "taskName",
}

DELETE: Final = b"\x7f"

# One for all lines: json.dumps makes an encoder for every call that has options. The quick one is for those without
# anything that would have to be escaped, for there are letters beyond ASCII that begin a new line,
# and one in it that moves a terminal's cursor.
_ENCODER: Final = json.JSONEncoder(default=str, separators=(",", ":"))
_QUICK: Final = Encoder()


def configuration(
    log_format: str, level: str = "INFO"
) -> dict[str, Any]:  # Any: logging.config's own schema
    """What uvicorn hands to `logging.config.dictConfig`, in every worker."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": f"app.cli.support.logs.{'JsonLine' if log_format == 'json' else 'ConsoleLine'}"
            }
        },
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
    """A JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record with everything that its writer added."""
        found = {
            "at": _at(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        try:
            line = _QUICK.encode(found)
        except (TypeError, ValueError):  # something that JSON does not have
            return _ENCODER.encode(found)
        return line.decode() if line.isascii() and DELETE not in line else _ENCODER.encode(found)


class ConsoleLine(logging.Formatter):
    """A line to read, with `name=value` for what its writer added."""

    def format(self, record: logging.LogRecord) -> str:
        """The record; only a traceback takes more than one line."""
        extra = [
            f"{name}={_plain(value)}" for name, value in _extra(record).items() if value is not None
        ]
        line = " ".join(
            [_at(record), record.levelname.lower(), _plain(record.getMessage()), *extra]
        )
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _at(record: logging.LogRecord) -> str:
    seconds, milliseconds = divmod(int(record.created * 1000), 1000)
    return f"{_second(seconds)}.{milliseconds:03}Z"


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00")


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in record.__dict__.items() if name not in STANDARD}


def _plain(value: object) -> str:
    """The value as text in which no letter begins a new line or moves a terminal's cursor."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(value))
