"""Each validation rule, at its limit and one step beyond it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.events.metrics import Condition
from app.domain.playbook.configuration import Configuration, Resource, diff_configurations
from app.domain.playbook.objectives import Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Organization, Policy, Team
from app.domain.playbook.validation import (
    RESOURCE_CHECKS,
    archive_resource,
    put_resource,
    put_responsibility,
)
from app.domain.primitives.errors import InvalidError, NotFoundError
from app.domain.sources.sources import CRM_CONNECTORS, Source
from tests.support.configurations import (
    FIRST_DAY,
    LAST_DAY,
    NEXT_QUARTER,
    make_configuration,
    make_key_result,
    make_playbook,
)
from tests.support.service_harness import SCALE, make_metric

DAY = timedelta(days=1)


def errors_by_pointer(
    resource: Resource, configuration: Configuration | None = None
) -> Mapping[str, str]:
    """Return the validation errors of a resource, by pointer."""
    try:
        after = put_resource(configuration or make_configuration(), resource)
    except InvalidError as error:
        return {fault.pointer: fault.detail for fault in error.faults}
    assert after.resources_of(resource.kind)[resource.key] == resource
    return {}


@pytest.mark.parametrize(
    ("resource", "pointer", "nearest"),
    [
        (make_key_result(objective="wim"), "/objective", "'win'"),
        (make_key_result(metric="art"), "/metric", "'arr'"),
        (Objective("o", "q5", "O"), "/playbook", "'q4'"),
        (Objective("o", "q4", "O", parent="wi"), "/parent", "'win'"),
        (Responsibility("wins", "sales", "informed"), "/objective", "'win'"),
        (Responsibility("win", "sale", "informed"), "/team", "'sales'"),
        (Offering("o", "O", FIRST_DAY, team="marketin"), "/team", "'marketing'"),
        (Source("s", "S", team="salse"), "/team", "'sales'"),
    ],
)
def test_an_unknown_reference_is_refused_and_the_nearest_key_is_named(
    resource: Resource, pointer: str, nearest: str
):
    errors = errors_by_pointer(resource)
    assert list(errors) == [pointer]
    assert nearest in errors[pointer]


def test_an_unknown_reference_similar_to_none_suggests_none():
    assert "nearest" not in errors_by_pointer(make_key_result(metric="zzzzz"))["/metric"]


def test_an_archived_resource_cannot_be_referenced():
    assert "/team" in errors_by_pointer(
        Offering("o", "O", FIRST_DAY, team="marketing"),
        make_configuration().with_archived("team", "marketing"),
    )


def test_every_fault_is_reported_at_once():
    assert set(errors_by_pointer(make_key_result(objective="x", metric="y", target=0))) == {
        "/objective",
        "/metric",
        "/target",
    }


def test_a_target_differs_from_its_baseline():
    assert list(errors_by_pointer(make_key_result(baseline=SCALE, target=SCALE))) == ["/target"]
    assert errors_by_pointer(make_key_result(baseline=SCALE, target=SCALE + 1)) == {}


@pytest.mark.parametrize("aggregation", ["sum", "count", "mean", "min", "max", "last"])
def test_a_metric_that_only_rises_has_no_falling_target(aggregation: str):
    with_metric = make_configuration(make_metric("level", aggregation=aggregation))
    falling_key_result = make_key_result("down", metric="level", baseline=2 * SCALE, target=SCALE)
    only_rises = aggregation in ("sum", "count")
    assert list(errors_by_pointer(falling_key_result, with_metric)) == (
        ["/target"] if only_rises else []
    )
    previous_configuration = make_configuration(
        make_metric("level", aggregation="last"), falling_key_result
    )
    assert list(
        errors_by_pointer(make_metric("level", aggregation=aggregation), previous_configuration)
    ) == (["/aggregation"] if only_rises else [])


@pytest.mark.parametrize(
    ("first", "last", "expected_pointers"),
    [
        (None, None, []),
        (FIRST_DAY, LAST_DAY, []),
        (FIRST_DAY, FIRST_DAY, []),
        (FIRST_DAY - DAY, None, ["/starts_on"]),
        (None, LAST_DAY + DAY, ["/ends_on"]),
        (LAST_DAY + DAY, None, ["/ends_on"]),
        (FIRST_DAY + DAY, FIRST_DAY, ["/ends_on"]),
    ],
)
def test_a_key_result_s_window_is_inside_its_playbook_s(
    first: object, last: object, expected_pointers: list[str]
):
    assert (
        list(errors_by_pointer(make_key_result(starts_on=first, ends_on=last))) == expected_pointers
    )


def test_a_playbook_ends_after_it_starts():
    assert list(errors_by_pointer(make_playbook(starts_on=LAST_DAY, ends_on=FIRST_DAY))) == [
        "/ends_on"
    ]
    assert errors_by_pointer(make_playbook("new", FIRST_DAY, FIRST_DAY)) == {}


def test_parent_and_child_are_in_one_playbook():
    previous_configuration = make_configuration(
        make_playbook("next", *NEXT_QUARTER), Objective("child", "q4", "Child", parent="win")
    )
    assert (
        "another playbook"
        in errors_by_pointer(
            Objective("child", "next", "Child", parent="win"), previous_configuration
        )["/parent"]
    )
    assert (
        "'child'"
        in errors_by_pointer(Objective("win", "next", "Win"), previous_configuration)["/playbook"]
    )


def test_no_objective_is_its_own_parent():
    assert list(errors_by_pointer(Objective("win", "q4", "Win", parent="win"))) == ["/parent"]
    assert list(errors_by_pointer(Objective("new", "q4", "New", parent="new"))) == ["/parent"]


@pytest.mark.parametrize(
    ("op", "value", "is_valid"),
    [
        ("eq", 1, True),
        ("eq", True, True),
        ("eq", None, False),
        ("ne", ("a",), False),
        ("in", ("a", 1), True),
        ("in", (), False),
        ("not_in", "a", False),
        ("gt", 1.5, True),
        ("gte", "1", False),
        ("lt", True, False),
        ("lte", None, False),
        ("exists", None, True),
        ("exists", False, True),
        ("exists", "yes", False),
    ],
)
def test_a_condition_s_value_suits_its_operator(op: str, value: object, *, is_valid: bool):
    valid_condition = Condition("data.a", "eq", 1)
    errors = errors_by_pointer(make_metric(where=(valid_condition, Condition("data.x", op, value))))  # type: ignore[arg-type]  # what JSON holds
    assert list(errors) == ([] if is_valid else ["/where/1/value"])


def test_a_metric_names_an_event_type():
    assert list(errors_by_pointer(make_metric(events=()))) == ["/events"]


def test_an_offering_retires_after_it_is_available():
    assert list(errors_by_pointer(Offering("o", "O", FIRST_DAY, FIRST_DAY))) == ["/retired_on"]
    assert errors_by_pointer(Offering("o", "O", FIRST_DAY, FIRST_DAY + DAY)) == {}


def test_a_crm_s_source_has_a_default_team():
    for connector in sorted(CRM_CONNECTORS):
        assert list(errors_by_pointer(Source("crm", "CRM", connector))) == ["/team"]
        assert errors_by_pointer(Source("crm", "CRM", connector, team="sales")) == {}
    assert errors_by_pointer(Source("hooks", "Hooks", "standard_webhooks")) == {}


def test_a_source_keeps_its_connector_even_when_it_was_archived():
    assert list(errors_by_pointer(Source("billing", "Billing", "standard_webhooks"))) == [
        "/connector"
    ]
    without_source = make_configuration().with_archived("source", "billing")
    assert list(
        errors_by_pointer(Source("billing", "Billing", "standard_webhooks"), without_source)
    ) == ["/connector"]
    assert errors_by_pointer(Source("billing", "Invoices"), without_source) == {}


def test_a_time_zone_is_one_that_is_known():
    assert list(errors_by_pointer(Organization("acme", "Acme", "Mars/Olympus"))) == ["/time_zone"]
    assert errors_by_pointer(Organization("acme", "Acme", "Asia/Kolkata")) == {}


def test_the_minimum_coverage_is_not_negative():
    assert list(errors_by_pointer(Policy(minimum_coverage=-1))) == ["/minimum_coverage"]
    assert errors_by_pointer(Policy(minimum_coverage=0)) == {}


def test_a_team_has_no_rule_of_its_own():
    assert "team" not in RESOURCE_CHECKS
    assert errors_by_pointer(Team("new", "New", "any")) == {}


@pytest.mark.parametrize(
    "responsibility", [Responsibility("win", "sales", "consulted", SCALE, "accepted"), None]
)
def test_a_team_without_load_can_be_archived(responsibility: Responsibility | None):
    previous_configuration = (
        make_configuration(responsibility)
        if responsibility
        else make_configuration(Responsibility("win", "sales", "accountable", SCALE, "declined"))
    )
    assert "sales" not in archive_resource(previous_configuration, "team", "sales").teams


def test_archiving_an_objective_archives_its_dependents_and_nothing_else():
    previous_configuration = make_configuration(
        Objective("other", "q4", "Other"), make_key_result("kept", objective="other")
    )
    previous_configuration = previous_configuration.with_resource(
        Responsibility("other", "sales", "informed")
    )
    after = archive_resource(previous_configuration, "objective", "win")
    assert [
        (change.action, change.key) for change in diff_configurations(previous_configuration, after)
    ] == [
        ("archive", "win"),
        ("archive", "arr-2m"),
        ("archive", "win/marketing"),
        ("archive", "win/sales"),
    ]


def test_an_unknown_resource_cannot_be_archived():
    with pytest.raises(NotFoundError, match="'arr-2m'"):
        archive_resource(make_configuration(), "key_result", "arr-1m")


def test_a_changed_role_or_share_is_proposed_again():
    original = make_configuration().responsibilities["win/sales"]
    assert original.status == "accepted"
    for changed in (replace(original, role="responsible"), replace(original, share=2 * SCALE)):
        stored = put_responsibility(make_configuration(), changed).responsibilities["win/sales"]
        assert (stored.role, stored.share) == (changed.role, changed.share)
        assert (stored.status, stored.by, stored.note) == ("proposed", "", "")


def test_the_same_role_and_share_keep_the_answer_of_the_team():
    original = make_configuration().responsibilities["win/sales"]
    after = put_responsibility(
        make_configuration(), Responsibility("win", "sales", original.role, original.share)
    )
    assert after.responsibilities["win/sales"] == original


def test_nobody_accepts_by_putting():
    after = put_responsibility(
        make_configuration(Team("ops", "Ops", "any")),
        Responsibility("win", "ops", "informed", SCALE, "accepted", "x"),
    )
    assert after.responsibilities["win/ops"] == Responsibility("win", "ops", "informed")


def test_archiving_a_team_archives_its_responsibilities_without_load():
    previous_configuration = make_configuration(
        Objective("other", "q4", "Other"),
        Responsibility("other", "marketing", "informed", SCALE, "accepted"),
    )
    after = archive_resource(previous_configuration, "team", "marketing")
    assert [
        (change.action, change.key) for change in diff_configurations(previous_configuration, after)
    ] == [
        ("archive", "marketing"),
        ("archive", "other/marketing"),
        ("archive", "win/marketing"),
    ]
