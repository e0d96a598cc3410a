"""What the document says of webhooks is what a hook takes."""

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it comes with openapi-spec-validator, without types
import pytest
from standardwebhooks.webhooks import Webhook

from tests.api.conftest import ApiHarness
from tests.support.openapi_contract import get_contract


@pytest.fixture(scope="module")
def openapi_document() -> dict[str, Any]:
    return get_contract()


def test_every_example_of_a_webhook_fits_its_schema(openapi_document: dict[str, Any]):
    operation = openapi_document["webhooks"]["events"]["post"]
    for media_owner in (operation["requestBody"], operation["responses"]["200"]):
        (media,) = media_owner["content"].values()
        schema = {**media["schema"], "components": openapi_document["components"]}
        jsonschema.Draft202012Validator(schema).validate(media["examples"]["example"]["value"])
    for parameter in operation["parameters"]:
        jsonschema.Draft202012Validator(parameter["schema"]).validate(parameter["example"])
    for reply in operation["responses"].values():
        assert (
            reply.get("$ref", "#/components/responses/Failed").rpartition("/")[2]
            in openapi_document["components"]["responses"]
        )


async def test_a_hook_accepts_the_documented_request(
    api: ApiHarness, openapi_document: dict[str, Any]
):
    await api.seed_strategy()
    source = await api.admin.put_object(
        "/v1/sources/warehouse", {"name": "W", "connector": "standard_webhooks"}
    )
    operation = openapi_document["webhooks"]["events"]["post"]
    body = json.dumps(
        operation["requestBody"]["content"]["application/json"]["examples"]["example"]["value"]
    )
    header_names = [parameter["name"] for parameter in operation["parameters"]]
    sent_at = datetime.fromtimestamp(api.clock.now.timestamp(), UTC)
    header_values = (
        "msg_1",
        str(int(sent_at.timestamp())),
        Webhook(source["secret"]).sign("msg_1", sent_at, body),
    )
    headers = {
        **dict(zip(header_names, header_values, strict=True)),
        "Content-Type": "application/json",
    }
    path = "/hooks/" + source["hook_url"].rpartition("/")[2]
    reply = await api.admin.http.post(path, content=body, headers=headers)
    assert (reply.status_code, reply.json()["state"]) == (200, "processed")
    events = (await api.admin.get("/v1/events", params={"source": "warehouse"})).json()["items"]
    assert [event["id"] for event in events] == ["inv-42"]
    forged_reply = await api.admin.http.post(path, content=body + " ", headers=headers)
    assert forged_reply.status_code == 401
