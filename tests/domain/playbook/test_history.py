from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.domain.playbook.configuration import Configuration, diff_configurations
from app.domain.playbook.history import (
    ChangeToRevert,
    effective_metrics,
    revert,
    with_current_metrics,
)
from app.domain.playbook.organization import Organization, Team
from tests.support.service_harness import make_metric

EMPTY = Configuration({"acme": Organization("acme", "Acme")})
STEP = st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "drop"]), st.integers(0, 3))


@given(st.lists(STEP, max_size=12), st.lists(STEP, unique_by=lambda step: step[0]))
def test_reverting_changes_gives_the_configuration_before_them(
    first_steps: list[tuple[str, str, int]], later_steps: list[tuple[str, str, int]]
):
    before = apply_steps(EMPTY, first_steps)
    after = apply_steps(before, later_steps)
    changes_to_revert = [
        ChangeToRevert(change.kind, change.key, change.action, change.before)
        for change in diff_configurations(before, after)
    ]
    assert to_comparable(revert(after, changes_to_revert)) == to_comparable(before)


def apply_steps(configuration: Configuration, steps: list[tuple[str, str, int]]) -> Configuration:
    for key, step, size in steps:
        if step == "put":
            configuration = configuration.with_resource(Team(key, f"Team {size}", "sales"))
        elif key in configuration.teams:
            configuration = configuration.with_archived("team", key)
    return configuration


def to_comparable(configuration: Configuration) -> object:
    return configuration.teams, {
        kind: archived_resources
        for kind, archived_resources in configuration.archived.items()
        if archived_resources
    }


def test_a_past_metric_matches_by_its_current_rule_and_keeps_its_other_past_fields():
    past_metric = make_metric(aggregation="max", canonical_source="billing", unit="EUR")
    current_metric = make_metric(
        aggregation="sum",
        canonical_source="crm",
        unit="USD",
        events=("deal.won",),
        value="data.seats",
    )
    past_configuration = EMPTY.with_resource(past_metric)
    restated_metric = with_current_metrics(past_configuration, {"arr": current_metric}).metrics[
        "arr"
    ]
    assert (restated_metric.aggregation, restated_metric.canonical_source) == ("max", "billing")
    assert (restated_metric.unit, restated_metric.events, restated_metric.value) == (
        "USD",
        ("deal.won",),
        "data.seats",
    )
    count_metric = with_current_metrics(
        past_configuration, {"arr": replace(current_metric, aggregation="count")}
    ).metrics["arr"]
    assert count_metric.aggregation == "count"
    assert with_current_metrics(past_configuration, {"arr": past_metric}) is past_configuration


def test_events_match_live_and_archived_metrics_and_those_being_restated_as_they_were():
    archived_metric = make_metric("one")
    changed_metric = make_metric("two")
    previous_metric = make_metric("two", events=("x",))
    configuration = (
        EMPTY.with_resource(archived_metric)
        .with_resource(changed_metric)
        .with_resource(make_metric("new"))
        .with_archived("metric", "one")
    )
    assert effective_metrics(configuration, {"two": previous_metric, "new": None}) == {
        "one": archived_metric,
        "two": previous_metric,
    }
