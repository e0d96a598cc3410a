"""HubSpot's deliveries: who sent them, and what they say in either dialect."""

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
from app.connectors.hubspot import STOCK, HubSpot, decoded
from app.domain.primitives.decimals import ONE
from app.domain.primitives.errors import InvalidError, MalformedError, NotAuthenticError
from app.domain.sources.crm import activities, deals
from app.domain.sources.crm.changes import EPOCH
from app.domain.sources.mapping.mapping import parse

SAMPLES = Path(__file__).parents[2] / "openapi" / "deliveries" / "hubspot"
SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URL = "https://www.example.com/webhook_uri"
STAMP = 1693657560000
SIGNED = EPOCH + timedelta(milliseconds=STAMP)
KNOWN = "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="  # crm-webhooks.md 2.2, from HubSpot's own clients
BODY = b"{'example_field':'example_value'}"
HUBSPOT = HubSpot()
MAPPING = parse({"data": {"segment": {"property": "customer_segment"}}}, STOCK)


def signed(body=BODY, url=URL, secret=SECRET, stamp=str(STAMP), method="POST", target=None):
    text = f"{method}{url}".encode() + body + stamp.encode()
    signature = b64encode(hmac.digest(secret.encode(), text, sha256)).decode()
    headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp}
    return Delivery("POST", target or url, headers, body)


def authentic(delivery, now=SIGNED, secrets=(SECRET,)):
    try:
        HUBSPOT.verify(delivery, secrets, now)
    except NotAuthenticError as error:
        return error.detail != "The delivery is not authentic."  # never why
    return True


def test_the_known_answer_of_hubspots_own_clients_verifies():
    headers = {"x-hubspot-signature-v3": KNOWN, "x-hubspot-request-timestamp": str(STAMP)}
    assert authentic(Delivery("POST", URL, headers, BODY))
    assert not authentic(
        Delivery(
            "POST", URL, headers | {"x-hubspot-signature-v3": KNOWN.replace("K", "k", 1)}, BODY
        )
    )


@pytest.mark.parametrize(
    "delivery",
    [
        signed(secret="another-secret-of-16"),
        signed(method="GET"),
        signed(url=URL + "/", target=URL),
        Delivery("POST", URL, signed().headers, BODY + b" "),
        Delivery("POST", URL, {}, BODY),
        Delivery("POST", URL, {"x-hubspot-request-timestamp": str(STAMP)}, BODY),
        Delivery(
            "POST", URL, signed().headers | {"x-hubspot-request-timestamp": f"{STAMP}.0"}, BODY
        ),
        Delivery(
            "POST", URL, signed().headers | {"x-hubspot-request-timestamp": f"+{STAMP}"}, BODY
        ),
        Delivery(
            "POST", URL, signed().headers | {"x-hubspot-request-timestamp": "١٦٩٣٦٥٧٥٦٠٠٠٠"}, BODY
        ),
        Delivery("POST", URL, signed().headers | {"x-hubspot-signature-v3": "é\udcff"}, BODY),
        Delivery("POST", URL, signed().headers | {"x-hubspot-signature-v3": ""}, BODY),
        signed(stamp="9" * 15),
        signed(stamp="NaN"),
    ],
)
def test_a_forged_or_mangled_delivery_is_refused(delivery):
    assert not authentic(delivery)


def first(body=BODY, secret=SECRET, **headers):
    said = {
        "x-hubspot-signature": sha256(secret.encode() + body).hexdigest(),
        "x-hubspot-signature-version": "v1",
    }
    return Delivery("POST", URL, said | headers, BODY)


def test_version_one_is_taken_by_opt_in_alone():
    assert not authentic(first())
    assert authentic(first(), secrets=["v1:" + SECRET])
    assert authentic(first(), secrets=["another-secret-of-16", "v1:" + SECRET])
    assert not authentic(first(secret="another-secret-of-16"), secrets=["v1:" + SECRET])
    assert not authentic(first(secret="v1:" + SECRET), secrets=["v1:" + SECRET])
    assert not authentic(first(body=BODY + b" "), secrets=["v1:" + SECRET])
    assert not authentic(first(**{"x-hubspot-signature-version": "v2"}), secrets=["v1:" + SECRET])
    assert not authentic(first(secret=""), secrets=["v1:"])


