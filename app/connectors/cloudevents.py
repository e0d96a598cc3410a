"""CloudEvents 1.0 over HTTP: binary, structured and batched (crm-webhooks.md, section 6.2).

Nothing that an event lacks is made up: without an id or a source it cannot be told from another.
"""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

from app.connectors.connector import Delivery, Reject, Translation
from app.connectors.signatures import StandardOrBearer
from app.domain.primitives import strict_json
from app.domain.primitives.errors import MalformedError, UnsupportedError
from app.domain.sources.mapping import cloudevent_fields as foreign_events
from app.domain.sources.mapping.mapping import DealMapping, EventRules

STRUCTURED: Final = "application/cloudevents"
BATCHED: Final = "application/cloudevents-batch"
REQUIRED: Final = ("id", "source", "type")
_JSON: Final = re.compile(r"(?:application|text)/(?:[\w.+-]+\+)?json")


class CloudEvents(StandardOrBearer):
    """A sender of CloudEvents that signs as Standard Webhooks says or, where it cannot, bears its secret as a token."""

    name: str = "cloudevents"
    form: str = "events"
    default_mapping: Mapping[str, object] = foreign_events.STOCK
    asks: bool = True

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """The events in the request. Raises: MalformedError, UnsupportedError for a format that is not JSON."""
        rules = mapping.event or EventRules()
        events: dict[int, Mapping[str, object]] = {}
        rejects: list[Reject] = []
        for index, element in enumerate(_elements(delivery)):
            try:
                events[index] = _event(element, rules)
            except MalformedError as error:
                rejects.append(Reject(index, error.detail))
        return Translation(
            events=tuple(events.values()), rejects=tuple(rejects), event_places=tuple(events)
        )


def is_batch(headers: Mapping[str, str]) -> bool:
    """Whether a request holds a list of events."""
    return _media_type(headers).startswith(BATCHED)


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _elements(delivery: Delivery) -> Sequence[object]:
    """The events of a request, each as a structured event has it."""
    media = _media_type(delivery.headers)
    if not media.startswith(STRUCTURED):
        return [_binary(delivery, media)]
    charset = (
        delivery.headers.get("content-type", "")
        .lower()
        .replace(" ", "")
        .replace('"', "")
        .partition("charset=")[2]
    )
    if media not in (f"{STRUCTURED}+json", f"{BATCHED}+json") or charset.partition(";")[0] not in (
        "",
        "utf-8",
    ):
        raise UnsupportedError(
            f"Of CloudEvents, {STRUCTURED}+json, {BATCHED}+json and binary mode are read, in UTF-8."
        )
    body = strict_json.loads(delivery.body)
    if media.startswith(BATCHED):
        if not isinstance(body, list):
            raise MalformedError("A batch is a JSON array of events.")
        return body
    return [body]


def _binary(delivery: Delivery, media: str) -> Mapping[str, object]:
    """The event whose attributes are headers, as a structured one has it."""
    found: dict[str, object] = {
        name.removeprefix("ce-"): _decoded(name, value)
        for name, value in delivery.headers.items()
        if name.startswith("ce-")
    }
    if not found:
        raise MalformedError(
            "The request is no CloudEvent: it has neither ce- headers nor a CloudEvents media type."
        )
    if media:
        found["datacontenttype"] = media
    if delivery.body and _JSON.fullmatch(media):
        found["data"] = strict_json.loads(delivery.body)
    elif delivery.body and media.startswith("text/"):
        found["data"] = _sayable(delivery.body.decode("utf-8", "replace"), "The body")
    return found


def _decoded(name: str, value: str) -> str:
    """A header's value: without its quotes, and percent-decoded once. Raises: MalformedError."""
    raw = value.strip()
    if len(raw) > 1 and raw.startswith('"') and raw.endswith('"'):
        raw = re.sub(r"\\(.)", r"\1", raw[1:-1])
    try:
        said = unquote_to_bytes(raw.encode("latin-1")).decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise MalformedError(f"The header {name[:100]} is not percent-encoded UTF-8.") from None
    return _sayable(said, f"The header {name[:100]}")


def _sayable(text: str, what: str) -> str:
    """The text. Raises: MalformedError for U+0000, which JSON read strictly does not have either."""
    if "\x00" in text:
        raise MalformedError(f"{what} holds U+0000.")
    return text


def _event(element: object, rules: EventRules) -> Mapping[str, object]:
    """An event of ours as a raw object. Raises: MalformedError for what is no CloudEvent of version 1.0."""
    if not isinstance(element, Mapping):
        raise MalformedError("The event is not a JSON object.")
    if element.get("specversion") != "1.0":
        raise MalformedError("The event's specversion is not 1.0.")
    for name in REQUIRED:
        if not isinstance(element.get(name), str) or not element[name]:
            raise MalformedError(f"The event has no {name}.")
    said = {
        name: element[name] for name in ("type", "time", "subject") if element.get(name) is not None
    }
    record = {**element, "data": _data(element)}
    return {
        "id": f"{element['source']} {element['id']}",
        **said,
        **foreign_events.members(record, rules),
    }


def _data(element: Mapping[str, object]) -> object:
    """The event's data; a text under a JSON type is a JSON string, no document. None when there is none, or bytes."""
    if "data_base64" not in element:
        return element.get("data")
    if "data" in element:
        raise MalformedError("The event has both data and data_base64.")
    try:
        raw = b64decode(str(element["data_base64"]).encode(), validate=True)
    except (Error, ValueError):
        raise MalformedError("The event's data_base64 is not base64.") from None
    media = str(element.get("datacontenttype", "")).partition(";")[0].strip().lower()
    return strict_json.loads(raw) if _JSON.fullmatch(media) else None
