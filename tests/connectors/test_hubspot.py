"""HubSpot's deliveries: their signatures, and their changes in both forms."""

import hmac
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.connector import Delivery
from app.connectors.hubspot import (
    ACTIVITY_PROPERTIES,
    DEFAULT_MAPPING,
    HubSpotConnector,
    decode_signed_url,
    list_activity_properties,
)
from app.domain.primitives.decimals import FIXED_SCALE
from app.domain.primitives.errors import InvalidError, MalformedError, NotAuthenticError
from app.domain.sources.crm import activities, deals
from app.domain.sources.crm.activity_properties import STORED_NAMES
from app.domain.sources.crm.changes import EPOCH
from app.domain.sources.mapping.mapping_parser import parse_mapping

SAMPLES = Path(__file__).parents[2] / "openapi" / "deliveries" / "hubspot"
SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URL = "https://www.example.com/webhook_uri"
TIMESTAMP_MS = 1693657560000
SIGNED_AT = EPOCH + timedelta(milliseconds=TIMESTAMP_MS)
# A test vector of HubSpot's own client libraries.
KNOWN_SIGNATURE = "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="
BODY = b"{'example_field':'example_value'}"
HUBSPOT = HubSpotConnector()
MAPPING = parse_mapping({"data": {"segment": {"property": "customer_segment"}}}, DEFAULT_MAPPING)


def sign_delivery(
    body=BODY, url=URL, secret=SECRET, timestamp=str(TIMESTAMP_MS), method="POST", target=None
):
    signed_bytes = f"{method}{url}".encode() + body + timestamp.encode()
    signature = b64encode(hmac.digest(secret.encode(), signed_bytes, sha256)).decode()
    headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": timestamp}
    return Delivery("POST", target or url, headers, body)


def is_authentic(delivery, now=SIGNED_AT, secrets=(SECRET,)):
    try:
        HUBSPOT.verify(delivery, secrets, now)
    except NotAuthenticError as error:
        return error.detail != "The delivery is not authentic."  # no reason is given
    return True


def test_the_known_answer_of_hubspots_own_clients_verifies():
    headers = {
        "x-hubspot-signature-v3": KNOWN_SIGNATURE,
        "x-hubspot-request-timestamp": str(TIMESTAMP_MS),
    }
    assert is_authentic(Delivery("POST", URL, headers, BODY))
    assert not is_authentic(
        Delivery(
            "POST",
            URL,
            headers | {"x-hubspot-signature-v3": KNOWN_SIGNATURE.replace("K", "k", 1)},
            BODY,
        )
    )


@pytest.mark.parametrize(
    "delivery",
    [
        sign_delivery(secret="another-secret-of-16"),
        sign_delivery(method="GET"),
        sign_delivery(url=URL + "/", target=URL),
        Delivery("POST", URL, sign_delivery().headers, BODY + b" "),
        Delivery("POST", URL, {}, BODY),
        Delivery("POST", URL, {"x-hubspot-request-timestamp": str(TIMESTAMP_MS)}, BODY),
        Delivery(
            "POST",
            URL,
            sign_delivery().headers | {"x-hubspot-request-timestamp": f"{TIMESTAMP_MS}.0"},
            BODY,
        ),
        Delivery(
            "POST",
            URL,
            sign_delivery().headers | {"x-hubspot-request-timestamp": f"+{TIMESTAMP_MS}"},
            BODY,
        ),
        Delivery(
            "POST",
            URL,
            sign_delivery().headers | {"x-hubspot-request-timestamp": "١٦٩٣٦٥٧٥٦٠٠٠٠"},
            BODY,
        ),
        Delivery(
            "POST", URL, sign_delivery().headers | {"x-hubspot-signature-v3": "é\udcff"}, BODY
        ),
        Delivery("POST", URL, sign_delivery().headers | {"x-hubspot-signature-v3": ""}, BODY),
        sign_delivery(timestamp="9" * 15),
        sign_delivery(timestamp="NaN"),
    ],
)
def test_a_forged_or_mangled_delivery_is_refused(delivery):
    assert not is_authentic(delivery)


def sign_delivery_v1(body=BODY, secret=SECRET, **headers):
    signature_headers = {
        "x-hubspot-signature": sha256(secret.encode() + body).hexdigest(),
        "x-hubspot-signature-version": "v1",
    }
    return Delivery("POST", URL, signature_headers | headers, BODY)


