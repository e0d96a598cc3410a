"""A preview shows the events of a sample delivery and stores nothing."""

import json

import pytest

from app.connectors.connector import Delivery
from app.domain.access.actor import Actor
from app.domain.primitives.errors import NotFoundError
from app.services.alignment import alignment
from app.services.sources.mapping_preview import preview_mapping
from tests.support.hubspot_source import (
    START,
    connect_hubspot,
    fail_on_read,
    list_live_events,
    make_deal_changes,
)
from tests.support.service_harness import NOW, ServiceHarness, make_property_change


async def test_a_preview_stores_nothing(harness: ServiceHarness):
    crm_admin, _ = await connect_hubspot(harness)
    reader = Actor(crm_admin.organization, "reader", frozenset({"read"}))
    before = (await alignment.get_alignment(harness.service, crm_admin)).snapshot.version
    sample = Delivery(
        "POST",
        "",
        {},
        json.dumps(
            [*make_deal_changes(START), make_property_change(42, "dealstage", "9", NOW)]
        ).encode(),
    )
    preview = await preview_mapping(harness.service, reader, "hubspot", sample, None, fail_on_read)
    assert {event.type for event in preview.deal_events} == {"deal.created", "deal.moved"}
    assert ("dealstage", "9") in preview.unmapped_values
    new_mapping = {"stages": {"9": "won"}}
    remapped_preview = await preview_mapping(
        harness.service, reader, "hubspot", sample, new_mapping, fail_on_read
    )
    assert "deal.won" in {event.type for event in remapped_preview.deal_events}
    assert (
        await list_live_events(harness, crm_admin),
        (await alignment.get_alignment(harness.service, crm_admin)).snapshot.version,
    ) == ([], before)
    with pytest.raises(NotFoundError):
        await preview_mapping(harness.service, reader, "nothing", sample, None, fail_on_read)
