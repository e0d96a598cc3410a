"""The known traps of the supported CRMs, each with the tests that cover it.

A trap without a test, or with a test that does not exist, fails. Traps covered nowhere else are
tested here.
"""

import ast
import time
from collections.abc import Sequence

import pytest

from app.connectors.hubspot import HubSpotConnector
from app.connectors.registry import CONNECTORS
from app.domain.primitives.errors import MalformedError
from app.domain.primitives.strict_json import dumps
from tests.support import sample_deliveries
from tests.support.source_files import ROOT

THIS_FILE = "api/sources/test_inbound_webhooks_traps.py"
CONNECTOR_TESTS = "connectors/test_"
ORDER_TEST = (
    "api/sources/test_inbound_webhooks_lives.py "
    "test_the_lives_of_deals_end_in_the_same_alignment_in_every_order"
)
CONTRACT_TEST = (
    "api/sources/test_inbound_webhooks_contract.py "
    "test_every_situation_is_answered_as_the_table_says"
)
TESTS_BY_TRAP: dict[str, Sequence[str]] = {
    "at-least-once, same id or new id on retry": [
        ORDER_TEST,
        f"{CONNECTOR_TESTS}hubspot.py test_a_retry_with_another_event_id_is_the_same_change",
        f"{CONNECTOR_TESTS}pipedrive.py test_a_retry_is_the_same_change",
        (
            f"{CONNECTOR_TESTS}pipedrive_v1.py "
            "test_one_edit_that_fires_twice_is_one_change_though_its_counters_have_moved"
        ),
        f"{CONNECTOR_TESTS}twenty.py test_an_upsert_that_a_wildcard_sends_twice_is_one_deal",
        (
            "api/sources/test_inbound_webhooks.py "
            "test_a_webhook_id_that_comes_again_with_another_body_is_a_conflict"
        ),
    ],
    "out of order within a batch, between requests, between retries": [
        ORDER_TEST,
        "domain/sources/crm/test_deals.py test_a_late_change_is_inserted_in_history",
        "domain/sources/crm/test_deals.py test_any_order_and_any_repetition_gives_the_same_events",
    ],
    "retry carries newer data (Salesforce OM)": [
        (
            f"{CONNECTOR_TESTS}salesforce_outbound.py "
            "test_a_retry_that_carries_newer_data_is_another_change_and_an_exact_repetition_is_the_same"
        ),
        (
            f"{CONNECTOR_TESTS}close.py "
            "test_an_edit_sent_again_with_more_fields_is_another_change_and_a_repetition_is_the_same"
        ),
    ],
    "amount changes after won": [
        (
            "domain/sources/crm/test_deals.py "
            "test_an_amount_corrected_after_the_win_changes_the_win_at_its_own_time"
        ),
        (
            "services/sources/test_inbound_webhooks.py "
            "test_a_correction_retracts_the_win_and_records_a_new_one_at_the_same_time"
        ),
    ],
    "reopened, re-won": [
        (
            "domain/sources/crm/test_deals.py "
            "test_a_reopened_deal_has_no_win_and_won_again_it_has_a_new_one"
        ),
        f"{CONNECTOR_TESTS}pipedrive.py test_a_reopened_deal_keeps_first_won_time_and_is_not_won",
    ],
    "stage event without amount": [
        (
            "domain/sources/crm/test_deals.py "
            "test_a_stage_without_an_amount_is_a_win_of_unknown_amount"
        ),
        (
            "services/sources/test_inbound_webhooks.py "
            "test_a_win_without_amount_is_counted_and_named_in_the_loss"
        ),
    ],
    "null, empty text, zero, absent": [
        f"{CONNECTOR_TESTS}hubspot.py test_empty_text_is_null_zero_is_zero",
        (
            f"{CONNECTOR_TESTS}pipedrive.py "
            "test_null_zero_empty_text_and_absent_are_distinguished_in_typed_custom_fields_too"
        ),
        f"{CONNECTOR_TESTS}pipedrive_v1.py test_null_zero_and_absent_are_distinguished",
        (
            f"{CONNECTOR_TESTS}salesforce_outbound.py "
            "test_nil_is_null_zero_is_zero_and_what_is_not_in_the_message_is_absent"
        ),
        (
            f"{CONNECTOR_TESTS}salesforce_cdc.py "
            "test_an_empty_field_of_an_update_is_unchanged_unless_the_header_says_that_it_changed"
        ),
        f"{CONNECTOR_TESTS}twenty.py test_null_empty_zero_and_absent_are_distinguished",
        f"{CONNECTOR_TESTS}close.py test_null_zero_and_absent_are_distinguished",
        (
            "domain/sources/mapping/test_generic_envelope.py "
            "test_null_is_a_field_and_an_absent_property_is_not"
        ),
    ],
    "money units": [
        f"{CONNECTOR_TESTS}close.py test_amounts_are_cents_and_times_without_a_zone_are_utc",
        f"{CONNECTOR_TESTS}twenty.py test_micros_are_read_exactly_as_number_or_text",
        (
            f"{THIS_FILE} "
            "test_money_is_text_decimal_text_number_cents_or_micros_and_comes_to_the_same_amount"
        ),
    ],
    "currency": [
        (
            "domain/sources/crm/test_deals.py "
            "test_a_foreign_currency_is_converted_at_the_rate_of_the_day_of_the_win"
        ),
        "domain/sources/crm/test_deals.py test_a_currency_without_a_rate_keeps_its_unit",
        (
            "services/sources/test_inbound_webhooks.py "
            "test_a_win_in_another_currency_is_left_out_counted_and_named_in_the_loss"
        ),
    ],
    "time zones": [
        f"{CONNECTOR_TESTS}pipedrive_v1.py test_times_without_a_zone_are_utc",
        (
            f"{CONNECTOR_TESTS}element_parsing.py "
            "test_a_time_is_seconds_milliseconds_or_iso_8601_and_utc_without_a_zone"
        ),
        f"{CONNECTOR_TESTS}element_parsing.py test_what_is_no_time_is_set_aside",
    ],
    "2^53 and floats": [
        f"{CONNECTOR_TESTS}hubspot.py test_an_id_above_two_to_the_53_is_kept_exactly",
        f"{CONNECTOR_TESTS}pipedrive.py test_an_amount_beyond_two_to_the_53_is_exact",
        f"{CONNECTOR_TESTS}close.py test_money_beyond_two_to_the_53_is_exact",
        (
            "domain/sources/mapping/test_generic_envelope.py "
            "test_numbers_stay_exact_and_ids_beyond_a_double_keep_their_digits"
        ),
    ],
    "NaN, duplicate member names, huge exponents": [
        "domain/primitives/test_strict_json.py test_ambiguous_json_is_refused_with_a_message",
        (
            f"{THIS_FILE} "
            "test_nan_duplicate_names_and_huge_exponents_are_refused_by_every_connector_that_reads_json"
        ),
    ],
    "deletions": [
        "domain/sources/crm/test_deals.py test_a_deleted_deal_has_no_events_until_it_is_restored",
        (
            f"{CONNECTOR_TESTS}twenty.py "
            "test_soft_and_hard_deletion_are_no_loss_and_a_restored_deal_is_back"
        ),
        ORDER_TEST,
    ],
    "merges": [
        f"{CONNECTOR_TESTS}pipedrive.py test_a_merge_is_reported_by_either_side",
        (
            f"{CONNECTOR_TESTS}pipedrive_v1.py "
            "test_the_sample_deal_is_reopened_and_deleted_and_a_merge_tells_its_new_amount"
        ),
        ORDER_TEST,
    ],
    "privacy erasure against append-only": [
        f"{CONNECTOR_TESTS}hubspot.py test_only_what_the_mapping_reads_is_kept",
        f"{CONNECTOR_TESTS}hubspot.py test_an_element_without_mapped_content_is_ignored",
    ],
    "import and bulk storms": [
        f"{THIS_FILE} test_ten_batches_of_a_hundred_are_read_well_within_the_five_seconds"
    ],
    "source switches itself off": ["domain/sources/test_silence.py"],
    "time limits": [
        f"{THIS_FILE} test_ten_batches_of_a_hundred_are_read_well_within_the_five_seconds",
        f"{CONNECTOR_TESTS}salesforce_outbound.py test_a_hostile_body_is_processed_in_linear_time",
    ],
    "batch partial failure": [
        CONTRACT_TEST,
        f"{CONNECTOR_TESTS}hubspot.py test_a_bad_element_is_set_aside_and_the_others_are_accepted",
        (
            f"{CONNECTOR_TESTS}salesforce_outbound.py "
            "test_several_notifications_are_several_changes_and_a_bad_one_does_not_block_them"
        ),
    ],
    "one URL, many accounts": [
        (
            f"{CONNECTOR_TESTS}hubspot.py "
            "test_one_address_may_serve_many_accounts_and_each_source_takes_its_own"
        ),
        CONTRACT_TEST,
    ],
    "proxies": [
        (
            f"{CONNECTOR_TESTS}hubspot.py "
            "test_the_address_is_signed_verbatim_or_with_hubspots_twelve_escapes_decoded"
        ),
        f"{CONNECTOR_TESTS}twenty.py test_the_raw_body_is_what_is_signed",
        "api/sources/test_inbound_webhooks.py test_a_delivery_is_bounded_and_never_decompressed",
    ],
    "XML": [
        (
            f"{CONNECTOR_TESTS}salesforce_outbound.py "
            "test_a_document_type_is_refused_before_anything_is_read_or_kept"
        ),
        (
            f"{CONNECTOR_TESTS}salesforce_outbound.py "
            "test_elements_are_known_by_their_namespace_and_never_by_a_prefix"
        ),
        f"{CONNECTOR_TESTS}salesforce_ids.py test_an_id_of_15_and_of_18_are_the_same",
    ],
    "header tricks": [
        (
            f"{CONNECTOR_TESTS}standard_webhooks.py "
            "test_one_good_signature_among_malformed_tokens_is_enough"
        ),
        (
            f"{CONNECTOR_TESTS}standard_webhooks.py "
            "test_a_fractional_timestamp_is_refused_though_the_library_rounds_it"
        ),
        (
            f"{CONNECTOR_TESTS}standard_webhooks.py "
            "test_an_id_with_a_full_stop_is_refused_though_its_signature_is_right"
        ),
        (
            f"{CONNECTOR_TESTS}standard_webhooks.py "
            "test_a_public_key_as_the_key_of_a_shared_signature_is_refused"
        ),
        f"{CONNECTOR_TESTS}signatures.py test_texts_beyond_ascii_are_compared_and_never_raise",
    ],
    "thin payloads": [
        f"{CONNECTOR_TESTS}salesforce_cdc.py test_a_gap_is_set_aside_with_what_to_import",
        (
            "domain/sources/crm/test_deals.py "
            "test_a_win_whose_amount_comes_later_in_the_same_instant_has_it"
        ),
    ],
    "permissions": [f"{THIS_FILE} test_the_guides_name_what_a_limited_user_silently_misses"],
}


