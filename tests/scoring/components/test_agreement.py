from datetime import date

import pytest

from app.scoring.engine import compute_alignment
from app.services.alignment.evidence_urls import to_url
from tests.scoring.snapshot_builders import (
    filter_losses,
    make_key_result,
    make_measure,
    make_metric,
    make_objective,
    make_snapshot,
)

WORLD = (
    make_objective("win"),
    make_metric("arr", source="erp"),
    make_key_result("arr", "win", "arr"),
)


def score_agreement(*resources, **measures):
    pairs = {
        (key, source): measure
        for key, sources in measures.items()
        for source, measure in sources.items()
    }
    alignment = compute_alignment(make_snapshot(*WORLD, *resources, measures=pairs))
    return alignment, alignment.components[7]


@pytest.mark.parametrize(
    ("sources", "value"),
    [
        ({"erp": make_measure(100), "crm": make_measure(100)}, 1),
        ({"erp": make_measure(100), "crm": make_measure(80)}, 0.8),
        ({"erp": make_measure(80), "crm": make_measure(100), "sheet": make_measure(20)}, 0.25),
        ({"erp": make_measure(0), "crm": make_measure(0)}, 1),
        ({"erp": make_measure(-10), "crm": make_measure(10)}, 0),
        ({"crm": make_measure(10)}, 0),
        ({"erp": make_measure(10)}, None),
        ({}, None),
    ],
)
def test_sources_agree_as_far_as_the_worst_of_them_is_near_the_canonical_one(sources, value):
    assert score_agreement(arr=sources)[1].score == value


def test_it_does_not_apply_without_a_canonical_source_of_a_metric_that_scores():
    alignment = compute_alignment(
        make_snapshot(
            make_objective("win"),
            make_metric("arr"),
            make_key_result("arr", "win", "arr"),
            make_metric("idle", source="erp"),
        )
    )
    assert (alignment.components[7].applies, score_agreement()[1].applies) == (False, True)


def test_only_objectives_that_can_be_compared_share_the_weight():
    alignment, component = score_agreement(
        make_objective("keep", 9), arr={"erp": make_measure(100), "crm": make_measure(50)}
    )
    assert (component.score, component.coverage) == (0.5, 1)
    [loss] = filter_losses(alignment.losses, "agreement")
    assert loss.points == pytest.approx(component.lost_points)
    assert loss.detail == "crm and erp differ by up to 50% on arr"
    assert (
        to_url(loss.evidence)
        == "/v1/events?counts_for=arr&from=2026-10-01&to=2026-11-23&as_of=2026-11-23"
    )


def test_all_sources_that_disagree_are_named_in_one_list():
    alignment, _ = score_agreement(
        arr={"erp": make_measure(100), "crm": make_measure(50), "billing": make_measure(60)}
    )
    [loss] = filter_losses(alignment.losses, "agreement")
    assert loss.detail == "billing, crm and erp differ by up to 50% on arr"


def test_key_results_on_one_metric_are_one_loss_over_all_of_their_days():
    short = make_key_result(
        "short", "win", "arr", starts_on=date(2026, 10, 5), ends_on=date(2026, 11, 1)
    )
    half = {"erp": make_measure(100), "crm": make_measure(50)}
    alignment, component = score_agreement(
        short, arr=half, short={"erp": make_measure(100), "crm": make_measure(25)}
    )
    [loss] = filter_losses(alignment.losses, "agreement")
    assert component.score == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert loss.points == pytest.approx(component.lost_points)
    assert (
        loss.detail == "crm and erp differ by up to 75% on arr, over 2 windows of its key results"
    )
    assert "from=2026-10-01&to=2026-11-23" in to_url(loss.evidence)


def test_a_silent_canonical_source_agrees_with_nobody():
    [loss] = filter_losses(score_agreement(arr={"crm": make_measure(10)})[0].losses, "agreement")
    assert loss.detail == "erp, the canonical source of arr, is silent while crm reports"
