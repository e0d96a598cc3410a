import random
from dataclasses import replace
from datetime import date
from math import fsum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.playbook.configuration import Noun
from app.domain.playbook.organization import COMPONENTS, Policy
from app.domain.playbook.playbooks import Contribution, Signoff
from app.domain.primitives.decimals import ONE
from app.scoring.components.registry import REGISTRY
from app.scoring.engine import score
from app.scoring.playbook_index import Plan
from app.scoring.snapshot import Newest, Said, Snapshot
from tests.scoring.scenes import (
    DAY,
    bears,
    key_result,
    metric,
    objective,
    reweighted,
    said,
    snapshot,
    snapshots,
    team,
    work,
)

laws = settings(max_examples=40)


def weighing(**weights: int) -> Policy:
    return Policy({name: weights.get(name, 0) * ONE for name in COMPONENTS})


def shuffled(found: Snapshot, seed: int) -> Snapshot:
    """The same evidence and configuration, read in another order."""
    chance = random.Random(seed)

    def mixed(items):
        return chance.sample(list(items), len(items))

    was = found.configuration
    names = (
        "teams",
        "objectives",
        "key_results",
        "responsibilities",
        "metrics",
        "playbooks",
        "offerings",
    )
    now = replace(was, **{name: dict(mixed(getattr(was, name).items())) for name in names})
    return replace(
        found,
        plan=Plan(now, "q4"),
        said={
            place: one._replace(sources=dict(mixed(one.sources.items())))
            for place, one in mixed(found.said.items())
        },
        attention=tuple(mixed(found.attention)),
        newest=tuple(mixed(found.newest)),
        sold=tuple(mixed(found.sold)),
    )


def test_the_registry_is_in_the_order_of_the_method():
    assert tuple(REGISTRY) == COMPONENTS


def test_an_organization_that_does_everything_right_scores_exactly_1():
    teams, objectives = (
        (team("sales", size=12), team("ops", size=7)),
        (objective("win"), objective("keep", 2)),
    )
    parts = [bears(o.key, "sales", "accountable") for o in objectives] + [
        bears(o.key, "ops") for o in objectives
    ]
    contributed, signed = (
        [Contribution("q4", t.key, "x") for t in teams],
        [Signoff("q4", t.key, 2, "x") for t in teams],
    )
    measured: list[Noun] = [
        metric("arr"),
        key_result("arr-1", "win", "arr"),
        key_result("arr-2", "keep", "arr"),
    ]
    found = score(
        snapshot(
            *teams, *objectives, *parts, *contributed, *signed, *measured,
            measures={("arr-1", "crm"): said(100), ("arr-2", "crm"): said(100)},
            attention=tuple(
                work(t.key, named=o, events=n, kind="activity") for t in teams for o, n in (("win", 10), ("keep", 20))
            ),
            newest=(Newest(frozenset(("arr",)), None, DAY),),
        )
    )  # fmt: skip
    assert [c.score for c in found.components] == [1, 1, 1, 1, 1, 1, None, None]
    assert (found.score, found.floor, found.coverage, found.weakest, found.losses) == (
        1,
        1,
        1,
        None,
        (),
    )


def test_without_anything_there_is_no_score_and_no_loss():
    found = score(snapshot())
    assert (found.score, found.floor, found.coverage, found.weakest, found.losses) == (
        None,
        0.0,
        0.0,
        None,
        (),
    )


def test_below_the_minimum_coverage_the_score_is_null_and_the_ledger_stands():
    found = score(snapshot(team("sales"), weighing(playbook=4, outcomes=6)))
    assert found.score is None
    assert found.coverage == pytest.approx(0.4)
    assert [(loss.reason, loss.points) for loss in found.losses] == [("not_involved", 1.0)]


def test_coverage_of_exactly_the_minimum_is_enough():
    found = score(snapshot(team("sales"), weighing(playbook=3, outcomes=3)))
    assert (found.coverage, found.score) == (0.5, 0.0)


def test_a_component_of_weight_0_is_shown_and_counts_for_nothing():
    found = score(snapshot(team("sales"), objective("win"), weighing(playbook=1)))
    assert found.components[1].score == 0.0
    assert (found.coverage, found.weakest) == (1.0, "playbook")
    assert {loss.component for loss in found.losses} == {"playbook"}


def test_all_weights_0_give_no_score_and_no_coverage():
    found = score(snapshot(team("sales"), objective("win"), weighing()))
    assert (found.score, found.coverage, found.floor, found.losses) == (None, 0.0, 0.0, ())


def test_what_does_not_apply_is_left_out_of_coverage_and_what_is_silent_is_not():
    silent = score(snapshot(team("sales"), weighing(playbook=1, outcomes=1)))
    absent = score(snapshot(team("sales"), weighing(playbook=1, deliverability=1)))
    assert (silent.coverage, absent.coverage) == (0.5, 1.0)


def test_teams_that_bear_an_objective_without_any_event_are_silent_and_consulted_ones_are_not():
    found = score(
        snapshot(
            *map(team, ("ann", "bob", "cyd")), objective("win"),
            bears("win", "ann"), bears("win", "bob"), bears("win", "cyd", "consulted"),
            attention=(work("bob", events=1, effort=0),),
        )
    )  # fmt: skip
    assert found.silent_teams == ("ann",)


