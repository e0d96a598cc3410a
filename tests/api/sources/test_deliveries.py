"""The endpoints of deliveries; test_inbound_webhooks.py tests how they arrive."""

from uuid import UUID

import pytest

from app.services.access.authentication import authenticate_key
from app.store.sources.deliveries import StoredDelivery, add_deliveries
from tests.api.conftest import NOW, POSTGRESQL_ONLY

UIDS = [UUID(f"0192f0c1-7f3a-7c11-9a53-2f6d0e9c1b3{n}") for n in range(4)]


@pytest.fixture
async def caller(api):
    await api.seed_strategy()
    service = api.app.state.service
    actor = await authenticate_key(service, api.admin.key)
    async with service.database.write_transaction() as writer:
        for number, uid in enumerate(UIDS):
            state = "failed" if number == 3 else "processed"
            delivery = StoredDelivery(
                uid, "billing", NOW, "application/json", {}, b"{}", state, None, (), 0, 0, 0
            )
            await add_deliveries(writer, actor.organization, delivery)
    return api.admin


async def test_deliveries_are_listed_newest_first_in_pages(caller):
    first_page = (await caller.get("/v1/sources/billing/deliveries", params={"limit": 3})).json()
    params = {"limit": 3, "cursor": first_page["next_cursor"]}
    second_page = (await caller.get("/v1/sources/billing/deliveries", params=params)).json()
    assert [delivery["uid"] for delivery in (*first_page["items"], *second_page["items"])] == [
        str(uid) for uid in reversed(UIDS)
    ]


async def test_deliveries_are_found_by_their_state(caller):
    failed_deliveries = (
        await caller.get("/v1/sources/billing/deliveries", params={"state": "failed"})
    ).json()["items"]
    assert [delivery["uid"] for delivery in failed_deliveries] == [str(UIDS[3])]
    assert (
        await caller.get("/v1/sources/billing/deliveries", params={"state": "lost"})
    ).status_code == 422


async def test_raw_deliveries_are_for_an_admin_alone(api, caller):
    reader = await api.create_client("read", "events:write", "playbook:write")
    assert (await reader.get("/v1/sources/billing/deliveries")).status_code == 403
    assert (await reader.get(f"/v1/sources/billing/deliveries/{UIDS[0]}")).status_code == 403
    assert (await caller.get("/v1/sources/nowhere/deliveries")).status_code == 404
    assert (await caller.get(f"/v1/sources/nowhere/deliveries/{UIDS[0]}")).status_code == 404


@POSTGRESQL_ONLY
@pytest.mark.parametrize(
    "position",
    ["x", f"x {UIDS[0]}", "2026-11-23T12:00:00+00:00 x", f"2026-11-23T12:00:00 {UIDS[0]}"],
)
async def test_a_forged_position_is_refused(caller, get_forged_page, position):
    rejection = await get_forged_page("/v1/sources/billing/deliveries", position)
    assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (422, "cursor")
