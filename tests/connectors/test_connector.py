"""The rules that hold for every connector."""

import json
from copy import deepcopy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.connector import TIMESTAMP_TOLERANCE_SECONDS, Delivery
from app.connectors.registry import CONNECTORS
from app.domain.primitives.errors import (
    ForbiddenError,
    InvalidError,
    MalformedError,
    NotAuthenticError,
)
from app.domain.sources.mapping.mapping_parser import parse_mapping
from app.services.sources.record_graph import project_events, record_set_from
from tests.support import sample_deliveries
from tests.support.source_files import ROOT

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_the_tolerance_is_five_minutes():
    assert TIMESTAMP_TOLERANCE_SECONDS == 300


@pytest.mark.parametrize("name", list(CONNECTORS))
def test_a_connector_makes_a_secret_that_it_accepts_or_says_that_the_vendor_does(name):
    connector = CONNECTORS[name]
    if connector.is_secret_required:
        with pytest.raises(InvalidError):
            connector.generate_secret(bytes(32))
    else:
        connector.check_secret(connector.generate_secret(bytes(32)))


header_name_strategy = st.sampled_from(
    [
        *(
            "x-hubspot-signature-v3",
            "x-hubspot-request-timestamp",
            "authorization",
            "close-sig-hash",
        ),
        *("webhook-id", "webhook-timestamp", "webhook-signature", "close-sig-timestamp"),
        *("x-twenty-webhook-signature", "x-twenty-webhook-timestamp", "content-type", "ce-id"),
    ]
)
headers = st.dictionaries(
    header_name_strategy, st.text(max_size=20) | st.just(str(int(NOW.timestamp()))), max_size=5
)


@pytest.mark.parametrize("name", list(CONNECTORS))
@given(
    headers=headers, body=st.binary(max_size=30) | st.text('[]{}":a1,', max_size=20).map(str.encode)
)
def test_hostile_deliveries_are_refused_and_never_crash(name, headers, body):
    connector = CONNECTORS[name]
    delivery = Delivery("POST", "https://a.example/hooks/x", headers, body)
    if name != "salesforce_outbound":  # the address of its hook is the secret, nothing is signed
        with pytest.raises(NotAuthenticError):
            connector.verify(
                delivery, ["whsec_" + "A" * 43 + "=", "client-secret-client-secret"], NOW
            )
    spec = (
        {"entity": {"id": "/id"}, "occurred_at": {"property": "/at"}}
        if connector.mapping_form == "generic"
        else {}
    )
    try:
        translation = connector.translate(
            delivery, None, parse_mapping(spec, connector.default_mapping, connector.mapping_form)
        )
    except MalformedError:
        return
    assert translation.changes == ()


ODD_VALUES: list[object] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        10**39,
        2**53 + 1,
        1_791_813_910,
        [],
        {},
        [[]],
        ["x", "x"],
        {"a": 1},
    ),
    *(
        "",
        " ",
        "x" * 5_000,
        "2026-10-12T14:05:10Z" + " " * 5_000,
        "1e99",
        "-0",
        "9" * 40,
        "NaN",
        "a/b",
        "a|b",
        "*",
    ),
    *(
        "é",
        "\u2028",
        "٣",
        "REDACTED",
        "0x1f",
        "9999-12-31",
        "0001-01-01T00:00:00Z",
        "1" * 13,
        "12,5",
        "1_000",
    ),
]
SAMPLE_BODIES = [
    (name, json.loads(path.read_bytes()))
    for name in CONNECTORS
    for path in sorted((ROOT / "openapi" / "deliveries" / name).glob("*.json"))
    if path.name != "mapping.json"
]
MAPPING_SPECS = {"generic": json.loads(sample_deliveries.read_sample("generic", "mapping.json"))}
BATCH_HEADERS = {"content-type": "application/cloudevents-batch+json"}


def iterate_paths(value, path=()):
    yield path
    for child_key, child in (
        value.items()
        if isinstance(value, dict)
        else enumerate(value if isinstance(value, list) else ())
    ):
        yield from iterate_paths(child, (*path, child_key))


def replace_at_path(value, path, replacement):
    if not path:
        return replacement
    container = value
    for path_part in path[:-1]:
        container = container[path_part]
    container[path[-1]] = replacement
    return value


@given(st.data())
def test_a_sample_with_odd_values_in_it_is_read_set_aside_or_refused_and_its_keys_stay_short(data):
    connector_name, sample = data.draw(st.sampled_from(SAMPLE_BODIES))
    mutated_body = deepcopy(sample)
    for _ in range(data.draw(st.integers(1, 2))):
        mutated_body = replace_at_path(
            mutated_body,
            data.draw(st.sampled_from(list(iterate_paths(mutated_body)))),
            deepcopy(data.draw(st.sampled_from(ODD_VALUES))),
        )
    connector = CONNECTORS[connector_name]
    mapping = parse_mapping(
        MAPPING_SPECS.get(connector_name, {}), connector.default_mapping, connector.mapping_form
    )
    headers = (
        BATCH_HEADERS
        if isinstance(mutated_body, list)
        else {"content-type": "application/cloudevents+json"}
    )
    try:
        translation = sample_deliveries.translate_body(
            connector, json.dumps(mutated_body).encode(), None, mapping, headers
        )
    except (MalformedError, ForbiddenError):
        return
    for change in translation.changes:
        assert len(change.key) < 600
        assert len(change.sequence) <= 120
        assert not {"None", "{", "["} & set(change.key.split("|"))
    record_set = record_set_from(translation.changes)
    for entity in record_set.changes:
        assert all(
            len(event.slot) <= 180
            for event in project_events(entity, record_set, mapping, "sales").events
        )
