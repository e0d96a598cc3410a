"""Sources: where a secret comes from, what a mapping may say, and who hears of the hook."""

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
from app.services.playbook import configuration
from app.services.playbook.configuration import Precondition
from app.services.sources import sources
from app.store.access import organization_version as cursor
from app.store.playbook import configuration as store
from app.store.sources import sources as kept
from app.store.sources.sources import Hook
from tests.support.services import House, furnish

SECRET = "a-client-secret-of-the-app"
CRM = Source("crm", "CRM", "hubspot", "4242001", "sales")
HOOKS = Source("hooks", "Hooks", "standard_webhooks")


async def furnished(built: House) -> Actor:
    actor = await built.organization()
    await furnish(built, actor)
    return actor


async def hook(built: House, actor: Actor, source: str) -> Hook | None:
    async with built.service.database.reading() as connection:
        return await kept.hook_of(connection, actor.organization, source)


async def secrets(built: House, actor: Actor, source: str) -> list[str]:
    found = await hook(built, actor, source)
    assert found is not None
    return [
        built.service.vault.open(one.text, sources.place(actor, source)) for one in found.secrets
    ]


async def pointers(
    built: House, actor: Actor, source: Source, secret: str | None = SECRET
) -> list[str]:
    with pytest.raises(InvalidError) as refused:
        await sources.put(built.service, actor, source, secret)
    async with built.service.database.reading() as connection:
        assert await store.find(connection, actor.organization, "source", source.key) is None
    return [fault.pointer for fault in refused.value.faults]


async def test_a_secret_that_the_vendor_makes_is_required(built: House):
    actor = await furnished(built)
    assert await pointers(built, actor, CRM, None) == ["/secret"]
    assert await pointers(built, actor, CRM, "short") == ["/secret"]
    assert await hook(built, actor, "crm") is None
    found = await sources.put(built.service, actor, CRM, SECRET)
    assert (found.secret, found.written.created) == (None, True)
    assert await secrets(built, actor, "crm") == [SECRET]


async def test_a_secret_that_we_make_is_told_once(built: House):
    actor = await furnished(built)
    found = await sources.put(built.service, actor, HOOKS, None)
    assert found.secret is not None
    assert await secrets(built, actor, "hooks") == [found.secret]
    again = await sources.put(built.service, actor, replace(HOOKS, name="More hooks"), None)
    assert (again.secret, again.hook_id) == (None, found.hook_id)
    assert await secrets(built, actor, "hooks") == [found.secret]


async def test_a_write_without_a_secret_keeps_it_and_one_with_replaces_it(built: House):
    actor = await furnished(built)
    first = await sources.put(built.service, actor, CRM, SECRET)
    await sources.put(built.service, actor, replace(CRM, name="Ours"), None)
    await sources.patch(built.service, actor, "crm", lambda _: replace(CRM, name="Theirs"), None)
    assert await secrets(built, actor, "crm") == [SECRET]
    found = await sources.put(built.service, actor, replace(CRM, name="Ours"), SECRET + "-2")
    assert found.hook_id == first.hook_id
    assert await secrets(built, actor, "crm") == [SECRET + "-2"]


async def test_an_archived_source_comes_back_with_its_hook_and_its_secret(built: House):
    actor = await furnished(built)
    first = await sources.put(built.service, actor, CRM, SECRET)
    await configuration.archive(built.service, actor, "source", "crm")
    again = await sources.put(built.service, actor, CRM, None)
    assert (again.hook_id, again.written.created) == (first.hook_id, True)
    assert await secrets(built, actor, "crm") == [SECRET]


async def test_a_rotated_secret_leads_and_the_one_before_stays_for_a_day(built: House):
    actor = await furnished(built)
    await sources.put(built.service, actor, HOOKS, None)
    made = [(await secrets(built, actor, "hooks"))[0]]
    for _ in range(2):
        made.insert(0, (await sources.rotate(built.service, actor, "hooks", None)).secret or "")
        assert await secrets(built, actor, "hooks") == made
        built.clock.forward(hours=13)
    made.insert(0, (await sources.rotate(built.service, actor, "hooks", None)).secret or "")
    assert len(set(made)) == 4
    assert await secrets(built, actor, "hooks") == made[:3]


async def test_what_has_no_secret_cannot_rotate_it(built: House):
    actor = await furnished(built)
    with pytest.raises(ConflictError, match="no secret"):
        await sources.rotate(built.service, actor, "billing", None)
    with pytest.raises(NotFoundError, match="'billing'"):
        await sources.rotate(built.service, actor, "biling", None)
    await sources.put(built.service, actor, CRM, SECRET)
    with pytest.raises(InvalidError):
        await sources.rotate(built.service, actor, "crm", None)