@pytest.mark.parametrize("trap", list(TESTS_BY_TRAP))
def test_every_trap_is_covered_by_existing_tests(trap: str):
    assert TESTS_BY_TRAP[trap], trap
    for reference in TESTS_BY_TRAP[trap]:
        path, _, test_name = reference.partition(" ")
        tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
        function_types = (ast.FunctionDef, ast.AsyncFunctionDef)
        test_names = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, function_types) and node.name.startswith("test_")
        }
        assert test_name in test_names if test_name else test_names, reference


def test_every_trap_is_listed():
    assert len(TESTS_BY_TRAP) == 25  # the number of known traps


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        *(("hubspot", "classic.json"), ("pipedrive", "won.json"), ("pipedrive_v1", "won.json")),
        *(
            ("salesforce_outbound", "won.xml"),
            ("twenty", "won.json"),
            ("close", "won_consolidated.json"),
        ),
    ],
)
def test_money_is_text_decimal_text_number_cents_or_micros_and_comes_to_the_same_amount(
    name: str, sample: str
):
    connector = CONNECTORS[name]
    mapping = sample_deliveries.resolve_mapping(connector)
    won_event = sample_deliveries.fold_events(
        sample_deliveries.read_changes(connector, sample, mapping=mapping), mapping
    )["deal.won"]
    assert (won_event.value, won_event.unit) == (215_005_000, "EUR")


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999999", b'1,"a":2', b"1" * 60])
@pytest.mark.parametrize("name", [name for name in CONNECTORS if name != "salesforce_outbound"])
def test_nan_duplicate_names_and_huge_exponents_are_refused_by_every_connector_that_reads_json(
    name: str, number: bytes
):
    custom_mapping = (
        {"entity": {"id": "/id"}, "occurred_at": {"property": "/at"}} if name == "generic" else {}
    )
    headers = {"content-type": "application/cloudevents+json"}
    with pytest.raises(MalformedError, match=r"number|twice|exponent|digits"):
        sample_deliveries.translate_body(
            CONNECTORS[name],
            b'{"a":' + number + b"}",
            None,
            sample_deliveries.resolve_mapping(CONNECTORS[name], custom_mapping),
            headers,
        )


def test_ten_batches_of_a_hundred_are_read_well_within_the_five_seconds():
    common_fields = {
        "subscriptionType": "deal.propertyChange",
        "portalId": 1,
        "propertyName": "amount",
        "propertyValue": "10",
    }
    batches = [
        [
            {**common_fields, "objectId": n, "occurredAt": 1_790_000_000_000 + n}
            for n in range(1, 101)
        ]
        for _ in range(10)
    ]
    started_at = time.process_time()
    deliveries = [
        sample_deliveries.translate_body(HubSpotConnector(), dumps(batch).encode())
        for batch in batches
    ]
    assert time.process_time() - started_at < 2
    assert [len(delivery.changes) for delivery in deliveries] == [100] * 10


def test_the_guides_name_what_a_limited_user_silently_misses():
    guide = (ROOT / "openapi" / "deliveries" / "pipedrive" / "README.md").read_text(
        encoding="utf-8"
    )
    assert "top-level admin" in guide
    assert "misses deals without a word" in guide
