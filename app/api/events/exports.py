"""The endpoints that export events as files.

Events are read and sent page by page, so the memory needed does not depend on their number.
"""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, ClassVar, Final

from fastapi.responses import StreamingResponse

from app.api.events.event_filters import EventFilterDep
from app.api.events.event_schemas import Event, to_event
from app.api.http.authentication import ContextDep, RequestContext
from app.api.http.route import Contract, create_router, route_contract
from app.store.events import event_queries
from app.store.events.event_filters_sql import EventFilter
from app.store.events.event_queries import StoredEvent
from app.store.playbook import configuration as configuration_store

router = create_router("events")
PAGE_SIZE: Final = 500
CSV_COLUMNS: Final = tuple(Event.model_fields)
_FORMULA_PREFIXES: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_EXAMPLE_EVENT: Final[Mapping[str, Any]] = Event.model_config["json_schema_extra"]["examples"][0]  # type: ignore[index, assignment]  # `example` made it


class NdjsonResponse(StreamingResponse):
    """One JSON object a line."""

    media_type = "application/x-ndjson"
    file_extension: ClassVar[str] = "ndjson"


class CsvResponse(StreamingResponse):
    """Comma-separated values with a line of names (RFC 4180)."""

    media_type = "text/csv"
    file_extension: ClassVar[str] = "csv"


def _to_json_line(event: Event) -> str:
    return event.model_dump_json() + "\n"


def _to_csv_cell(member: object) -> object:
    """Return a cell that no spreadsheet evaluates as a formula. Source: OWASP ASVS 1.2.10."""
    if isinstance(member, list) and all(isinstance(element, str) for element in member):
        return " ".join(member)
    if isinstance(member, (dict, list)):
        return json.dumps(member, ensure_ascii=False, separators=(",", ":"))
    return (
        f"'{member}" if isinstance(member, str) and member.startswith(_FORMULA_PREFIXES) else member
    )


def _to_csv_row(cells: Mapping[str, object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([_to_csv_cell(cells[column_name]) for column_name in CSV_COLUMNS])
    return buffer.getvalue()


def _csv_header() -> str:
    return _to_csv_row({column_name: column_name for column_name in CSV_COLUMNS})


def _event_to_csv_row(event: Event) -> str:
    return _to_csv_row(event.model_dump(mode="json"))


async def _load_page(
    context: RequestContext, event_filter: EventFilter, last_event: StoredEvent | None
) -> list[StoredEvent]:
    """Load the page after an event. The connection is released before the page is sent."""
    after = None if last_event is None else (last_event.event.time, last_event.uid)
    async with context.service.database.read_transaction() as connection:
        current_configuration = await configuration_store.load_configuration(
            connection, context.actor.organization
        )
        return await event_queries.list_events(
            connection,
            context.actor.organization,
            current_configuration,
            event_filter,
            after,
            PAGE_SIZE,
        )


async def _stream_pages(
    context: RequestContext,
    event_filter: EventFilter,
    page: list[StoredEvent],
    format_event: Callable[[Event], str],
    header: str,
) -> AsyncIterator[str]:
    yield header + "".join(format_event(to_event(stored)) for stored in page)
    while len(page) == PAGE_SIZE:
        page = await _load_page(context, event_filter, page[-1])
        yield "".join(format_event(to_event(stored)) for stored in page)


def _file_route(
    response_class: type[NdjsonResponse | CsvResponse], example: str
) -> dict[str, Any]:  # Any: what APIRouter's decorators take
    content_schema = {"schema": {"type": "string"}, "examples": {"example": {"value": example}}}
    description = "The events, newest first."
    return {
        "response_class": response_class,
        "responses": {
            200: {
                "description": description,
                "content": {response_class.media_type: content_schema},
            }
        },
        **route_contract(Contract("read")),
    }


def _file_response(
    response_class: type[NdjsonResponse | CsvResponse], lines: AsyncIterator[str]
) -> StreamingResponse:
    return response_class(
        lines,
        headers={
            "Content-Disposition": f'attachment; filename="events.{response_class.file_extension}"'
        },
    )


@router.get("/v1/events.ndjson", **_file_route(NdjsonResponse, json.dumps(_EXAMPLE_EVENT) + "\n"))
async def export_events_ndjson(
    context: ContextDep, event_filter: EventFilterDep
) -> StreamingResponse:
    """Export all events that pass the filters, newest first, one JSON object a line."""
    return _file_response(
        NdjsonResponse,
        _stream_pages(
            context, event_filter, await _load_page(context, event_filter, None), _to_json_line, ""
        ),
    )


@router.get(
    "/v1/events.csv", **_file_route(CsvResponse, _csv_header() + _to_csv_row(_EXAMPLE_EVENT))
)
async def export_events_csv(context: ContextDep, event_filter: EventFilterDep) -> StreamingResponse:
    """Export all events that pass the filters, newest first, as CSV.

    `metrics` are separated by spaces; `offerings` and `data` are JSON. A `'` precedes a text that a
    spreadsheet would evaluate as a formula.
    """
    return _file_response(
        CsvResponse,
        _stream_pages(
            context,
            event_filter,
            await _load_page(context, event_filter, None),
            _event_to_csv_row,
            _csv_header(),
        ),
    )
