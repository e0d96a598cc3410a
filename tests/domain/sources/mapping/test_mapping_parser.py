"""Valid mappings are parsed, and invalid ones have a fault at each wrong place."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.hubspot import DEFAULT_MAPPING
from app.domain.primitives.errors import InvalidError
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.mapping.mapping_parser import parse_mapping
from app.domain.sources.mapping.rules import Rule

SAMPLE = {
    "stages": {"closedwon": "won", "closedlost": "lost"},
    "team": {"property": "pipeline", "map": {"default": "sales"}},
    "value": {"property": "amount", "parse": "decimal"},
    "unit": {"property": "deal_currency_code", "default": "EUR"},
    "rates": [{"from": "USD", "to": "EUR", "rate": 0.92, "valid_from": "2026-07-01"}],
    "offerings": {"property": "product", "map": {"SKU-1": "onboarding-plus"}},
    "data": {
        "segment": {"property": "customer_segment"},
        "seats": {"property": "seats", "parse": "decimal"},
    },
}


def error_pointers(spec):
    with pytest.raises(InvalidError) as excinfo:
        parse_mapping(spec, DEFAULT_MAPPING)
    return [fault.pointer for fault in excinfo.value.faults]


def find_rate(mapping, day):
    rate = mapping.find_rate("USD", date.fromisoformat(day))
    return rate and rate.rate


def test_the_sample_of_the_contract_is_read_over_the_defaults():
    mapping = parse_mapping(SAMPLE, DEFAULT_MAPPING)
    assert mapping.stage == Rule(("dealstage",))
    assert mapping.stages["closedwon"] == "won"
    assert mapping.stages["contractsent"] == "open"
    assert mapping.team == Rule(("pipeline",), map={"default": "sales"})
    assert mapping.unit == Rule(("deal_currency_code",), default="EUR")
    assert find_rate(mapping, "2026-07-01") == Decimal("0.92")
    assert mapping.team_keys() == {"sales"}
    assert mapping.properties() == {
        *(
            "dealstage",
            "pipeline",
            "amount",
            "deal_currency_code",
            "product",
            "customer_segment",
            "seats",
        ),
        *("createdate", "closedate", "hs_lastmodifieddate"),
    }


def test_an_empty_mapping_is_the_default_mapping():
    assert parse_mapping(None, DEFAULT_MAPPING) == parse_mapping({}, DEFAULT_MAPPING)
    assert parse_mapping({}, DEFAULT_MAPPING).properties() == {
        *("dealstage", "pipeline", "amount", "deal_currency_code"),
        *("createdate", "closedate", "hs_lastmodifieddate"),
    }


def test_null_removes_a_default():
    mapping = parse_mapping({"unit": None, "stages": {"contractsent": None}}, DEFAULT_MAPPING)
    assert mapping.unit is None
    assert "contractsent" not in mapping.stages


def test_the_rate_that_became_valid_last_holds():
    days = {"2026-01-01": "0.9", "2026-07-01": "0.8"}
    rates = [
        {"from": "USD", "to": "EUR", "rate": Decimal(rate), "valid_from": day}
        for day, rate in days.items()
    ]
    mapping = parse_mapping({"rates": rates}, DEFAULT_MAPPING)
    assert find_rate(mapping, "2025-12-31") is None
    assert find_rate(mapping, "2026-06-30") == Decimal("0.9")
    assert find_rate(mapping, "2026-07-01") == Decimal("0.8")
    assert mapping.find_rate("NOK", date(2026, 7, 1)) is None


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ([], "/mapping"),
        ({"stgaes": {}}, "/mapping/stgaes"),
        ({"stages": {"a/b": "perhaps"}}, "/mapping/stages/a~1b"),
        ({"stages": {"a": 1}}, "/mapping/stages/a"),
        ({"stages": []}, "/mapping/stages"),
        ({"team": {"property": "pipeline"}}, "/mapping/team/map"),
        ({"team": {"map": {}}}, "/mapping/team/property"),
        ({"team": {"property": "pipeline", "map": {"x": "No Key"}}}, "/mapping/team/map/x"),
        ({"team": {"property": "pipeline", "map": {}, "default": "-"}}, "/mapping/team/default"),
        ({"team": "sales"}, "/mapping/team"),
        ({"value": {"parse": "float"}}, "/mapping/value/parse"),
        ({"value": {"property": ""}}, "/mapping/value/property"),
        ({"value": {"property": "x" * 513}}, "/mapping/value/property"),
        ({"unit": {"default": "E" * 33}}, "/mapping/unit/default"),
        ({"unit": {"map": {}}}, "/mapping/unit/map"),
        ({"offerings": {"property": 3}}, "/mapping/offerings/property"),
        ({"data": {"stage": {"property": "x"}}}, "/mapping/data/stage"),
        ({"data": {"a.b": {"property": "x"}}}, "/mapping/data/a.b"),
        ({"data": {"a": {"property": "x", "parse": "date"}}}, "/mapping/data/a/parse"),
        ({"data": {"a": {}}}, "/mapping/data/a/property"),
        ({"data": {f"a{n}": {"property": "x"} for n in range(64)}}, "/mapping"),
        ({"stages": {f"a{n}": "open" for n in range(4097)}}, "/mapping"),
        ({"rates": {}}, "/mapping/rates"),
        ({"rates": [None]}, "/mapping/rates/0"),
        (
            {"rates": [{"from": "USD", "to": "USD", "rate": 1, "valid_from": "2026-01-01"}]},
            "/mapping/rates/0/to",
        ),
        (
            {"rates": [{"from": "USD", "to": "EUR", "rate": 0, "valid_from": "2026-01-01"}]},
            "/mapping/rates/0/rate",
        ),
        (
            {"rates": [{"from": "USD", "to": "EUR", "rate": True, "valid_from": "2026-01-01"}]},
            "/mapping/rates/0/rate",
        ),
        (
            {"rates": [{"from": "USD", "to": "EUR", "rate": 1, "valid_from": "2026-02-30"}]},
            "/mapping/rates/0/valid_from",
        ),
        (
            {"rates": [{"from": "USD", "to": "EUR", "rate": 1, "valid_from": "20260101"}]},
            "/mapping/rates/0/valid_from",
        ),
        (
            {"rates": [{"from": "USD", "to": "EUR", "rate": 1, "valid_from": "2026-01-01"}] * 2},
            "/mapping/rates/1",
        ),
    ],
)
def test_a_wrong_mapping_has_a_fault_at_its_place(spec, pointer):
    assert error_pointers(spec) == [pointer]


def test_every_error_is_reported_at_once():
    assert error_pointers({"stages": {"a": "b"}, "nonsense": 1}) == [
        "/mapping/nonsense",
        "/mapping/stages/a",
    ]


def test_a_connector_without_defaults_has_no_mapping():
    assert parse_mapping({}, {}, "none") == DealMapping()
    with pytest.raises(InvalidError, match="mapping"):
        parse_mapping({"team": {}}, {}, "none")


scalar_strategy = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(max_size=5)
)
json_strategy = st.recursive(
    scalar_strategy,
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["property", "map", "default", "parse", "from", "to", "rate", "valid_from", "x"]
            ),
            children,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from([*SAMPLE, "stage", "pipeline", "odd"]), json_strategy, max_size=5
    )
)
def test_any_json_is_a_mapping_or_is_refused_with_pointers(spec):
    try:
        mapping = parse_mapping(spec, DEFAULT_MAPPING)
    except InvalidError as error:
        pointers = [fault.pointer for fault in error.faults]
    else:
        pointers = ["/mapping"] if all(mapping.properties()) else []
    assert pointers
    assert all(pointer.startswith("/mapping") for pointer in pointers)
