"""Sources: their secrets, valid mappings, and who sees the hook."""

from dataclasses import replace

import pytest

from app.domain.access.actor import Actor
from app.domain.primitives.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    PreconditionError,
)
from app.domain.sources.sources import Source
from app.services.playbook import configuration as configuration_service
from app.services.playbook.configuration import Precondition
from app.services.sources import sources as sources_service
from app.store.access import organization_version
from app.store.playbook import configuration as configuration_store
from app.store.sources import sources as sources_store
from app.store.sources.sources import StoredHook
from tests.support.service_harness import ServiceHarness, seed_playbook

SECRET = "a-client-secret-of-the-app"
CRM = Source("crm", "CRM", "hubspot", "4242001", "sales")
WEBHOOK_SOURCE = Source("hooks", "Hooks", "standard_webhooks")


async def create_seeded_organization(harness: ServiceHarness) -> Actor:
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    return actor


async def load_hook(harness: ServiceHarness, actor: Actor, source: str) -> StoredHook | None:
    async with harness.service.database.read_transaction() as reader:
        return await sources_store.find_hook_of_source(reader, actor.organization, source)


async def list_secrets(harness: ServiceHarness, actor: Actor, source: str) -> list[str]:
    stored_hook = await load_hook(harness, actor, source)
    assert stored_hook is not None
    return [
        harness.service.vault.open(
            sealed_secret.ciphertext, sources_service.encryption_context(actor.organization, source)
        )
        for sealed_secret in stored_hook.secrets
    ]


async def list_fault_pointers(
    harness: ServiceHarness, actor: Actor, source: Source, secret: str | None = SECRET
) -> list[str]:
    with pytest.raises(InvalidError) as exception_info:
        await sources_service.put_source(harness.service, actor, source, secret)
    async with harness.service.database.read_transaction() as reader:
        assert (
            await configuration_store.find_resource(
                reader, actor.organization, "source", source.key
            )
            is None
        )
    return [fault.pointer for fault in exception_info.value.faults]


