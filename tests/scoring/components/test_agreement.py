from datetime import date

import pytest

from app.scoring.engine import score
from app.scoring.evidence_links import address
from tests.scoring.scenes import key_result, losses, metric, objective, said, snapshot

WORLD = (objective("win"), metric("arr", source="erp"), key_result("arr", "win", "arr"))


def agreement(*nouns, **measures):
    pairs = {
        (key, source): measure
        for key, sources in measures.items()
        for source, measure in sources.items()
    }
    found = score(snapshot(*WORLD, *nouns, measures=pairs))
    return found, found.components[7]


@pytest.mark.parametrize(
    ("sources", "value"),
    [
        ({"erp": said(100), "crm": said(100)}, 1),
        ({"erp": said(100), "crm": said(80)}, 0.8),
        ({"erp": said(80), "crm": said(100), "sheet": said(20)}, 0.25),
        ({"erp": said(0), "crm": said(0)}, 1),
        ({"erp": said(-10), "crm": said(10)}, 0),
        ({"crm": said(10)}, 0),
        ({"erp": said(10)}, None),
        ({}, None),
    ],
)
def test_sources_agree_as_far_as_the_worst_of_them_is_near_the_canonical_one(sources, value):
    assert agreement(arr=sources)[1].score == value


def test_it_does_not_apply_without_a_canonical_source_of_a_metric_that_scores():
    bare = score(
        snapshot(
            objective("win"),
            metric("arr"),
            key_result("arr", "win", "arr"),
            metric("idle", source="erp"),
        )
    )
    assert (bare.components[7].applies, agreement()[1].applies) == (False, True)


def test_only_objectives_that_can_be_compared_share_the_weight():
    found, component = agreement(objective("keep", 9), arr={"erp": said(100), "crm": said(50)})
    assert (component.score, component.coverage) == (0.5, 1)
    [loss] = losses(found.losses, "agreement")
    assert loss.points == pytest.approx(component.lost)
    assert loss.detail == "crm and erp differ by up to 50% on arr"
    assert (
        address(loss.evidence)
        == "/v1/events?counts_for=arr&from=2026-10-01&to=2026-11-23&as_of=2026-11-23"
    )


def test_all_who_disagree_are_named_in_one_list():
    found, _ = agreement(arr={"erp": said(100), "crm": said(50), "billing": said(60)})
    [loss] = losses(found.losses, "agreement")
    assert loss.detail == "billing, crm and erp differ by up to 50% on arr"


def test_key_results_on_one_metric_are_one_loss_over_all_of_their_days():
    short = key_result(
        "short", "win", "arr", starts_on=date(2026, 10, 5), ends_on=date(2026, 11, 1)
    )
    half = {"erp": said(100), "crm": said(50)}
    found, component = agreement(short, arr=half, short={"erp": said(100), "crm": said(25)})
    [loss] = losses(found.losses, "agreement")
    assert component.score == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert loss.points == pytest.approx(component.lost)
    assert (
        loss.detail == "crm and erp differ by up to 75% on arr, over 2 windows of its key results"
    )
    assert "from=2026-10-01&to=2026-11-23" in address(loss.evidence)


def test_a_silent_canonical_source_agrees_with_nobody():
    [loss] = losses(agreement(arr={"crm": said(10)})[0].losses, "agreement")
    assert loss.detail == "erp, the canonical source of arr, is silent while crm reports"
