"""What an erasure finds and takes away, some at a time."""

from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.domain.sources.crm.changes import Change
from app.domain.sources.sources import Source
from app.security import identifiers as ids
from app.services.playbook import configuration
from app.services.sources import sources
from app.store.access import organization_version as cursor
from app.store.access.organization_version import Position
from app.store.operations import erasure as erasures
from app.store.sources import changes, deliveries
from app.store.sources.changes import Told
from app.store.sources.deliveries import StoredDelivery
from app.store.sql.database import Connection
from app.store.tables.events import ChangeRow
from app.store.tables.playbook import table_of
from tests.support.services import NOW, House, furnish

BODIES = [b'[{"objectId":42}]', b'[{"objectId":4711}]', b"nothing of ours", b"\x00\xff42"]


def delivery(number: int, body: bytes | None) -> StoredDelivery:
    rejects = [{"index": 0, "problem": "zoe@example.com is no number"}]
    headers = {"ce-subject": "zoe"}
    told = (
        NOW,
        "application/json",
        headers,
        body,
        "failed",
        "zoe@example.com is no number",
        rejects,
    )
    return StoredDelivery(UUID(int=number), "crm", *told, 1, 0, 0)


async def placed(built: House, connection: Connection) -> tuple[UUID, Position]:
    organization = built.actors["acme"].organization
    return organization, await cursor.advance(connection, organization, NOW, "UTC", catalogue=False)


@pytest.fixture
async def furnished(built: House) -> House:
    actor = await built.organization()
    await furnish(built, actor)
    await sources.put(
        built.service,
        actor,
        Source("crm", "CRM", "hubspot", None, "sales"),
        "a-client-secret-of-the-app",
    )
    await configuration.put(built.service, actor, Source("other", "Other"))
    async with built.service.database.writing() as connection:
        for number, body in enumerate([*BODIES, None]):
            await deliveries.add(connection, actor.organization, delivery(number, body))
    return built


@pytest.mark.parametrize(
    ("needles", "found"),
    [
        ({"42"}, [0, 3]),
        ({"4711", "ours"}, [1, 2]),
        ({"zoe"}, [0, 1, 2, 3, 4]),
        (set(), [0, 1, 2, 3, 4]),
    ],
)
async def test_bodies_are_found_by_what_they_hold_some_at_a_time(
    furnished: House, monkeypatch: pytest.MonkeyPatch, needles: set[str], found: list[int]
):
    monkeypatch.setattr(erasures, "BODIES", 2)
    organization = furnished.actors["acme"].organization
    async with furnished.service.database.reading() as connection:
        pages = [page async for page in erasures.bodies(connection, organization, "crm", needles)]
        assert [one.uid.int for page in pages for one in page] == found
        assert all(len(page) <= 2 for page in pages)
        assert [
            page async for page in erasures.bodies(connection, organization, "other", needles)
        ] == []


async def test_of_an_erased_delivery_nothing_is_left_that_was_said(furnished: House):
    async with furnished.service.database.writing() as connection:
        organization, _ = await placed(furnished, connection)
        assert (
            await erasures.erase_bodies(connection, organization, {UUID(int=0), UUID(int=4)}) == 1
        )
        kept = [
            await deliveries.find(connection, organization, "crm", UUID(int=number))
            for number in (0, 4, 1)
        ]
    for one in kept[:2]:
        assert one is not None
        assert (one.body, one.headers, one.rejects, one.problem) == (None, {}, [], deliveries.GONE)
        assert (one.state, one.changes) == ("failed", 1)
    assert kept[2] == delivery(1, BODIES[1])


async def test_of_an_erased_record_no_change_is_left_in_any_generation_but_that_it_was_erased(
    furnished: House,
):
    async with furnished.service.database.writing() as connection:
        organization, position = await placed(furnished, connection)
        told = Told(organization, "crm", 2)
        for generation in (1, 2):
            for entity in ("deal:42", "deal:43"):
                change = Change(
                    entity, f"{entity}/x", NOW, "changed", {"contact": "zoe@example.com"}
                )
                of = Told(organization, "crm", generation)
                await changes.add_changes(connection, of, position.seq, [(UUID(int=1), [change])])
        assert await erasures.erased(connection, told, {"deal:42"}) == frozenset()
        by = ids.uuid7(NOW)
        assert await erasures.tellers(connection, organization, "crm", {"deal:42"}) == {UUID(int=1)}
        assert await erasures.told(connection, organization, "crm", {"deal:42", "deal:44"}) == {
            "deal:42"
        }
        assert await erasures.erase_changes(connection, told, {"deal:42"}, position, by) == 2
        assert await erasures.erased(connection, told, {"deal:42", "deal:43"}) == {"deal:42"}
        assert await erasures.told(connection, organization, "crm", {"deal:42", "deal:43"}) == {
            "deal:43"
        }
        (mark,) = (await changes.known_of(connection, told, ["deal:42"])).changes["deal:42"]
        assert (mark.verb, mark.fields) == ("erased", {})
        change_table = table_of(ChangeRow)
        where = change_table.c.organization_id == organization
        assert (
            await connection.execute(select(func.count()).select_from(change_table).where(where))
        ).scalar() == 3