async def test_a_secret_that_the_vendor_makes_is_required(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    assert await list_fault_pointers(harness, seeded_actor, CRM, None) == ["/secret"]
    assert await list_fault_pointers(harness, seeded_actor, CRM, "short") == ["/secret"]
    assert await load_hook(harness, seeded_actor, "crm") is None
    connected = await sources_service.put_source(harness.service, seeded_actor, CRM, SECRET)
    assert (connected.secret, connected.written_resource.is_new) == (None, True)
    assert await list_secrets(harness, seeded_actor, "crm") == [SECRET]


async def test_a_generated_secret_is_shown_once(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    connected = await sources_service.put_source(
        harness.service, seeded_actor, WEBHOOK_SOURCE, None
    )
    assert connected.secret is not None
    assert await list_secrets(harness, seeded_actor, "hooks") == [connected.secret]
    repeated = await sources_service.put_source(
        harness.service, seeded_actor, replace(WEBHOOK_SOURCE, name="More hooks"), None
    )
    assert (repeated.secret, repeated.hook_id) == (None, connected.hook_id)
    assert await list_secrets(harness, seeded_actor, "hooks") == [connected.secret]


async def test_a_write_without_a_secret_keeps_it_and_one_with_replaces_it(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    first = await sources_service.put_source(harness.service, seeded_actor, CRM, SECRET)
    await sources_service.put_source(harness.service, seeded_actor, replace(CRM, name="Ours"), None)
    await sources_service.patch_source(
        harness.service, seeded_actor, "crm", lambda _: replace(CRM, name="Theirs"), None
    )
    assert await list_secrets(harness, seeded_actor, "crm") == [SECRET]
    connected = await sources_service.put_source(
        harness.service, seeded_actor, replace(CRM, name="Ours"), SECRET + "-2"
    )
    assert connected.hook_id == first.hook_id
    assert await list_secrets(harness, seeded_actor, "crm") == [SECRET + "-2"]


async def test_an_archived_source_comes_back_with_its_hook_and_its_secret(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    first = await sources_service.put_source(harness.service, seeded_actor, CRM, SECRET)
    await configuration_service.archive_resource(harness.service, seeded_actor, "source", "crm")
    repeated = await sources_service.put_source(harness.service, seeded_actor, CRM, None)
    assert (repeated.hook_id, repeated.written_resource.is_new) == (first.hook_id, True)
    assert await list_secrets(harness, seeded_actor, "crm") == [SECRET]


async def test_a_rotated_secret_comes_first_and_the_previous_one_stays_valid_for_a_day(
    harness: ServiceHarness,
):
    seeded_actor = await create_seeded_organization(harness)
    await sources_service.put_source(harness.service, seeded_actor, WEBHOOK_SOURCE, None)
    rotated_secrets = [(await list_secrets(harness, seeded_actor, "hooks"))[0]]
    for _ in range(2):
        rotated_secrets.insert(
            0,
            (
                await sources_service.rotate_secret(harness.service, seeded_actor, "hooks", None)
            ).secret
            or "",
        )
        assert await list_secrets(harness, seeded_actor, "hooks") == rotated_secrets
        harness.clock.advance(hours=13)
    rotated_secrets.insert(
        0,
        (await sources_service.rotate_secret(harness.service, seeded_actor, "hooks", None)).secret
        or "",
    )
    assert len(set(rotated_secrets)) == 4
    assert await list_secrets(harness, seeded_actor, "hooks") == rotated_secrets[:3]


async def test_a_source_without_a_secret_cannot_rotate_it(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    with pytest.raises(ConflictError, match="no secret"):
        await sources_service.rotate_secret(harness.service, seeded_actor, "billing", None)
    with pytest.raises(NotFoundError, match="'billing'"):
        await sources_service.rotate_secret(harness.service, seeded_actor, "biling", None)
    await sources_service.put_source(harness.service, seeded_actor, CRM, SECRET)
    with pytest.raises(InvalidError):
        await sources_service.rotate_secret(harness.service, seeded_actor, "crm", None)


async def test_a_source_of_our_own_has_neither_hook_nor_secret_nor_mapping(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    plain = Source("erp", "ERP")
    assert await list_fault_pointers(harness, seeded_actor, plain, SECRET) == ["/secret"]
    assert await list_fault_pointers(
        harness, seeded_actor, replace(plain, mapping={"stages": {}}), None
    ) == ["/mapping"]
    connected = await sources_service.put_source(harness.service, seeded_actor, plain, None)
    assert (connected.hook_id, connected.secret, await load_hook(harness, seeded_actor, "erp")) == (
        None,
        None,
        None,
    )


async def test_a_mapping_is_rejected_with_a_pointer_to_every_fault(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    invalid_mapping = {
        "stages": {"closedwon": "victory"},
        "value": {"parse": "roman"},
        "colour": "red",
    }
    fault_pointers = await list_fault_pointers(
        harness, seeded_actor, replace(CRM, mapping=invalid_mapping)
    )
    assert set(fault_pointers) == {
        "/mapping/colour",
        "/mapping/stages/closedwon",
        "/mapping/value/parse",
    }
    teams = {"team": {"property": "pipeline", "map": {"default": "sale"}}}
    assert await list_fault_pointers(harness, seeded_actor, replace(CRM, mapping=teams)) == [
        "/mapping/team"
    ]
    assert await list_fault_pointers(
        harness, seeded_actor, replace(WEBHOOK_SOURCE, mapping=teams), None
    ) == ["/mapping"]


async def test_a_source_names_an_existing_team(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    assert await list_fault_pointers(harness, seeded_actor, replace(CRM, team=None)) == ["/team"]
    assert await list_fault_pointers(harness, seeded_actor, replace(CRM, team="sale")) == ["/team"]


async def test_salesforce_has_no_secret_but_the_address_of_its_hook_and_must_name_its_organization(
    harness: ServiceHarness,
):
    seeded_actor = await create_seeded_organization(harness)
    salesforce = replace(
        CRM, connector="salesforce_outbound", account="00D5g000004XyZA", mapping={}
    )
    connected = await sources_service.put_source(harness.service, seeded_actor, salesforce, None)
    assert (connected.secret, len(connected.hook_id or "")) == (None, 32)
    with pytest.raises(ConflictError, match="address"):
        await sources_service.rotate_secret(harness.service, seeded_actor, salesforce.key, None)
    assert await list_fault_pointers(
        harness, seeded_actor, replace(salesforce, key="other", account=None)
    ) == ["/account"]


async def test_only_an_existing_source_is_patched(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    with pytest.raises(NotFoundError, match="'billing'"):
        await sources_service.patch_source(
            harness.service, seeded_actor, "biling", lambda noun: noun, None
        )
    with pytest.raises(PreconditionError):
        await sources_service.put_source(
            harness.service, seeded_actor, CRM, SECRET, Precondition(frozenset({"1"}))
        )
    connected = await sources_service.patch_source(
        harness.service, seeded_actor, "billing", lambda _: Source("billing", "Invoices"), None
    )
    assert connected.written_resource.resource == Source("billing", "Invoices")


async def test_the_hook_is_shown_only_to_an_admin(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    connected = await sources_service.put_source(harness.service, seeded_actor, CRM, SECRET)
    reader = Actor(
        seeded_actor.organization, "reader", frozenset({"read", "events:write", "playbook:write"})
    )
    assert (await sources_service.get_health(harness.service, seeded_actor, [CRM]))[1] == {
        "crm": connected.hook_id
    }
    assert (await sources_service.get_health(harness.service, reader, [CRM]))[1] == {}
    assert (
        await sources_service.get_health(
            harness.service, await harness.create_organization("other"), [CRM]
        )
    )[1] == {}
    with pytest.raises(ForbiddenError):
        await sources_service.put_source(harness.service, reader, CRM, SECRET)
    with pytest.raises(ForbiddenError):
        await sources_service.rotate_secret(harness.service, reader, "crm", SECRET)


async def test_a_secret_put_again_rotates_nothing(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    await sources_service.put_source(harness.service, seeded_actor, CRM, SECRET)
    await sources_service.rotate_secret(harness.service, seeded_actor, "crm", SECRET + "-2")
    await sources_service.put_source(
        harness.service, seeded_actor, replace(CRM, name="Theirs"), SECRET + "-2"
    )
    assert await list_secrets(harness, seeded_actor, "crm") == [SECRET + "-2", SECRET]


async def test_a_write_that_changes_nothing_moves_no_version(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    before = await sources_service.put_source(harness.service, seeded_actor, CRM, SECRET)
    after = await sources_service.put_source(harness.service, seeded_actor, CRM, None)
    async with harness.service.database.read_transaction() as reader:
        assert (
            await organization_version.current_version(reader, seeded_actor.organization)
            == before.written_resource.version
            == after.written_resource.version
        )
