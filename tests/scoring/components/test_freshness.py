from datetime import date, timedelta

import pytest

from app.domain.playbook.organization import Policy
from app.domain.primitives.decimals import ONE
from app.scoring.engine import score
from app.scoring.evidence_links import address
from app.scoring.snapshot import Newest, Snapshot
from tests.scoring.scenes import DAY, FIRST, key_result, losses, metric, objective, snapshot

WORLD = (objective("win"), metric("arr"), key_result("arr", "win", "arr"))


def freshness(found: Snapshot) -> float | None:
    return score(found).components[4].score


def seen(days: int, *metrics: str, named: str | None = None) -> tuple[Newest]:
    return (Newest(frozenset(metrics), named, DAY - timedelta(days=days)),)


def test_an_objective_is_fresh_for_its_cadence_and_halves_after_that():
    assert freshness(snapshot(*WORLD, newest=seen(7, "arr"))) == 1
    assert freshness(snapshot(*WORLD, newest=seen(21, "arr"))) == 0.5
    assert (
        freshness(snapshot(*WORLD, Policy(half_life_days=7 * ONE), newest=seen(21, "arr"))) == 0.25
    )


def test_the_shortest_cadence_of_its_key_results_counts():
    slow = key_result("slow", "win", "arr", cadence_days=30)
    assert freshness(snapshot(*WORLD, slow, newest=seen(21, "arr"))) == 0.5
    assert freshness(snapshot(objective("win"), newest=seen(21, named="win"))) == 0.5


def test_an_event_that_names_another_objective_still_refreshes_those_of_its_metrics():
    found = score(snapshot(*WORLD, objective("keep"), newest=seen(0, "arr", named="keep")))
    assert found.components[4].score == 1


def test_without_any_event_dust_gathers_from_the_first_day():
    assert freshness(snapshot(*WORLD, as_of=FIRST + timedelta(days=21))) == 0.5
    assert freshness(snapshot(*WORLD, as_of=date(2026, 9, 1))) == 1


def test_what_is_stale_says_since_when_and_lists_what_would_refresh_it():
    [loss] = losses(score(snapshot(*WORLD, newest=seen(22, "arr"))).losses, "freshness")
    assert loss.detail == "the last event on win was 22 days ago, one is due every 7 days"
    assert (
        address(loss.evidence)
        == "/v1/events?refreshes=win&from=2026-10-01&to=2026-11-23&as_of=2026-11-23"
    )


@pytest.mark.parametrize(
    ("days", "said"), [(21, "0 of 1 objective is gathering"), (22, "1 of 1 objective is gathering")]
)
def test_dust_is_less_than_half(days, said):
    assert score(snapshot(*WORLD, newest=seen(days, "arr"))).components[4].summary.startswith(said)
