"""The webhooks of the OpenAPI document: requests that a sender posts to the hook of its source.

The document for clients leaves them out: most generators make client calls of them, or fail.
"""

from typing import Any, Final

from app.api.events.event_parsing import EXAMPLE

Node = dict[str, Any]  # Any: a JSON object of the OpenAPI Specification

WEBHOOKS_TAG: Final[Node] = {
    "name": "webhooks",
    "description": (
        "Requests of your own systems to the `hook_url` of their source, as in Standard Webhooks."
    ),
}


def _header_parameter(name: str, description: str, pattern: str, example_value: str) -> Node:
    schema = {"type": "string", "minLength": 1, "maxLength": 500, "pattern": pattern}
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": schema,
        "example": example_value,
    }


WEBHOOKS: Final[Node] = {
    "events": {
        "post": {
            "operationId": "deliver_events",
            "tags": [WEBHOOKS_TAG["name"]],
            "summary": "Deliver events",
            "description": (
                "One or more events for the `hook_url` of a source with the connector "
                "`standard_webhooks`. "
                "The signature is that of Standard Webhooks 1.0.0: HMAC-SHA-256 with the "
                "source's secret "
                "over id, timestamp and body, joined by full stops. The source and the "
                "team of an event "
                "default to the hook's source and its default team. An authentic "
                "delivery is stored and "
                "answered with 200. A repeated delivery changes nothing."
            ),
            "security": [],
            "parameters": [
                _header_parameter("Webhook-Id", "The id of the delivery.", "^[!-~]+$", "msg_2026"),
                _header_parameter(
                    "Webhook-Timestamp",
                    "The time of sending; at most 300 s off.",
                    "^[0-9]{1,15}$",
                    "1795512600",
                ),
                _header_parameter(
                    "Webhook-Signature",
                    (
                        "`v1,` and the signature in base64; several, separated by spaces, "
                        "during a rotation."
                    ),
                    "^[!-~ ]+$",
                    "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
                ),
            ],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {
                            "anyOf": [
                                {"$ref": "#/components/schemas/NewEvent"},
                                {"$ref": "#/components/schemas/NewEventBatch"},
                            ]
                        },
                        "examples": {
                            "example": {"value": {"events": [{**EXAMPLE, "source": "warehouse"}]}}
                        },
                    }
                },
            },
            "responses": {
                "200": {
                    "description": "The delivery is stored. The body states its outcome.",
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/Receipt"},
                            "examples": {
                                "example": {
                                    "value": {
                                        "delivery": "0192f0c1-7f3a-7c11-9a53-2f6d0e9c1b3a",
                                        "state": "processed",
                                    }
                                }
                            },
                        }
                    },
                },
                **{
                    status: {"$ref": f"#/components/responses/{name}"}
                    for status, name in (
                        ("400", "Malformed"),
                        ("401", "Unauthorized"),
                        ("403", "Forbidden"),
                        ("408", "RequestTimeout"),
                        ("413", "TooLarge"),
                        ("415", "UnsupportedMediaType"),
                        ("500", "Failed"),
                        ("503", "Unavailable"),
                    )
                },
            },
        }
    }
}
