"""What is not known names what is nearest, however often it is asked."""

from time import process_time

import pytest

from app.domain.primitives.errors import nearest, unknown

TEAMS = ["customer-success", "enterprise-sales", "marketing", "operations", "sales"]


@pytest.mark.parametrize(
    ("mistyped", "meant"),
    [
        ("sale", "sales"),
        ("salse", "sales"),
        ("aales", "sales"),
        ("enterprise", "enterprise-sales"),
        ("markteing", "marketing"),
        ("success", "customer-success"),
    ],
)
def test_the_nearest_key_begins_or_ends_alike(mistyped, meant):
    assert nearest(mistyped, TEAMS) == f"; the nearest known one is '{meant}'"


@pytest.mark.parametrize("strange", ["zzzzz", "", "x" * 300])
def test_what_is_like_nothing_names_nothing(strange):
    assert unknown("team", strange, TEAMS) == f"There is no team '{strange}'."
    assert nearest(strange, []) == ""


def test_ten_thousand_unknown_keys_are_answered_in_no_time():
    known = {f"team-{number}": None for number in range(1_000)}
    began = process_time()
    told = [unknown("team", f"taem-{number}", known) for number in range(10_000)]
    assert process_time() - began < 2
    assert told[123] == "There is no team 'taem-123'; the nearest known one is 'team-123'."
