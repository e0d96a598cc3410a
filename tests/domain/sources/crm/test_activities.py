"""The event that an activity implies, and the fields that it inherits from its deal."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.hubspot import DEFAULT_MAPPING
from app.domain.sources.crm.activities import find_deal, project_events
from app.domain.sources.crm.changes import Change, to_milliseconds
from app.domain.sources.mapping.mapping_parser import parse_mapping

START = datetime(2026, 10, 1, tzinfo=UTC)
MAPPING = parse_mapping(
    {
        "team": {"property": "hubspot_owner_id", "map": {"7": "sales", "8": "channel"}},
        "data": {"segment": {"property": "segment"}},
    },
    DEFAULT_MAPPING,
)


def at_minute(minutes):
    return START + timedelta(minutes=minutes)


def timestamp_at_minute(minutes):
    return str(to_milliseconds(at_minute(minutes)))


def make_change(entity, minutes, verb="changed", related=None, **fields):
    return Change(
        entity,
        f"{entity}|{minutes}|{verb}|{related}|{fields}",
        at_minute(minutes),
        verb,
        {name.replace("activity_", "activity:"): content for name, content in fields.items()},
        related,
    )


DEAL_CHANGES = [
    make_change("deal:42", 0, segment="smb"),
    make_change("deal:42", 0, hubspot_owner_id="7"),
    make_change("deal:42", 5, segment="enterprise"),
    make_change("deal:9", 0, segment="public"),
]
CALL_CHANGES = [
    make_change("call:55", 1, "created"),
    make_change("call:55", 1, activity_occurred_at=timestamp_at_minute(3)),
    make_change("call:55", 1, "associated", "deal:42"),
]


def project_with_deals(changes, deal_changes=DEAL_CHANGES, mapping=MAPPING):
    deal = find_deal(changes)
    return project_events(
        changes,
        deal,
        [change for change in deal_changes if change.entity == deal],
        mapping,
        "house",
    )


def project_single_event(*changes, mapping=MAPPING):
    events = project_with_deals(changes, mapping=mapping).events
    assert len(events) <= 1
    return events[0] if events else None


def test_a_completed_call_inherits_its_deal_as_of_its_own_time():
    event = project_single_event(
        *CALL_CHANGES, make_change("call:55", 6, activity_status="COMPLETED")
    )
    assert (event.slot, event.type, event.kind, event.time) == (
        "call/55/held",
        "call.held",
        "activity",
        at_minute(3),
    )
    assert (event.subject, event.team, event.data) == ("deal/42", "sales", {"segment": "smb"})
    assert event.value is None


def test_the_owner_of_the_call_comes_before_the_owner_of_the_deal():
    completed = make_change("call:55", 6, activity_status="COMPLETED")
    assert (
        project_single_event(
            *CALL_CHANGES, completed, make_change("call:55", 2, hubspot_owner_id="8")
        ).team
        == "channel"
    )
    assert (
        project_single_event(
            *CALL_CHANGES, completed, make_change("call:55", 2, hubspot_owner_id="999")
        ).team
        == "sales"
    )


@pytest.mark.parametrize("outcome", ["NO_SHOW", "No show", "CANCELED", "RESCHEDULED", "SCHEDULED"])
def test_a_meeting_that_did_not_happen_is_not_held_even_when_its_time_has_passed(outcome):
    meeting = [
        make_change("meeting:5", 1, "created"),
        make_change("meeting:5", 1, activity_starts_at="2026-10-01T00:03:00Z"),
        make_change("meeting:5", 9, activity_status=outcome),
    ]
    assert project_single_event(*meeting) is None
    assert project_single_event(
        *meeting, make_change("meeting:5", 10, activity_status="COMPLETED")
    ).time == at_minute(3)


@pytest.mark.parametrize("status", ["NO_ANSWER", "BUSY", "FAILED", "CANCELED"])
def test_a_call_that_nobody_took_is_not_held(status):
    assert (
        project_single_event(*CALL_CHANGES, make_change("call:55", 6, activity_status=status))
        is None
    )


def test_a_call_without_an_outcome_is_held_when_a_change_arrives_after_its_time():
    assert project_single_event(*CALL_CHANGES) is None
    assert (
        project_single_event(*CALL_CHANGES, make_change("call:55", 2, hubspot_owner_id="7")) is None
    )
    assert project_single_event(
        *CALL_CHANGES, make_change("call:55", 3, hubspot_owner_id="7")
    ).time == at_minute(3)


def test_a_meeting_completed_before_its_planned_time_was_held_at_its_completion():
    meeting = [
        make_change("meeting:5", 1, activity_starts_at=timestamp_at_minute(60)),
        make_change("meeting:5", 9, activity_status="COMPLETED"),
    ]
    assert project_single_event(*meeting).time == at_minute(9)
    assert project_single_event(
        *meeting, make_change("meeting:5", 12, activity_status="COMPLETED")
    ).time == at_minute(9)


def test_an_activity_without_a_time_happened_when_it_was_created():
    assert project_single_event(
        make_change("call:55", 1, "created"), make_change("call:55", 4, activity_status="COMPLETED")
    ).time == at_minute(1)
    assert project_single_event(make_change("call:55", 4, activity_status="COMPLETED")) is None


def test_an_email_is_sent_and_an_incoming_email_has_no_event():
    email = [
        make_change("email:6", 1, "created"),
        make_change("email:6", 1, activity_occurred_at=timestamp_at_minute(1)),
    ]
    assert project_single_event(*email).type == "email.sent"
    assert (
        project_single_event(*email, make_change("email:6", 1, activity_direction="EMAIL")).slot
        == "email/6/sent"
    )
    assert (
        project_single_event(*email, make_change("email:6", 1, activity_direction="INCOMING_EMAIL"))
        is None
    )
    assert project_single_event(*email, make_change("email:6", 2, activity_status="FAILED")) is None


def test_a_deleted_call_has_no_event_until_it_is_restored():
    completed_call = [*CALL_CHANGES, make_change("call:55", 6, activity_status="COMPLETED")]
    assert project_single_event(*completed_call, make_change("call:55", 7, "deleted")) is None
    assert project_single_event(
        *completed_call, make_change("call:55", 7, "deleted"), make_change("call:55", 8, "restored")
    ) == project_single_event(*completed_call)


def test_a_call_of_no_deal_has_no_subject_and_goes_to_the_default_team():
    event = project_single_event(
        CALL_CHANGES[0], make_change("call:55", 6, activity_status="COMPLETED")
    )
    assert (event.subject, event.team, event.data) == (None, "house", {})


def test_the_earliest_deal_still_associated_is_the_deal_of_the_activity():
    associations = [
        make_change("call:55", 2, "associated", "deal:9"),
        make_change("call:55", 4, "associated", "deal:42"),
    ]
    assert find_deal(associations) == "deal:9"
    assert (
        find_deal([*associations, make_change("call:55", 5, "dissociated", "deal:9")]) == "deal:42"
    )
    assert (
        find_deal(
            [
                make_change("call:55", 2, "associated", "deal:42"),
                make_change("call:55", 2, "associated", "deal:9"),
            ]
        )
        == "deal:9"
    )
    assert find_deal([*associations, make_change("call:55", 6, "associated", "deal:9")]) == "deal:9"
    assert find_deal([]) is None


def test_unknown_outcomes_times_and_owners_are_listed():
    projection = project_with_deals(
        [
            make_change("meeting:5", 1, activity_status="Lovely"),
            make_change("meeting:5", 1, activity_starts_at="soon"),
            make_change("meeting:5", 1, hubspot_owner_id="999"),
        ]
    )
    assert projection.unmapped_values == (
        ("hs_meeting_outcome", "Lovely"),
        ("hs_meeting_start_time", "soon"),
        ("hubspot_owner_id", "999"),
    )


# One activity of each kind. Properties are (current name, name stored by earlier versions).
STORED_HISTORIES = {
    "call:5": {
        ("activity:occurred_at", "hs_timestamp"): "2026-10-01T00:03:00Z",
        ("activity:status", "hs_call_status"): "COMPLETED",
    },
    "meeting:5": {
        ("activity:starts_at", "hs_meeting_start_time"): "2026-10-01T00:03:00Z",
        ("activity:occurred_at", "hs_timestamp"): "2026-10-01T00:02:00Z",
        ("activity:status", "hs_meeting_outcome"): "odd",
    },
    "email:5": {
        ("activity:occurred_at", "hs_timestamp"): "2026-10-01T00:03:00Z",
        ("activity:status", "hs_email_status"): "SENT",
        ("activity:direction", "hs_email_direction"): "EMAIL",
    },
}


@pytest.mark.parametrize("entity", STORED_HISTORIES)
def test_changes_stored_under_the_names_of_earlier_versions_imply_the_same_event(entity):
    def changes_named_by(position):
        return [
            Change(entity, f"key{number}", at_minute(4), "changed", {names[position]: text})
            for number, (names, text) in enumerate(STORED_HISTORIES[entity].items())
        ]

    current_changes = changes_named_by(0)
    stored_changes = changes_named_by(1)
    projection = project_with_deals(current_changes)
    assert projection.events
    assert project_with_deals(stored_changes) == projection
    assert project_with_deals([*stored_changes[:1], *current_changes[1:]]) == projection


def test_a_team_rule_that_reads_a_built_in_property_finds_it_under_both_names():
    team_rule = {"property": "hs_email_direction", "map": {"FORWARDED_EMAIL": "channel"}}
    mapping = parse_mapping({"team": team_rule}, DEFAULT_MAPPING)
    email = [
        make_change("email:6", 1, "created"),
        make_change("email:6", 1, activity_occurred_at=timestamp_at_minute(1)),
    ]
    for property_name in ("activity:direction", "hs_email_direction"):
        direction = make_change("email:6", 1, **{property_name: "FORWARDED_EMAIL"})
        assert project_single_event(*email, direction, mapping=mapping).team == "channel"


change_strategy = st.one_of(
    st.builds(
        make_change,
        st.just("meeting:5"),
        st.integers(0, 5),
        st.sampled_from(["created", "deleted", "restored"]),
    ),
    st.builds(
        make_change,
        st.just("meeting:5"),
        st.integers(0, 5),
        st.sampled_from(["associated", "associated", "dissociated"]),
        st.sampled_from(["deal:42", "deal:9"]),
    ),
    st.builds(
        lambda minutes, outcome: make_change("meeting:5", minutes, activity_status=outcome),
        st.integers(0, 5),
        st.sampled_from(["COMPLETED", "NO_SHOW", None, "odd"]),
    ),
    st.builds(
        lambda minutes, start: make_change("meeting:5", minutes, activity_starts_at=start),
        st.integers(0, 5),
        st.sampled_from(
            [timestamp_at_minute(0), timestamp_at_minute(3), timestamp_at_minute(9), None, "odd"]
        ),
    ),
)


@given(st.lists(change_strategy, max_size=10), st.data())
def test_any_order_and_any_repetition_gives_the_same_event(history, data):
    shuffled = data.draw(st.permutations(history * 2))
    deal_changes = data.draw(st.permutations(DEAL_CHANGES))
    assert project_with_deals(shuffled, deal_changes) == project_with_deals(history)
