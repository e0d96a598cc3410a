"""History, comparison and what-if agree with the results of single days."""

import os
from dataclasses import replace
from datetime import timedelta
from functools import partial
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.domain.playbook.document import Document
from app.domain.playbook.objectives import Objective
from app.services.alignment import comparison, history
from app.services.alignment.alignment import AlignmentResult
from app.services.alignment.evidence_urls import to_url
from app.services.alignment.history import HistoryQuery
from app.services.playbook import configuration_history, playbooks
from tests.reference_model.component_inputs import collect_inputs
from tests.reference_model.loss_events import find_loss_events
from tests.reference_model.timeline import NoAnswerError, Timeline
from tests.reference_model.timeline_runner import TimelineRunner, to_answer_fields, to_model_loss
from tests.reference_model.timeline_strategies import timelines
from tests.support.evidence_lookup import EvidenceLookup

property_settings = settings(
    max_examples=int(os.environ.get("PAST_EXAMPLES", "12")) // 2,
    phases=tuple(set(Phase) - {Phase.shrink, Phase.explain}),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def extract_figures(answer: AlignmentResult | str) -> tuple[object, ...]:
    """Return the parts of a result that a history shows; nothing without a current playbook."""
    if isinstance(answer, str):
        return None, None
    a = answer.alignment
    return answer.playbook.key, a.score, a.floor, a.coverage, a.components


def extract_point_figures(point: history.ScorePoint) -> tuple[object, ...]:
    """Return the same parts of a point."""
    a = point.alignment
    if a is None:
        return None, None
    return a.frame.playbook, a.score, a.floor, a.coverage, a.components


@property_settings
@given(timeline=timelines(), step=st.sampled_from(["day", "week"]), late=st.integers(0, 4))
def test_every_point_of_a_history_is_the_answer_of_its_day(
    timeline_runner: TimelineRunner, timeline: Timeline, step: str, late: int
) -> None:
    async def collect_mismatches() -> list[object]:
        await timeline_runner.run_timeline(timeline)
        first = timeline.list_days()[0] - timedelta(days=3)
        last = timeline.list_days()[-1]
        last_day = max(first, last - timedelta(days=late)) if step == "week" else last
        mismatches: list[object] = []
        for known_at in (None, last):
            points = (
                await history.get_history(
                    timeline_runner.service,
                    timeline_runner.actor,
                    HistoryQuery(first, last_day, step, None, known_at),
                )
            ).points
            days = [point.as_of for point in points]
            assert days == sorted(set(days))
            if step == "day":
                assert days == [
                    first + timedelta(days=n) for n in range((last_day - first).days + 1)
                ]
            for point in points:
                single = extract_figures(
                    await timeline_runner.get_answer(None, point.as_of, known_at)
                )
                if extract_point_figures(point) != single:
                    mismatches.append(
                        (point.as_of.isoformat(), known_at, extract_point_figures(point), single)
                    )
        return mismatches

    assert timeline_runner.runner.run(collect_mismatches()) == []


def map_loss_points(answer: AlignmentResult) -> dict[object, float]:
    """Return the points of each loss, by its subject."""
    return {
        (loss.component, loss.reason, *loss[4:]): loss.points for loss in answer.alignment.losses
    }


@property_settings
@given(timeline=timelines(), seed=st.integers(0, 99))
def test_a_comparison_is_two_answers_and_the_difference_of_their_ledgers(
    timeline_runner: TimelineRunner, timeline: Timeline, seed: int
) -> None:
    async def check_comparison() -> None:
        await timeline_runner.run_timeline(timeline)
        days = timeline.list_days()
        first, last = sorted(Random(seed).choices(days, k=2))
        singles = [await timeline_runner.get_answer("main", day) for day in (first, last)]
        if any(isinstance(single, str) for single in singles):
            return
        compared = await comparison.compare_days(
            timeline_runner.service, timeline_runner.actor, first, last, "main"
        )
        assert compared.before is not None
        assert [to_answer_fields(compared.before), to_answer_fields(compared.after)] == [
            to_answer_fields(single) for single in singles
        ]
        before = map_loss_points(compared.before)
        after = map_loss_points(compared.after)
        point_changes = {
            k: after.get(k, 0.0) - before.get(k, 0.0) for k in before.keys() | after.keys()
        }
        largest_changes = sorted(
            (abs(change) for change in point_changes.values() if abs(change) > 1e-9), reverse=True
        )
        assert len(compared.differences) >= len(largest_changes)

    timeline_runner.runner.run(check_comparison())


@property_settings
@given(timeline=timelines(), seed=st.integers(0, 99))
def test_evidence_of_a_past_loss_lists_exactly_its_inputs(
    timeline_runner: TimelineRunner, timeline: Timeline, seed: int
) -> None:
    async def collect_mismatches() -> list[object]:
        await timeline_runner.run_timeline(timeline)
        mismatches: list[object] = []
        rng = Random(seed)
        for _ in range(2):
            as_of, known_at = sorted(rng.choices(timeline.list_days(), k=2))
            answer = await timeline_runner.get_answer("main", as_of, known_at)
            try:
                component_inputs = collect_inputs(
                    timeline.compute_expected_answer(as_of, known_at, "main").world
                )
            except NoAnswerError:  # there is no score, or the model does not cover the case
                continue
            assert not isinstance(answer, str)
            async with timeline_runner.service.database.read_transaction() as reader:
                organization = timeline_runner.actor.organization
                evidence_lookup = EvidenceLookup(
                    reader,
                    timeline_runner.actor,
                    partial(configuration_history.configuration_as_of, reader, organization),
                )
                for loss in answer.alignment.losses:
                    expected_inputs = find_loss_events(component_inputs, to_model_loss(loss))
                    if not await evidence_lookup.matches_evidence(loss.evidence, expected_inputs):
                        mismatches.append(
                            (
                                as_of,
                                known_at,
                                loss[:2],
                                loss[4:],
                                to_url(loss.evidence),
                                expected_inputs,
                            )
                        )
        return mismatches

    assert timeline_runner.runner.run(collect_mismatches()) == []


def change_priorities(document: Document, rng: Random) -> Document:
    """Return the document with other priorities, and some objectives paused."""
    objectives = []
    for located in document.objectives:
        assert isinstance(located.resource, Objective)
        noun = replace(
            located.resource,
            priority=rng.randint(1, 9) * 10_000,
            state=rng.choice(["active", "paused"]),
        )
        objectives.append(replace(located, resource=noun))
    return replace(document, objectives=tuple(objectives))


@property_settings
@given(timeline=timelines(), seed=st.integers(0, 99))
def test_what_if_predicts_the_alignment_after_applying_the_document(
    timeline_runner: TimelineRunner, timeline: Timeline, seed: int
) -> None:
    async def check_what_if() -> None:
        await timeline_runner.run_timeline(timeline)
        service = timeline_runner.service
        actor = timeline_runner.actor
        document = await playbooks.export_document(service, actor, "main")
        same = await comparison.evaluate_what_if(service, actor, document)
        assert same.before is not None
        if same.before.alignment.frame.until < same.before.alignment.frame.as_of:
            return  # the playbook has ended, and the what-if changes its last day
        assert list(same.differences) == []
        assert (
            extract_figures(same.before)
            == extract_figures(same.after)
            == extract_figures(await timeline_runner.get_answer("main"))
        )
        new_document = change_priorities(document, Random(seed))
        predicted = await comparison.evaluate_what_if(service, actor, new_document)
        assert predicted.before is not None
        assert extract_figures(await timeline_runner.get_answer("main")) == extract_figures(
            predicted.before
        )
        await playbooks.apply_document(
            service, actor, new_document, dry_run=False, publish=False, prune=True
        )
        applied = await timeline_runner.get_answer("main")
        assert isinstance(applied, AlignmentResult)
        assert extract_figures(applied) == extract_figures(predicted.after)
        assert map_loss_points(applied) == map_loss_points(predicted.after)

    timeline_runner.runner.run(check_what_if())
