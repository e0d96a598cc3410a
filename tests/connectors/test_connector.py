"""What holds for every connector, whatever is thrown at it."""

import json
from copy import deepcopy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.connector import TOLERANCE, Delivery
from app.connectors.registry import CONNECTORS
from app.domain.primitives.errors import (
    ForbiddenError,
    InvalidError,
    MalformedError,
    NotAuthenticError,
)
from app.domain.sources.mapping.mapping import parse
from app.services.sources.record_graph import fold, gathered_of
from tests.support import samples
from tests.support.house import ROOT

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_the_tolerance_is_five_minutes():
    assert TOLERANCE == 300


@pytest.mark.parametrize("name", list(CONNECTORS))
def test_a_connector_makes_a_secret_that_it_accepts_or_says_that_the_vendor_does(name):
    connector = CONNECTORS[name]
    if connector.secret_required:
        with pytest.raises(InvalidError):
            connector.new_secret(bytes(32))
    else:
        connector.check_secret(connector.new_secret(bytes(32)))


names = st.sampled_from(
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
    names, st.text(max_size=20) | st.just(str(int(NOW.timestamp()))), max_size=5
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
    own = (
        {"entity": {"id": "/id"}, "occurred_at": {"property": "/at"}}
        if connector.form == "generic"
        else {}
    )
    try:
        translation = connector.translate(
            delivery, None, parse(own, connector.default_mapping, connector.form)
        )
    except MalformedError:
        return
    assert translation.changes == ()


ODD: list[object] = [
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
KNOWN = [
    (name, json.loads(path.read_bytes()))
    for name in CONNECTORS
    for path in sorted((ROOT / "openapi" / "deliveries" / name).glob("*.json"))
    if path.name != "mapping.json"
]
OWN = {"generic": json.loads(samples.body("generic", "mapping.json"))}
BATCH = {"content-type": "application/cloudevents-batch+json"}


def places(value, at=()):
    yield at
    for name, below in (
        value.items()
        if isinstance(value, dict)
        else enumerate(value if isinstance(value, list) else ())
    ):
        yield from places(below, (*at, name))


def put(value, at, new):
    if not at:
        return new
    found = value
    for name in at[:-1]:
        found = found[name]
    found[at[-1]] = new
    return value


@given(st.data())
def test_a_sample_with_odd_values_in_it_is_read_set_aside_or_refused_and_its_keys_stay_short(data):
    name, sample = data.draw(st.sampled_from(KNOWN))
    value = deepcopy(sample)
    for _ in range(data.draw(st.integers(1, 2))):
        value = put(
            value,
            data.draw(st.sampled_from(list(places(value)))),
            deepcopy(data.draw(st.sampled_from(ODD))),
        )
    connector = CONNECTORS[name]
    mapping = parse(OWN.get(name, {}), connector.default_mapping, connector.form)
    headers = BATCH if isinstance(value, list) else {"content-type": "application/cloudevents+json"}
    try:
        found = samples.said(connector, json.dumps(value).encode(), None, mapping, headers)
    except (MalformedError, ForbiddenError):
        return
    for change in found.changes:
        assert len(change.key) < 600
        assert len(change.sequence) <= 120
        assert not {"None", "{", "["} & set(change.key.split("|"))
    gathered = gathered_of(found.changes)
    for entity in gathered.changes:
        assert all(
            len(event.slot) <= 180 for event in fold(entity, gathered, mapping, "sales").events
        )
