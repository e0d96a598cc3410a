"""Playbooks as code: applying is idempotent, rendering is its inverse, errors change nothing."""

from dataclasses import replace
from datetime import date
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.playbook.configuration import (
    TABLE_NAMES,
    Configuration,
    Resource,
    diff_configurations,
)
from app.domain.playbook.document import (
    Document,
    Located,
    apply_document,
    list_names,
    render_document,
)
from app.domain.playbook.objectives import Objective, Responsibility
from app.domain.playbook.organization import Organization, Team
from app.domain.playbook.playbooks import Playbook
from app.domain.primitives.errors import (
    ForbiddenError,
    InvalidError,
    NotFoundError,
    PruneNeededError,
)
from app.domain.sources.sources import Source
from tests.support.configurations import (
    FIRST_DAY,
    LAST_DAY,
    NEXT_QUARTER,
    locate_nouns,
    make_configuration,
    make_key_result,
    make_playbook,
    valid_documents,
)
from tests.support.service_harness import NOW, SCALE, make_metric

EMPTY = Configuration({"acme": Organization("acme", "Acme")})


def live_resources_by_kind(configuration: Configuration) -> dict[str, object]:
    """Return all live resources by kind, without their order."""
    return {kind: dict(configuration.resources_of(kind)) for kind in TABLE_NAMES}


def apply_accepted(
    configuration: Configuration, document: Document, *, prune: bool = False, accept: bool = True
) -> Configuration:
    return apply_document(configuration, document, prune=prune, accept=accept)


def error_pointers(document: Document, start: Configuration = EMPTY) -> list[str]:
    with pytest.raises(InvalidError) as excinfo:
        apply_accepted(start, document, prune=True)
    return [fault.pointer for fault in excinfo.value.faults]


def document_with_objectives(*objectives: Resource) -> Document:
    return Document(
        make_playbook(), objectives=locate_nouns("playbook/objectives", list(objectives))
    )


@settings(max_examples=60)
@given(valid_documents())
def test_applying_twice_changes_nothing(document: Document):
    applied = apply_accepted(EMPTY, document)
    assert diff_configurations(applied, apply_accepted(applied, document)) == ()


@settings(max_examples=60)
@given(valid_documents())
def test_a_rendered_document_recreates_the_configuration(document: Document):
    applied = apply_accepted(EMPTY, document)
    reapplied = apply_accepted(EMPTY, render_document(applied, "q4"))
    assert live_resources_by_kind(reapplied) == live_resources_by_kind(applied)
    assert (
        diff_configurations(applied, apply_accepted(applied, render_document(applied, "q4"))) == ()
    )


@settings(max_examples=60)
@given(valid_documents(), valid_documents())
def test_applying_with_prune_removes_the_previous_document(
    previous_document: Document, next_document: Document
):
    after = apply_accepted(apply_accepted(EMPTY, previous_document), next_document, prune=True)
    assert set(list_names(render_document(after, "q4"))) - set(list_names(next_document)) <= {
        ("team", key) for key in after.teams
    }
    applied_alone = apply_accepted(EMPTY, next_document)
    for kind in ("objective", "key_result"):
        assert after.resources_of(kind) == applied_alone.resources_of(kind)


@settings(max_examples=40)
@given(valid_documents(), st.randoms(use_true_random=False))
def test_the_order_of_the_objectives_does_not_matter(document: Document, random_source: object):
    shuffled = list(document.objectives)
    random_source.shuffle(shuffled)  # type: ignore[attr-defined]  # a Random
    assert live_resources_by_kind(
        apply_accepted(EMPTY, replace(document, objectives=tuple(shuffled)))
    ) == live_resources_by_kind(apply_accepted(EMPTY, document))


def test_children_may_come_before_their_parents():
    document = document_with_objectives(
        Objective("below", "q4", "Below", parent="top"), Objective("top", "q4", "Top")
    )
    assert apply_accepted(EMPTY, document).objectives["below"].parent == "top"


def test_parent_and_child_may_swap_roles():
    initial_configuration = apply_accepted(
        EMPTY,
        document_with_objectives(Objective("a", "q4", "A"), Objective("b", "q4", "B", parent="a")),
    )
    for order in ((0, 1), (1, 0)):
        objectives = (Objective("a", "q4", "A", parent="b"), Objective("b", "q4", "B"))
        after = apply_accepted(
            initial_configuration, document_with_objectives(*(objectives[n] for n in order))
        )
        assert (after.objectives["a"].parent, after.objectives["b"].parent) == ("b", None)


def test_a_parent_cycle_in_the_document_is_refused():
    cyclic_document = document_with_objectives(
        Objective("a", "q4", "A", parent="b"), Objective("b", "q4", "B", parent="a")
    )
    assert error_pointers(cyclic_document) == ["/playbook/objectives/1/parent"]


