"""Whether a deal is open, won or lost is said by its status, else by two booleans, else by its stage."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.crm.deal_stages import class_at, moments
from app.domain.sources.crm.timeline import History
from app.domain.sources.mapping.mapping import parse

START = datetime(2026, 10, 1, tzinfo=UTC)
MAPPING = parse(
    {
        "stage": {"property": "stage"},
        "stages": {"signed": "won", "gone": "lost"},
        "status": {"property": "status", "map": {"open": "open", "won": "won", "lost": "lost"}},
        "won": {"property": "IsWon"},
        "closed": {"property": "IsClosed"},
        "created_at": {"property": "created"},
        "closed_at": {"property": "closed"},
    },
    {},
)


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def said(minutes: int, verb: str = "changed", sequence: str = "", **fields: Scalar) -> Change:
    return Change(
        "deal:1",
        f"{minutes}|{verb}|{sequence}|{fields}",
        at(minutes),
        verb,
        fields,
        sequence=sequence,
    )


def found(*changes: Change) -> dict[str, datetime]:
    return {slot.split("/")[0]: when for slot, _, when in moments(History(changes), MAPPING)}


@pytest.mark.parametrize(
    ("fields", "class_"),
    [
        ({"status": "won", "stage": "gone"}, "won"),
        ({"status": "open", "stage": "signed"}, "open"),
        ({"status": "odd", "stage": "signed"}, "won"),
        ({"IsWon": True, "IsClosed": True, "stage": "gone"}, "won"),
        ({"IsWon": "false", "IsClosed": "true", "stage": "signed"}, "lost"),
        ({"IsWon": False, "IsClosed": False, "stage": "signed"}, "open"),
        ({"IsWon": False, "stage": "signed"}, "won"),
        ({"IsClosed": True, "stage": "gone"}, "lost"),
        ({"stage": "negotiation"}, "open"),
        ({"stage": None}, None),
    ],
)
def test_the_first_that_says_anything_decides(fields: dict[str, Scalar], class_: str | None):
    assert (
        class_at(History([Change("deal:1", "k", START, "changed", fields)]), MAPPING, START)
        == class_
    )


def test_a_status_moves_no_deal_and_its_stage_does():
    assert found(said(0, status="open", stage="a"), said(1, stage="b"), said(2, status="won")) == {
        "moved": at(1),
        "won": at(2),
    }


def test_a_deal_first_known_as_won_was_won_when_it_says_that_it_was_closed():
    told = said(9, "snapshot", status="won", closed=at(4).isoformat(), created=at(1).isoformat())
    assert found(told) == {"created": at(1), "won": at(4)}
    assert found(said(2, status="open"), told)["won"] == at(
        9
    )  # it was seen open: the change is seen too
    assert found(said(9, status="won", closed=at(4).isoformat())) == {
        "won": at(9)
    }  # a change is of its own time
    assert found(said(9, "snapshot", status="won", closed=at(12).isoformat())) == {"won": at(9)}


def test_the_sequence_orders_what_is_of_one_instant():
    assert found(said(0, sequence="2", status="won"), said(0, sequence="1", status="lost")) == {
        "won": at(0)
    }
    assert found(said(0, sequence="1", status="won"), said(0, sequence="2", status="lost")) == {
        "lost": at(0)
    }


def test_a_win_that_kept_its_first_won_time_is_not_read_from_it_when_reopened():
    assert found(said(0, status="won"), said(1, status="open", closed=at(0).isoformat())) == {}
