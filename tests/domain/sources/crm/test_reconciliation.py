"""Reconciliation appends records and retractions, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from app.domain.sources.crm.reconciliation import DesiredEvent, Slot, plan_reconciliation

WIN = DesiredEvent(
    "deal/42/won", "deal.won", datetime(2026, 10, 1, tzinfo=UTC), "sales", "outcome", 10_000, "EUR"
)


def test_a_first_event_is_recorded_as_the_first_of_its_slot():
    plan = plan_reconciliation([WIN], {})
    assert plan.to_record == (("deal/42/won/1", WIN),)
    assert plan.to_retract == ()


def test_equal_content_is_left_alone():
    plan = plan_reconciliation([WIN], {WIN.slot: Slot(3, replace(WIN))})
    assert (plan.to_record, plan.to_retract) == ((), ())


def test_other_content_retracts_and_records_under_the_next_number():
    plan = plan_reconciliation([WIN], {WIN.slot: Slot(3, replace(WIN, value=1))})
    assert plan.to_record == (("deal/42/won/4", WIN),)
    assert plan.to_retract == ("deal/42/won/3",)


def test_an_undesired_event_is_retracted_and_its_number_is_not_reused():
    assert plan_reconciliation([], {WIN.slot: Slot(2, WIN)}).to_retract == ("deal/42/won/2",)
    assert plan_reconciliation([WIN], {WIN.slot: Slot(2)}).to_record == (("deal/42/won/3", WIN),)


def test_true_is_not_one():
    event = replace(WIN, data={"flag": True})
    assert plan_reconciliation(
        [event], {WIN.slot: Slot(1, replace(WIN, data={"flag": 1}))}
    ).to_retract == ("deal/42/won/1",)


def test_a_new_event_of_an_archived_team_goes_to_the_default_team_once():
    plan = plan_reconciliation([WIN], {}, teams={"support"}, default_team="support")
    moved = replace(WIN, team="support")
    assert plan.to_record == (("deal/42/won/1", moved),)
    assert (
        plan_reconciliation([WIN], {WIN.slot: Slot(1, moved)}, {"support"}, "support").to_record
        == ()
    )


def test_a_recorded_event_keeps_its_archived_team():
    assert (
        plan_reconciliation([WIN], {WIN.slot: Slot(1, WIN)}, {"support"}, "support").to_record == ()
    )


event_strategy = st.builds(
    lambda slot, value: replace(WIN, slot=f"deal/42/{slot}", value=value),
    st.sampled_from(["won", "lost", "created"]),
    st.integers(0, 2),
)


@given(st.lists(st.lists(event_strategy, unique_by=lambda event: event.slot), max_size=8))
def test_whatever_was_desired_before_exactly_the_desired_events_are_live(steps):
    slots: dict[str, Slot] = {}
    used_ids = set()
    for desired in steps:
        plan = plan_reconciliation(desired, slots)
        for id_ in plan.to_retract:
            slot, number = id_.rsplit("/", 1)
            assert slots[slot].recorded_count == int(number)
            slots[slot] = Slot(slots[slot].recorded_count)
        for id_, event in plan.to_record:
            assert id_ not in used_ids
            used_ids.add(id_)
            assert slots.get(event.slot, Slot(0)).live is None
            slots[event.slot] = Slot(int(id_.rsplit("/", 1)[1]), event)
        assert {slot_name: slot.live for slot_name, slot in slots.items() if slot.live} == {
            desired_event.slot: desired_event for desired_event in desired
        }
        assert plan_reconciliation(desired, slots).to_record == ()
