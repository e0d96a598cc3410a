"""The class of a deal comes from its status, else from two booleans, else from its stage."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.crm.deal_stages import find_deal_class, find_transitions
from app.domain.sources.crm.timeline import RecordTimeline
from app.domain.sources.mapping.mapping_parser import parse_mapping

START = datetime(2026, 10, 1, tzinfo=UTC)
MAPPING = parse_mapping(
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


def at_minute(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def make_change(
    minutes: int, verb: str = "changed", sequence: str = "", **fields: Scalar
) -> Change:
    return Change(
        "deal:1",
        f"{minutes}|{verb}|{sequence}|{fields}",
        at_minute(minutes),
        verb,
        fields,
        sequence=sequence,
    )


def read_transition_times(*changes: Change) -> dict[str, datetime]:
    return {
        slot_suffix.split("/")[0]: instant
        for slot_suffix, _, instant in find_transitions(RecordTimeline(changes), MAPPING)
    }


@pytest.mark.parametrize(
    ("fields", "stage_class"),
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
def test_the_status_comes_before_the_flags_and_the_flags_before_the_stage(
    fields: dict[str, Scalar], stage_class: str | None
):
    assert (
        find_deal_class(
            RecordTimeline([Change("deal:1", "k", START, "changed", fields)]), MAPPING, START
        )
        == stage_class
    )


def test_a_status_is_no_move_and_a_stage_is():
    assert read_transition_times(
        make_change(0, status="open", stage="a"),
        make_change(1, stage="b"),
        make_change(2, status="won"),
    ) == {
        "moved": at_minute(1),
        "won": at_minute(2),
    }


def test_a_deal_first_seen_as_won_is_dated_by_its_closing_time():
    won_snapshot = make_change(
        9,
        "snapshot",
        status="won",
        closed=at_minute(4).isoformat(),
        created=at_minute(1).isoformat(),
    )
    assert read_transition_times(won_snapshot) == {"created": at_minute(1), "won": at_minute(4)}
    assert read_transition_times(make_change(2, status="open"), won_snapshot)["won"] == at_minute(
        9
    )  # known as open before, so that the change has a time
    assert read_transition_times(make_change(9, status="won", closed=at_minute(4).isoformat())) == {
        "won": at_minute(9)
    }  # a change has its own time
    assert read_transition_times(
        make_change(9, "snapshot", status="won", closed=at_minute(12).isoformat())
    ) == {"won": at_minute(9)}


def test_the_sequence_orders_changes_of_one_instant():
    assert read_transition_times(
        make_change(0, sequence="2", status="won"), make_change(0, sequence="1", status="lost")
    ) == {"won": at_minute(0)}
    assert read_transition_times(
        make_change(0, sequence="1", status="won"), make_change(0, sequence="2", status="lost")
    ) == {"lost": at_minute(0)}


def test_a_reopened_deal_with_a_first_won_time_is_not_won():
    assert (
        read_transition_times(
            make_change(0, status="won"),
            make_change(1, status="open", closed=at_minute(0).isoformat()),
        )
        == {}
    )
