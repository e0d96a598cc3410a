"""Deals that went into others live there; what is associated with them follows."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

from app.domain.sources.crm.changes import Change
from app.domain.sources.crm.record_links import Homes, associated
from app.domain.sources.crm.timeline import History

START = datetime(2026, 10, 1, tzinfo=UTC)


def moved(minutes: int, deal: str, other: str, verb: str = "merged") -> Change:
    return Change(
        deal, f"{minutes}{deal}{other}{verb}", START + timedelta(minutes=minutes), verb, other=other
    )


def test_a_chain_is_followed_to_its_end_whatever_the_order():
    chain = [
        moved(1, "deal:1", "deal:2"),
        moved(2, "deal:2", "deal:3", "continued"),
        moved(3, "deal:3", "deal:4"),
    ]
    for order in permutations(chain):
        homes = Homes(order)
        assert [homes.home(f"deal:{n}") for n in (1, 2, 3, 4)] == ["deal:4"] * 4
        assert homes.pasts("deal:3") == {"deal:2", "deal:3"}
        assert homes.pasts("deal:4") == {"deal:4"}  # an absorbed deal's past is not the survivor's


def test_deals_that_went_into_one_another_in_a_circle_stay_where_they_are():
    homes = Homes(
        [moved(1, "deal:1", "deal:2"), moved(2, "deal:2", "deal:1"), moved(3, "deal:9", "deal:1")]
    )
    assert [homes.home(deal) for deal in ("deal:1", "deal:2", "deal:9")] == [
        "deal:1",
        "deal:2",
        "deal:1",
    ]
    assert Homes(
        [moved(1, "deal:1", "deal:2", "continued"), moved(2, "deal:2", "deal:1", "continued")]
    ).pasts("deal:1")


def test_an_association_is_with_where_the_deal_lives_now():
    told = [(2, "deal:2", "associated"), (1, "deal:1", "associated"), (3, "deal:5", "associated")]
    told.append((4, "deal:5", "dissociated"))
    history = History(moved(minutes, "call:1", deal, verb) for minutes, deal, verb in told)
    homes = Homes([moved(9, "deal:2", "deal:1")])
    assert associated(history, homes) == {"deal:1": START + timedelta(minutes=1)}
