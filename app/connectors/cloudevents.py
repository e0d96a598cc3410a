"""CloudEvents 1.0 over HTTP: binary, structured and batched (crm-webhooks.md, section 6.2).

Nothing that an event lacks is made up: without an id or a source it cannot be told from another.
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
from app.domain.sources.mapping import cloudevent_fields as foreign_events
from app.domain.sources.mapping.mapping import DealMapping, EventRules

STRUCTURED_MEDIA_TYPE: Final = "application/cloudevents"
BATCH_MEDIA_TYPE: Final = "application/cloudevents-batch"
REQUIRED_ATTRIBUTES: Final = ("id", "source", "type")
_JSON_MEDIA_TYPE: Final = re.compile(r"(?:application|text)/(?:[\w.+-]+\+)?json")


class CloudEventsConnector(StandardOrBearerConnector):
    """A sender of CloudEvents that signs as Standard Webhooks says or, where it cannot, bears its secret as a token."""

    name: str = "cloudevents"
    mapping_form: str = "events"
    default_mapping: Mapping[str, object] = foreign_events.DEFAULT_EVENT_RULES
    supports_handshake: bool = True

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """The events in the request. Raises: MalformedError, UnsupportedError for a format that is not JSON."""
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
    """Whether a request holds a list of events."""
    return _get_media_type(headers).startswith(BATCH_MEDIA_TYPE)


def _get_media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _parse_elements(delivery: Delivery) -> Sequence[object]:
    """The events of a request, each as a structured event has it."""
    media_type = _get_media_type(delivery.headers)
    if not media_type.startswith(STRUCTURED_MEDIA_TYPE):
        return [_parse_binary_event(delivery, media_type)]
    charset = (
        delivery.headers.get("content-type", "")
        .lower()
        .replace(" ", "")
        .replace('"', "")
        .partition("charset=")[2]
    )
    if media_type not in (
        f"{STRUCTURED_MEDIA_TYPE}+json",
        f"{BATCH_MEDIA_TYPE}+json",
    ) or charset.partition(";")[0] not in (
        "",
        "utf-8",
    ):
        raise UnsupportedError(
            f"Of CloudEvents, {STRUCTURED_MEDIA_TYPE}+json, {BATCH_MEDIA_TYPE}+json and binary mode are read, in UTF-8."
        )
    body = strict_json.loads(delivery.body)
    if media_type.startswith(BATCH_MEDIA_TYPE):
        if not isinstance(body, list):
            raise MalformedError("A batch is a JSON array of events.")
        return body
    return [body]


def _parse_binary_event(delivery: Delivery, media_type: str) -> Mapping[str, object]:
    """The event whose attributes are headers, as a structured one has it."""
    attributes: dict[str, object] = {
        name.removeprefix("ce-"): _decode_header(name, value)
        for name, value in delivery.headers.items()
        if name.startswith("ce-")
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
    """A header's value: without its quotes, and percent-decoded once. Raises: MalformedError."""
    raw = value.strip()
    if len(raw) > 1 and raw.startswith('"') and raw.endswith('"'):
        raw = re.sub(r"\\(.)", r"\1", raw[1:-1])
    try:
        decoded = unquote_to_bytes(raw.encode("latin-1")).decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise MalformedError(f"The header {name[:100]} is not percent-encoded UTF-8.") from None
    return _reject_nul(decoded, f"The header {name[:100]}")


def _reject_nul(text: str, subject: str) -> str:
    """The text. Raises: MalformedError for U+0000, which JSON read strictly does not have either."""
    if "\x00" in text:
        raise MalformedError(f"{subject} holds U+0000.")
    return text


def _to_raw_event(element: object, rules: EventRules) -> Mapping[str, object]:
    """An event of ours as a raw object. Raises: MalformedError for what is no CloudEvent of version 1.0."""
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
        **foreign_events.read_event_members(record, rules),
    }


def _parse_event_data(element: Mapping[str, object]) -> object:
    """The event's data; a text under a JSON type is a JSON string, no document. None when there is none, or bytes."""
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