def test_a_playbook_and_its_key_results_may_move_together():
    new_window = (date(2027, 1, 10), date(2027, 2, 10))
    initial_configuration = make_configuration(
        make_key_result(starts_on=FIRST_DAY, ends_on=LAST_DAY)
    )
    moved_document = replace(
        render_document(initial_configuration, "q4"),
        playbook=make_playbook("q4", *NEXT_QUARTER),
        key_results=locate_nouns(
            "key_results", [make_key_result(starts_on=new_window[0], ends_on=new_window[1])]
        ),
    )
    after = apply_accepted(initial_configuration, moved_document)
    assert (after.playbooks["q4"].starts_on, after.key_results["arr-2m"].ends_on) == (
        NEXT_QUARTER[0],
        new_window[1],
    )


def test_a_metric_and_its_key_result_may_change_direction_in_one_document():
    initial_configuration = make_configuration(
        make_metric(aggregation="last"), make_key_result(baseline=10 * SCALE, target=SCALE)
    )
    document = replace(
        render_document(initial_configuration, "q4"),
        metrics=locate_nouns("metrics", [make_metric(aggregation="sum")]),
        key_results=locate_nouns("key_results", [make_key_result(baseline=0, target=SCALE)]),
    )
    assert apply_accepted(initial_configuration, document).metrics["arr"].aggregation == "sum"


def test_unnamed_resources_are_archived_if_they_are_less_than_half():
    before = make_configuration(Objective("extra", "q4", "Extra"))
    document = render_document(make_configuration(), "q4")
    assert {
        (c.action, c.key) for c in diff_configurations(before, apply_accepted(before, document))
    } == {("archive", "extra")}


def test_archiving_more_than_half_needs_prune():
    initial_configuration = make_configuration(make_key_result("b"), make_key_result("c"))
    empty_document = replace(
        render_document(initial_configuration, "q4"),
        objectives=(),
        key_results=(),
        responsibilities=(),
    )
    with pytest.raises(PruneNeededError, match="6 of the 6"):
        apply_accepted(initial_configuration, empty_document)
    after = apply_accepted(initial_configuration, empty_document, prune=True)
    assert (after.objectives, after.key_results, after.responsibilities) == ({}, {}, {})


def test_archiving_exactly_half_needs_no_prune():
    initial_configuration = make_configuration(
        Objective("a", "q4", "A"),
        Objective("b", "q4", "B"),
        Objective("c", "q4", "C"),
        Objective("d", "q4", "D"),
    )
    assert apply_accepted(
        initial_configuration, render_document(make_configuration(), "q4")
    ).objectives.keys() == {"win"}


def test_a_document_does_not_change_other_playbooks():
    before = make_configuration(
        make_playbook("next", *NEXT_QUARTER),
        Objective("far", "next", "Far"),
        make_key_result("far-off", objective="far"),
    )
    before = before.with_resource(Team("ops", "Ops", "operations")).with_resource(
        make_metric("unused")
    )
    after = apply_accepted(
        before,
        replace(render_document(make_configuration(), "q4"), offerings=(), teams=()),
        prune=True,
    )
    assert diff_configurations(before, after) == ()


def test_an_archived_part_that_is_named_again_is_restored():
    initial_configuration = make_configuration().with_archived("key_result", "arr-2m")
    (change,) = diff_configurations(
        initial_configuration,
        apply_accepted(initial_configuration, render_document(make_configuration(), "q4")),
    )
    assert (change.action, change.key) == ("restore", "arr-2m")


def test_a_document_never_changes_a_playbook_s_state():
    initial_configuration = make_configuration(
        replace(make_playbook(), state="published", revision=3, published_at=NOW)
    )
    document = replace(
        render_document(make_configuration(), "q4"),
        playbook=replace(make_playbook(), title="Win more"),
    )
    stored_playbook = apply_accepted(initial_configuration, document).playbooks["q4"]
    assert isinstance(stored_playbook, Playbook)
    assert (stored_playbook.title, stored_playbook.state, stored_playbook.revision) == (
        "Win more",
        "published",
        3,
    )


def test_a_document_names_a_source_and_changes_nothing_else_of_it():
    initial_configuration = make_configuration(
        Source("crm", "CRM", "hubspot", "42", "sales", {"stages": {}})
    )
    document = replace(
        render_document(make_configuration(), "q4"),
        sources=locate_nouns("sources", [Source("crm", "The CRM")]),
    )
    assert apply_accepted(initial_configuration, document).sources["crm"] == Source(
        "crm", "The CRM", "hubspot", "42", "sales", {"stages": {}}
    )


def test_a_duplicate_key_is_reported_at_its_second_occurrence():
    document = document_with_objectives(
        Objective("a", "q4", "A"), Objective("b", "q4", "B"), Objective("a", "q4", "Again")
    )
    assert error_pointers(document) == ["/playbook/objectives/2/key"]


def test_every_error_is_reported_with_its_pointer():
    document = replace(
        render_document(make_configuration(), "q4"),
        metrics=locate_nouns("metrics", [make_metric(events=())]),
        key_results=locate_nouns(
            "results", [make_key_result(metric="art"), make_key_result("b", target=0)]
        ),
        responsibilities=locate_nouns("parts", [Responsibility("win", "sale", "informed")]),
    )
    # The metric is rejected, so that the key result refers to an unknown one.
    assert error_pointers(document) == [
        "/metrics/0/events",
        "/results/0/metric",
        "/results/1/metric",
        "/results/1/target",
        "/parts/0/team",
    ]


