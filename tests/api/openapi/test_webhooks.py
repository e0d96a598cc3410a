"""What the document says of webhooks is what a hook takes."""

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it comes with openapi-spec-validator, without types
import pytest
from standardwebhooks.webhooks import Webhook

from tests.api.conftest import World
from tests.support.contract import contract


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return contract()


def test_every_example_of_a_webhook_fits_its_schema(found: dict[str, Any]):
    operation = found["webhooks"]["events"]["post"]
    for holder in (operation["requestBody"], operation["responses"]["200"]):
        (media,) = holder["content"].values()
        schema = {**media["schema"], "components": found["components"]}
        jsonschema.Draft202012Validator(schema).validate(media["examples"]["example"]["value"])
    for parameter in operation["parameters"]:
        jsonschema.Draft202012Validator(parameter["schema"]).validate(parameter["example"])
    for reply in operation["responses"].values():
        assert (
            reply.get("$ref", "#/components/responses/Failed").rpartition("/")[2]
            in found["components"]["responses"]
        )


async def test_a_hook_takes_what_the_document_says_of_it(world: World, found: dict[str, Any]):
    await world.strategy()
    made = await world.admin.made(
        "/v1/sources/warehouse", {"name": "W", "connector": "standard_webhooks"}
    )
    operation = found["webhooks"]["events"]["post"]
    body = json.dumps(
        operation["requestBody"]["content"]["application/json"]["examples"]["example"]["value"]
    )
    names = [parameter["name"] for parameter in operation["parameters"]]
    sent = datetime.fromtimestamp(world.clock.now.timestamp(), UTC)
    values = (
        "msg_1",
        str(int(sent.timestamp())),
        Webhook(made["secret"]).sign("msg_1", sent, body),
    )
    headers = {**dict(zip(names, values, strict=True)), "Content-Type": "application/json"}
    path = "/hooks/" + made["hook_url"].rpartition("/")[2]
    reply = await world.admin.http.post(path, content=body, headers=headers)
    assert (reply.status_code, reply.json()["state"]) == (200, "processed")
    listed = (await world.admin.get("/v1/events", params={"source": "warehouse"})).json()["items"]
    assert [event["id"] for event in listed] == ["inv-42"]
    forged = await world.admin.http.post(path, content=body + " ", headers=headers)
    assert forged.status_code == 401
