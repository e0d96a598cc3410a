"""The policy over HTTP."""

from typing import Any

import pytest

from tests.api.conftest import EMBEDDED

DEFAULT: dict[str, Any] = {
    "weights": {
        "playbook": 10, "shared_responsibility": 15, "focus": 20, "outcomes": 30,
        "freshness": 10, "productivity": 5, "deliverability": 5, "agreement": 5,
    },
    "focus_days": 28, "minimum_events": 10, "required_functions": 2,
    "half_life_days": 14, "minimum_coverage": 0.5, "unit": None,
}  # fmt: skip


async def test_a_new_organization_has_the_default_policy(admin):
    assert (await admin.get("/v1/policy")).json() == DEFAULT


async def test_a_patch_changes_one_weight_and_a_put_sets_the_rest_back(admin):
    changed = await admin.patch(
        "/v1/policy", {"weights": {"focus": 0}, "half_life_days": 7.5, "unit": "EUR"}
    )
    assert changed.json() == {
        **DEFAULT, "weights": {**DEFAULT["weights"], "focus": 0}, "half_life_days": 7.5, "unit": "EUR"
    }  # fmt: skip
    back = await admin.put("/v1/policy", {"focus_days": 14})
    assert (back.status_code, back.json()) == (200, {**DEFAULT, "focus_days": 14})


@EMBEDDED
@pytest.mark.parametrize(
    ("patch", "place"),
    [
        ({"weights": {"focus": -1}}, "/weights/focus"),
        ({"weights": {"luck": 1}}, "/weights/luck"),
        ({"weights": {"focus": None}}, "/weights/focus"),
        ({"weights": None}, "/weights"),
        ({"half_life_days": 0}, "/half_life_days"),
        ({"focus_days": 0}, "/focus_days"),
        ({"focus_days": 10**9}, "/focus_days"),
        ({"minimum_events": 0}, "/minimum_events"),
        ({"required_functions": 0}, "/required_functions"),
        ({"minimum_coverage": 1.1}, "/minimum_coverage"),
        ({"minimum_coverage": -0.1}, "/minimum_coverage"),
    ],
)
async def test_a_policy_outside_its_bounds_is_refused_by_name(admin, patch, place):
    refused = await admin.patch("/v1/policy", patch)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, place)
    assert (await admin.get("/v1/policy")).json() == DEFAULT
