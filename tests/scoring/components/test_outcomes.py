from datetime import date

import pytest

from app.domain.events.metrics import Metric
from app.scoring.engine import compute_alignment
from app.scoring.snapshot import Snapshot
from app.services.alignment.evidence_urls import to_url
from tests.scoring.snapshot_builders import (
    FIRST_DAY,
    LAST_DAY,
    filter_losses,
    make_key_result,
    make_measure,
    make_metric,
    make_objective,
    make_snapshot,
)

WIN = make_objective("win")
ARR = make_metric("arr")
MIDDLE = date(2026, 11, 15)  # the 46th of 92 days


def score_outcomes(snapshot: Snapshot) -> tuple[float | None, float]:
    component = compute_alignment(snapshot).components[3]
    return component.score, component.coverage


def test_attainment_is_how_far_a_key_result_is_behind_its_pace():
    arr = (WIN, ARR, make_key_result("arr", "win", "arr"))
    assert score_outcomes(
        make_snapshot(*arr, as_of=MIDDLE, measures={("arr", "crm"): make_measure(30)})
    ) == (0.8, 1)
    assert score_outcomes(
        make_snapshot(*arr, as_of=MIDDLE, measures={("arr", "crm"): make_measure(70)})
    ) == (1, 1)
    assert score_outcomes(
        make_snapshot(*arr, as_of=LAST_DAY, measures={("arr", "crm"): make_measure(30)})
    ) == (0.3, 1)


def test_a_level_may_have_to_fall():
    churn = (
        WIN,
        make_metric("churn", "last"),
        make_key_result("churn", "win", "churn", target=5, baseline=10),
    )
    assert score_outcomes(
        make_snapshot(
            *churn, as_of=LAST_DAY, measures={("churn", "crm"): make_measure(last=(1, "a", 80_000))}
        )
    ) == (0.4, 1)


def test_missing_evidence_is_never_scored_and_lowers_coverage():
    resources = (
        WIN,
        ARR,
        make_metric("nps"),
        make_key_result("one", "win", "arr"),
        make_key_result("two", "win", "nps", weight=30_000),
    )
    assert score_outcomes(make_snapshot(*resources)) == (None, 0)
    snapshot = make_snapshot(
        *resources, as_of=LAST_DAY, measures={("one", "crm"): make_measure(100)}
    )
    assert score_outcomes(snapshot) == (0.25, 0.25)
    assert [
        (loss.reason, loss.key_result)
        for loss in filter_losses(compute_alignment(snapshot).losses, "outcomes")
    ] == [("no_evidence", "two")]


def test_an_objective_without_key_results_is_unmeasured():
    snapshot = make_snapshot(
        WIN,
        make_objective("keep", 3),
        ARR,
        make_key_result("arr", "win", "arr"),
        measures={("arr", "crm"): make_measure(100)},
    )
    assert score_outcomes(snapshot) == (0.25, 0.25)
    [loss] = filter_losses(compute_alignment(snapshot).losses, "outcomes")
    assert (loss.reason, loss.objective, to_url(loss.evidence)) == (
        "unmeasured",
        "keep",
        "/v1/key-results?objective=keep&as_of=2026-11-23",
    )


def test_a_key_result_that_has_not_begun_expects_nothing_and_covers_nothing():
    later = make_key_result("later", "win", "arr", starts_on=date(2026, 12, 1))
    snapshot = make_snapshot(
        WIN,
        ARR,
        make_key_result("arr", "win", "arr"),
        later,
        measures={("arr", "crm"): make_measure(100)},
    )
    assert score_outcomes(snapshot) == (1, 0.5)


def test_only_the_canonical_source_makes_the_value():
    arr = (WIN, make_metric("arr", source="erp"), make_key_result("arr", "win", "arr"))
    assert score_outcomes(
        make_snapshot(*arr, as_of=LAST_DAY, measures={("arr", "crm"): make_measure(90)})
    ) == (None, 0)
    both = {("arr", "crm"): make_measure(90), ("arr", "erp"): make_measure(60)}
    snapshot = make_snapshot(*arr, as_of=LAST_DAY, measures=both)
    assert score_outcomes(snapshot) == (0.6, 1)
    [loss] = filter_losses(compute_alignment(snapshot).losses, "outcomes")
    assert to_url(loss.evidence) == (
        "/v1/events?counts_for=arr&source=erp&from=2026-10-01&to=2026-12-31&as_of=2026-12-31"
    )


def test_a_loss_describes_the_progress_and_the_excluded_events():
    metric = Metric("arr", "ARR", ("deal.won",), "sum")
    snapshot = make_snapshot(
        WIN,
        metric,
        make_key_result("arr", "win", "arr"),
        as_of=MIDDLE,
        measures={("arr", "crm"): make_measure(30)},
        unknown_counts={"arr": 3},
    )
    [loss] = filter_losses(compute_alignment(snapshot).losses, "outcomes")
    assert loss.detail == (
        "arr is 30% of the way to its target, 50% was expected by now; 3 won deals have no amount"
    )
    assert loss.points == pytest.approx(compute_alignment(snapshot).components[3].lost_points)


def test_the_evidence_is_of_the_key_results_own_window():
    key_result = make_key_result(
        "arr", "win", "arr", starts_on=FIRST_DAY.replace(day=5), ends_on=date(2026, 11, 2)
    )
    [loss] = filter_losses(
        compute_alignment(
            make_snapshot(WIN, ARR, key_result, measures={("arr", "crm"): make_measure(1)})
        ).losses,
        "outcomes",
    )
    assert (
        to_url(loss.evidence)
        == "/v1/events?counts_for=arr&from=2026-10-05&to=2026-11-02&as_of=2026-11-23"
    )
