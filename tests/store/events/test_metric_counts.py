"""How many events stand to a metric in which way, as the events themselves say."""

from app.services.events import ingestion as events
from app.services.playbook import configuration
from app.store.events import metric_counts as metrics
from app.store.events.metric_counts import Figures
from tests.support.services import House, event, furnish, metric, record


async def test_the_figures_are_those_of_the_live_events(built: House):
    actor, other = await built.organization(), await built.organization("other")
    for one in (actor, other):
        await furnish(built, one)
    await configuration.put(built.service, actor, metric("euros", unit="EUR", where=()))
    items = await record(
        built,
        actor,
        event("a", unit="EUR"),
        event("b", unit="USD"),
        event("c", value=None),
        event("d", type="call.held"),
        event("e", unit="EUR", data={}),
        event("f", type="noise"),
    )
    wanted = ["arr", "euros", "ghost"]

    async def figures(who: object) -> dict[str, Figures]:
        async with built.service.database.reading() as connection:
            return dict(await metrics.figures(connection, who, wanted))  # type: ignore[arg-type]  # an identity

    assert await figures(actor.organization) == {
        "arr": Figures(4, 2, 0, 1),
        "euros": Figures(5, 2, 1, 1),
        "ghost": Figures(),
    }
    assert await figures(other.organization) == dict.fromkeys(wanted, Figures())
    assert items[0].uid is not None
    await events.retract_event(built.service, actor, items[0].uid, "a mistake")
    assert (await figures(actor.organization))["euros"] == Figures(4, 1, 1, 1)
