"""The message about an unknown key suggests the nearest known one."""

from time import process_time

import pytest

from app.domain.primitives.errors import nearest_key_hint, unknown_key_message

TEAMS = ["customer-success", "enterprise-sales", "marketing", "operations", "sales"]


@pytest.mark.parametrize(
    ("mistyped", "expected"),
    [
        ("sale", "sales"),
        ("salse", "sales"),
        ("aales", "sales"),
        ("enterprise", "enterprise-sales"),
        ("markteing", "marketing"),
        ("success", "customer-success"),
    ],
)
def test_the_nearest_key_begins_or_ends_alike(mistyped, expected):
    assert nearest_key_hint(mistyped, TEAMS) == f"; the nearest known one is '{expected}'"


@pytest.mark.parametrize("unknown_key", ["zzzzz", "", "x" * 300])
def test_an_unknown_key_similar_to_none_suggests_none(unknown_key):
    assert unknown_key_message("team", unknown_key, TEAMS) == f"There is no team '{unknown_key}'."
    assert nearest_key_hint(unknown_key, []) == ""


def test_ten_thousand_unknown_keys_are_answered_within_two_seconds():
    teams = {f"team-{number}": None for number in range(1_000)}
    started = process_time()
    messages = [unknown_key_message("team", f"taem-{number}", teams) for number in range(10_000)]
    assert process_time() - started < 2
    assert messages[123] == "There is no team 'taem-123'; the nearest known one is 'team-123'."
