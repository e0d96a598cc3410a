"""CloudEvents 1.0 over HTTP: binary, structured and batched (docs/crm/cloudevents.md).

Missing attributes are never invented. Without an id or a source, an event cannot be told from
another.
"""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

from app.connectors.connector import Delivery, ElementRejection, Translation
from app.connectors.signatures import StandardOrBearerConnector
from app.domain.primitives import strict_json
from app.domain.primitives.errors import MalformedError, UnsupportedError
from app.domain.sources.mapping import cloudevent_fields
from app.domain.sources.mapping.mapping import DealMapping, EventRules

STRUCTURED_MEDIA_TYPE: Final = "application/cloudevents"
BATCH_MEDIA_TYPE: Final = "application/cloudevents-batch"
REQUIRED_ATTRIBUTES: Final = ("id", "source", "type")
_JSON_MEDIA_TYPE: Final = re.compile(r"(?:application|text)/(?:[\w.+-]+\+)?json")


class CloudEventsConnector(StandardOrBearerConnector):
    """A sender of CloudEvents that signs like Standard Webhooks, or sends its secret as a token."""

    name: str = "cloudevents"
    mapping_form: str = "events"
    default_mapping: Mapping[str, object] = cloudevent_fields.DEFAULT_EVENT_RULES
    supports_handshake: bool = True

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """Translate the events of a request.

        Raises: MalformedError; UnsupportedError for a format other than JSON.
        """
        rules = mapping.event or EventRules()
        events: dict[int, Mapping[str, object]] = {}
        rejects: list[ElementRejection] = []
        for index, element in enumerate(_parse_elements(delivery)):
            try:
                events[index] = _to_raw_event(element, rules)
            except MalformedError as error:
                rejects.append(ElementRejection(index, error.detail))
        return Translation(
            events=tuple(events.values()), rejects=tuple(rejects), event_indexes=tuple(events)
        )


def is_batch(headers: Mapping[str, str]) -> bool:
    """Return True for a request that holds a list of events."""
    return _get_media_type(headers).startswith(BATCH_MEDIA_TYPE)


def _get_media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _parse_elements(delivery: Delivery) -> Sequence[object]:
    """Parse the events of a request, each in the structured form."""
    media_type = _get_media_type(delivery.headers)
    if not media_type.startswith(STRUCTURED_MEDIA_TYPE):
        return [_parse_binary_event(delivery, media_type)]
    content_type = delivery.headers.get("content-type", "").lower().replace(" ", "")
    charset = content_type.replace('"', "").partition("charset=")[2].partition(";")[0]
    is_json = media_type in (f"{STRUCTURED_MEDIA_TYPE}+json", f"{BATCH_MEDIA_TYPE}+json")
    if not is_json or charset not in ("", "utf-8"):
        raise UnsupportedError(
            f"Of CloudEvents, {STRUCTURED_MEDIA_TYPE}+json, {BATCH_MEDIA_TYPE}+json"
            " and binary mode are read, in UTF-8."
        )
    body = strict_json.loads(delivery.body)
    if media_type.startswith(BATCH_MEDIA_TYPE):
        if not isinstance(body, list):
            raise MalformedError("A batch is a JSON array of events.")
        return body
    return [body]


def _parse_binary_event(delivery: Delivery, media_type: str) -> Mapping[str, object]:
    """Build the structured form of an event whose attributes are headers."""
    attributes: dict[str, object] = {
        header_name.removeprefix("ce-"): _decode_header(header_name, value)
        for header_name, value in delivery.headers.items()
        if header_name.startswith("ce-")
    }
    if not attributes:
        raise MalformedError(
            "The request is no CloudEvent: it has neither ce- headers nor a CloudEvents media type."
        )
    if media_type:
        attributes["datacontenttype"] = media_type
    if delivery.body and _JSON_MEDIA_TYPE.fullmatch(media_type):
        attributes["data"] = strict_json.loads(delivery.body)
    elif delivery.body and media_type.startswith("text/"):
        attributes["data"] = _reject_nul(delivery.body.decode("utf-8", "replace"), "The body")
    return attributes


def _decode_header(name: str, value: str) -> str:
    """Decode a header: remove its quotes, and decode percent-encoding once.

    Raises: MalformedError.
    """
    raw = value.strip()
    if len(raw) > 1 and raw.startswith('"') and raw.endswith('"'):
        raw = re.sub(r"\\(.)", r"\1", raw[1:-1])
    try:
        decoded = unquote_to_bytes(raw.encode("latin-1")).decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise MalformedError(f"The header {name[:100]} is not percent-encoded UTF-8.") from None
    return _reject_nul(decoded, f"The header {name[:100]}")


def _reject_nul(text: str, subject: str) -> str:
    """Return the text unchanged.

    Raises: MalformedError for U+0000, which the strict JSON parser refuses too.
    """
    if "\x00" in text:
        raise MalformedError(f"{subject} holds U+0000.")
    return text


def _to_raw_event(element: object, rules: EventRules) -> Mapping[str, object]:
    """Build an event of ours as a raw object.

    Raises: MalformedError for an element that is no CloudEvent of version 1.0.
    """
    if not isinstance(element, Mapping):
        raise MalformedError("The event is not a JSON object.")
    if element.get("specversion") != "1.0":
        raise MalformedError("The event's specversion is not 1.0.")
    for attribute in REQUIRED_ATTRIBUTES:
        if not isinstance(element.get(attribute), str) or not element[attribute]:
            raise MalformedError(f"The event has no {attribute}.")
    optional_attributes = {
        attribute: element[attribute]
        for attribute in ("type", "time", "subject")
        if element.get(attribute) is not None
    }
    record = {**element, "data": _parse_event_data(element)}
    return {
        "id": f"{element['source']} {element['id']}",
        **optional_attributes,
        **cloudevent_fields.read_event_members(record, rules),
    }


def _parse_event_data(element: Mapping[str, object]) -> object:
    """Return the data of an event. Return None for no data, and for bytes that are not JSON.

    A text under a JSON type is a JSON string, not a document.
    """
    if "data_base64" not in element:
        return element.get("data")
    if "data" in element:
        raise MalformedError("The event has both data and data_base64.")
    try:
        data_bytes = b64decode(str(element["data_base64"]).encode(), validate=True)
    except (Error, ValueError):
        raise MalformedError("The event's data_base64 is not base64.") from None
    media_type = str(element.get("datacontenttype", "")).partition(";")[0].strip().lower()
    return strict_json.loads(data_bytes) if _JSON_MEDIA_TYPE.fullmatch(media_type) else None
