"""The counts of a metric equal those of its live events."""

from app.services.events import ingestion
from app.services.playbook import configuration as configuration_service
from app.store.events import metric_counts
from app.store.events.metric_counts import MetricCounts
from tests.support.service_harness import (
    ServiceHarness,
    make_event,
    make_metric,
    record_events,
    seed_playbook,
)


async def test_the_figures_are_those_of_the_live_events(harness: ServiceHarness):
    actor = await harness.create_organization()
    other_actor = await harness.create_organization("other")
    for tenant in (actor, other_actor):
        await seed_playbook(harness, tenant)
    await configuration_service.put_resource(
        harness.service, actor, make_metric("euros", unit="EUR", where=())
    )
    outcomes = await record_events(
        harness,
        actor,
        make_event("a", unit="EUR"),
        make_event("b", unit="USD"),
        make_event("c", value=None),
        make_event("d", type="call.held"),
        make_event("e", unit="EUR", data={}),
        make_event("f", type="noise"),
    )
    metric_keys = ["arr", "euros", "ghost"]

    async def load_figures(organization: object) -> dict[str, MetricCounts]:
        async with harness.service.database.read_transaction() as reader:
            return dict(await metric_counts.count_by_metric(reader, organization, metric_keys))  # type: ignore[arg-type]  # a UUID

    assert await load_figures(actor.organization) == {
        "arr": MetricCounts(4, 2, 0, 1),
        "euros": MetricCounts(5, 2, 1, 1),
        "ghost": MetricCounts(),
    }
    assert await load_figures(other_actor.organization) == dict.fromkeys(
        metric_keys, MetricCounts()
    )
    assert outcomes[0].uid is not None
    await ingestion.retract_event(harness.service, actor, outcomes[0].uid, "a mistake")
    assert (await load_figures(actor.organization))["euros"] == MetricCounts(4, 1, 1, 1)
