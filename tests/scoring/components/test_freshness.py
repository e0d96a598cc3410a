from datetime import date, timedelta

import pytest

from app.domain.playbook.organization import Policy
from app.domain.primitives.decimals import FIXED_SCALE
from app.scoring.engine import compute_alignment
from app.scoring.snapshot import LatestActivity, Snapshot
from app.services.alignment.evidence_urls import to_url
from tests.scoring.snapshot_builders import (
    FIRST_DAY,
    SCORED_DAY,
    filter_losses,
    make_key_result,
    make_metric,
    make_objective,
    make_snapshot,
)

WORLD = (make_objective("win"), make_metric("arr"), make_key_result("arr", "win", "arr"))


def score_freshness(snapshot: Snapshot) -> float | None:
    return compute_alignment(snapshot).components[4].score


def make_latest_activity(
    days_ago: int, *metrics: str, objective_key: str | None = None
) -> tuple[LatestActivity]:
    return (
        LatestActivity(frozenset(metrics), objective_key, SCORED_DAY - timedelta(days=days_ago)),
    )


def test_an_objective_is_fresh_for_its_cadence_and_halves_after_that():
    assert (
        score_freshness(make_snapshot(*WORLD, latest_activities=make_latest_activity(7, "arr")))
        == 1
    )
    assert (
        score_freshness(make_snapshot(*WORLD, latest_activities=make_latest_activity(21, "arr")))
        == 0.5
    )
    assert (
        score_freshness(
            make_snapshot(
                *WORLD,
                Policy(half_life_days=7 * FIXED_SCALE),
                latest_activities=make_latest_activity(21, "arr"),
            )
        )
        == 0.25
    )


def test_the_shortest_cadence_of_its_key_results_counts():
    slow = make_key_result("slow", "win", "arr", cadence_days=30)
    assert (
        score_freshness(
            make_snapshot(*WORLD, slow, latest_activities=make_latest_activity(21, "arr"))
        )
        == 0.5
    )
    assert (
        score_freshness(
            make_snapshot(
                make_objective("win"),
                latest_activities=make_latest_activity(21, objective_key="win"),
            )
        )
        == 0.5
    )


def test_an_event_that_names_another_objective_still_refreshes_those_of_its_metrics():
    alignment = compute_alignment(
        make_snapshot(
            *WORLD,
            make_objective("keep"),
            latest_activities=make_latest_activity(0, "arr", objective_key="keep"),
        )
    )
    assert alignment.components[4].score == 1


def test_without_any_event_freshness_decays_from_the_first_day():
    assert score_freshness(make_snapshot(*WORLD, as_of=FIRST_DAY + timedelta(days=21))) == 0.5
    assert score_freshness(make_snapshot(*WORLD, as_of=date(2026, 9, 1))) == 1


def test_a_stale_objective_has_the_age_and_the_evidence_of_its_last_event():
    [loss] = filter_losses(
        compute_alignment(
            make_snapshot(*WORLD, latest_activities=make_latest_activity(22, "arr"))
        ).losses,
        "freshness",
    )
    assert loss.detail == "the last event on win was 22 days ago, one is due every 7 days"
    assert (
        to_url(loss.evidence)
        == "/v1/events?refreshes=win&from=2026-10-01&to=2026-11-23&as_of=2026-11-23"
    )


@pytest.mark.parametrize(
    ("days", "summary_start"),
    [(21, "0 of 1 objective is gathering"), (22, "1 of 1 objective is gathering")],
)
def test_an_objective_is_stale_below_half(days, summary_start):
    assert (
        compute_alignment(
            make_snapshot(*WORLD, latest_activities=make_latest_activity(days, "arr"))
        )
        .components[4]
        .summary.startswith(summary_start)
    )
