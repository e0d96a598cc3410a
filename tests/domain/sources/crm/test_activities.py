"""What was held or sent, and what it takes from its deal."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.hubspot import STOCK
from app.domain.sources.crm.activities import RULES, deal_of, fold, properties
from app.domain.sources.crm.changes import Change, milliseconds
from app.domain.sources.mapping.mapping import parse

START = datetime(2026, 10, 1, tzinfo=UTC)
MAPPING = parse(
    {
        "team": {"property": "hubspot_owner_id", "map": {"7": "sales", "8": "channel"}},
        "data": {"segment": {"property": "segment"}},
    },
    STOCK,
)


def at(minutes):
    return START + timedelta(minutes=minutes)


def stamp(minutes):
    return str(milliseconds(at(minutes)))


def said(entity, minutes, verb="changed", other=None, **fields):
    return Change(
        entity, f"{entity}|{minutes}|{verb}|{other}|{fields}", at(minutes), verb, fields, other
    )


DEALS = [
    said("deal:42", 0, segment="smb"),
    said("deal:42", 0, hubspot_owner_id="7"),
    said("deal:42", 5, segment="enterprise"),
    said("deal:9", 0, segment="public"),
]
CALL = [
    said("call:55", 1, "created"),
    said("call:55", 1, hs_timestamp=stamp(3)),
    said("call:55", 1, "associated", "deal:42"),
]


def folded(changes, deals=DEALS, mapping=MAPPING):
    deal = deal_of(changes)
    return fold(changes, deal, [one for one in deals if one.entity == deal], mapping, "house")


def held(*changes, mapping=MAPPING):
    found = folded(changes, mapping=mapping).events
    assert len(found) <= 1
    return found[0] if found else None


def test_a_completed_call_inherits_its_deal_as_of_its_own_time():
    event = held(*CALL, said("call:55", 6, hs_call_status="COMPLETED"))
    assert (event.slot, event.type, event.kind, event.time) == (
        "call/55/held",
        "call.held",
        "activity",
        at(3),
    )
    assert (event.subject, event.team, event.data) == ("deal/42", "sales", {"segment": "smb"})
    assert event.value is None


def test_the_owner_of_the_call_comes_before_the_owner_of_the_deal():
    done = said("call:55", 6, hs_call_status="COMPLETED")
    assert held(*CALL, done, said("call:55", 2, hubspot_owner_id="8")).team == "channel"
    assert held(*CALL, done, said("call:55", 2, hubspot_owner_id="999")).team == "sales"


@pytest.mark.parametrize("word", ["NO_SHOW", "No show", "CANCELED", "RESCHEDULED", "SCHEDULED"])
def test_a_meeting_that_did_not_happen_is_not_held_even_when_its_time_has_passed(word):
    meeting = [
        said("meeting:5", 1, "created"),
        said("meeting:5", 1, hs_meeting_start_time="2026-10-01T00:03:00Z"),
        said("meeting:5", 9, hs_meeting_outcome=word),
    ]
    assert held(*meeting) is None
    assert held(*meeting, said("meeting:5", 10, hs_meeting_outcome="COMPLETED")).time == at(3)


@pytest.mark.parametrize("word", ["NO_ANSWER", "BUSY", "FAILED", "CANCELED"])
def test_a_call_that_nobody_took_is_not_held(word):
    assert held(*CALL, said("call:55", 6, hs_call_status=word)) is None


def test_without_an_outcome_it_was_held_once_a_later_change_came():
    assert held(*CALL) is None
    assert held(*CALL, said("call:55", 2, hubspot_owner_id="7")) is None
    assert held(*CALL, said("call:55", 3, hubspot_owner_id="7")).time == at(3)


def test_a_meeting_said_done_before_its_planned_time_was_over_by_then():
    meeting = [
        said("meeting:5", 1, hs_meeting_start_time=stamp(60)),
        said("meeting:5", 9, hs_meeting_outcome="COMPLETED"),
    ]
    assert held(*meeting).time == at(9)
    assert held(*meeting, said("meeting:5", 12, hs_meeting_outcome="COMPLETED")).time == at(9)


def test_without_a_time_of_its_own_it_was_when_it_was_created():
    assert held(
        said("call:55", 1, "created"), said("call:55", 4, hs_call_status="COMPLETED")
    ).time == at(1)
    assert held(said("call:55", 4, hs_call_status="COMPLETED")) is None


def test_an_email_is_sent_and_an_incoming_one_is_nothing():
    email = [said("email:6", 1, "created"), said("email:6", 1, hs_timestamp=stamp(1))]
    assert held(*email).type == "email.sent"
    assert held(*email, said("email:6", 1, hs_email_direction="EMAIL")).slot == "email/6/sent"
    assert held(*email, said("email:6", 1, hs_email_direction="INCOMING_EMAIL")) is None
    assert held(*email, said("email:6", 2, hs_email_status="FAILED")) is None


def test_a_deleted_call_is_gone_and_restored_it_is_back():
    done = [*CALL, said("call:55", 6, hs_call_status="COMPLETED")]
    assert held(*done, said("call:55", 7, "deleted")) is None
    assert held(*done, said("call:55", 7, "deleted"), said("call:55", 8, "restored")) == held(*done)


def test_a_call_of_no_deal_has_no_subject_and_goes_to_the_default_team():
    event = held(CALL[0], said("call:55", 6, hs_call_status="COMPLETED"))
    assert (event.subject, event.team, event.data) == (None, "house", {})


def test_of_several_deals_the_first_associated_one_that_still_is_counts():
    two = [said("call:55", 2, "associated", "deal:9"), said("call:55", 4, "associated", "deal:42")]
    assert deal_of(two) == "deal:9"
    assert deal_of([*two, said("call:55", 5, "dissociated", "deal:9")]) == "deal:42"
    assert (
        deal_of(
            [
                said("call:55", 2, "associated", "deal:42"),
                said("call:55", 2, "associated", "deal:9"),
            ]
        )
        == "deal:9"
    )
    assert deal_of([*two, said("call:55", 6, "associated", "deal:9")]) == "deal:9"
    assert deal_of([]) is None


def test_unknown_outcomes_times_and_owners_are_listed():
    found = folded(
        [
            said("meeting:5", 1, hs_meeting_outcome="Lovely"),
            said("meeting:5", 1, hs_meeting_start_time="soon"),
            said("meeting:5", 1, hubspot_owner_id="999"),
        ]
    )
    assert found.unmapped == (
        ("hs_meeting_outcome", "Lovely"),
        ("hs_meeting_start_time", "soon"),
        ("hubspot_owner_id", "999"),
    )


def test_no_property_about_a_person_is_read():
    read = set().union(*(properties(kind, parse({}, STOCK)) for kind in RULES))
    assert read == {
        *("hs_timestamp", "hs_call_status", "hs_meeting_start_time", "hs_meeting_outcome"),
        *("hs_email_status", "hs_email_direction"),
    }
    assert "hubspot_owner_id" in properties("call", MAPPING)


changes = st.one_of(
    st.builds(
        said,
        st.just("meeting:5"),
        st.integers(0, 5),
        st.sampled_from(["created", "deleted", "restored"]),
    ),
    st.builds(
        said,
        st.just("meeting:5"),
        st.integers(0, 5),
        st.sampled_from(["associated", "associated", "dissociated"]),
        st.sampled_from(["deal:42", "deal:9"]),
    ),
    st.builds(
        lambda minutes, outcome: said("meeting:5", minutes, hs_meeting_outcome=outcome),
        st.integers(0, 5),
        st.sampled_from(["COMPLETED", "NO_SHOW", None, "odd"]),
    ),
    st.builds(
        lambda minutes, start: said("meeting:5", minutes, hs_meeting_start_time=start),
        st.integers(0, 5),
        st.sampled_from([stamp(0), stamp(3), stamp(9), None, "odd"]),
    ),
)


@given(st.lists(changes, max_size=10), st.data())
def test_any_order_and_any_repetition_gives_the_same_event(past, data):
    shuffled = data.draw(st.permutations(past * 2))
    deals = data.draw(st.permutations(DEALS))
    assert folded(shuffled, deals) == folded(past)