def test_version_one_signatures_need_opt_in():
    assert not is_authentic(sign_delivery_v1())
    assert is_authentic(sign_delivery_v1(), secrets=["v1:" + SECRET])
    assert is_authentic(sign_delivery_v1(), secrets=["another-secret-of-16", "v1:" + SECRET])
    assert not is_authentic(
        sign_delivery_v1(secret="another-secret-of-16"), secrets=["v1:" + SECRET]
    )
    assert not is_authentic(sign_delivery_v1(secret="v1:" + SECRET), secrets=["v1:" + SECRET])
    assert not is_authentic(sign_delivery_v1(body=BODY + b" "), secrets=["v1:" + SECRET])
    assert not is_authentic(
        sign_delivery_v1(**{"x-hubspot-signature-version": "v2"}), secrets=["v1:" + SECRET]
    )
    assert not is_authentic(sign_delivery_v1(secret=""), secrets=["v1:"])


def test_opting_in_to_version_one_leaves_version_three_as_it_is():
    assert is_authentic(sign_delivery(), secrets=["v1:" + SECRET])
    assert not is_authentic(
        sign_delivery(), SIGNED_AT + timedelta(minutes=6), secrets=["v1:" + SECRET]
    )
    forged_delivery = sign_delivery_v1(
        **{"x-hubspot-signature-v3": KNOWN_SIGNATURE, "x-hubspot-request-timestamp": "1"}
    )
    assert not is_authentic(forged_delivery, secrets=["v1:" + SECRET])


@pytest.mark.parametrize("sign", [-1, 1])
def test_exactly_300_seconds_either_way_is_accepted_and_a_microsecond_more_is_not(sign):
    assert is_authentic(sign_delivery(), SIGNED_AT + sign * timedelta(seconds=300))
    assert not is_authentic(
        sign_delivery(), SIGNED_AT + sign * timedelta(seconds=300, microseconds=1)
    )


def test_any_of_the_secrets_verifies_while_one_is_rotated_and_an_empty_one_never():
    assert is_authentic(sign_delivery(), secrets=["a-new-secret-of-some-length", SECRET])
    assert not is_authentic(sign_delivery(), secrets=[])
    assert not is_authentic(sign_delivery(secret=""), secrets=[""])


def test_the_address_is_signed_verbatim_or_with_hubspots_twelve_escapes_decoded():
    url = "https://a.example/hooks/x%3A%2f%20%25%26%3D?to=a%40b%2Cc"
    assert decode_signed_url(url) == "https://a.example/hooks/x:/%20%25%26%3D?to=a@b,c"
    assert is_authentic(sign_delivery(url=url))
    assert is_authentic(sign_delivery(url=decode_signed_url(url), target=url))
    assert not is_authentic(sign_delivery(url=url.replace("%20", " "), target=url))


def test_the_twelve_escapes_and_no_others_are_decoded():
    all_escapes = "".join(f"%{code:02X}" for code in range(256))
    decoded_text = decode_signed_url(all_escapes)
    assert len(all_escapes) - len(decoded_text) == 2 * 12
    assert set(decoded_text.replace("%", "")) - set("0123456789ABCDEF") == set(":/?@!$'()*,;")


def test_hubspot_makes_the_secret():
    assert HUBSPOT.is_secret_required
    with pytest.raises(InvalidError):
        HUBSPOT.generate_secret(b"x" * 32)
    HUBSPOT.check_secret(SECRET)
    HUBSPOT.check_secret("v1:" + SECRET)
    for secret in (
        "",
        "v1:",
        "v1:too-short",
        "short",
        "with a space in it",
        "é" * 20,
        "x" * 201,
        "x" * 20 + "\n",
    ):
        with pytest.raises(InvalidError):
            HUBSPOT.check_secret(secret)


def translate_elements(*elements, account="1", mapping=MAPPING):
    return HUBSPOT.translate(
        Delivery("POST", URL, {}, json.dumps(elements).encode()), account, mapping
    )


def make_element(type_="deal.propertyChange", **fields):
    defaults = {
        "portalId": 1,
        "objectId": 42,
        "occurredAt": 1_790_000_000_000,
        "subscriptionType": type_,
    }
    if type_.endswith("propertyChange"):
        defaults |= {"propertyName": "amount", "propertyValue": "10"}
    return {
        member_name: value for member_name, value in (defaults | fields).items() if value is not ...
    }


