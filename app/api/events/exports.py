"""Events as files: all that a filter lists, read and sent page by page, so that any size needs the same memory."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, ClassVar, Final

from fastapi.responses import StreamingResponse

from app.api.events.event_filters import Filter
from app.api.events.event_schemas import Event, show
from app.api.http.authentication import Call, Caller
from app.api.http.route import Contract, declare, desk
from app.store.events import event_queries as kept
from app.store.events.event_queries import EventFilter, StoredEvent
from app.store.playbook import configuration

router = desk("events")
PAGE: Final = 500
COLUMNS: Final = tuple(Event.model_fields)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_EXAMPLE: Final[Mapping[str, Any]] = Event.model_config["json_schema_extra"]["examples"][0]  # type: ignore[index, assignment]  # `example` made it


class NdjsonFile(StreamingResponse):
    """One JSON object a line."""

    media_type = "application/x-ndjson"
    ending: ClassVar[str] = "ndjson"


class CsvFile(StreamingResponse):
    """Comma-separated values with a line of names (RFC 4180)."""

    media_type = "text/csv"
    ending: ClassVar[str] = "csv"


def _line(event: Event) -> str:
    return event.model_dump_json() + "\n"


def _cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula. Source: OWASP ASVS 1.2.10."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _row(values: Mapping[str, object]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow([_cell(values[name]) for name in COLUMNS])
    return written.getvalue()


def _names() -> str:
    return _row({name: name for name in COLUMNS})


def _record(event: Event) -> str:
    return _row(event.model_dump(mode="json"))


async def _page(call: Call, wanted: EventFilter, last: StoredEvent | None) -> list[StoredEvent]:
    """The events after one. The connection is given back before anybody waits for who reads them."""
    after = None if last is None else (last.event.time, last.uid)
    async with call.service.database.reading() as connection:
        known = await configuration.load(connection, call.actor.organization)
        return await kept.page(connection, call.actor.organization, known, wanted, after, PAGE)


async def _written(
    call: Call,
    wanted: EventFilter,
    found: list[StoredEvent],
    write: Callable[[Event], str],
    head: str,
) -> AsyncIterator[str]:
    yield head + "".join(write(show(stored)) for stored in found)
    while len(found) == PAGE:
        found = await _page(call, wanted, found[-1])
        yield "".join(write(show(stored)) for stored in found)


def _file(
    kind: type[NdjsonFile | CsvFile], example: str
) -> dict[str, Any]:  # Any: what APIRouter's decorators take
    shown = {"schema": {"type": "string"}, "examples": {"example": {"value": example}}}
    said = "The events, newest first."
    return {
        "response_class": kind,
        "responses": {200: {"description": said, "content": {kind.media_type: shown}}},
        **declare(Contract("read")),
    }


def _answer(kind: type[NdjsonFile | CsvFile], lines: AsyncIterator[str]) -> StreamingResponse:
    return kind(
        lines, headers={"Content-Disposition": f'attachment; filename="events.{kind.ending}"'}
    )


@router.get("/v1/events.ndjson", **_file(NdjsonFile, json.dumps(_EXAMPLE) + "\n"))
async def export_events_ndjson(call: Caller, wanted: Filter) -> StreamingResponse:
    """Every event that stands and passes all filters, newest first, one JSON object a line; any size."""
    return _answer(NdjsonFile, _written(call, wanted, await _page(call, wanted, None), _line, ""))


@router.get("/v1/events.csv", **_file(CsvFile, _names() + _row(_EXAMPLE)))
async def export_events_csv(call: Caller, wanted: Filter) -> StreamingResponse:
    """Every event that stands and passes all filters, newest first, as a table; any size.

    `metrics` are separated by spaces, `offerings` and `data` are JSON. A text that a spreadsheet would take for a
    formula has a `'` before it.
    """
    return _answer(
        CsvFile, _written(call, wanted, await _page(call, wanted, None), _record, _names())
    )
