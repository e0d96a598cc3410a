from datetime import date

import pytest

from app.domain.events.metrics import Metric
from app.scoring.engine import score
from app.scoring.evidence_links import address
from app.scoring.snapshot import Snapshot
from tests.scoring.scenes import FIRST, LAST, key_result, losses, metric, objective, said, snapshot

WIN, ARR = objective("win"), metric("arr")
MIDDLE = date(2026, 11, 15)  # the 46th of 92 days


def outcomes(found: Snapshot) -> tuple[float | None, float]:
    component = score(found).components[3]
    return component.score, component.coverage


def test_attainment_is_how_far_a_key_result_is_behind_its_pace():
    arr = (WIN, ARR, key_result("arr", "win", "arr"))
    assert outcomes(snapshot(*arr, as_of=MIDDLE, measures={("arr", "crm"): said(30)})) == (0.8, 1)
    assert outcomes(snapshot(*arr, as_of=MIDDLE, measures={("arr", "crm"): said(70)})) == (1, 1)
    assert outcomes(snapshot(*arr, as_of=LAST, measures={("arr", "crm"): said(30)})) == (0.3, 1)


def test_a_level_may_have_to_fall():
    churn = (
        WIN,
        metric("churn", "last"),
        key_result("churn", "win", "churn", target=5, baseline=10),
    )
    assert outcomes(
        snapshot(*churn, as_of=LAST, measures={("churn", "crm"): said(last=(1, "a", 80_000))})
    ) == (0.4, 1)


def test_silence_is_never_green_and_lowers_what_is_covered():
    two = (
        WIN,
        ARR,
        metric("nps"),
        key_result("one", "win", "arr"),
        key_result("two", "win", "nps", weight=30_000),
    )
    assert outcomes(snapshot(*two)) == (None, 0)
    found = snapshot(*two, as_of=LAST, measures={("one", "crm"): said(100)})
    assert outcomes(found) == (0.25, 0.25)
    assert [(loss.reason, loss.key_result) for loss in losses(score(found).losses, "outcomes")] == [
        ("no_evidence", "two")
    ]


def test_an_objective_without_key_results_is_unmeasured():
    found = snapshot(
        WIN,
        objective("keep", 3),
        ARR,
        key_result("arr", "win", "arr"),
        measures={("arr", "crm"): said(100)},
    )
    assert outcomes(found) == (0.25, 0.25)
    [loss] = losses(score(found).losses, "outcomes")
    assert (loss.reason, loss.objective, address(loss.evidence)) == (
        "unmeasured",
        "keep",
        "/v1/key-results?objective=keep&as_of=2026-11-23",
    )


def test_a_key_result_that_has_not_begun_expects_nothing_and_covers_nothing():
    later = key_result("later", "win", "arr", starts_on=date(2026, 12, 1))
    found = snapshot(
        WIN, ARR, key_result("arr", "win", "arr"), later, measures={("arr", "crm"): said(100)}
    )
    assert outcomes(found) == (1, 0.5)


def test_only_the_canonical_source_makes_the_value():
    arr = (WIN, metric("arr", source="erp"), key_result("arr", "win", "arr"))
    assert outcomes(snapshot(*arr, as_of=LAST, measures={("arr", "crm"): said(90)})) == (None, 0)
    both = {("arr", "crm"): said(90), ("arr", "erp"): said(60)}
    found = snapshot(*arr, as_of=LAST, measures=both)
    assert outcomes(found) == (0.6, 1)
    [loss] = losses(score(found).losses, "outcomes")
    assert address(loss.evidence) == (
        "/v1/events?counts_for=arr&source=erp&from=2026-10-01&to=2026-12-31&as_of=2026-12-31"
    )


def test_a_loss_says_how_far_it_is_and_what_could_not_be_counted():
    won = Metric("arr", "ARR", ("deal.won",), "sum")
    found = snapshot(
        WIN, won, key_result("arr", "win", "arr"), as_of=MIDDLE,
        measures={("arr", "crm"): said(30)}, unknown={"arr": 3},
    )  # fmt: skip
    [loss] = losses(score(found).losses, "outcomes")
    assert loss.detail == (
        "arr is 30% of the way to its target, 50% was expected by now; 3 won deals have no amount"
    )
    assert loss.points == pytest.approx(score(found).components[3].lost)


def test_the_evidence_is_of_the_key_results_own_window():
    own = key_result("arr", "win", "arr", starts_on=FIRST.replace(day=5), ends_on=date(2026, 11, 2))
    [loss] = losses(
        score(snapshot(WIN, ARR, own, measures={("arr", "crm"): said(1)})).losses, "outcomes"
    )
    assert (
        address(loss.evidence)
        == "/v1/events?counts_for=arr&from=2026-10-05&to=2026-11-02&as_of=2026-11-23"
    )