def test_opting_in_to_version_one_leaves_version_three_as_it_is():
    assert authentic(signed(), secrets=["v1:" + SECRET])
    assert not authentic(signed(), SIGNED + timedelta(minutes=6), secrets=["v1:" + SECRET])
    wrong = first(**{"x-hubspot-signature-v3": KNOWN, "x-hubspot-request-timestamp": "1"})
    assert not authentic(wrong, secrets=["v1:" + SECRET])


@pytest.mark.parametrize("sign", [-1, 1])
def test_exactly_300_seconds_either_way_is_accepted_and_a_microsecond_more_is_not(sign):
    assert authentic(signed(), SIGNED + sign * timedelta(seconds=300))
    assert not authentic(signed(), SIGNED + sign * timedelta(seconds=300, microseconds=1))


def test_any_of_the_secrets_verifies_while_one_is_rotated_and_an_empty_one_never():
    assert authentic(signed(), secrets=["a-new-secret-of-some-length", SECRET])
    assert not authentic(signed(), secrets=[])
    assert not authentic(signed(secret=""), secrets=[""])


def test_the_address_is_signed_verbatim_or_with_hubspots_twelve_escapes_decoded():
    url = "https://a.example/hooks/x%3A%2f%20%25%26%3D?to=a%40b%2Cc"
    assert decoded(url) == "https://a.example/hooks/x:/%20%25%26%3D?to=a@b,c"
    assert authentic(signed(url=url))
    assert authentic(signed(url=decoded(url), target=url))
    assert not authentic(signed(url=url.replace("%20", " "), target=url))


def test_the_twelve_escapes_and_no_others_are_decoded():
    every = "".join(f"%{code:02X}" for code in range(256))
    kept = decoded(every)
    assert len(every) - len(kept) == 2 * 12
    assert set(kept.replace("%", "")) - set("0123456789ABCDEF") == set(":/?@!$'()*,;")


def test_hubspot_makes_the_secret():
    assert HUBSPOT.secret_required
    with pytest.raises(InvalidError):
        HUBSPOT.new_secret(b"x" * 32)
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


def translated(*elements, account="1", mapping=MAPPING):
    return HUBSPOT.translate(
        Delivery("POST", URL, {}, json.dumps(elements).encode()), account, mapping
    )


def element(type_="deal.propertyChange", **fields):
    said = {
        "portalId": 1,
        "objectId": 42,
        "occurredAt": 1_790_000_000_000,
        "subscriptionType": type_,
    }
    if type_.endswith("propertyChange"):
        said |= {"propertyName": "amount", "propertyValue": "10"}
    return {name: value for name, value in (said | fields).items() if value is not ...}


def only(*elements, **options):
    translation = translated(*elements, **options)
    assert (len(translation.changes), translation.rejects) == (1, ())
    return translation.changes[0]


def test_a_property_change_is_a_change_with_the_key_of_the_design():
    change = only(element())
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
    ("verb", "found"),
    [
        ("creation", "created"),
        ("deletion", "deleted"),
        ("restore", "restored"),
        ("propertyChange", "changed"),
    ],
)
def test_both_dialects_and_both_names_of_the_type_say_the_same_change(verb, found):
    classic = only(element(f"deal.{verb}"))
    generic = only(element(f"object.{verb}", objectTypeId="0-3", isSensitive=False, eventId=77))
    other = only(element(f"deal.{verb}", subscriptionType=..., eventType=f"deal.{verb}"))
    assert classic == generic == other
    assert classic.verb == found


def test_an_attempt_more_and_another_event_id_are_the_same_change():
    translation = translated(
        element(eventId=1), element(eventId=2, attemptNumber=3, subscriptionId=9)
    )
    assert (len(translation.changes), translation.ignored) == (1, 1)


def test_empty_text_is_null_zero_is_zero():
    assert only(element(propertyValue="")).fields == {"amount": None}
    assert only(element(propertyValue="0")).fields == {"amount": "0"}
    assert only(element(propertyValue=0)).fields == {"amount": "0"}


def test_an_id_above_two_to_the_53_is_kept_exactly():
    assert only(element(objectId=9007199254740993)).entity == "deal:9007199254740993"


