"""Each rule of a valid configuration, at its edge and one step beyond it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.events.metrics import Condition
from app.domain.playbook.configuration import Configuration, Noun, changes
from app.domain.playbook.objectives import Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Organization, Policy, Team
from app.domain.playbook.validation import CHECKS, archive, put, put_responsibility
from app.domain.primitives.errors import InUseError, InvalidError, NotFoundError
from app.domain.sources.sources import CRMS, Source
from tests.support.configurations import FIRST, LAST, LATER, book, known, result
from tests.support.services import ONE, metric

DAY = timedelta(days=1)


def faults(noun: Noun, configuration: Configuration | None = None) -> Mapping[str, str]:
    """What is wrong with putting it, by where."""
    try:
        after = put(configuration or known(), noun)
    except InvalidError as error:
        return {fault.pointer: fault.detail for fault in error.faults}
    assert after.of(noun.kind)[noun.key] == noun
    return {}


@pytest.mark.parametrize(
    ("noun", "pointer", "nearest"),
    [
        (result(objective="wim"), "/objective", "'win'"),
        (result(metric="art"), "/metric", "'arr'"),
        (Objective("o", "q5", "O"), "/playbook", "'q4'"),
        (Objective("o", "q4", "O", parent="wi"), "/parent", "'win'"),
        (Responsibility("wins", "sales", "informed"), "/objective", "'win'"),
        (Responsibility("win", "sale", "informed"), "/team", "'sales'"),
        (Offering("o", "O", FIRST, team="marketin"), "/team", "'marketing'"),
        (Source("s", "S", team="salse"), "/team", "'sales'"),
    ],
)
def test_what_is_not_known_is_refused_and_the_nearest_is_named(
    noun: Noun, pointer: str, nearest: str
):
    found = faults(noun)
    assert list(found) == [pointer]
    assert nearest in found[pointer]


def test_what_is_like_nothing_known_names_nothing():
    assert "nearest" not in faults(result(metric="zzzzz"))["/metric"]


def test_what_is_archived_is_not_known_any_more():
    assert "/team" in faults(
        Offering("o", "O", FIRST, team="marketing"), known().drop("team", "marketing")
    )


def test_every_fault_is_told_at_once():
    assert set(faults(result(objective="x", metric="y", target=0))) == {
        "/objective",
        "/metric",
        "/target",
    }


def test_a_target_differs_from_its_baseline():
    assert list(faults(result(baseline=ONE, target=ONE))) == ["/target"]
    assert faults(result(baseline=ONE, target=ONE + 1)) == {}


@pytest.mark.parametrize("aggregation", ["sum", "count", "mean", "min", "max", "last"])
def test_what_only_rises_cannot_be_asked_to_fall(aggregation: str):
    measured = known(metric("level", aggregation=aggregation))
    falling = result("down", metric="level", baseline=2 * ONE, target=ONE)
    rises = aggregation in ("sum", "count")
    assert list(faults(falling, measured)) == (["/target"] if rises else [])
    there = known(metric("level", aggregation="last"), falling)
    assert list(faults(metric("level", aggregation=aggregation), there)) == (
        ["/aggregation"] if rises else []
    )


@pytest.mark.parametrize(
    ("first", "last", "wrong"),
    [
        (None, None, []),
        (FIRST, LAST, []),
        (FIRST, FIRST, []),
        (FIRST - DAY, None, ["/starts_on"]),
        (None, LAST + DAY, ["/ends_on"]),
        (LAST + DAY, None, ["/ends_on"]),
        (FIRST + DAY, FIRST, ["/ends_on"]),
    ],
)
def test_a_key_result_s_window_is_inside_its_playbook_s(
    first: object, last: object, wrong: list[str]
):
    assert list(faults(result(starts_on=first, ends_on=last))) == wrong


def test_a_playbook_s_window_holds_those_of_its_key_results():
    there = known(result(starts_on=FIRST + DAY, ends_on=LAST - DAY))
    assert faults(book(first=FIRST + DAY, last=LAST - DAY), there) == {}
    assert "'arr-2m'" in faults(book(first=FIRST + 2 * DAY), there)["/ends_on"]
    assert list(faults(book(last=LAST - 2 * DAY), there)) == ["/ends_on"]
    assert faults(book("other", *LATER), there) == {}


def test_a_playbook_ends_after_it_starts():
    assert list(faults(book(first=LAST, last=FIRST))) == ["/ends_on"]
    assert faults(book("new", FIRST, FIRST)) == {}


def test_an_objective_takes_its_key_results_windows_along():
    there = known(book("next", *LATER), result(starts_on=FIRST, ends_on=LAST))
    assert list(faults(Objective("win", "next", "Win"), there)) == ["/playbook"]
    assert faults(Objective("win", "next", "Win"), known(book("next", *LATER))) == {}


def test_parent_and_child_are_in_one_playbook():
    there = known(book("next", *LATER), Objective("child", "q4", "Child", parent="win"))
    assert (
        "another playbook"
        in faults(Objective("child", "next", "Child", parent="win"), there)["/parent"]
    )
    assert "'child'" in faults(Objective("win", "next", "Win"), there)["/playbook"]


def test_no_objective_is_its_own_parent():
    assert list(faults(Objective("win", "q4", "Win", parent="win"))) == ["/parent"]
    assert list(faults(Objective("new", "q4", "New", parent="new"))) == ["/parent"]


@given(st.integers(2, 6))
def test_no_ring_of_parents_can_be_closed(length: int):
    keys = [f"o{n}" for n in range(length)]
    found = known(Objective(keys[0], "q4", "O"))
    for above, key in pairwise(keys):
        found = put(found, Objective(key, "q4", "O", parent=above))
    wrong = faults(Objective(keys[0], "q4", "O", parent=keys[-1]), found)
    assert list(wrong) == ["/parent"]
    assert wrong["/parent"].startswith(f"This would be a cycle: {keys[0]} under {keys[-1]}")


@pytest.mark.parametrize(
    ("op", "value", "good"),
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
def test_a_condition_s_value_suits_its_operator(op: str, value: object, *, good: bool):
    first = Condition("data.a", "eq", 1)
    wrong = faults(metric(where=(first, Condition("data.x", op, value))))  # type: ignore[arg-type]  # what JSON holds
    assert list(wrong) == ([] if good else ["/where/1/value"])


def test_a_metric_names_an_event_type():
    assert list(faults(metric(events=()))) == ["/events"]


def test_an_offering_retires_after_it_is_available():
    assert list(faults(Offering("o", "O", FIRST, FIRST))) == ["/retired_on"]
    assert faults(Offering("o", "O", FIRST, FIRST + DAY)) == {}


def test_a_crm_s_source_has_a_default_team():
    for connector in sorted(CRMS):
        assert list(faults(Source("crm", "CRM", connector))) == ["/team"]
        assert faults(Source("crm", "CRM", connector, team="sales")) == {}
    assert faults(Source("hooks", "Hooks", "standard_webhooks")) == {}


def test_a_source_keeps_its_connector_even_when_it_was_archived():
    assert list(faults(Source("billing", "Billing", "standard_webhooks"))) == ["/connector"]
    gone = known().drop("source", "billing")
    assert list(faults(Source("billing", "Billing", "standard_webhooks"), gone)) == ["/connector"]
    assert faults(Source("billing", "Invoices"), gone) == {}


def test_a_time_zone_is_one_that_is_known():
    assert list(faults(Organization("acme", "Acme", "Mars/Olympus"))) == ["/time_zone"]
    assert faults(Organization("acme", "Acme", "Asia/Kolkata")) == {}


def test_the_least_coverage_is_not_negative():
    assert list(faults(Policy(minimum_coverage=-1))) == ["/minimum_coverage"]
    assert faults(Policy(minimum_coverage=0)) == {}


def test_a_team_has_no_rule_of_its_own():
    assert "team" not in CHECKS
    assert faults(Team("new", "New", "any")) == {}


@pytest.mark.parametrize(
    ("kind", "key", "keeper"),
    [
        ("playbook", "q4", "the objective 'below'"),
        ("metric", "arr", "the key result 'arr-2m'"),
        ("team", "sales", "its responsibility for 'win'"),
        ("team", "ops", "the source 'crm'"),
        ("team", "care", "the offering 'support'"),
        ("objective", "top", "its child 'below'"),
    ],
)
def test_what_something_live_needs_is_kept_and_the_keeper_named(kind: str, key: str, keeper: str):
    more = (
        Team("ops", "Ops", "operations"),
        Source("crm", "CRM", "hubspot", team="ops"),
        Team("care", "Care", "any"),
        Offering("support", "Support", FIRST, team="care"),
        Objective("top", "q4", "Top"),
        Objective("below", "q4", "Below", parent="top"),
    )
    with pytest.raises(InUseError) as refused:
        archive(known(*more), kind, key)
    assert keeper in refused.value.detail


@pytest.mark.parametrize(
    "bearing", [Responsibility("win", "sales", "consulted", ONE, "accepted"), None]
)
def test_a_team_without_load_can_be_archived(bearing: Responsibility | None):
    there = (
        known(bearing)
        if bearing
        else known(Responsibility("win", "sales", "accountable", ONE, "declined"))
    )
    assert "sales" not in archive(there, "team", "sales").teams


def test_archiving_an_objective_archives_what_hangs_on_it_and_nothing_else():
    there = known(Objective("other", "q4", "Other"), result("kept", objective="other"))
    there = there.put(Responsibility("other", "sales", "informed"))
    after = archive(there, "objective", "win")
    assert [(change.action, change.key) for change in changes(there, after)] == [
        ("archive", "win"),
        ("archive", "arr-2m"),
        ("archive", "win/marketing"),
        ("archive", "win/sales"),
    ]


def test_what_is_not_there_cannot_be_archived():
    with pytest.raises(NotFoundError, match="'arr-2m'"):
        archive(known(), "key_result", "arr-1m")


def test_a_changed_role_or_share_is_proposed_again():
    was = known().responsibilities["win/sales"]
    assert was.status == "accepted"
    for changed in (replace(was, role="responsible"), replace(was, share=2 * ONE)):
        now = put_responsibility(known(), changed).responsibilities["win/sales"]
        assert (now.role, now.share) == (changed.role, changed.share)
        assert (now.status, now.by, now.note) == ("proposed", "", "")


def test_the_same_role_and_share_keep_what_the_team_said():
    was = known().responsibilities["win/sales"]
    again = put_responsibility(known(), Responsibility("win", "sales", was.role, was.share))
    assert again.responsibilities["win/sales"] == was


def test_nobody_accepts_by_putting():
    found = put_responsibility(
        known(Team("ops", "Ops", "any")),
        Responsibility("win", "ops", "informed", ONE, "accepted", "x"),
    )
    assert found.responsibilities["win/ops"] == Responsibility("win", "ops", "informed")


def test_archiving_a_team_archives_the_parts_that_it_does_not_bear():
    there = known(
        Objective("other", "q4", "Other"),
        Responsibility("other", "marketing", "informed", ONE, "accepted"),
    )
    after = archive(there, "team", "marketing")
    assert [(change.action, change.key) for change in changes(there, after)] == [
        ("archive", "marketing"),
        ("archive", "other/marketing"),
        ("archive", "win/marketing"),
    ]


def test_a_long_ring_is_told_in_a_short_sentence():
    keys = [f"o{n}" for n in range(500)]
    found = known(Objective(keys[0], "q4", "O"))
    for above, key in pairwise(keys):
        found = found.put(Objective(key, "q4", "O", parent=above))
    (told,) = faults(Objective(keys[0], "q4", "O", parent=keys[-1]), found).values()
    assert told.startswith("This would be a cycle: o0 under o499 under o498")
    assert told.endswith("under ... under o1 under o0.")
    assert len(told) < 200
