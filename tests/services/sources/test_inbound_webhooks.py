"""A deal's life as HubSpot tells it, in whatever order and however often, ends in the same events."""

import json
import logging
from asyncio import gather
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook

from app.connectors.connector import Delivery
from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.primitives.errors import InvalidError, NotAuthenticError, UnavailableError
from app.domain.sources.sources import Source
from app.services.alignment import alignment
from app.services.playbook import configuration
from app.services.sources import inbound_webhooks as deliveries
from app.services.sources import sources
from app.store.events import event_queries as events
from app.store.events.event_queries import EventFilter, StoredEvent
from app.store.playbook import configuration as store
from app.store.sources import deliveries as kept
from app.store.sources.source_health import Health
from tests.flows.test_events import clean
from tests.support.services import (
    NOW,
    ONE,
    PUBLIC,
    House,
    changed,
    created,
    event,
    furnish,
    hubspot,
    measures,
    metric,
    record,
)

SECRET = "a-client-secret-of-the-app"
DAY = timedelta(days=1)
MAPPING = {
    "team": {"property": "pipeline", "map": {"default": "sales"}},
    "data": {"segment": {"property": "customer_segment"}},
    "rates": [{"from": "USD", "to": "EUR", "rate": 0.5, "valid_from": "2026-01-01"}],
}


async def connect(built: House, mapping: dict[str, object] | None = None) -> tuple[Actor, str]:
    """An organization with a HubSpot source, and the id of its hook."""
    actor = await built.organization()
    await furnish(built, actor)
    source = Source("hubspot", "HubSpot", "hubspot", "4242001", "marketing", mapping or MAPPING)
    found = await sources.put(built.service, actor, source, SECRET)
    assert found.hook_id is not None
    return actor, found.hook_id


def read_nothing(_raw: object) -> Event:
    raise AssertionError("HubSpot sends no events of ours")


async def deliver(
    built: House, hook: str, elements: object, secret: str = SECRET
) -> deliveries.Taken:
    delivery = hubspot(hook, secret, elements, built.clock.at)  # type: ignore[arg-type]  # a list of elements, or bytes
    return await deliveries.take(built.service, hook, delivery, read_nothing)


async def well(built: House, actor: Actor) -> Health:
    """How the HubSpot source is doing."""
    async with built.service.database.reading() as connection:
        stored = await store.find(connection, actor.organization, "source", "hubspot")
    assert stored is not None
    assert isinstance(stored.value, Source)
    return (await sources.health(built.service, actor, [stored.value]))[0]["hubspot"]


async def live(built: House, actor: Actor, source: str = "hubspot") -> list[StoredEvent]:
    async with built.service.database.reading() as connection:
        known = await store.load(connection, actor.organization)
        return await events.page(
            connection, actor.organization, known, EventFilter(source=source), None, 200
        )


def story(at: datetime) -> list[dict[str, object]]:
    """A deal is made, moved, won, corrected."""
    return [
        created(42, at),
        changed(42, "pipeline", "default", at),
        changed(42, "dealstage", "qualifiedtobuy", at),
        changed(42, "customer_segment", "enterprise", at + timedelta(hours=1)),
        changed(42, "dealstage", "contractsent", at + DAY),
        changed(42, "dealstage", "closedwon", at + 2 * DAY),
        changed(42, "amount", "1200.50", at + 2 * DAY),
        changed(42, "amount", "1300", at + 3 * DAY),
    ]


def told(found: list[StoredEvent]) -> list[tuple[object, ...]]:
    """What the events say, without their names."""
    return sorted(
        (e.event.type, e.event.time, e.event.team, e.event.value, str(e.event.data), e.metrics)
        for e in found
    )