def translate_single(*elements, **options):
    translation = translate_elements(*elements, **options)
    assert (len(translation.changes), translation.rejects) == (1, ())
    return translation.changes[0]


def test_a_property_change_is_a_change_with_the_key_of_the_design():
    change = translate_single(make_element())
    h16 = sha256(b"10").hexdigest()[:16]
    assert change.key == f"hubspot|1|deal|42|propertyChange|amount|1790000000000|{h16}"
    assert (change.entity, change.verb, change.fields, change.other) == (
        "deal:42",
        "changed",
        {"amount": "10"},
        None,
    )
    assert change.at == datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("verb", "expected_verb"),
    [
        ("creation", "created"),
        ("deletion", "deleted"),
        ("restore", "restored"),
        ("propertyChange", "changed"),
    ],
)
def test_both_dialects_and_both_names_of_the_type_give_the_same_change(verb, expected_verb):
    classic = translate_single(make_element(f"deal.{verb}"))
    generic = translate_single(
        make_element(f"object.{verb}", objectTypeId="0-3", isSensitive=False, eventId=77)
    )
    with_event_type = translate_single(
        make_element(f"deal.{verb}", subscriptionType=..., eventType=f"deal.{verb}")
    )
    assert classic == generic == with_event_type
    assert classic.verb == expected_verb


def test_a_retry_with_another_event_id_is_the_same_change():
    translation = translate_elements(
        make_element(eventId=1), make_element(eventId=2, attemptNumber=3, subscriptionId=9)
    )
    assert (len(translation.changes), translation.ignored) == (1, 1)


def test_empty_text_is_null_zero_is_zero():
    assert translate_single(make_element(propertyValue="")).fields == {"amount": None}
    assert translate_single(make_element(propertyValue="0")).fields == {"amount": "0"}
    assert translate_single(make_element(propertyValue=0)).fields == {"amount": "0"}


def test_an_id_above_two_to_the_53_is_kept_exactly():
    assert (
        translate_single(make_element(objectId=9007199254740993)).entity == "deal:9007199254740993"
    )


def test_only_what_the_mapping_reads_is_kept():
    assert (
        translate_elements(
            make_element(propertyName="dealname", propertyValue="Jane Doe's deal")
        ).changes
        == ()
    )
    assert translate_single(
        make_element(propertyName="customer_segment", propertyValue="smb")
    ).fields == {"customer_segment": "smb"}


@pytest.mark.parametrize(
    "ignored_element",
    [
        make_element("contact.creation"),
        make_element("contact.privacyDeletion"),
        make_element("line_item.propertyChange"),
        make_element("object.creation", objectTypeId="0-8"),
        make_element("object.creation"),
        make_element("object.merge", objectTypeId="0-1"),
        make_element("deal.somethingNew"),
        make_element(
            "deal.associationChange",
            associationType="DEAL_TO_CONTACT",
            fromObjectId=1,
            toObjectId=2,
        ),
        make_element(
            "deal.associationChange", associationType="DEAL_TO_DEAL", fromObjectId=1, toObjectId=2
        ),
        make_element("deal.associationChange"),
        make_element(propertyValue="REDACTED"),
        make_element(
            "object.propertyChange", objectTypeId="0-3", isSensitive=True, propertyValue="7"
        ),
    ],
)
def test_an_element_without_mapped_content_is_ignored(ignored_element):
    translation = translate_elements(ignored_element)
    assert (translation.changes, translation.rejects, translation.ignored) == ((), (), 1)


