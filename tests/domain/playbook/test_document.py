"""Playbook as code: applying is a fixed point, rendering is its inverse, and what is refused leaves nothing."""

from dataclasses import replace
from datetime import date
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.playbook.configuration import TABLES, Configuration, Noun, changes
from app.domain.playbook.document import Document, Placed, apply, names, render
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
from tests.support.configurations import FIRST, LAST, LATER, book, known, placed, result, written
from tests.support.services import NOW, ONE, metric

EMPTY = Configuration({"acme": Organization("acme", "Acme")})


def told(found: Configuration) -> dict[str, object]:
    """All live things, without their order."""
    return {kind: dict(found.of(kind)) for kind in TABLES}


def put(
    found: Configuration, document: Document, *, prune: bool = False, accept: bool = True
) -> Configuration:
    return apply(found, document, prune=prune, accept=accept)


def pointers(document: Document, start: Configuration = EMPTY) -> list[str]:
    with pytest.raises(InvalidError) as refused:
        put(start, document, prune=True)
    return [fault.pointer for fault in refused.value.faults]


def with_objectives(*found: Noun) -> Document:
    return Document(book(), objectives=placed("playbook/objectives", list(found)))


@settings(max_examples=60)
@given(written())
def test_applying_twice_changes_nothing(document: Document):
    once = put(EMPTY, document)
    assert changes(once, put(once, document)) == ()


@settings(max_examples=60)
@given(written())
def test_what_is_rendered_makes_the_same_configuration(document: Document):
    once = put(EMPTY, document)
    again = put(EMPTY, render(once, "q4"))
    assert told(again) == told(once)
    assert changes(once, put(once, render(once, "q4"))) == ()


@settings(max_examples=60)
@given(written(), written())
def test_after_applying_nothing_is_left_of_the_document_before(one: Document, other: Document):
    after = put(put(EMPTY, one), other, prune=True)
    assert set(names(render(after, "q4"))) - set(names(other)) <= {
        ("team", key) for key in after.teams
    }
    fresh = put(EMPTY, other)
    for kind in ("objective", "key_result"):
        assert after.of(kind) == fresh.of(kind)


@settings(max_examples=40)
@given(written(), st.randoms(use_true_random=False))
def test_the_order_of_the_objectives_does_not_matter(document: Document, chance: object):
    shuffled = list(document.objectives)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # a Random
    assert told(put(EMPTY, replace(document, objectives=tuple(shuffled)))) == told(
        put(EMPTY, document)
    )


def test_children_may_come_before_their_parents():
    document = with_objectives(
        Objective("below", "q4", "Below", parent="top"), Objective("top", "q4", "Top")
    )
    assert put(EMPTY, document).objectives["below"].parent == "top"


def test_parent_and_child_may_change_places():
    before = put(
        EMPTY, with_objectives(Objective("a", "q4", "A"), Objective("b", "q4", "B", parent="a"))
    )
    for order in ((0, 1), (1, 0)):
        both = (Objective("a", "q4", "A", parent="b"), Objective("b", "q4", "B"))
        after = put(before, with_objectives(*(both[n] for n in order)))
        assert (after.objectives["a"].parent, after.objectives["b"].parent) == ("b", None)


def test_a_ring_in_the_document_is_refused():
    ring = with_objectives(
        Objective("a", "q4", "A", parent="b"), Objective("b", "q4", "B", parent="a")
    )
    assert pointers(ring) == ["/playbook/objectives/1/parent"]


def test_a_playbook_and_its_key_results_may_move_together():
    spring = (date(2027, 1, 10), date(2027, 2, 10))
    before = known(result(starts_on=FIRST, ends_on=LAST))
    moved = replace(
        render(before, "q4"),
        playbook=book("q4", *LATER),
        key_results=placed("key_results", [result(starts_on=spring[0], ends_on=spring[1])]),
    )
    after = put(before, moved)
    assert (after.playbooks["q4"].starts_on, after.key_results["arr-2m"].ends_on) == (
        LATER[0],
        spring[1],
    )


def test_a_metric_and_its_key_result_may_turn_together():
    level = known(metric(aggregation="last"), result(baseline=10 * ONE, target=ONE))
    turned = replace(
        render(level, "q4"),
        metrics=placed("metrics", [metric(aggregation="sum")]),
        key_results=placed("key_results", [result(baseline=0, target=ONE)]),
    )
    assert put(level, turned).metrics["arr"].aggregation == "sum"


def test_what_the_document_no_longer_names_is_archived_when_it_is_less_than_half():
    there = known(Objective("extra", "q4", "Extra"))
    document = render(known(), "q4")
    assert {(c.action, c.key) for c in changes(there, put(there, document))} == {
        ("archive", "extra")
    }


def test_more_than_half_needs_to_be_said():
    there = known(result("b"), result("c"))
    nothing = replace(render(there, "q4"), objectives=(), key_results=(), responsibilities=())
    with pytest.raises(PruneNeededError, match="6 of the 6"):
        put(there, nothing)
    after = put(there, nothing, prune=True)
    assert (after.objectives, after.key_results, after.responsibilities) == ({}, {}, {})


def test_exactly_half_does_not():
    there = known(
        Objective("a", "q4", "A"),
        Objective("b", "q4", "B"),
        Objective("c", "q4", "C"),
        Objective("d", "q4", "D"),
    )
    assert put(there, render(known(), "q4")).objectives.keys() == {"win"}


def test_what_belongs_to_another_playbook_is_left_alone():
    there = known(
        book("next", *LATER), Objective("far", "next", "Far"), result("far-off", objective="far")
    )
    there = there.put(Team("ops", "Ops", "operations")).put(metric("unused"))
    after = put(there, replace(render(known(), "q4"), offerings=(), teams=()), prune=True)
    assert changes(there, after) == ()