def test_only_what_the_mapping_reads_is_kept():
    assert (
        translated(element(propertyName="dealname", propertyValue="Jane Doe's deal")).changes == ()
    )
    assert only(element(propertyName="customer_segment", propertyValue="smb")).fields == {
        "customer_segment": "smb"
    }


@pytest.mark.parametrize(
    "said",
    [
        element("contact.creation"),
        element("contact.privacyDeletion"),
        element("line_item.propertyChange"),
        element("object.creation", objectTypeId="0-8"),
        element("object.creation"),
        element("object.merge", objectTypeId="0-1"),
        element("deal.somethingNew"),
        element(
            "deal.associationChange",
            associationType="DEAL_TO_CONTACT",
            fromObjectId=1,
            toObjectId=2,
        ),
        element(
            "deal.associationChange", associationType="DEAL_TO_DEAL", fromObjectId=1, toObjectId=2
        ),
        element("deal.associationChange"),
        element(propertyValue="REDACTED"),
        element("object.propertyChange", objectTypeId="0-3", isSensitive=True, propertyValue="7"),
    ],
)
def test_what_says_nothing_that_is_read_is_ignored(said):
    translation = translated(said)
    assert (translation.changes, translation.rejects, translation.ignored) == ((), (), 1)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("text", "not a JSON object"),
        (element(subscriptionType=...), "no subscriptionType"),
        (element(subscriptionType=7), "no subscriptionType"),
        (element(portalId=2), "portalId 2, not of 1"),
        (element(portalId=...), "portalId"),
        (element(objectId=...), "objectId"),
        (element(objectId="x|y"), "objectId"),
        (element(objectId=True), "objectId"),
        (element(occurredAt=...), "occurredAt"),
        (element(occurredAt=1.5), "occurredAt"),
        (element(occurredAt=10**15), "occurredAt"),
        (element(occurredAt=-1), "occurredAt"),
        (element(propertyName=None), "propertyName"),
        (element(propertyValue={"a": 1}), "propertyValue"),
        (element("deal.merge", primaryObjectId=1, mergedObjectIds=[]), "mergedObjectIds"),
        (element("deal.merge", primaryObjectId=1, mergedObjectIds=["x"]), "mergedObjectIds"),
        (
            element(
                "deal.associationChange",
                associationType="DEAL_TO_CALL",
                fromObjectId=1,
                toObjectId=[],
            ),
            "toObjectId",
        ),
    ],
)
def test_a_bad_element_is_set_aside_and_the_others_stand(said, sentence):
    translation = translated(element("deal.creation"), said, element())
    assert [change.verb for change in translation.changes] == ["created", "changed"]
    assert [reject.index for reject in translation.rejects] == [1]
    assert sentence in translation.rejects[0].problem


def test_one_address_may_serve_many_accounts_and_each_source_takes_its_own():
    translation = translated(element(portalId=1), element(portalId=2))
    assert [reject.index for reject in translation.rejects] == [1]
    keys = {
        change.key
        for change in translated(element(portalId=1), element(portalId=2), account=None).changes
    }
    assert len(keys) == 2


@pytest.mark.parametrize(
    "body", [b"{}", b"null", b"[NaN]", b'[{"a":1,"a":2}]', b"[", b"", b"\xff", b"[" * 9999]
)
def test_an_authentic_body_that_cannot_be_read_is_malformed(body):
    with pytest.raises(MalformedError):
        HUBSPOT.translate(Delivery("POST", URL, {}, body), None, MAPPING)


def test_more_than_a_hundred_elements_are_taken():
    assert len(translated(*(element(objectId=n) for n in range(1, 301))).changes) == 300


def association(type_="object.associationChange", **fields):
    said = {
        "associationType": "CALL_TO_DEAL",
        "fromObjectId": 55,
        "toObjectId": 42,
        "associationRemoved": False,
    }
    return element(type_, objectId=..., **(said | fields))


def test_an_association_told_from_both_sides_is_one_change_of_the_activity():
    there = association(fromObjectTypeId="0-48", toObjectTypeId="0-3")
    back = association(
        "deal.associationChange", associationType="DEAL_TO_CALL", fromObjectId=42, toObjectId=55
    )
    change = only(there)
    assert change == only(back) == only(association())
    h16 = sha256(b"call:55~deal:42:added").hexdigest()[:16]
    assert change.key == f"hubspot|1|association|42|associationChange||1790000000000|{h16}"
    assert (change.entity, change.other, change.verb) == ("call:55", "deal:42", "associated")
    gone = only(association(associationRemoved=True))
    assert (gone.verb, gone.key == change.key) == ("dissociated", False)