def test_equal_losses_name_the_first_component_as_the_weakest():
    found = score(
        snapshot(team("sales"), objective("win"), weighing(playbook=1, shared_responsibility=1))
    )
    assert found.weakest == "playbook"


def test_before_its_first_day_a_playbook_is_scored_at_its_first_day_without_focus():
    found = score(snapshot(team("sales"), objective("win"), as_of=date(2026, 9, 1)))
    assert found.frame.day == date(2026, 10, 1)
    assert {c.name for c in found.components if c.score is not None} == {
        "playbook",
        "shared_responsibility",
        "freshness",
    }


@laws
@given(snapshots())
def test_every_figure_is_a_fraction_or_null(found: Snapshot):
    answer = score(found)
    figures = [c.score for c in answer.components] + [c.coverage for c in answer.components]
    figures += [answer.score, answer.floor, answer.coverage, *(c.lost for c in answer.components)]
    assert all(figure is None or 0 <= figure <= 1 for figure in figures)
    assert answer.score is None or answer.floor <= answer.score + 1e-12


@laws
@given(snapshots())
def test_the_ledger_explains_every_point_that_is_missing(found: Snapshot):
    answer = score(found)
    counted = [c for c in answer.components if c.score is not None]
    total = sum(c.weight for c in counted)
    lost = fsum(c.weight * (1 - (c.score or 0)) for c in counted) / total if total else 0.0
    assert fsum(loss.points for loss in answer.losses) == pytest.approx(lost, abs=1e-9)
    if answer.score is not None:
        assert lost == pytest.approx(1 - answer.score, abs=1e-9)
    for component in answer.components:
        own = fsum(loss.points for loss in answer.losses if loss.component == component.name)
        assert own == pytest.approx(component.lost, abs=1e-9)


@laws
@given(snapshots())
def test_every_loss_can_be_told_and_they_fall_in_size(found: Snapshot):
    losses = score(found).losses
    assert losses == tuple(
        sorted(
            losses,
            key=lambda one: (
                -one.points,
                COMPONENTS.index(one.component),
                one.reason,
                [n or "" for n in one[4:]],
            ),
        )
    )
    assert all(loss.detail and loss.evidence.filters for loss in losses)
    assert len({(loss.component, loss.reason, *loss[4:]) for loss in losses}) == len(losses)


@laws
@given(snapshots(), st.integers(0, 99))
def test_the_order_in_which_things_are_read_changes_nothing(found: Snapshot, seed: int):
    assert score(shuffled(found, seed)).losses == score(found).losses
    assert score(shuffled(found, seed)).components == score(found).components
    assert score(shuffled(found, seed)).score == score(found).score


@laws
@given(snapshots(), st.sampled_from((2, 3, 7, 10)))
def test_only_the_proportions_of_weights_priorities_shares_and_sizes_matter(
    found: Snapshot, factor: int
):
    one, other = score(found), score(reweighted(found, factor))
    assert (one.score is None) == (other.score is None)
    assert other.score == pytest.approx(one.score, abs=1e-12)
    assert (other.floor, other.coverage) == pytest.approx((one.floor, one.coverage), abs=1e-12)
    assert {
        loss[:2] + loss[4:]: pytest.approx(loss.points, abs=1e-12)
        for loss in one.losses
        if loss.points > 1e-9
    } == {loss[:2] + loss[4:]: loss.points for loss in other.losses if loss.points > 1e-9}


@laws
@given(snapshots(), st.data())
def test_progress_of_a_key_result_never_lowers_outcomes(found: Snapshot, data: st.DataObject):
    pairs = sorted((place, source) for place, one in found.said.items() for source in one.sources)
    if not pairs:
        return
    place, source = data.draw(st.sampled_from(pairs))
    was = found.said[place].sources[source]
    more = data.draw(st.integers(0, 50 * ONE))
    when, name, said_last = was.last or (0, "", 0)
    low, high = (was.low or 0) + more, (was.high or 0) + more
    now = replace(
        was, total=was.total + more, low=low, high=high, last=(when, name, said_last + more)
    )
    before, after = (
        score(found),
        score(
            replace(
                found, said={**found.said, place: Said({**found.said[place].sources, source: now})}
            )
        ),
    )
    assert (after.components[3].score or 0) >= (before.components[3].score or 0)


@laws
@given(
    snapshots(), st.sampled_from(("ann", "bob", "cyd")), st.sampled_from(("focus", "productivity"))
)
def test_a_team_that_falls_silent_never_raises_what_was_proven_of_work(
    found: Snapshot, mute: str, component: str
):
    # Only attention is taken away: what the objectives attain is held fixed, as the law asks for productivity.
    policy = {name: ONE if name == component else 0 for name in COMPONENTS}
    was = replace(
        found.configuration,
        policies={"policy": replace(found.configuration.policy, weights=policy)},
    )
    full = replace(found, plan=Plan(was, "q4"))
    quiet = replace(full, attention=tuple(cell for cell in found.attention if cell.team != mute))
    assert score(quiet).floor <= score(full).floor