@pytest.mark.parametrize(
    ("bad_element", "message"),
    [
        ("text", "not a JSON object"),
        (make_element(subscriptionType=...), "no subscriptionType"),
        (make_element(subscriptionType=7), "no subscriptionType"),
        (make_element(portalId=2), "portalId 2, not of 1"),
        (make_element(portalId=...), "portalId"),
        (make_element(objectId=...), "objectId"),
        (make_element(objectId="x|y"), "objectId"),
        (make_element(objectId=True), "objectId"),
        (make_element(occurredAt=...), "occurredAt"),
        (make_element(occurredAt=1.5), "occurredAt"),
        (make_element(occurredAt=10**15), "occurredAt"),
        (make_element(occurredAt=-1), "occurredAt"),
        (make_element(propertyName=None), "propertyName"),
        (make_element(propertyValue={"a": 1}), "propertyValue"),
        (make_element("deal.merge", primaryObjectId=1, mergedObjectIds=[]), "mergedObjectIds"),
        (make_element("deal.merge", primaryObjectId=1, mergedObjectIds=["x"]), "mergedObjectIds"),
        (
            make_element(
                "deal.associationChange",
                associationType="DEAL_TO_CALL",
                fromObjectId=1,
                toObjectId=[],
            ),
            "toObjectId",
        ),
    ],
)
def test_a_bad_element_is_set_aside_and_the_others_are_accepted(bad_element, message):
    translation = translate_elements(make_element("deal.creation"), bad_element, make_element())
    assert [change.verb for change in translation.changes] == ["created", "changed"]
    assert [reject.index for reject in translation.rejects] == [1]
    assert message in translation.rejects[0].problem


def test_one_address_may_serve_many_accounts_and_each_source_takes_its_own():
    translation = translate_elements(make_element(portalId=1), make_element(portalId=2))
    assert [reject.index for reject in translation.rejects] == [1]
    keys = {
        change.key
        for change in translate_elements(
            make_element(portalId=1), make_element(portalId=2), account=None
        ).changes
    }
    assert len(keys) == 2


@pytest.mark.parametrize(
    "body", [b"{}", b"null", b"[NaN]", b'[{"a":1,"a":2}]', b"[", b"", b"\xff", b"[" * 9999]
)
def test_an_authentic_body_that_cannot_be_read_is_malformed(body):
    with pytest.raises(MalformedError):
        HUBSPOT.translate(Delivery("POST", URL, {}, body), None, MAPPING)


def test_more_than_a_hundred_elements_are_accepted():
    assert (
        len(translate_elements(*(make_element(objectId=n) for n in range(1, 301))).changes) == 300
    )


def make_association(type_="object.associationChange", **fields):
    defaults = {
        "associationType": "CALL_TO_DEAL",
        "fromObjectId": 55,
        "toObjectId": 42,
        "associationRemoved": False,
    }
    return make_element(type_, objectId=..., **(defaults | fields))


def test_an_association_sent_from_both_sides_is_one_change_of_the_activity():
    from_call = make_association(fromObjectTypeId="0-48", toObjectTypeId="0-3")
    from_deal = make_association(
        "deal.associationChange", associationType="DEAL_TO_CALL", fromObjectId=42, toObjectId=55
    )
    change = translate_single(from_call)
    assert change == translate_single(from_deal) == translate_single(make_association())
    h16 = sha256(b"call:55~deal:42:added").hexdigest()[:16]
    assert change.key == f"hubspot|1|association|42|associationChange||1790000000000|{h16}"
    assert (change.entity, change.other, change.verb) == ("call:55", "deal:42", "associated")
    removed = translate_single(make_association(associationRemoved=True))
    assert (removed.verb, removed.key == change.key) == ("dissociated", False)


def translate_sample(name, mapping=MAPPING):
    body = (SAMPLES / name).read_bytes()
    translation = HUBSPOT.translate(Delivery("POST", URL, {}, body), "4242001", mapping)
    assert translation.rejects == ()
    return translation


def test_the_samples_of_both_dialects_give_the_same_deal():
    classic = translate_sample("classic.json").changes
    generic = translate_sample("generic.json").changes
    deal_changes = [change for change in generic if change.entity.startswith("deal:")]
    assert {change.key: change for change in classic} == {
        change.key: change for change in deal_changes
    }


def test_the_sample_deal_is_created_moved_and_won_for_its_amount():
    projection = deals.project_events(translate_sample("classic.json").changes, MAPPING, "sales")
    assert sorted(event.type for event in projection.events) == [
        "deal.created",
        "deal.moved",
        "deal.won",
    ]
    won = next(event for event in projection.events if event.type == "deal.won")
    assert (won.value, won.unit, won.time) == (
        215_005_000,
        "EUR",
        datetime(2026, 10, 20, 9, 15, 30, tzinfo=UTC),
    )
    assert projection.unmapped_values == ()


