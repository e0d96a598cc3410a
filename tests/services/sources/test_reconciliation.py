"""What a CRM says of activities and their deals, in whatever order, ends in the events they should have."""

from datetime import datetime, timedelta
from itertools import permutations

from app.domain.access.actor import Actor
from app.domain.sources.sources import Source
from app.services.playbook import configuration
from app.services.sources import sources
from tests.flows.test_deliveries import DAY, MAPPING, connect, deliver, live, story
from tests.flows.test_events import clean
from tests.support.services import NOW, House, changed, furnish

CALL, DEAL = "0-48", "0-3"
SECRET = "a-client-secret-of-the-app"
AT = NOW - 10 * DAY


def said(at: datetime, **more: object) -> dict[str, object]:
    occurred = int(at.timestamp() * 1000)
    return {
        "eventId": 1,
        "subscriptionId": 7,
        "portalId": 4242001,
        "appId": 9,
        "occurredAt": occurred,
        **more,
    }


def call(name: str, value: str, at: datetime) -> dict[str, object]:
    return said(
        at,
        subscriptionType="object.propertyChange",
        objectTypeId=CALL,
        objectId=7,
        propertyName=name,
        propertyValue=value,
    )


def associated(deal: int, at: datetime, *, removed: bool = False) -> dict[str, object]:
    return said(
        at,
        subscriptionType="object.associationChange",
        fromObjectTypeId=CALL,
        toObjectTypeId=DEAL,
        fromObjectId=7,
        toObjectId=deal,
        associationRemoved=removed,
    )


def held(at: datetime) -> list[dict[str, object]]:
    stamp = str(int(at.timestamp() * 1000))
    return [call("hs_timestamp", stamp, at), call("hs_call_status", "COMPLETED", at)]


async def calls(built: House, actor: Actor) -> list[tuple[str, object, str | None, datetime]]:
    found = [one.event for one in await live(built, actor) if one.event.type == "call.held"]
    return [(one.id, one.data.get("segment"), one.subject, one.time) for one in found]


async def test_a_call_inherits_its_deal_s_fields_whichever_was_told_first(built: House):
    wanted = None
    for number, order in enumerate(permutations(("deal", "call", "link"))):
        if number == 0:
            actor, hook = await connect(built)
        else:
            actor = await built.organization(f"o{number}")
            await furnish(built, actor)
            source = Source("hubspot", "HubSpot", "hubspot", "4242001", "marketing", MAPPING)
            hook = (await sources.put(built.service, actor, source, SECRET)).hook_id or ""
        told = {"deal": story(AT), "call": held(AT + DAY), "link": [associated(42, AT + DAY)]}
        for part in order:
            await deliver(built, hook, told[part])
        (found,) = await calls(built, actor)
        assert found[1:] == ("enterprise", "deal/42", AT + DAY), order
        wanted = wanted or found[1:]
        assert await clean(built, actor)
    assert wanted is not None


async def test_a_call_without_a_deal_belongs_to_none(built: House):
    actor, hook = await connect(built)
    await deliver(built, hook, held(AT))
    assert await calls(built, actor) == [("call/7/held/1", None, None, AT)]


async def test_a_change_of_the_deal_is_a_change_of_its_calls(built: House):
    actor, hook = await connect(built)
    await deliver(built, hook, [*story(AT), *held(AT + DAY), associated(42, AT + DAY)])
    await deliver(built, hook, [changed(42, "customer_segment", "small", AT + timedelta(hours=2))])
    assert await calls(built, actor) == [("call/7/held/2", "small", "deal/42", AT + DAY)]
    await deliver(built, hook, [changed(42, "customer_segment", "tiny", AT + 5 * DAY)])
    assert await calls(built, actor) == [("call/7/held/2", "small", "deal/42", AT + DAY)]
    assert await clean(built, actor)


async def test_a_call_that_leaves_its_deal_loses_what_it_inherited(built: House):
    actor, hook = await connect(built)
    await deliver(built, hook, [*story(AT), *held(AT + DAY), associated(42, AT + DAY)])
    await deliver(built, hook, [associated(42, AT + 2 * DAY, removed=True)])
    assert await calls(built, actor) == [("call/7/held/2", None, None, AT + DAY)]
    await deliver(built, hook, [changed(42, "customer_segment", "small", AT + timedelta(hours=2))])
    assert await calls(built, actor) == [("call/7/held/2", None, None, AT + DAY)]
    assert await clean(built, actor)


async def test_a_repeated_delivery_records_and_retracts_nothing(built: House):
    actor, hook = await connect(built)
    elements = [*story(AT), *held(AT + DAY), associated(42, AT + DAY)]
    await deliver(built, hook, elements)
    before = await live(built, actor)
    await deliver(built, hook, elements)
    assert await live(built, actor) == before


async def test_a_new_event_of_an_archived_team_goes_to_the_default_team_and_what_stands_stays(
    built: House,
):
    actor, hook = await connect(built)
    await deliver(built, hook, story(AT)[:4])
    assert {one.event.team for one in await live(built, actor)} == {"sales"}
    await configuration.write(
        built.service,
        actor,
        lambda found: found.drop("responsibility", "win/sales").drop("team", "sales"),
    )
    await deliver(built, hook, story(AT)[4:])
    teams = {one.event.type: one.event.team for one in await live(built, actor)}
    assert (teams["deal.created"], teams["deal.won"]) == ("sales", "marketing")
