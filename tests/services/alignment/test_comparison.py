"""Comparisons of two days, and of a playbook with what a document would make of it."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from app.domain.access.actor import Actor
from app.domain.events.metrics import Metric
from app.domain.playbook.document import Document, Located
from app.domain.playbook.objectives import KeyResult, Objective
from app.domain.playbook.organization import Policy
from app.domain.playbook.playbooks import Contribution
from app.domain.primitives.errors import ForbiddenError, InvalidError
from app.services.alignment import alignment, comparison
from app.services.alignment.alignment import AlignmentResult
from app.services.playbook import configuration as configuration_service
from app.services.playbook import playbooks
from app.store.tables.base import Row
from tests.services.alignment.test_history import record_quarter
from tests.support.service_harness import (
    NOW,
    SCALE,
    ServiceHarness,
    make_event,
    make_metric,
    record_events,
)

TODAY = NOW.date()
DAY = timedelta(days=1)


def comparable_fields(answer: AlignmentResult) -> object:
    """Return all parts of a result except the version, which applying a document changes."""
    losses = [
        (*loss[:3], *loss[4:], loss.detail, loss.evidence) for loss in answer.alignment.losses
    ]
    return replace(answer.alignment, losses=(), version=0), losses, answer.other_playbooks


async def test_a_comparison_of_days_is_the_difference_of_their_ledgers(
    harness: ServiceHarness,
):
    actor = await record_quarter(harness)
    period_changes = await comparison.compare_days(
        harness.service, actor, TODAY - 14 * DAY, playbook="q4"
    )
    assert period_changes.before is not None
    assert comparable_fields(period_changes.before) == comparable_fields(
        await alignment.get_alignment(harness.service, actor, "q4", TODAY - 14 * DAY)
    )
    assert comparable_fields(period_changes.after) == comparable_fields(
        await alignment.get_alignment(harness.service, actor, "q4")
    )
    point_totals = [
        sum(loss.points for loss in answer.alignment.losses)
        for answer in (period_changes.before, period_changes.after)
    ]
    assert sum(difference.change for difference in period_changes.differences) == pytest.approx(
        point_totals[1] - point_totals[0]
    )
    sizes = [abs(difference.change) for difference in period_changes.differences]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 0
    same = await comparison.compare_days(harness.service, actor, TODAY, TODAY, "q4")
    assert same.differences == ()
    with pytest.raises(InvalidError):
        await comparison.compare_days(harness.service, actor, TODAY, TODAY - DAY)


async def dump_tables(harness: ServiceHarness) -> dict[str, object]:
    async with harness.service.database.read_transaction() as reader:
        return {
            table_name: sorted(
                map(repr, (await reader.execute(text(f"select * from {table_name}"))).all())
            )
            for table_name in Row.metadata.tables
        }


def alter_document(document: Document, kind: str) -> Document:
    """Return the document with one kind of change."""
    if kind == "nothing":
        return document
    if kind == "priority":
        objectives = [
            replace(located, resource=replace(located.resource, priority=50 * SCALE))
            if isinstance(located.resource, Objective)
            else located
            for located in document.objectives[:1]
        ]
        return replace(document, objectives=(*objectives, *document.objectives[1:]))
    if kind == "window":
        return replace(document, playbook=replace(document.playbook, starts_on=TODAY - 45 * DAY))
    if kind == "new metric":
        new_metric = make_metric(
            "largest", events=("noise", "invoice.paid"), aggregation="max", where=()
        )
        key_result = KeyResult("largest-kr", "win", "Largest", "largest", 0, 900 * SCALE)
        return replace(
            document,
            metrics=(*document.metrics, Located("", new_metric)),
            key_results=(*document.key_results, Located("", key_result)),
        )
    metrics = [
        replace(
            located,
            resource=replace(
                located.resource, events=("noise",), activities=("invoice.paid",), where=()
            ),
        )
        for located in document.metrics
        if isinstance(located.resource, Metric)
    ]
    return replace(document, metrics=tuple(metrics))


@pytest.mark.parametrize(
    "kind", ["nothing", "priority", "window", "new metric", "redefined metrics"]
)
async def test_a_what_if_predicts_the_applied_document_and_stores_nothing(
    harness: ServiceHarness, kind: str
):
    actor = await record_quarter(harness)
    document = alter_document(await playbooks.export_document(harness.service, actor, "q4"), kind)
    before = await dump_tables(harness)
    reader = Actor(actor.organization, "reader", frozenset({"read"}))
    what_if = await comparison.evaluate_what_if(harness.service, reader, document)
    assert await dump_tables(harness) == before
    assert what_if.before is not None
    assert comparable_fields(what_if.before) == comparable_fields(
        await alignment.get_alignment(harness.service, actor, "q4")
    )
    await playbooks.apply_document(
        harness.service, actor, document, dry_run=False, publish=False, prune=True
    )
    assert comparable_fields(what_if.after) == comparable_fields(
        await alignment.get_alignment(harness.service, actor, "q4")
    )
    assert bool(what_if.differences) == (kind != "nothing")


async def test_an_ended_playbook_that_is_extended_is_scored_with_the_present_configuration(
    harness: ServiceHarness,
    actor: Actor,
):
    await record_events(harness, actor, *(make_event(str(n)) for n in range(3)))
    harness.clock.advance(days=60)
    await configuration_service.put_resource(
        harness.service, actor, Policy(minimum_events=2, focus_days=90)
    )
    await playbooks.record_contribution(harness.service, actor, Contribution("q4", "sales", "Ann"))
    document = await playbooks.export_document(harness.service, actor, "q4")
    later_ends = [TODAY + ago * DAY for ago in (50, 60, 70)]
    extended_documents = [
        replace(document, playbook=replace(document.playbook, ends_on=ends_on))
        for ends_on in later_ends
    ]
    answers = [
        (await comparison.evaluate_what_if(harness.service, actor, extended_document)).after
        for extended_document in extended_documents
    ]
    figures = [answer.alignment.components for answer in answers]
    assert [
        component.coverage > 0
        for components in figures
        for component in components
        if component.name == "focus"
    ] == [
        False,
        True,
        True,
    ]
    await playbooks.apply_document(
        harness.service, actor, extended_documents[-1], dry_run=False, publish=False, prune=True
    )
    assert comparable_fields(answers[-1]) == comparable_fields(
        await alignment.get_alignment(harness.service, actor, "q4")
    )


async def test_a_new_playbook_has_no_previous_alignment(harness: ServiceHarness, actor: Actor):
    document = await playbooks.export_document(harness.service, actor, "q4")
    objective = Objective("next", "q5", "Next")
    new_document = replace(
        document,
        playbook=replace(document.playbook, key="q5"),
        objectives=(Located("", objective),),
        key_results=(),
        responsibilities=(),
    )
    long_ago = await comparison.evaluate_what_if(
        harness.service, actor, document, date(1900, 1, 1), date(1900, 1, 1)
    )
    assert long_ago.before is None
    what_if = await comparison.evaluate_what_if(harness.service, actor, new_document)
    assert what_if.before is None
    assert len(what_if.differences) == len(what_if.after.alignment.losses) > 0


async def test_a_what_if_of_too_many_events_is_rejected_and_needs_the_read_scope(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
):
    actor = await record_quarter(harness)
    monkeypatch.setattr(comparison, "MAX_REMATCHED_EVENTS", 10)
    document = alter_document(
        await playbooks.export_document(harness.service, actor, "q4"), "redefined metrics"
    )
    with pytest.raises(InvalidError, match="More than 10 events"):
        await comparison.evaluate_what_if(harness.service, actor, document)
    with pytest.raises(ForbiddenError):
        await comparison.evaluate_what_if(
            harness.service, Actor(actor.organization, "w", frozenset({"events:write"})), document
        )