def test_a_key_result_of_an_unknown_objective_is_refused():
    assert error_pointers(
        Document(
            make_playbook(),
            key_results=locate_nouns("r", [make_key_result()]),
            metrics=locate_nouns("m", [make_metric()]),
        )
    ) == ["/r/0/objective"]


def test_accepting_in_a_document_needs_an_admin_s_key():
    document = render_document(make_configuration(), "q4")
    with pytest.raises(ForbiddenError, match="admin"):
        apply_accepted(EMPTY, document, accept=False)
    assert apply_accepted(EMPTY, document).responsibilities["win/sales"].status == "accepted"
    assert apply_accepted(EMPTY, document).responsibilities["win/marketing"].status == "proposed"


def test_an_acceptance_by_the_team_itself_needs_no_admin():
    assert (
        diff_configurations(
            make_configuration(),
            apply_accepted(
                make_configuration(), render_document(make_configuration(), "q4"), accept=False
            ),
        )
        == ()
    )


def test_a_document_that_does_not_say_accepted_leaves_an_acceptance_alone():
    responsibility = Responsibility("win", "sales", "accountable")
    document = replace(
        render_document(make_configuration(), "q4"),
        responsibilities=locate_nouns("r", [responsibility]),
    )
    assert (
        apply_accepted(make_configuration(), document, prune=True)
        .responsibilities["win/sales"]
        .status
        == "accepted"
    )


def test_a_changed_share_stays_accepted_only_if_the_document_says_so():
    for status in ("accepted", "proposed"):
        responsibility = Responsibility("win", "sales", "accountable", 3 * SCALE, status)
        document = replace(
            render_document(make_configuration(), "q4"),
            responsibilities=locate_nouns("r", [responsibility]),
        )
        assert (
            apply_accepted(make_configuration(), document, prune=True)
            .responsibilities["win/sales"]
            .status
            == status
        )


def test_an_unknown_playbook_cannot_be_rendered():
    with pytest.raises(NotFoundError, match="'q4'"):
        render_document(make_configuration(), "q5")


def test_a_document_cannot_take_objects_of_another_playbook():
    initial_configuration = make_configuration(
        make_playbook("next", *NEXT_QUARTER),
        Objective("far", "next", "Far"),
        make_key_result("far-off", objective="far"),
    )
    document = render_document(make_configuration(), "q4")
    document = replace(
        document,
        objectives=(
            *document.objectives,
            Located("/playbook/objectives/1", Objective("far", "q4", "Mine")),
        ),
        key_results=(
            *document.key_results,
            Located("/playbook/objectives/0/key_results/1", make_key_result("far-off")),
        ),
    )
    with pytest.raises(InvalidError) as excinfo:
        apply_accepted(initial_configuration, document)
    assert {fault.pointer: fault.detail for fault in excinfo.value.faults} == {
        "/playbook/objectives/1/key": "The objective 'far' is of the playbook 'next'.",
        "/playbook/objectives/0/key_results/1/key": (
            "The key result 'far-off' is of the playbook 'next'."
        ),
    }


def test_a_metric_must_not_contradict_a_key_result_of_another_playbook():
    initial_configuration = make_configuration(
        make_metric(aggregation="last"),
        make_playbook("next", *NEXT_QUARTER),
        Objective("far", "next", "Far"),
        make_key_result("down", objective="far", baseline=2 * SCALE, target=SCALE),
    )
    document = replace(
        render_document(make_configuration(), "q4"),
        metrics=locate_nouns("metrics", [make_metric(aggregation="sum")]),
    )
    assert error_pointers(document, initial_configuration) == ["/metrics/0/aggregation"]


@pytest.mark.parametrize(
    "parent_number", [lambda number: number - 1, lambda _: 0], ids=["chain", "flat"]
)
def test_applying_ten_thousand_objects_takes_linear_time(parent_number):
    objectives = [
        Objective(f"o{number}", "q4", "O", parent=f"o{parent_number(number)}" if number else None)
        for number in range(5_000)
    ]
    key_results = [make_key_result(f"k{number}", objective=f"o{number}") for number in range(5_000)]
    document = replace(
        Document(make_playbook()),
        metrics=locate_nouns("m", [make_metric()]),
        objectives=locate_nouns("o", list(objectives)),
        key_results=locate_nouns("k", list(key_results)),
    )
    started = process_time()
    applied = apply_accepted(EMPTY, document)
    assert diff_configurations(applied, apply_accepted(applied, document)) == ()
    assert process_time() - started < 2
    cyclic_document = replace(
        document,
        objectives=locate_nouns("o", [replace(objectives[0], parent="o4999"), *objectives[1:]]),
    )
    if objectives[-1].parent == "o4998":
        assert error_pointers(cyclic_document) == ["/o/4999/parent"]
