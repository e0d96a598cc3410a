"""A deal's changes come to the same events in whatever order, however often and in whatever portions they come."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.connectors.hubspot import STOCK
from app.domain.primitives.decimals import ONE
from app.domain.sources.crm.changes import Change, milliseconds
from app.domain.sources.crm.deals import fold
from app.domain.sources.crm.reconciliation import Slot, diff
from app.domain.sources.mapping.mapping import parse

START = datetime(2026, 10, 1, tzinfo=UTC)
MAPPING = parse(
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
    STOCK,
)


def at(minutes):
    return START + timedelta(minutes=minutes)


def said(minutes, **fields):
    name, value = next(iter(fields.items())) if fields else ("", None)
    return Change("deal:42", f"{minutes}|{name}|{value}", at(minutes), "changed", fields)


def happened(minutes, verb):
    return Change("deal:42", f"{minutes}|{verb}", at(minutes), verb)


def folded(*changes, mapping=MAPPING):
    return fold(changes, mapping, "house")


def events(*changes, mapping=MAPPING):
    return {
        event.slot.removeprefix("deal/42/"): event
        for event in folded(*changes, mapping=mapping).events
    }


WON = [
    happened(0, "created"),
    said(0, dealstage="qualifiedtobuy"),
    said(0, pipeline="default"),
    said(1, amount="1000"),
    said(9, dealstage="closedwon"),
]


def test_a_deal_is_created_moved_and_won():
    found = events(*WON, said(5, dealstage="contractsent"))
    assert sorted(found) == ["created", f"moved/{milliseconds(at(5))}", "won"]
    assert found["created"].kind == found[f"moved/{milliseconds(at(5))}"].kind == "activity"
    won = found["won"]
    assert (won.type, won.kind, won.time, won.team) == ("deal.won", "outcome", at(9), "sales")
    assert (won.value, won.unit, won.subject) == (1000 * ONE, "EUR", "deal/42")
    assert won.data == {"pipeline": "default", "stage": "closedwon"}
    assert found["created"].value is None


def test_a_lost_deal_is_an_activity_without_value():
    lost = events(*WON[:4], said(7, dealstage="closedlost"))["lost"]
    assert (lost.type, lost.kind, lost.time, lost.value) == ("deal.lost", "activity", at(7), None)


def test_a_reopened_deal_has_no_win_and_won_again_it_has_a_new_one():
    reopened = [*WON, said(11, dealstage="contractsent")]
    assert "won" not in events(*reopened)
    assert f"moved/{milliseconds(at(11))}" in events(*reopened)
    assert events(*reopened, said(13, dealstage="closedwon"))["won"].time == at(13)


def test_an_amount_corrected_after_the_win_changes_the_win_at_its_own_time():
    won = events(*WON, said(20, amount="1500.50"))["won"]
    assert (won.time, won.value) == (at(9), 15_005_000)


def test_an_amount_cleared_after_the_win_is_unknown_and_not_zero():
    found = folded(*WON, said(20, amount=None))
    assert [event.value for event in found.events if event.type == "deal.won"] == [None]
    assert found.unknown_amount
    assert events(*WON, said(20, amount="0"))["won"].value == 0


def test_a_win_whose_amount_comes_later_in_the_same_instant_has_it():
    assert events(said(9, dealstage="closedwon"), said(9, amount="7"))["won"].value == 7 * ONE


def test_a_stage_without_an_amount_is_a_win_of_unknown_amount():
    found = folded(said(9, dealstage="closedwon"))
    assert found.events[0].value is None
    assert found.unknown_amount


def test_an_unreadable_amount_is_unknown_and_listed():
    found = folded(*WON, said(2, amount="a lot"))
    assert ("amount", "a lot") in found.unmapped
    assert found.unknown_amount


def test_a_date_that_cannot_be_read_is_listed():
    found = folded(*WON, said(2, closedate="31/12/2025"), said(3, closedate="2025-12-31"))
    assert [pair for pair in found.unmapped if pair[0] == "closedate"] == [
        ("closedate", "31/12/2025")
    ]


def test_a_currency_without_a_rate_is_listed_where_the_mapping_names_another():
    unit = {"unit": {"property": "currency", "default": "EUR"}}
    rates = {
        "rates": [{"from": "USD", "to": "EUR", "rate": Decimal("0.92"), "valid_from": "2026-07-01"}]
    }
    for currency, listed in (("NOK", [("currency", "NOK")]), ("USD", []), ("EUR", [])):
        changes = (*WON, said(2, currency=currency))
        assert list(folded(*changes, mapping=parse({**unit, **rates}, STOCK)).unmapped) == listed
        unconverted = [] if currency == "EUR" else [("currency", currency)]
        assert list(folded(*changes, mapping=parse(unit, STOCK)).unmapped) == unconverted
        assert (
            folded(*changes, mapping=parse({"unit": {"property": "currency"}}, STOCK)).unmapped
            == ()
        )


def test_every_event_carries_each_field_as_of_its_time():
    found = events(
        *WON, said(3, segment="smb"), said(9, segment="enterprise"), said(12, segment="public")
    )
    assert found["created"].data["segment"] == "smb"  # the first set after it
    assert found["won"].data["segment"] == "enterprise"  # set in the same instant
    late = events(*WON, said(3, segment="smb"), said(5, segment=None))
    assert "segment" not in late["won"].data


def test_the_team_is_the_one_of_the_pipeline_at_the_time():
    found = events(*WON, said(6, pipeline="partners"))
    assert (found["created"].team, found["won"].team) == ("sales", "channel")


def test_a_pipeline_without_a_team_goes_to_the_default_and_is_listed():
    found = folded(*WON[:2], said(0, pipeline="new business"))
    assert {event.team for event in found.events} == {"house"}
    assert ("pipeline", "new business") in found.unmapped


def test_a_foreign_currency_is_converted_at_the_rate_of_the_day_of_the_win():
    won = events(*WON, said(1, deal_currency_code="USD"))["won"]
    assert (won.value, won.unit) == (920 * ONE, "EUR")
    assert (won.data["original_value"], won.data["original_unit"]) == (1000, "USD")
    later = events(*WON[:4], said(1, deal_currency_code="USD"), said(2000, dealstage="closedwon"))[
        "won"
    ]
    assert later.value == 900 * ONE


def test_a_currency_without_a_rate_keeps_its_unit():
    won = events(*WON, said(1, deal_currency_code="NOK"))["won"]
    assert (won.value, won.unit) == (1000 * ONE, "NOK")
    assert "original_value" not in won.data


def test_what_was_sold_is_the_mapped_offering_at_the_value():
    assert events(*WON, said(1, product="SKU-1"))["won"].offerings == (
        ("onboarding-plus", 1000 * ONE),
    )
    found = folded(*WON, said(1, product="SKU-9"))
    assert [event.offerings for event in found.events if event.type == "deal.won"] == [()]
    assert ("product", "SKU-9") in found.unmapped


def test_an_offering_without_a_map_is_taken_when_it_is_a_key():
    mapping = parse({"offerings": {"property": "product"}}, STOCK)
    assert events(*WON, said(1, product="onboarding"), mapping=mapping)["won"].offerings == (
        ("onboarding", 1000 * ONE),
    )
    assert events(*WON, said(1, product="On Boarding"), mapping=mapping)["won"].offerings == ()


def test_an_unknown_or_negative_value_sells_no_offering():
    assert events(*WON, said(1, product="SKU-1"), said(2, amount=None))["won"].offerings == ()
    assert events(*WON, said(1, product="SKU-1"), said(2, amount="-5"))["won"].offerings == ()


def test_a_stage_that_is_not_listed_is_open_and_listed_as_unmapped():
    found = folded(*WON[:4], said(9, dealstage="998877"))
    assert not [event for event in found.events if event.type == "deal.won"]
    assert ("dealstage", "998877") in found.unmapped


def test_a_deleted_deal_is_not_lost_it_is_gone_and_restored_it_is_back():
    assert events(*WON, happened(20, "deleted")) == {}
    assert events(*WON, happened(20, "deleted"), happened(30, "restored")) == events(*WON)
    assert events(*WON, happened(20, "deleted"), said(40, amount="5")) == {}


def test_a_deal_whose_creation_was_never_seen_has_no_creation():
    assert sorted(events(*WON[1:])) == ["won"]


def test_a_deal_created_twice_was_created_first_then():
    assert events(*WON, happened(4, "created"))["created"].time == at(0)


def test_a_stage_said_again_or_after_null_is_no_move():
    again = [said(0, dealstage="contractsent"), said(2, dealstage="contractsent")]
    assert events(*again) == {}
    assert events(again[0], said(1, dealstage=None), again[1]) == {}
    moved = events(again[0], said(1, dealstage=None), said(2, dealstage="qualifiedtobuy"))
    assert list(moved) == [f"moved/{milliseconds(at(2))}"]


def test_a_won_deal_that_goes_to_another_won_stage_was_won_at_first():
    mapping = parse({"stages": {"delivered": "won"}}, STOCK)
    assert events(*WON, said(12, dealstage="delivered"), mapping=mapping)["won"].time == at(9)


def test_the_default_team_of_the_mapping_comes_before_that_of_the_source():
    mapping = parse(
        {"team": {"property": "pipeline", "map": {"x": "sales"}, "default": "field"}}, STOCK
    )
    assert events(*WON, mapping=mapping)["won"].team == "field"


def test_what_was_sold_is_what_the_deal_named_when_it_was_won():
    later = [said(1, product="SKU-1"), said(20, product="SKU-2")]
    assert events(*WON, *later)["won"].offerings == (("onboarding-plus", 1000 * ONE),)


def test_a_deal_of_which_nothing_is_known_has_no_events():
    assert folded().events == ()


def test_a_late_fact_is_inserted_in_history():
    before = events(*WON)
    after = events(*WON, said(4, dealstage="contractsent"))
    assert after["won"] == before["won"]
    assert f"moved/{milliseconds(at(4))}" in after


stages = st.sampled_from([*MAPPING.stages, "998877", None])
fields = st.one_of(
    st.tuples(st.just("dealstage"), stages),
    st.tuples(st.just("dealstage"), st.sampled_from(["closedwon", "closedlost", "contractsent"])),
    st.tuples(st.just("amount"), st.sampled_from(["0", "10", "10.5", "-1", "much", None])),
    st.tuples(st.just("deal_currency_code"), st.sampled_from(["USD", "EUR", "NOK", None])),
    st.tuples(st.just("pipeline"), st.sampled_from(["default", "partners", "other", None])),
    st.tuples(st.just("product"), st.sampled_from(["SKU-1", "SKU-2", None])),
    st.tuples(st.just("segment"), st.sampled_from(["smb", "enterprise", None])),
    st.tuples(st.just("seats"), st.sampled_from(["1", "many"])),
)
changes = st.one_of(
    st.builds(lambda minutes, field: said(minutes, **dict([field])), st.integers(0, 6), fields),
    st.builds(lambda minutes, field: said(minutes, **dict([field])), st.integers(0, 6), fields),
    st.builds(
        happened,
        st.integers(0, 6),
        st.sampled_from(["created", "created", "deleted", "restored", "restored"]),
    ),
)
pasts = st.lists(changes, max_size=14)


@given(pasts, st.data())
def test_any_order_and_any_repetition_gives_the_same_events(past, data):
    shuffled = data.draw(
        st.permutations(past + data.draw(st.lists(st.sampled_from(past or [WON[0]]), max_size=5)))
    )
    if not past:
        shuffled = []
    assert folded(*shuffled) == folded(*past)


@given(pasts, st.data())
def test_any_splitting_into_deliveries_ends_with_the_same_live_events_and_never_revives_an_id(
    past, data
):
    order = data.draw(st.permutations(past))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=4)))
    slots: dict[str, Slot] = {}
    ever, known = set(), []
    for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
        known += order[start:end]
        plan = diff(folded(*known).events, slots)
        for id_ in plan.to_retract:
            slot = id_.rsplit("/", 1)[0]
            assert id_ == f"{slot}/{slots[slot].recorded}"
            slots[slot] = Slot(slots[slot].recorded)
        for id_, event in plan.to_record:
            assert id_ not in ever
            ever.add(id_)
            slots[event.slot] = Slot(int(id_.rsplit("/", 1)[1]), event)
    assert {slot.live.slot: slot.live for slot in slots.values() if slot.live} == {
        event.slot: event for event in folded(*past).events
    }


@given(pasts)
def test_a_deal_is_won_exactly_when_its_last_stage_is_and_it_was_not_deleted_last(past):
    unique = sorted(
        {change.key: change for change in past}.values(), key=lambda change: (change.at, change.key)
    )
    said_stages = [change.fields["dealstage"] for change in unique if "dealstage" in change.fields]
    lives = [change.verb for change in unique if change.verb in ("deleted", "restored")]
    won = bool(said_stages) and said_stages[-1] == "closedwon" and lives[-1:] != ["deleted"]
    found = folded(*past)
    assert sum(event.type == "deal.won" for event in found.events) == won
    assert not ({"deal.won", "deal.lost"} <= {event.type for event in found.events})


@given(pasts)
def test_every_event_is_one_that_can_be_recorded(past):
    for event in folded(*past).events:
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
