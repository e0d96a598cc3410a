"""The past, asked of the real flows, against a model that recomputes it from every act there was."""

import asyncio
import os
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from tests.reference_model.chronicle import last_redefinition, timelines
from tests.reference_model.relive import Life, differences, evening, said
from tests.reference_model.timeline import Timeline

# PAST_EXAMPLES=2000 is the deep run.
EXAMPLES = int(os.environ.get("PAST_EXAMPLES", "12"))
# Shrinking lives through hundreds of histories: only where someone waits for it.
PHASES = tuple(
    set(Phase) - (set() if "PAST_SHRINK" in os.environ else {Phase.shrink, Phase.explain})
)
laws = settings(
    max_examples=EXAMPLES,
    phases=PHASES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
KEPT = (None, "main")
BOOKS = (None, None, "main", "other")


@pytest.fixture
def life(database_url: str) -> Iterator[Life]:
    with asyncio.Runner() as runner:
        found = Life(database_url, runner)
        yield found
        runner.run(found.service.database.close())


def questions(found: Timeline, seed: int, count: int) -> list[tuple[date, date, str | None]]:
    """Days from before the first act to the last one, known at any later one."""
    chance, days = Random(seed), found.days()
    first, last = days[0] - timedelta(days=6), days[-1]
    span = (last - first).days
    asked = []
    for _ in range(count):
        as_of = first + timedelta(days=chance.randint(0, span))
        known = chance.choice(
            [as_of, last, as_of + timedelta(days=chance.randint(0, (last - as_of).days))]
        )
        asked.append((as_of, known, chance.choice(BOOKS)))
    return asked


@laws
@given(found=timelines(), seed=st.integers(0, 99))
def test_any_past_answer_is_what_the_whole_record_says(
    life: Life, found: Timeline, seed: int
) -> None:
    async def ask() -> list[object]:
        await life.relive(found)
        wrong: list[object] = []
        for as_of, known_at, playbook in questions(found, seed, 12):
            answer = await life.ask(playbook, as_of, known_at)
            event(answer if isinstance(answer, str) else "answered")
            if differs := differences(answer, found, as_of, known_at, playbook):
                wrong.append((as_of.isoformat(), known_at.isoformat(), playbook, differs))
        return wrong

    assert life.runner.run(ask()) == []


@laws
@given(found=timelines())
def test_the_present_answer_of_every_evening_is_what_the_record_says(
    life: Life, found: Timeline
) -> None:
    async def ask() -> list[object]:
        wrong: list[object] = []
        kept = await life.relive(found, KEPT)
        redefined = last_redefinition(found)
        for (day, playbook), answer in kept.items():
            if redefined is None or evening(day, found.zone) >= redefined:
                wrong += [
                    (day.isoformat(), playbook, differs)
                    for differs in differences(answer, found, day, day, playbook)
                ]
        return wrong

    assert life.runner.run(ask()) == []


@laws
@given(found=timelines())
def test_what_was_answered_at_the_end_of_a_day_is_answered_forever(
    life: Life, found: Timeline
) -> None:
    async def ask() -> list[object]:
        kept = await life.relive(found, KEPT)
        redefined = last_redefinition(found)
        wrong: list[object] = []
        for (day, playbook), answer in kept.items():
            if redefined is None or evening(day, found.zone) >= redefined:
                again = await life.ask(playbook, day, day)
                if said(again) != said(answer):
                    pairs = zip(said(again), said(answer), strict=False)
                    wrong.append(
                        (day.isoformat(), playbook, [pair for pair in pairs if pair[0] != pair[1]])
                    )
        return wrong

    assert life.runner.run(ask()) == []