async def test_a_won_deal_becomes_events_that_carry_its_fields(built: House):
    actor, hook = await connect(built)
    taken = await deliver(built, hook, story(NOW - 10 * DAY))
    found = {e.event.type: e for e in await live(built, actor)}
    assert taken.state == "processed"
    assert set(found) == {"deal.created", "deal.moved", "deal.won"}
    won = found["deal.won"]
    assert (won.event.value, won.event.team, won.event.subject) == (1300 * ONE, "sales", "deal/42")
    assert (won.event.data["segment"], won.metrics) == ("enterprise", ("arr",))
    assert found["deal.created"].event.data["segment"] == "enterprise"


async def test_any_order_repetition_and_splitting_ends_in_the_same_events(built: House):
    actor, hook = await connect(built)
    elements = story(NOW - 10 * DAY)
    await deliver(built, hook, elements)
    wanted = told(await live(built, actor))
    for number, order in enumerate(list(permutations(range(8)))[:: 40320 // 5]):
        other = await built.organization(f"other-{number}")
        await furnish(built, other)
        source = Source("hubspot", "HubSpot", "hubspot", "4242001", "marketing", MAPPING)
        again = (await sources.put(built.service, other, source, SECRET)).hook_id or ""
        for index in order:
            await deliver(built, again, [elements[index]])
        await deliver(built, again, elements[3:6])
        assert told(await live(built, other)) == wanted
        assert await clean(built, other)


async def test_a_correction_retracts_the_win_and_records_it_anew_at_its_own_time(built: House):
    actor, hook = await connect(built)
    elements = story(NOW - 10 * DAY)
    await deliver(built, hook, elements[:7])
    before = next(e for e in await live(built, actor) if e.event.type == "deal.won")
    await deliver(built, hook, elements[7:])
    after = next(e for e in await live(built, actor) if e.event.type == "deal.won")
    assert (before.event.id, after.event.id) == ("deal/42/won/1", "deal/42/won/2")
    assert (after.event.time, after.event.value) == (before.event.time, 1300 * ONE)
    async with built.service.database.reading() as connection:
        old = await events.find(connection, actor.organization, before.uid)
    assert old is not None
    assert old.retracted_at is not None


async def test_a_reopened_deal_retracts_its_win(built: House):
    actor, hook = await connect(built)
    await deliver(built, hook, story(NOW - 10 * DAY))
    await deliver(built, hook, [changed(42, "dealstage", "contractsent", NOW - DAY)])
    assert "deal.won" not in {e.event.type for e in await live(built, actor)}
    assert measures((await alignment.read(built.service, actor)).snapshot) == {}
    assert await clean(built, actor)


async def test_an_amount_in_another_currency_is_converted_at_its_day_s_rate(built: House):
    actor, hook = await connect(built)
    at = NOW - 10 * DAY
    await deliver(built, hook, [*story(at), changed(42, "deal_currency_code", "USD", at)])
    won = next(e for e in await live(built, actor) if e.event.type == "deal.won")
    assert (won.event.value, won.event.unit) == (650 * ONE, "EUR")
    assert (won.event.data["original_value"], won.event.data["original_unit"]) == (1300, "USD")


async def test_values_that_the_mapping_does_not_know_are_listed(built: House):
    actor, hook = await connect(built)
    await deliver(
        built, hook, [created(7, NOW - DAY), changed(7, "dealstage", "1234567", NOW - DAY)]
    )
    health = await well(built, actor)
    assert ("dealstage", "1234567", 1) in health.unmapped


async def test_a_win_of_unknown_amount_is_kept_counted_and_named_in_the_loss(built: House):
    actor, hook = await connect(built)
    at = NOW - 10 * DAY
    await deliver(built, hook, [e for e in story(at) if e.get("propertyName") != "amount"])
    await record(built, actor, event("a", value=ONE))
    health = await well(built, actor)
    answer = await alignment.read(built.service, actor)
    loss = next(x for x in answer.alignment.losses if x.key_result == "arr-2m")
    assert health.wins_without_amount == 1
    assert "1 " in loss.detail
    assert [one.unknown for one in answer.snapshot.said.values()] == [1]


async def test_a_win_in_another_currency_is_left_out_counted_and_named_in_the_loss(built: House):
    actor, hook = await connect(built)
    await configuration.write(
        built.service, actor, lambda known: known.put(metric(events=("deal.won",), unit="EUR"))
    )
    await deliver(
        built,
        hook,
        [*story(NOW - 10 * DAY), changed(42, "deal_currency_code", "NOK", NOW - 10 * DAY)],
    )
    won = next(e for e in await live(built, actor) if e.event.type == "deal.won")
    assert (won.event.value, won.event.unit) == (1300 * ONE, "NOK")  # no silent conversion
    answer = await alignment.read(built.service, actor)
    assert [one.other_unit for one in answer.snapshot.said.values()] == [1]
    await record(built, actor, event("a", type="deal.won", unit="EUR", value=ONE))
    answer = await alignment.read(built.service, actor)
    loss = next(x for x in answer.alignment.losses if x.key_result == "arr-2m")
    assert loss.detail.endswith("; 1 won deal is left out: in NOK, not in EUR, and no rate")


async def test_a_forged_delivery_is_not_kept_and_a_minute_s_refusals_are_noted_once(
    built: House, caplog: pytest.LogCaptureFixture
):
    actor, hook = await connect(built)
    assert (await well(built, actor)).last_refused_at is None
    noted = []
    for seconds in (0, 59, 1):
        built.clock.forward(seconds=seconds)
        with pytest.raises(NotAuthenticError):
            await deliver(built, hook, story(NOW - 10 * DAY), secret="another-client-secret")
        noted.append((await well(built, actor)).last_refused_at)
    assert noted == [NOW, NOW, NOW + timedelta(minutes=1)]
    lines = [line.__dict__ for line in caplog.records if line.name == "sightline.deliveries"]
    assert [(line["source"], line["levelname"]) for line in lines] == [("hubspot", "WARNING")] * 2
    async with built.service.database.reading() as connection:
        assert await kept.page(connection, actor.organization, "hubspot", None, None, 10) == []


async def test_a_stale_signature_is_refused_and_one_of_exactly_300_seconds_is_not(built: House):
    _, hook = await connect(built)
    delivery = hubspot(hook, SECRET, story(NOW - 10 * DAY), NOW)
    built.clock.forward(seconds=300)
    assert (await deliveries.take(built.service, hook, delivery, read_nothing)).state == "processed"
    built.clock.forward(seconds=1)
    with pytest.raises(NotAuthenticError):
        await deliveries.take(built.service, hook, delivery, read_nothing)


async def test_an_authentic_body_that_cannot_be_read_is_kept_as_failed(built: House):
    actor, hook = await connect(built)
    taken = await deliver(built, hook, b'[{"objectId": NaN}]')
    async with built.service.database.reading() as connection:
        (found,) = await kept.page(connection, actor.organization, "hubspot", None, None, 10)
    assert (taken.state, found.state, found.body) == ("failed", "failed", b'[{"objectId": NaN}]')
    assert found.problem


async def test_elements_of_another_portal_are_set_aside_and_the_others_count(built: House):
    actor, hook = await connect(built)
    stranger = {**created(9, NOW - DAY), "portalId": 1}
    await deliver(built, hook, [stranger, created(8, NOW - DAY)])
    async with built.service.database.reading() as connection:
        (found,) = await kept.page(connection, actor.organization, "hubspot", None, None, 10)
    assert (found.state, [reject["index"] for reject in found.rejects]) == ("processed", [0])


async def test_a_change_that_says_it_happens_in_the_future_is_set_aside(built: House):
    actor, hook = await connect(built)
    taken = await deliver(built, hook, [created(8, NOW + 2 * DAY)])
    assert taken.state == "failed"
    assert await live(built, actor) == []


async def test_a_connected_source_takes_no_events_over_http(built: House):
    actor, _ = await connect(built)
    items = await record(built, actor, event("x", source="hubspot"))
    assert [item.status for item in items] == ["invalid"]
    assert "hubspot hook only" in str(items[0].problem)


async def test_a_rotated_secret_and_the_one_before_are_both_taken_for_a_day(built: House):
    actor, hook = await connect(built)
    await sources.rotate(built.service, actor, "hubspot", "the-new-client-secret")
    assert (await deliver(built, hook, [created(1, NOW - DAY)])).state == "processed"
    assert (
        await deliver(built, hook, [created(2, NOW - DAY)], secret="the-new-client-secret")
    ).state == "processed"
    built.clock.forward(hours=24, seconds=1)
    with pytest.raises(NotAuthenticError):
        await deliver(built, hook, [created(3, NOW - DAY)])


async def shown(built: House, actor: Actor, source: str = "hubspot") -> kept.StoredDelivery:
    async with built.service.database.reading() as connection:
        (found,) = await kept.page(connection, actor.organization, source, None, None, 10)
    return found


class Relay:
    """A source of our own events that an organization has connected."""

    def __init__(self, built: House, actor: Actor, found: sources.Connected) -> None:
        self.built, self.actor = built, actor
        self.hook, self.secret = found.hook_id or "", found.secret or ""

    async def deliver(
        self,
        elements: list[object],
        read: Callable[..., Event],
        message: str = "msg_1",
        **headers: str,
    ) -> deliveries.Taken:
        body = json.dumps({"events": elements})
        signature = Webhook(self.secret).sign(message, self.built.clock.at, body)
        signed = {
            "webhook-id": message,
            "webhook-timestamp": str(int(self.built.clock.at.timestamp())),
        }
        given = Delivery(
            "POST",
            f"{PUBLIC}/hooks/x",
            {**headers, **signed, "webhook-signature": signature},
            body.encode(),
        )
        return await deliveries.take(self.built.service, self.hook, given, read)


@pytest.fixture
async def relay(built: House) -> Relay:
    actor = await built.organization()
    await furnish(built, actor)
    source = Source("relay", "Relay", "standard_webhooks", team="sales")
    return Relay(built, actor, await sources.put(built.service, actor, source, None))


def read(element: Mapping[str, object]) -> Event:
    """An element with its id and, to differ, its value."""
    if "id" not in element:
        raise InvalidError("An event has an id." + "!" * 5_000)
    return event(
        str(element["id"]), source="relay", value=element.get("value", ONE), time=NOW - DAY
    )


async def test_what_is_set_aside_is_named_by_its_place_in_the_delivery(relay: Relay):
    await relay.deliver([7, {"id": "a"}, {}, {"id": "b"}, 8, {"id": "b", "value": 2 * ONE}], read)
    found = await shown(relay.built, relay.actor, "relay")
    assert [reject["index"] for reject in found.rejects] == [0, 2, 4, 5]
    assert (found.state, found.recorded) == ("processed", 2)
    assert "other content" in str(found.rejects[3]["problem"])


async def test_a_change_that_will_happen_is_named_by_its_place_in_the_delivery(built: House):
    actor, hook = await connect(built)
    good = created(8, NOW - DAY)
    await deliver(built, hook, [good, good, {**good, "portalId": 1}, created(9, NOW + 2 * DAY)])
    assert [reject["index"] for reject in (await shown(built, actor)).rejects] == [2, 3]


async def test_a_delivery_of_nothing_but_nonsense_is_kept_in_bounds(relay: Relay):
    await relay.deliver(
        [{}, *range(1_500)], read, **{"user-agent": "x" * 30_000, "content-type": "y" * 30_000}
    )
    found = await shown(relay.built, relay.actor, "relay")
    assert found.state == "failed"
    assert [reject["index"] for reject in found.rejects] == list(range(1_000))
    assert len(str(found.rejects[0]["problem"])) == 1_000
    assert str(found.problem).endswith("1501 elements were set aside; the first 1000 are listed.")
    assert {len(found.headers["user-agent"]), len(found.content_type)} == {500}


async def test_what_nobody_foresaw_is_logged_without_a_word_of_the_delivery(
    relay: Relay, caplog: pytest.LogCaptureFixture
):
    def fail(element: Mapping[str, object]) -> Event:
        raise RuntimeError(element["id"])

    with caplog.at_level(logging.ERROR, "sightline.deliveries"):
        taken = await relay.deliver([{"id": "confidential"}], fail)
    assert (taken.state, taken.problem) == ("failed", "Sightline failed on it (RuntimeError).")
    (line,) = [line for line in caplog.records if line.name == "sightline.deliveries"]
    told = vars(line)
    assert (told["delivery"], told["source"], told["error"]) == (
        str(taken.uid),
        "relay",
        "RuntimeError",
    )
    assert "in _read" in told["stack"]
    assert "confidential" not in str(told)


async def performed(
    built: House, hook: str, elements: list[dict[str, object]], meanwhile: Callable[..., object]
) -> None:
    """Something is done after the delivery was verified and before its transaction begins."""
    hooked = await deliveries._hooked(built.service, hook, NOW)
    await meanwhile()  # type: ignore[misc]  # a coroutine function
    arrival = deliveries.Arrival(
        hooked, hubspot(hook, SECRET, elements, NOW), UUID(int=1), NOW, read_nothing
    )
    await deliveries._write(built.service, hooked.organization, [arrival])


async def test_a_delivery_is_read_under_the_mapping_that_is_there_when_it_is_performed(
    built: House,
):
    actor, hook = await connect(built)

    async def remap() -> None:
        other = {**MAPPING, "value": {"property": "arr_value"}}
        source = Source("hubspot", "HubSpot", "hubspot", "4242001", "marketing", other)
        await sources.put(built.service, actor, source, None)

    await performed(
        built, hook, [*story(NOW - 10 * DAY), changed(42, "arr_value", "7", NOW - 5 * DAY)], remap
    )
    won = next(e for e in await live(built, actor) if e.event.type == "deal.won")
    assert won.event.value == 7 * ONE


async def test_a_delivery_of_a_source_that_was_archived_meanwhile_leaves_no_trace(built: House):
    actor, hook = await connect(built)

    async def archive() -> None:
        await configuration.archive(built.service, actor, "source", "hubspot")

    with pytest.raises(NotAuthenticError):
        await performed(built, hook, story(NOW - 10 * DAY), archive)
    async with built.service.database.reading() as connection:
        assert await kept.page(connection, actor.organization, "hubspot", None, None, 10) == []
    assert await live(built, actor) == []


async def test_what_comes_at_once_is_kept_together_and_what_breaks_breaks_alone(relay: Relay):
    def fragile(element: Mapping[str, object]) -> Event:
        if element["id"] == "poison":
            raise RuntimeError
        return read(element)

    names = ["a", "b", "poison", "c", "a"]
    arriving = [
        relay.deliver([{"id": name}], fragile, f"msg_{place}") for place, name in enumerate(names)
    ]
    taken = await gather(*arriving)
    assert [one.state for one in taken] == [
        "processed",
        "processed",
        "failed",
        "processed",
        "processed",
    ]
    assert len({one.uid for one in taken}) == len(names)
    assert sorted(one.event.id for one in await live(relay.built, relay.actor, "relay")) == [
        "a",
        "b",
        "c",
    ]
    assert await clean(relay.built, relay.actor)


async def test_where_nothing_can_be_kept_all_that_came_at_once_are_told_to_try_again(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
):
    async def busy(*_: object) -> None:
        raise UnavailableError("The database cannot be reached or is busy; try again shortly.")

    monkeypatch.setattr(kept, "add", busy)
    arriving = [relay.deliver([{"id": name}], read, f"msg_{name}") for name in "abc"]
    answers = await gather(*arriving, return_exceptions=True)
    assert [type(one) for one in answers] == [UnavailableError] * 3
    assert await live(relay.built, relay.actor, "relay") == []
