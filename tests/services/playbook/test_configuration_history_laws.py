"""The past, asked of the real flows, against a model that recomputes it from every act there was."""

import asyncio
import os
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from tests.reference_model.timeline import Timeline
from tests.reference_model.timeline_runner import (
    TimelineRunner,
    find_differences,
    get_end_of_day,
    to_answer_fields,
)
from tests.reference_model.timeline_strategies import find_last_redefinition, timelines

# PAST_EXAMPLES=2000 is the deep run.
MAX_EXAMPLES = int(os.environ.get("PAST_EXAMPLES", "12"))
# Shrinking lives through hundreds of histories: only where someone waits for it.
PHASES = tuple(
    set(Phase) - (set() if "PAST_SHRINK" in os.environ else {Phase.shrink, Phase.explain})
)
property_settings = settings(
    max_examples=MAX_EXAMPLES,
    phases=PHASES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
EVENING_PLAYBOOKS = (None, "main")
PLAYBOOK_CHOICES = (None, None, "main", "other")


@pytest.fixture
def timeline_runner(database_url: str) -> Iterator[TimelineRunner]:
    with asyncio.Runner() as runner:
        new_runner = TimelineRunner(database_url, runner)
        yield new_runner
        runner.run(new_runner.service.database.close())


def draw_questions(
    timeline: Timeline, seed: int, count: int
) -> list[tuple[date, date, str | None]]:
    """Days from before the first act to the last one, known at any later one."""
    rng, days = Random(seed), timeline.list_days()
    first, last = days[0] - timedelta(days=6), days[-1]
    span = (last - first).days
    drawn = []
    for _ in range(count):
        as_of = first + timedelta(days=rng.randint(0, span))
        known_at = rng.choice(
            [as_of, last, as_of + timedelta(days=rng.randint(0, (last - as_of).days))]
        )
        drawn.append((as_of, known_at, rng.choice(PLAYBOOK_CHOICES)))
    return drawn


@property_settings
@given(timeline=timelines(), seed=st.integers(0, 99))
def test_any_past_answer_is_what_the_whole_record_says(
    timeline_runner: TimelineRunner, timeline: Timeline, seed: int
) -> None:
    async def collect_mismatches() -> list[object]:
        await timeline_runner.run_timeline(timeline)
        mismatches: list[object] = []
        for as_of, known_at, playbook in draw_questions(timeline, seed, 12):
            answer = await timeline_runner.get_answer(playbook, as_of, known_at)
            event(answer if isinstance(answer, str) else "answered")
            if difference := find_differences(answer, timeline, as_of, known_at, playbook):
                mismatches.append((as_of.isoformat(), known_at.isoformat(), playbook, difference))
        return mismatches

    assert timeline_runner.runner.run(collect_mismatches()) == []


@property_settings
@given(timeline=timelines())
def test_the_present_answer_of_every_evening_is_what_the_record_says(
    timeline_runner: TimelineRunner, timeline: Timeline
) -> None:
    async def collect_mismatches() -> list[object]:
        mismatches: list[object] = []
        evening_answers = await timeline_runner.run_timeline(timeline, EVENING_PLAYBOOKS)
        redefined = find_last_redefinition(timeline)
        for (day, playbook), answer in evening_answers.items():
            if redefined is None or get_end_of_day(day, timeline.zone) >= redefined:
                mismatches += [
                    (day.isoformat(), playbook, difference)
                    for difference in find_differences(answer, timeline, day, day, playbook)
                ]
        return mismatches

    assert timeline_runner.runner.run(collect_mismatches()) == []


@property_settings
@given(timeline=timelines())
def test_what_was_answered_at_the_end_of_a_day_is_answered_forever(
    timeline_runner: TimelineRunner, timeline: Timeline
) -> None:
    async def collect_mismatches() -> list[object]:
        evening_answers = await timeline_runner.run_timeline(timeline, EVENING_PLAYBOOKS)
        redefined = find_last_redefinition(timeline)
        mismatches: list[object] = []
        for (day, playbook), answer in evening_answers.items():
            if redefined is None or get_end_of_day(day, timeline.zone) >= redefined:
                later_answer = await timeline_runner.get_answer(playbook, day, day)
                if to_answer_fields(later_answer) != to_answer_fields(answer):
                    pairs = zip(
                        to_answer_fields(later_answer), to_answer_fields(answer), strict=False
                    )
                    mismatches.append(
                        (day.isoformat(), playbook, [pair for pair in pairs if pair[0] != pair[1]])
                    )
        return mismatches

    assert timeline_runner.runner.run(collect_mismatches()) == []
