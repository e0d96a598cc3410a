from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.domain.playbook.configuration import Configuration, changes
from app.domain.playbook.history import Taken, matched, restated, undone
from app.domain.playbook.organization import Organization, Team
from tests.support.services import metric

EMPTY = Configuration({"acme": Organization("acme", "Acme")})
STEP = st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "drop"]), st.integers(0, 3))


@given(st.lists(STEP, max_size=12), st.lists(STEP, unique_by=lambda step: step[0]))
def test_changes_taken_back_give_the_configuration_before_them(
    first: list[tuple[str, str, int]], then: list[tuple[str, str, int]]
):
    before = walked(EMPTY, first)
    after = walked(before, then)
    taken = [
        Taken(change.kind, change.key, change.action, change.before)
        for change in changes(before, after)
    ]
    assert filled(undone(after, taken)) == filled(before)


def walked(configuration: Configuration, steps: list[tuple[str, str, int]]) -> Configuration:
    for key, step, size in steps:
        if step == "put":
            configuration = configuration.put(Team(key, f"Team {size}", "sales"))
        elif key in configuration.teams:
            configuration = configuration.drop("team", key)
    return configuration


def filled(configuration: Configuration) -> object:
    return configuration.teams, {
        kind: gone for kind, gone in configuration.archived.items() if gone
    }


def test_a_past_metric_is_matched_as_it_is_now_and_has_the_rest_as_it_was():
    then = metric(aggregation="max", canonical_source="billing", unit="EUR")
    now = metric(
        aggregation="sum",
        canonical_source="crm",
        unit="USD",
        events=("deal.won",),
        value="data.seats",
    )
    past = EMPTY.put(then)
    found = restated(past, {"arr": now}).metrics["arr"]
    assert (found.aggregation, found.canonical_source) == ("max", "billing")
    assert (found.unit, found.events, found.value) == ("USD", ("deal.won",), "data.seats")
    counted = restated(past, {"arr": replace(now, aggregation="count")}).metrics["arr"]
    assert counted.aggregation == "count"
    assert restated(past, {"arr": then}) is past


def test_events_match_live_and_archived_metrics_and_those_being_restated_as_they_were():
    one, two, old = metric("one"), metric("two"), metric("two", events=("x",))
    known = EMPTY.put(one).put(two).put(metric("new")).drop("metric", "one")
    assert matched(known, {"two": old, "new": None}) == {"one": one, "two": old}