def test_the_sample_is_reopened_and_corrected():
    won_changes = translate_sample("classic.json").changes
    reopened = deals.project_events(
        won_changes + translate_sample("reopened.json").changes, MAPPING, "sales"
    )
    assert "deal.won" not in {event.type for event in reopened.events}
    corrected = deals.project_events(
        won_changes + translate_sample("corrected.json").changes, MAPPING, "sales"
    )
    assert {event.value for event in corrected.events if event.type == "deal.won"} == {
        19_800 * FIXED_SCALE
    }


def test_the_sample_activities_are_held_and_sent_for_their_deal():
    changes = translate_sample("generic.json").changes
    deal_changes = [change for change in changes if change.entity.startswith("deal:")]
    by_type = {}
    for entity in ("call:77001", "meeting:77002", "email:77003"):
        activity_changes = [change for change in changes if change.entity == entity]
        assert activities.find_deal(activity_changes) == "deal:18810042"
        event = activities.project_events(
            activity_changes, "deal:18810042", deal_changes, MAPPING, "sales"
        ).events[0]
        by_type[event.type] = (event.subject, event.data)
    appointment, contract = (
        {"pipeline": "default", "stage": stage}
        for stage in ("appointmentscheduled", "contractsent")
    )
    assert by_type == {
        "call.held": ("deal/18810042", appointment),
        "meeting.held": ("deal/18810042", contract),
        "email.sent": ("deal/18810042", contract),
    }


json_strategy = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**62) | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=2) | st.dictionaries(st.text(max_size=3), children, max_size=2)
    ),
    max_leaves=3,
)
element_strategy = st.fixed_dictionaries(
    {},
    optional={
        "subscriptionType": st.sampled_from(
            [
                "deal.creation",
                "object.propertyChange",
                "deal.propertyChange",
                "object.associationChange",
                "deal.merge",
                "x",
            ]
        )
        | json_strategy,
        "objectTypeId": st.sampled_from(["0-3", "0-47", "0-48"]) | json_strategy,
        "fromObjectTypeId": st.sampled_from(["0-3", "0-48"]) | json_strategy,
        "toObjectTypeId": st.sampled_from(["0-3", "0-48"]) | json_strategy,
        "portalId": st.just(1) | json_strategy,
        "objectId": st.just(42) | json_strategy,
        "fromObjectId": st.just(42) | json_strategy,
        "toObjectId": st.just(55) | json_strategy,
        "occurredAt": st.just(1_790_000_000_000) | json_strategy,
        "propertyName": st.sampled_from(["amount", "dealstage", "hs_timestamp"]) | json_strategy,
        "propertyValue": json_strategy,
        "associationType": st.sampled_from(["DEAL_TO_CALL"]) | json_strategy,
        "associationRemoved": json_strategy,
    },
)


@given(st.lists(element_strategy | json_strategy, max_size=5))
def test_every_element_is_a_change_or_set_aside_or_ignored_and_never_an_error(elements):
    valid_elements = json.loads(json.dumps(elements).replace("\\u0000", "0"))
    if any(
        ord(character) >= 0xD800 and ord(character) <= 0xDFFF
        for character in json.dumps(valid_elements, ensure_ascii=False)
    ):
        return
    translation = translate_elements(*valid_elements)
    assert len(translation.changes) + len(translation.rejects) + translation.ignored == len(
        valid_elements
    )


def test_no_property_of_an_activity_about_a_person_is_read():
    default_mapping = parse_mapping({}, DEFAULT_MAPPING)
    assert {
        kind: list_activity_properties(kind, default_mapping) for kind in ACTIVITY_PROPERTIES
    } == {
        "call": {"hs_timestamp", "hs_call_status"},
        "meeting": {"hs_timestamp", "hs_meeting_start_time", "hs_meeting_outcome"},
        "email": {"hs_timestamp", "hs_email_status", "hs_email_direction"},
    }
    team_mapping = parse_mapping(
        {"team": {"property": "hubspot_owner_id", "map": {"7": "sales"}}}, DEFAULT_MAPPING
    )
    assert "hubspot_owner_id" in list_activity_properties("call", team_mapping)


def test_the_names_that_earlier_versions_stored_are_read_as_today_s_names():
    assert ACTIVITY_PROPERTIES == STORED_NAMES