def sample(name, mapping=MAPPING):
    body = (SAMPLES / name).read_bytes()
    translation = HUBSPOT.translate(Delivery("POST", URL, {}, body), "4242001", mapping)
    assert translation.rejects == ()
    return translation


def test_the_samples_of_both_dialects_say_the_same_deal():
    classic, generic = sample("classic.json").changes, sample("generic.json").changes
    of_deal = [change for change in generic if change.entity.startswith("deal:")]
    assert {change.key: change for change in classic} == {change.key: change for change in of_deal}


def test_the_sample_deal_is_created_moved_and_won_for_its_amount():
    found = deals.fold(sample("classic.json").changes, MAPPING, "sales")
    assert sorted(event.type for event in found.events) == [
        "deal.created",
        "deal.moved",
        "deal.won",
    ]
    won = next(event for event in found.events if event.type == "deal.won")
    assert (won.value, won.unit, won.time) == (
        215_005_000,
        "EUR",
        datetime(2026, 10, 20, 9, 15, 30, tzinfo=UTC),
    )
    assert found.unmapped == ()


def test_the_sample_is_reopened_and_corrected():
    won = sample("classic.json").changes
    reopened = deals.fold(won + sample("reopened.json").changes, MAPPING, "sales")
    assert "deal.won" not in {event.type for event in reopened.events}
    corrected = deals.fold(won + sample("corrected.json").changes, MAPPING, "sales")
    assert {event.value for event in corrected.events if event.type == "deal.won"} == {19_800 * ONE}


def test_the_sample_activities_are_held_and_sent_for_their_deal():
    changes = sample("generic.json").changes
    of_deal = [change for change in changes if change.entity.startswith("deal:")]
    types = {}
    for entity in ("call:77001", "meeting:77002", "email:77003"):
        own = [change for change in changes if change.entity == entity]
        assert activities.deal_of(own) == "deal:18810042"
        event = activities.fold(own, "deal:18810042", of_deal, MAPPING, "sales").events[0]
        types[event.type] = (event.subject, event.data)
    appointment, contract = (
        {"pipeline": "default", "stage": stage}
        for stage in ("appointmentscheduled", "contractsent")
    )
    assert types == {
        "call.held": ("deal/18810042", appointment),
        "meeting.held": ("deal/18810042", contract),
        "email.sent": ("deal/18810042", contract),
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**62) | st.text(max_size=5),
    lambda below: (
        st.lists(below, max_size=2) | st.dictionaries(st.text(max_size=3), below, max_size=2)
    ),
    max_leaves=3,
)
odd_elements = st.fixed_dictionaries(
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
        | json_values,
        "objectTypeId": st.sampled_from(["0-3", "0-47", "0-48"]) | json_values,
        "fromObjectTypeId": st.sampled_from(["0-3", "0-48"]) | json_values,
        "toObjectTypeId": st.sampled_from(["0-3", "0-48"]) | json_values,
        "portalId": st.just(1) | json_values,
        "objectId": st.just(42) | json_values,
        "fromObjectId": st.just(42) | json_values,
        "toObjectId": st.just(55) | json_values,
        "occurredAt": st.just(1_790_000_000_000) | json_values,
        "propertyName": st.sampled_from(["amount", "dealstage", "hs_timestamp"]) | json_values,
        "propertyValue": json_values,
        "associationType": st.sampled_from(["DEAL_TO_CALL"]) | json_values,
        "associationRemoved": json_values,
    },
)


@given(st.lists(odd_elements | json_values, max_size=5))
def test_every_element_is_a_change_or_set_aside_or_ignored_and_never_an_error(elements):
    clean = json.loads(json.dumps(elements).replace("\\u0000", "0"))
    if any(
        ord(letter) >= 0xD800 and ord(letter) <= 0xDFFF
        for letter in json.dumps(clean, ensure_ascii=False)
    ):
        return
    translation = translated(*clean)
    assert len(translation.changes) + len(translation.rejects) + translation.ignored == len(clean)