def test_an_archived_part_that_is_named_again_is_restored():
    there = known().drop("key_result", "arr-2m")
    (change,) = changes(there, put(there, render(known(), "q4")))
    assert (change.action, change.key) == ("restore", "arr-2m")


def test_a_document_never_changes_a_playbook_s_state():
    there = known(replace(book(), state="published", revision=3, published_at=NOW))
    document = replace(render(known(), "q4"), playbook=replace(book(), title="Win more"))
    found = put(there, document).playbooks["q4"]
    assert isinstance(found, Playbook)
    assert (found.title, found.state, found.revision) == ("Win more", "published", 3)


def test_a_document_names_a_source_and_changes_nothing_else_of_it():
    there = known(Source("crm", "CRM", "hubspot", "42", "sales", {"stages": {}}))
    document = replace(render(known(), "q4"), sources=placed("sources", [Source("crm", "The CRM")]))
    assert put(there, document).sources["crm"] == Source(
        "crm", "The CRM", "hubspot", "42", "sales", {"stages": {}}
    )


def test_what_is_named_twice_is_refused_where_it_stands_again():
    twice = with_objectives(
        Objective("a", "q4", "A"), Objective("b", "q4", "B"), Objective("a", "q4", "Again")
    )
    assert pointers(twice) == ["/playbook/objectives/2/key"]


def test_all_that_is_wrong_is_told_with_its_place():
    document = replace(
        render(known(), "q4"),
        metrics=placed("metrics", [metric(events=())]),
        key_results=placed("results", [result(metric="art"), result("b", target=0)]),
        responsibilities=placed("parts", [Responsibility("win", "sale", "informed")]),
    )
    # The metric is refused, so that no key result finds it.
    assert pointers(document) == [
        "/metrics/0/events",
        "/results/0/metric",
        "/results/1/metric",
        "/results/1/target",
        "/parts/0/team",
    ]


def test_a_key_result_of_an_objective_that_is_nowhere_is_refused():
    assert pointers(
        Document(book(), key_results=placed("r", [result()]), metrics=placed("m", [metric()]))
    ) == ["/r/0/objective"]


def test_accepting_in_a_document_needs_an_admin_s_key():
    document = render(known(), "q4")
    with pytest.raises(ForbiddenError, match="admin"):
        put(EMPTY, document, accept=False)
    assert put(EMPTY, document).responsibilities["win/sales"].status == "accepted"
    assert put(EMPTY, document).responsibilities["win/marketing"].status == "proposed"


def test_what_a_team_accepted_itself_needs_no_admin_and_keeps_its_words():
    assert changes(known(), put(known(), render(known(), "q4"), accept=False)) == ()


def test_a_document_that_does_not_say_accepted_leaves_an_acceptance_alone():
    part = Responsibility("win", "sales", "accountable")
    document = replace(render(known(), "q4"), responsibilities=placed("r", [part]))
    assert put(known(), document, prune=True).responsibilities["win/sales"].status == "accepted"


def test_a_changed_share_is_accepted_anew_only_where_the_document_says_so():
    for status in ("accepted", "proposed"):
        part = Responsibility("win", "sales", "accountable", 3 * ONE, status)
        document = replace(render(known(), "q4"), responsibilities=placed("r", [part]))
        assert put(known(), document, prune=True).responsibilities["win/sales"].status == status


def test_a_playbook_that_is_not_there_cannot_be_rendered():
    with pytest.raises(NotFoundError, match="'q4'"):
        render(known(), "q5")


def test_nothing_is_taken_from_another_playbook():
    there = known(
        book("next", *LATER), Objective("far", "next", "Far"), result("far-off", objective="far")
    )
    document = render(known(), "q4")
    document = replace(
        document,
        objectives=(
            *document.objectives,
            Placed("/playbook/objectives/1", Objective("far", "q4", "Mine")),
        ),
        key_results=(
            *document.key_results,
            Placed("/playbook/objectives/0/key_results/1", result("far-off")),
        ),
    )
    with pytest.raises(InvalidError) as refused:
        put(there, document)
    assert {fault.pointer: fault.detail for fault in refused.value.faults} == {
        "/playbook/objectives/1/key": "The objective 'far' is of the playbook 'next'.",
        "/playbook/objectives/0/key_results/1/key": "The key result 'far-off' is of the playbook 'next'.",
    }


def test_a_metric_does_not_turn_against_another_playbook_s_key_result():
    there = known(
        metric(aggregation="last"),
        book("next", *LATER),
        Objective("far", "next", "Far"),
        result("down", objective="far", baseline=2 * ONE, target=ONE),
    )
    turned = replace(render(known(), "q4"), metrics=placed("metrics", [metric(aggregation="sum")]))
    assert pointers(turned, there) == ["/metrics/0/aggregation"]


@pytest.mark.parametrize("parent", [lambda number: number - 1, lambda _: 0], ids=["chain", "flat"])
def test_ten_thousand_things_are_applied_at_the_cost_of_each(parent):
    aims = [
        Objective(f"o{number}", "q4", "O", parent=f"o{parent(number)}" if number else None)
        for number in range(5_000)
    ]
    results = [result(f"k{number}", objective=f"o{number}") for number in range(5_000)]
    document = replace(
        Document(book()),
        metrics=placed("m", [metric()]),
        objectives=placed("o", list(aims)),
        key_results=placed("k", list(results)),
    )
    began = process_time()
    once = put(EMPTY, document)
    assert changes(once, put(once, document)) == ()
    assert process_time() - began < 2
    closed = replace(
        document, objectives=placed("o", [replace(aims[0], parent="o4999"), *aims[1:]])
    )
    if aims[-1].parent == "o4998":
        assert pointers(closed) == ["/o/4999/parent"]
