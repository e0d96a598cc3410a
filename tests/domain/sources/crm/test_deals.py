"""The events of a deal are independent of the order and the repetition of its changes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.connectors.hubspot import DEFAULT_MAPPING
from app.domain.primitives.decimals import FIXED_SCALE
from app.domain.sources.crm.changes import Change, to_milliseconds
from app.domain.sources.crm.deals import project_events
from app.domain.sources.crm.reconciliation import Slot, plan_reconciliation
from app.domain.sources.mapping.mapping_parser import parse_mapping

START = datetime(2026, 10, 1, tzinfo=UTC)
MAPPING = parse_mapping(
    {
        "team": {"property": "pipeline", "map": {"default": "sales", "partners": "channel"}},
        "unit": {"default": "EUR"},
        "rates": [
            {"from": "USD", "to": "EUR", "rate": Decimal("0.92"), "valid_from": "2026-07-01"},
            {"from": "USD", "to": "EUR", "rate": Decimal("0.9"), "valid_from": "2026-10-02"},
        ],
        "offerings": {"property": "product", "map": {"SKU-1": "onboarding-plus"}},
        "data": {
            "segment": {"property": "segment"},
            "seats": {"property": "seats", "parse": "int"},
        },
    },
    DEFAULT_MAPPING,
)


def at_minute(minutes):
    return START + timedelta(minutes=minutes)


def property_change(minutes, **fields):
    property_name, value = next(iter(fields.items())) if fields else ("", None)
    return Change(
        "deal:42", f"{minutes}|{property_name}|{value}", at_minute(minutes), "changed", fields
    )


def lifecycle_change(minutes, verb):
    return Change("deal:42", f"{minutes}|{verb}", at_minute(minutes), verb)


def project_changes(*changes, mapping=MAPPING):
    return project_events(changes, mapping, "house")


def events_by_slot(*changes, mapping=MAPPING):
    return {
        event.slot.removeprefix("deal/42/"): event
        for event in project_changes(*changes, mapping=mapping).events
    }


WON_DEAL = [
    lifecycle_change(0, "created"),
    property_change(0, dealstage="qualifiedtobuy"),
    property_change(0, pipeline="default"),
    property_change(1, amount="1000"),
    property_change(9, dealstage="closedwon"),
]


def test_a_deal_is_created_moved_and_won():
    by_slot = events_by_slot(*WON_DEAL, property_change(5, dealstage="contractsent"))
    assert sorted(by_slot) == ["created", f"moved/{to_milliseconds(at_minute(5))}", "won"]
    assert (
        by_slot["created"].kind
        == by_slot[f"moved/{to_milliseconds(at_minute(5))}"].kind
        == "activity"
    )
    won = by_slot["won"]
    assert (won.type, won.kind, won.time, won.team) == (
        "deal.won",
        "outcome",
        at_minute(9),
        "sales",
    )
    assert (won.value, won.unit, won.subject) == (1000 * FIXED_SCALE, "EUR", "deal/42")
    assert won.data == {"pipeline": "default", "stage": "closedwon"}
    assert by_slot["created"].value is None


def test_a_lost_deal_is_an_activity_without_value():
    lost = events_by_slot(*WON_DEAL[:4], property_change(7, dealstage="closedlost"))["lost"]
    assert (lost.type, lost.kind, lost.time, lost.value) == (
        "deal.lost",
        "activity",
        at_minute(7),
        None,
    )


def test_a_reopened_deal_has_no_win_and_won_again_it_has_a_new_one():
    reopened = [*WON_DEAL, property_change(11, dealstage="contractsent")]
    assert "won" not in events_by_slot(*reopened)
    assert f"moved/{to_milliseconds(at_minute(11))}" in events_by_slot(*reopened)
    assert events_by_slot(*reopened, property_change(13, dealstage="closedwon"))[
        "won"
    ].time == at_minute(13)


def test_an_amount_corrected_after_the_win_changes_the_win_at_its_own_time():
    won = events_by_slot(*WON_DEAL, property_change(20, amount="1500.50"))["won"]
    assert (won.time, won.value) == (at_minute(9), 15_005_000)


def test_an_amount_cleared_after_the_win_is_unknown_and_not_zero():
    projection = project_changes(*WON_DEAL, property_change(20, amount=None))
    assert [event.value for event in projection.events if event.type == "deal.won"] == [None]
    assert projection.has_unknown_amount
    assert events_by_slot(*WON_DEAL, property_change(20, amount="0"))["won"].value == 0


def test_a_win_whose_amount_comes_later_in_the_same_instant_has_it():
    assert (
        events_by_slot(property_change(9, dealstage="closedwon"), property_change(9, amount="7"))[
            "won"
        ].value
        == 7 * FIXED_SCALE
    )


def test_a_stage_without_an_amount_is_a_win_of_unknown_amount():
    projection = project_changes(property_change(9, dealstage="closedwon"))
    assert projection.events[0].value is None
    assert projection.has_unknown_amount


def test_an_unreadable_amount_is_unknown_and_listed():
    projection = project_changes(*WON_DEAL, property_change(2, amount="a lot"))
    assert ("amount", "a lot") in projection.unmapped_values
    assert projection.has_unknown_amount


def test_a_date_that_cannot_be_read_is_listed():
    projection = project_changes(
        *WON_DEAL,
        property_change(2, closedate="31/12/2025"),
        property_change(3, closedate="2025-12-31"),
    )
    assert [pair for pair in projection.unmapped_values if pair[0] == "closedate"] == [
        ("closedate", "31/12/2025")
    ]


def test_a_currency_without_a_rate_is_listed_where_the_mapping_names_another():
    unit = {"unit": {"property": "currency", "default": "EUR"}}
    rates = {
        "rates": [{"from": "USD", "to": "EUR", "rate": Decimal("0.92"), "valid_from": "2026-07-01"}]
    }
    for currency, expected_unmapped in (("NOK", [("currency", "NOK")]), ("USD", []), ("EUR", [])):
        changes = (*WON_DEAL, property_change(2, currency=currency))
        assert (
            list(
                project_changes(
                    *changes, mapping=parse_mapping({**unit, **rates}, DEFAULT_MAPPING)
                ).unmapped_values
            )
            == expected_unmapped
        )
        unconverted = [] if currency == "EUR" else [("currency", currency)]
        assert (
            list(
                project_changes(
                    *changes, mapping=parse_mapping(unit, DEFAULT_MAPPING)
                ).unmapped_values
            )
            == unconverted
        )
        assert (
            project_changes(
                *changes, mapping=parse_mapping({"unit": {"property": "currency"}}, DEFAULT_MAPPING)
            ).unmapped_values
            == ()
        )


def test_every_event_carries_each_field_as_of_its_time():
    by_slot = events_by_slot(
        *WON_DEAL,
        property_change(3, segment="smb"),
        property_change(9, segment="enterprise"),
        property_change(12, segment="public"),
    )
    assert by_slot["created"].data["segment"] == "smb"  # the first set after it
    assert by_slot["won"].data["segment"] == "enterprise"  # set in the same instant
    after_clearing = events_by_slot(
        *WON_DEAL, property_change(3, segment="smb"), property_change(5, segment=None)
    )
    assert "segment" not in after_clearing["won"].data


def test_the_team_is_the_one_of_the_pipeline_at_the_time():
    by_slot = events_by_slot(*WON_DEAL, property_change(6, pipeline="partners"))
    assert (by_slot["created"].team, by_slot["won"].team) == ("sales", "channel")


def test_a_pipeline_without_a_team_goes_to_the_default_and_is_listed():
    projection = project_changes(*WON_DEAL[:2], property_change(0, pipeline="new business"))
    assert {event.team for event in projection.events} == {"house"}
    assert ("pipeline", "new business") in projection.unmapped_values


def test_a_foreign_currency_is_converted_at_the_rate_of_the_day_of_the_win():
    won = events_by_slot(*WON_DEAL, property_change(1, deal_currency_code="USD"))["won"]
    assert (won.value, won.unit) == (920 * FIXED_SCALE, "EUR")
    assert (won.data["original_value"], won.data["original_unit"]) == (1000, "USD")
    won_later = events_by_slot(
        *WON_DEAL[:4],
        property_change(1, deal_currency_code="USD"),
        property_change(2000, dealstage="closedwon"),
    )["won"]
    assert won_later.value == 900 * FIXED_SCALE


def test_a_currency_without_a_rate_keeps_its_unit():
    won = events_by_slot(*WON_DEAL, property_change(1, deal_currency_code="NOK"))["won"]
    assert (won.value, won.unit) == (1000 * FIXED_SCALE, "NOK")
    assert "original_value" not in won.data


def test_the_mapped_offering_is_sold_at_the_value_of_the_deal():
    assert events_by_slot(*WON_DEAL, property_change(1, product="SKU-1"))["won"].offerings == (
        ("onboarding-plus", 1000 * FIXED_SCALE),
    )
    projection = project_changes(*WON_DEAL, property_change(1, product="SKU-9"))
    assert [event.offerings for event in projection.events if event.type == "deal.won"] == [()]
    assert ("product", "SKU-9") in projection.unmapped_values


def test_an_offering_without_a_map_is_taken_when_it_is_a_key():
    mapping = parse_mapping({"offerings": {"property": "product"}}, DEFAULT_MAPPING)
    assert events_by_slot(*WON_DEAL, property_change(1, product="onboarding"), mapping=mapping)[
        "won"
    ].offerings == (("onboarding", 1000 * FIXED_SCALE),)
    assert (
        events_by_slot(*WON_DEAL, property_change(1, product="On Boarding"), mapping=mapping)[
            "won"
        ].offerings
        == ()
    )


def test_an_unknown_or_negative_value_sells_no_offering():
    assert (
        events_by_slot(
            *WON_DEAL, property_change(1, product="SKU-1"), property_change(2, amount=None)
        )["won"].offerings
        == ()
    )
    assert (
        events_by_slot(
            *WON_DEAL, property_change(1, product="SKU-1"), property_change(2, amount="-5")
        )["won"].offerings
        == ()
    )


def test_a_stage_that_is_not_listed_is_open_and_listed_as_unmapped():
    projection = project_changes(*WON_DEAL[:4], property_change(9, dealstage="998877"))
    assert not [event for event in projection.events if event.type == "deal.won"]
    assert ("dealstage", "998877") in projection.unmapped_values


def test_a_deleted_deal_has_no_events_until_it_is_restored():
    assert events_by_slot(*WON_DEAL, lifecycle_change(20, "deleted")) == {}
    assert events_by_slot(
        *WON_DEAL, lifecycle_change(20, "deleted"), lifecycle_change(30, "restored")
    ) == events_by_slot(*WON_DEAL)
    assert (
        events_by_slot(*WON_DEAL, lifecycle_change(20, "deleted"), property_change(40, amount="5"))
        == {}
    )


def test_a_deal_whose_creation_was_never_seen_has_no_creation():
    assert sorted(events_by_slot(*WON_DEAL[1:])) == ["won"]


def test_a_deal_created_twice_keeps_its_first_creation_time():
    assert events_by_slot(*WON_DEAL, lifecycle_change(4, "created"))["created"].time == at_minute(0)


def test_a_repeated_stage_is_no_move_even_after_null():
    repeated_stage = [
        property_change(0, dealstage="contractsent"),
        property_change(2, dealstage="contractsent"),
    ]
    assert events_by_slot(*repeated_stage) == {}
    assert (
        events_by_slot(repeated_stage[0], property_change(1, dealstage=None), repeated_stage[1])
        == {}
    )
    moved = events_by_slot(
        repeated_stage[0],
        property_change(1, dealstage=None),
        property_change(2, dealstage="qualifiedtobuy"),
    )
    assert list(moved) == [f"moved/{to_milliseconds(at_minute(2))}"]


def test_a_won_deal_moved_to_another_won_stage_keeps_its_first_win():
    mapping = parse_mapping({"stages": {"delivered": "won"}}, DEFAULT_MAPPING)
    assert events_by_slot(*WON_DEAL, property_change(12, dealstage="delivered"), mapping=mapping)[
        "won"
    ].time == at_minute(9)


def test_the_default_team_of_the_mapping_comes_before_that_of_the_source():
    mapping = parse_mapping(
        {"team": {"property": "pipeline", "map": {"x": "sales"}, "default": "field"}},
        DEFAULT_MAPPING,
    )
    assert events_by_slot(*WON_DEAL, mapping=mapping)["won"].team == "field"


def test_the_offering_sold_is_that_of_the_time_of_the_win():
    product_changes = [property_change(1, product="SKU-1"), property_change(20, product="SKU-2")]
    assert events_by_slot(*WON_DEAL, *product_changes)["won"].offerings == (
        ("onboarding-plus", 1000 * FIXED_SCALE),
    )


def test_a_deal_of_which_nothing_is_known_has_no_events():
    assert project_changes().events == ()


def test_a_late_change_is_inserted_in_history():
    before = events_by_slot(*WON_DEAL)
    after = events_by_slot(*WON_DEAL, property_change(4, dealstage="contractsent"))
    assert after["won"] == before["won"]
    assert f"moved/{to_milliseconds(at_minute(4))}" in after


stage_strategy = st.sampled_from([*MAPPING.stages, "998877", None])
field_strategy = st.one_of(
    st.tuples(st.just("dealstage"), stage_strategy),
    st.tuples(st.just("dealstage"), st.sampled_from(["closedwon", "closedlost", "contractsent"])),
    st.tuples(st.just("amount"), st.sampled_from(["0", "10", "10.5", "-1", "much", None])),
    st.tuples(st.just("deal_currency_code"), st.sampled_from(["USD", "EUR", "NOK", None])),
    st.tuples(st.just("pipeline"), st.sampled_from(["default", "partners", "other", None])),
    st.tuples(st.just("product"), st.sampled_from(["SKU-1", "SKU-2", None])),
    st.tuples(st.just("segment"), st.sampled_from(["smb", "enterprise", None])),
    st.tuples(st.just("seats"), st.sampled_from(["1", "many"])),
)
change_strategy = st.one_of(
    st.builds(
        lambda minutes, field: property_change(minutes, **dict([field])),
        st.integers(0, 6),
        field_strategy,
    ),
    st.builds(
        lambda minutes, field: property_change(minutes, **dict([field])),
        st.integers(0, 6),
        field_strategy,
    ),
    st.builds(
        lifecycle_change,
        st.integers(0, 6),
        st.sampled_from(["created", "created", "deleted", "restored", "restored"]),
    ),
)
history_strategy = st.lists(change_strategy, max_size=14)


@given(history_strategy, st.data())
def test_any_order_and_any_repetition_gives_the_same_events(history, data):
    shuffled = data.draw(
        st.permutations(
            history + data.draw(st.lists(st.sampled_from(history or [WON_DEAL[0]]), max_size=5))
        )
    )
    if not history:
        shuffled = []
    assert project_changes(*shuffled) == project_changes(*history)


@given(history_strategy, st.data())
def test_any_splitting_into_deliveries_ends_with_the_same_live_events_and_never_revives_an_id(
    history, data
):
    order = data.draw(st.permutations(history))
    split_points = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=4)))
    slots: dict[str, Slot] = {}
    used_ids = set()
    delivered = []
    for start, end in zip([0, *split_points], [*split_points, len(order)], strict=True):
        delivered += order[start:end]
        plan = plan_reconciliation(project_changes(*delivered).events, slots)
        for id_ in plan.to_retract:
            slot = id_.rsplit("/", 1)[0]
            assert id_ == f"{slot}/{slots[slot].recorded_count}"
            slots[slot] = Slot(slots[slot].recorded_count)
        for id_, event in plan.to_record:
            assert id_ not in used_ids
            used_ids.add(id_)
            slots[event.slot] = Slot(int(id_.rsplit("/", 1)[1]), event)
    assert {slot.live.slot: slot.live for slot in slots.values() if slot.live} == {
        event.slot: event for event in project_changes(*history).events
    }


@given(history_strategy)
def test_a_deal_is_won_exactly_when_its_last_stage_is_and_it_was_not_deleted_last(history):
    unique_changes = sorted(
        {change.key: change for change in history}.values(),
        key=lambda change: (change.at, change.key),
    )
    stage_values = [
        change.fields["dealstage"] for change in unique_changes if "dealstage" in change.fields
    ]
    lifecycle_verbs = [
        change.verb for change in unique_changes if change.verb in ("deleted", "restored")
    ]
    won = (
        bool(stage_values)
        and stage_values[-1] == "closedwon"
        and lifecycle_verbs[-1:] != ["deleted"]
    )
    projection = project_changes(*history)
    assert sum(event.type == "deal.won" for event in projection.events) == won
    assert not ({"deal.won", "deal.lost"} <= {event.type for event in projection.events})


@given(history_strategy)
def test_every_event_is_one_that_can_be_recorded(history):
    for event in project_changes(*history).events:
        assert event.slot.startswith("deal/42/")
        assert event.team in {"sales", "channel", "house"}
        assert all(
            value is not None and value >= 0 and value == event.value
            for _, value in event.offerings
        )
        assert set(event.data) <= {
            "pipeline",
            "stage",
            "segment",
            "seats",
            "original_value",
            "original_unit",
        }
