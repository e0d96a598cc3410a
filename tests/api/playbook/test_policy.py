"""The policy over HTTP."""

from typing import Any

import pytest

from tests.api.conftest import SQLITE_ONLY

DEFAULT_POLICY: dict[str, Any] = {
    "weights": {
        "playbook": 10, "shared_responsibility": 15, "focus": 20, "outcomes": 30,
        "freshness": 10, "productivity": 5, "deliverability": 5, "agreement": 5,
    },
    "focus_days": 28, "minimum_events": 10, "required_functions": 2,
    "half_life_days": 14, "minimum_coverage": 0.5, "unit": None,
}  # fmt: skip


async def test_a_new_organization_has_the_default_policy(admin):
    assert (await admin.get("/v1/policy")).json() == DEFAULT_POLICY


async def test_a_patch_changes_one_weight_and_a_put_resets_every_other_field(admin):
    patch_reply = await admin.patch(
        "/v1/policy", {"weights": {"focus": 0}, "half_life_days": 7.5, "unit": "EUR"}
    )
    assert patch_reply.json() == {
        **DEFAULT_POLICY, "weights": {**DEFAULT_POLICY["weights"], "focus": 0}, "half_life_days": 7.5, "unit": "EUR"
    }  # fmt: skip
    put_reply = await admin.put("/v1/policy", {"focus_days": 14})
    assert (put_reply.status_code, put_reply.json()) == (200, {**DEFAULT_POLICY, "focus_days": 14})


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("patch", "pointer"),
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
async def test_a_policy_outside_its_bounds_is_refused_by_name(admin, patch, pointer):
    rejection = await admin.patch("/v1/policy", patch)
    assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await admin.get("/v1/policy")).json() == DEFAULT_POLICY