async def test_a_source_of_our_own_has_neither_hook_nor_secret_nor_mapping(built: House):
    actor = await furnished(built)
    plain = Source("erp", "ERP")
    assert await pointers(built, actor, plain, SECRET) == ["/secret"]
    assert await pointers(built, actor, replace(plain, mapping={"stages": {}}), None) == [
        "/mapping"
    ]
    found = await sources.put(built.service, actor, plain, None)
    assert (found.hook_id, found.secret, await hook(built, actor, "erp")) == (None, None, None)


async def test_a_mapping_is_refused_at_every_place_where_it_is_wrong(built: House):
    actor = await furnished(built)
    wrong = {"stages": {"closedwon": "victory"}, "value": {"parse": "roman"}, "colour": "red"}
    found = await pointers(built, actor, replace(CRM, mapping=wrong))
    assert set(found) == {"/mapping/colour", "/mapping/stages/closedwon", "/mapping/value/parse"}
    teams = {"team": {"property": "pipeline", "map": {"default": "sale"}}}
    assert await pointers(built, actor, replace(CRM, mapping=teams)) == ["/mapping/team"]
    assert await pointers(built, actor, replace(HOOKS, mapping=teams), None) == ["/mapping"]


async def test_a_source_names_a_team_that_is_known(built: House):
    actor = await furnished(built)
    assert await pointers(built, actor, replace(CRM, team=None)) == ["/team"]
    assert await pointers(built, actor, replace(CRM, team="sale")) == ["/team"]


async def test_salesforce_has_no_secret_but_the_address_of_its_hook_and_must_name_its_organization(
    built: House,
):
    actor = await furnished(built)
    salesforce = replace(
        CRM, connector="salesforce_outbound", account="00D5g000004XyZA", mapping={}
    )
    made = await sources.put(built.service, actor, salesforce, None)
    assert (made.secret, len(made.hook_id or "")) == (None, 32)
    with pytest.raises(ConflictError, match="address"):
        await sources.rotate(built.service, actor, salesforce.key, None)
    assert await pointers(built, actor, replace(salesforce, key="other", account=None)) == [
        "/account"
    ]


async def test_a_source_is_patched_where_it_is(built: House):
    actor = await furnished(built)
    with pytest.raises(NotFoundError, match="'billing'"):
        await sources.patch(built.service, actor, "biling", lambda noun: noun, None)
    with pytest.raises(PreconditionError):
        await sources.put(built.service, actor, CRM, SECRET, Precondition(frozenset({"1"})))
    found = await sources.patch(
        built.service, actor, "billing", lambda _: Source("billing", "Invoices"), None
    )
    assert found.written.value == Source("billing", "Invoices")


async def test_the_hook_is_told_to_an_admin_alone(built: House):
    actor = await furnished(built)
    made = await sources.put(built.service, actor, CRM, SECRET)
    reader = Actor(
        actor.organization, "reader", frozenset({"read", "events:write", "playbook:write"})
    )
    assert (await sources.health(built.service, actor, [CRM]))[1] == {"crm": made.hook_id}
    assert (await sources.health(built.service, reader, [CRM]))[1] == {}
    assert (await sources.health(built.service, await built.organization("other"), [CRM]))[1] == {}
    with pytest.raises(ForbiddenError):
        await sources.put(built.service, reader, CRM, SECRET)
    with pytest.raises(ForbiddenError):
        await sources.rotate(built.service, reader, "crm", SECRET)


async def test_a_secret_put_again_rotates_nothing(built: House):
    actor = await furnished(built)
    await sources.put(built.service, actor, CRM, SECRET)
    await sources.rotate(built.service, actor, "crm", SECRET + "-2")
    await sources.put(built.service, actor, replace(CRM, name="Theirs"), SECRET + "-2")
    assert await secrets(built, actor, "crm") == [SECRET + "-2", SECRET]


async def test_a_write_that_changes_nothing_moves_no_version(built: House):
    actor = await furnished(built)
    before = await sources.put(built.service, actor, CRM, SECRET)
    after = await sources.put(built.service, actor, CRM, None)
    async with built.service.database.reading() as connection:
        assert (
            await cursor.version(connection, actor.organization)
            == before.written.changed
            == after.written.changed
        )
