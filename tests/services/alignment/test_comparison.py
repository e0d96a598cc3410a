"""Two days side by side, and the playbook as it is beside what a document would make of it."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from app.domain.access.actor import Actor
from app.domain.events.metrics import Metric
from app.domain.playbook.document import Document, Placed
from app.domain.playbook.objectives import KeyResult, Objective
from app.domain.playbook.organization import Policy
from app.domain.playbook.playbooks import Contribution
from app.domain.primitives.errors import ForbiddenError, InvalidError
from app.services.alignment import alignment, comparison
from app.services.alignment.alignment import Answer
from app.services.playbook import configuration, playbooks
from app.store.tables.playbook import Row
from tests.flows.test_history import quarter
from tests.support.services import NOW, ONE, House, event, furnish, metric, record

TODAY = NOW.date()
DAY = timedelta(days=1)


def said(answer: Answer) -> object:
    """All that an answer says but the version, which applying moves."""
    shown = [(*loss[:3], *loss[4:], loss.detail, loss.evidence) for loss in answer.alignment.losses]
    return replace(answer.alignment, losses=(), version=0), shown, answer.other_current


async def test_what_changed_between_two_days_is_the_difference_of_their_ledgers(built: House):
    actor = await quarter(built)
    found = await comparison.changes(built.service, actor, TODAY - 14 * DAY, playbook="q4")
    assert found.before is not None
    assert said(found.before) == said(
        await alignment.read(built.service, actor, "q4", TODAY - 14 * DAY)
    )
    assert said(found.after) == said(await alignment.read(built.service, actor, "q4"))
    raw = [sum(loss.points for loss in one.alignment.losses) for one in (found.before, found.after)]
    assert sum(one.change for one in found.differences) == pytest.approx(raw[1] - raw[0])
    sizes = [abs(one.change) for one in found.differences]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 0
    same = await comparison.changes(built.service, actor, TODAY, TODAY, "q4")
    assert same.differences == ()
    with pytest.raises(InvalidError):
        await comparison.changes(built.service, actor, TODAY, TODAY - DAY)


async def tables(built: House) -> dict[str, object]:
    async with built.service.database.reading() as connection:
        return {
            name: sorted(map(repr, (await connection.execute(text(f"select * from {name}"))).all()))
            for name in Row.metadata.tables
        }


def changed(document: Document, kind: str) -> Document:
    """The document with something else in it."""
    if kind == "nothing":
        return document
    if kind == "priority":
        objectives = [
            replace(one, noun=replace(one.noun, priority=50 * ONE))
            if isinstance(one.noun, Objective)
            else one
            for one in document.objectives[:1]
        ]
        return replace(document, objectives=(*objectives, *document.objectives[1:]))
    if kind == "window":
        return replace(document, playbook=replace(document.playbook, starts_on=TODAY - 45 * DAY))
    if kind == "new metric":
        made = metric("fresh", events=("noise", "invoice.paid"), aggregation="max", where=())
        result = KeyResult("fresh-kr", "win", "Fresh", "fresh", 0, 900 * ONE)
        more = (*document.metrics, Placed("", made)), (*document.key_results, Placed("", result))
        return replace(document, metrics=more[0], key_results=more[1])
    metrics = [
        replace(
            one, noun=replace(one.noun, events=("noise",), activities=("invoice.paid",), where=())
        )
        for one in document.metrics
        if isinstance(one.noun, Metric)
    ]
    return replace(document, metrics=tuple(metrics))


@pytest.mark.parametrize(
    "kind", ["nothing", "priority", "window", "new metric", "redefined metrics"]
)
async def test_a_what_if_is_what_applying_makes_and_stores_nothing(built: House, kind: str):
    actor = await quarter(built)
    document = changed(await playbooks.document(built.service, actor, "q4"), kind)
    before = await tables(built)
    reader = Actor(actor.organization, "reader", frozenset({"read"}))
    found = await comparison.what_if(built.service, reader, document)
    assert await tables(built) == before
    assert found.before is not None
    assert said(found.before) == said(await alignment.read(built.service, actor, "q4"))
    await playbooks.apply(built.service, actor, document, dry_run=False, publish=False, prune=True)
    assert said(found.after) == said(await alignment.read(built.service, actor, "q4"))
    assert bool(found.differences) == (kind != "nothing")


async def test_a_playbook_that_is_over_and_would_go_on_is_scored_by_what_is_configured_since(
    built: House,
):
    actor = await built.organization()
    await furnish(built, actor)
    await record(built, actor, *(event(str(n)) for n in range(3)))
    built.clock.forward(days=60)
    await configuration.put(built.service, actor, Policy(minimum_events=2, focus_days=90))
    await playbooks.contribute(built.service, actor, Contribution("q4", "sales", "Ann"))
    document = await playbooks.document(built.service, actor, "q4")
    late = [TODAY + ago * DAY for ago in (50, 60, 70)]
    longer = [
        replace(document, playbook=replace(document.playbook, ends_on=ends_on)) for ends_on in late
    ]
    found = [(await comparison.what_if(built.service, actor, one)).after for one in longer]
    figures = [one.alignment.components for one in found]
    assert [one.coverage > 0 for some in figures for one in some if one.name == "focus"] == [
        False,
        True,
        True,
    ]
    await playbooks.apply(
        built.service, actor, longer[-1], dry_run=False, publish=False, prune=True
    )
    assert said(found[-1]) == said(await alignment.read(built.service, actor, "q4"))


async def test_a_playbook_that_is_not_there_yet_has_nothing_before(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    document = await playbooks.document(built.service, actor, "q4")
    objective = Objective("next", "q5", "Next")
    other = replace(
        document,
        playbook=replace(document.playbook, key="q5"),
        objectives=(Placed("", objective),),
        key_results=(),
        responsibilities=(),
    )
    long_ago = await comparison.what_if(
        built.service, actor, document, date(1900, 1, 1), date(1900, 1, 1)
    )
    assert long_ago.before is None
    found = await comparison.what_if(built.service, actor, other)
    assert found.before is None
    assert len(found.differences) == len(found.after.alignment.losses) > 0


async def test_a_what_if_of_too_many_events_is_refused_and_needs_a_key_that_reads(
    built: House, monkeypatch: pytest.MonkeyPatch
):
    actor = await quarter(built)
    monkeypatch.setattr(comparison, "MOST_EVENTS", 10)
    document = changed(await playbooks.document(built.service, actor, "q4"), "redefined metrics")
    with pytest.raises(InvalidError, match="More than 10 events"):
        await comparison.what_if(built.service, actor, document)
    with pytest.raises(ForbiddenError):
        await comparison.what_if(
            built.service, Actor(actor.organization, "w", frozenset({"events:write"})), document
        )
