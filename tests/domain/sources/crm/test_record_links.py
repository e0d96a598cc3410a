"""Merged deals, and the records that follow them."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

from app.domain.sources.crm.changes import Change
from app.domain.sources.crm.record_links import MergeIndex, find_associated_deals
from app.domain.sources.crm.timeline import RecordTimeline

START = datetime(2026, 10, 1, tzinfo=UTC)


def make_link_change(minutes: int, deal: str, target: str, verb: str = "merged") -> Change:
    return Change(
        deal,
        f"{minutes}{deal}{target}{verb}",
        START + timedelta(minutes=minutes),
        verb,
        other=target,
    )


def test_a_chain_is_followed_to_its_end_whatever_the_order():
    chain = [
        make_link_change(1, "deal:1", "deal:2"),
        make_link_change(2, "deal:2", "deal:3", "continued"),
        make_link_change(3, "deal:3", "deal:4"),
    ]
    for order in permutations(chain):
        merge_index = MergeIndex(order)
        assert [merge_index.surviving_deal(f"deal:{n}") for n in (1, 2, 3, 4)] == ["deal:4"] * 4
        assert merge_index.ids_with_history("deal:3") == {"deal:2", "deal:3"}
        assert merge_index.ids_with_history("deal:4") == {
            "deal:4"
        }  # the survivor does not inherit the history of a merged deal


def test_a_cycle_of_merges_leaves_each_deal_its_own_survivor():
    merge_index = MergeIndex(
        [
            make_link_change(1, "deal:1", "deal:2"),
            make_link_change(2, "deal:2", "deal:1"),
            make_link_change(3, "deal:9", "deal:1"),
        ]
    )
    assert [merge_index.surviving_deal(deal) for deal in ("deal:1", "deal:2", "deal:9")] == [
        "deal:1",
        "deal:2",
        "deal:1",
    ]
    assert MergeIndex(
        [
            make_link_change(1, "deal:1", "deal:2", "continued"),
            make_link_change(2, "deal:2", "deal:1", "continued"),
        ]
    ).ids_with_history("deal:1")


def test_an_association_follows_a_merged_deal():
    associations = [
        (2, "deal:2", "associated"),
        (1, "deal:1", "associated"),
        (3, "deal:5", "associated"),
    ]
    associations.append((4, "deal:5", "dissociated"))
    timeline = RecordTimeline(
        make_link_change(minutes, "call:1", deal, verb) for minutes, deal, verb in associations
    )
    merge_index = MergeIndex([make_link_change(9, "deal:2", "deal:1")])
    assert find_associated_deals(timeline, merge_index) == {"deal:1": START + timedelta(minutes=1)}
