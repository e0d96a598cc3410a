"""Past days, compared with a model that recomputes them from all actions."""

import os
from datetime import date, timedelta
from random import Random

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

# For a thorough run: PAST_EXAMPLES=2000.
MAX_EXAMPLES = int(os.environ.get("PAST_EXAMPLES", "12"))
# Shrinking replays hundreds of timelines, so it is on only with PAST_SHRINK.
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


def draw_questions(
    timeline: Timeline, seed: int, count: int
) -> list[tuple[date, date, str | None]]:
    """Draw days and instants of knowledge between the first and the last action."""
    rng = Random(seed)
    days = timeline.list_days()
    first = days[0] - timedelta(days=6)
    last = days[-1]
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
def test_any_past_result_equals_the_model(
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
def test_the_result_of_every_evening_equals_the_model(
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
def test_the_result_at_the_end_of_a_day_never_changes(
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
