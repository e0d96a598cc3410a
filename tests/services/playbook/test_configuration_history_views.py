"""History, comparison and what-if say what the single answers say, and nothing of their own."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.domain.playbook.document import Document
from app.domain.playbook.objectives import Objective
from app.scoring.evidence_links import address
from app.services.alignment import comparison, history
from app.services.alignment.alignment import Answer
from app.services.playbook import configuration_history as past
from app.services.playbook import playbooks
from tests.reference_model.chronicle import timelines
from tests.reference_model.made_of import made_of
from tests.reference_model.relive import Life, judged, said
from tests.reference_model.scene import look
from tests.reference_model.timeline import RefusedError, Timeline
from tests.support.library import Library

laws = settings(
    max_examples=int(os.environ.get("PAST_EXAMPLES", "12")) // 2,
    phases=tuple(set(Phase) - {Phase.shrink, Phase.explain}),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def life(database_url: str) -> Iterator[Life]:
    with asyncio.Runner() as runner:
        found = Life(database_url, runner)
        yield found
        runner.run(found.service.database.close())


def figures(answer: Answer | str) -> tuple[object, ...]:
    """What a point of a history shows of an answer; nothing without a current playbook."""
    if isinstance(answer, str):
        return None, None
    a = answer.alignment
    return answer.playbook.key, a.score, a.floor, a.coverage, a.components


def shown(point: history.Point) -> tuple[object, ...]:
    """The same of a point."""
    a = point.alignment
    if a is None:
        return None, None
    return a.frame.playbook, a.score, a.floor, a.coverage, a.components


@laws
@given(found=timelines(), step=st.sampled_from(["day", "week"]), late=st.integers(0, 4))
def test_every_point_of_a_history_is_the_answer_of_its_day(
    life: Life, found: Timeline, step: str, late: int
) -> None:
    async def ask() -> list[object]:
        await life.relive(found)
        first, last = found.days()[0] - timedelta(days=3), found.days()[-1]
        asked = max(first, last - timedelta(days=late)) if step == "week" else last
        wrong: list[object] = []
        for known_at in (None, last):
            points = (
                await history.read(life.service, life.actor, first, asked, step, None, known_at)
            ).points
            days = [point.as_of for point in points]
            assert days == sorted(set(days))
            if step == "day":
                assert days == [first + timedelta(days=n) for n in range((asked - first).days + 1)]
            for point in points:
                single = figures(await life.ask(None, point.as_of, known_at))
                if shown(point) != single:
                    wrong.append((point.as_of.isoformat(), known_at, shown(point), single))
        return wrong

    assert life.runner.run(ask()) == []


def points_of(answer: Answer) -> dict[object, float]:
    """The ledger by what each loss is of."""
    return {(x.component, x.reason, *x[4:]): x.points for x in answer.alignment.losses}


@laws
@given(found=timelines(), seed=st.integers(0, 99))
def test_a_comparison_is_two_answers_and_the_difference_of_their_ledgers(
    life: Life, found: Timeline, seed: int
) -> None:
    async def ask() -> None:
        await life.relive(found)
        days = found.days()
        first, last = sorted(Random(seed).choices(days, k=2))
        singles = [await life.ask("main", day) for day in (first, last)]
        if any(isinstance(single, str) for single in singles):
            return
        both = await comparison.changes(life.service, life.actor, first, last, "main")
        assert both.before is not None
        assert [said(both.before), said(both.after)] == [said(single) for single in singles]
        before, after = points_of(both.before), points_of(both.after)
        apart = {k: after.get(k, 0.0) - before.get(k, 0.0) for k in before.keys() | after.keys()}
        biggest = sorted((abs(x) for x in apart.values() if abs(x) > 1e-9), reverse=True)
        assert len(both.differences) >= len(biggest)

    life.runner.run(ask())


@laws
@given(found=timelines(), seed=st.integers(0, 99))
def test_evidence_of_a_past_loss_lists_exactly_what_it_was_made_of(
    life: Life, found: Timeline, seed: int
) -> None:
    async def ask() -> list[object]:
        await life.relive(found)
        wrong: list[object] = []
        chance = Random(seed)
        for _ in range(2):
            as_of, known_at = sorted(chance.choices(found.days(), k=2))
            answer = await life.ask("main", as_of, known_at)
            try:
                scene = look(found.judge(as_of, known_at, "main").world)
            except RefusedError:  # none was to be had, or the model has no opinion
                continue
            assert not isinstance(answer, str)
            async with life.service.database.reading() as connection:
                organization = life.actor.organization
                library = Library(
                    connection, life.actor, partial(past.configured, connection, organization)
                )
                for loss in answer.alignment.losses:
                    wanted = made_of(scene, judged(loss))
                    if not await library.right(loss.evidence, wanted):
                        wrong.append(
                            (as_of, known_at, loss[:2], loss[4:], address(loss.evidence), wanted)
                        )
        return wrong

    assert life.runner.run(ask()) == []


def weighed(document: Document, chance: Random) -> Document:
    """The document with other priorities, and one of its objectives paused."""
    changed = []
    for placed in document.objectives:
        assert isinstance(placed.noun, Objective)
        noun = replace(
            placed.noun,
            priority=chance.randint(1, 9) * 10_000,
            state=chance.choice(["active", "paused"]),
        )
        changed.append(replace(placed, noun=noun))
    return replace(document, objectives=tuple(changed))


@laws
@given(found=timelines(), seed=st.integers(0, 99))
def test_what_if_says_what_applying_the_document_would_make_of_it(
    life: Life, found: Timeline, seed: int
) -> None:
    async def ask() -> None:
        await life.relive(found)
        service, actor = life.service, life.actor
        document = await playbooks.document(service, actor, "main")
        same = await comparison.what_if(service, actor, document)
        assert same.before is not None
        if same.before.alignment.frame.until < same.before.alignment.frame.as_of:
            return  # it is over: what is asked is what its last day would have been
        assert list(same.differences) == []
        assert figures(same.before) == figures(same.after) == figures(await life.ask("main"))
        other = weighed(document, Random(seed))
        told = await comparison.what_if(service, actor, other)
        assert told.before is not None
        assert figures(await life.ask("main")) == figures(told.before)
        await playbooks.apply(service, actor, other, dry_run=False, publish=False, prune=True)
        really = await life.ask("main")
        assert isinstance(really, Answer)
        assert figures(really) == figures(told.after)
        assert points_of(really) == points_of(told.after)

    life.runner.run(ask())
